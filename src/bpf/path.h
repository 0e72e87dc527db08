/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The directory that a relative name starts from, as components from the
 * innermost outwards.
 *
 * The walk does what d_path() does: up the parents, across mounts, until the
 * process's root. It takes no locks; a directory that is being renamed at this
 * very moment can come out under its old or new name.
 */
#ifndef OPENTOP_PATH_H
#define OPENTOP_PATH_H

#include "load.h"
#include "opentop.h"

/*
 * Most steps of a walk, one for each component and each mount. A path of
 * PATH_MAX can have 2,047 components. Before 5.17 there is no bpf_loop(), and
 * the verifier follows each step anew, so that there they are fewer.
 *
 * Kernels before 5.13 refuse a program with the address of a function in it,
 * even where it is never used. So programs for kernels without are programs of
 * their own: those for which KNOWN_NONE.
 */
#define STEPS 2100
#define STEPS_UNROLLED 32

struct path_pos {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

static __always_inline struct mount *real_mount(struct vfsmount *mnt)
{
	return (void *)mnt - bpf_core_field_offset(struct mount, mnt);
}

static __always_inline struct file *file_of(enum known known,
					    struct files_struct *files, int fd)
{
	struct fdtable *fdt;
	struct file **slot, *file = NULL;

	files = TYPED(known, files);
	fdt = WALK(known, files, fdt);
	if (fd < 0 || (u32)fd >= WALK(known, fdt, max_fds))
		return NULL;
	slot = WALK(known, fdt, fd) + fd;
	if (known == KNOWN_ALL) {
		/* Every table is laid out like the one in here. */
		files = (void *)slot -
			bpf_core_field_offset(struct files_struct, fd_array);
		return CAST(files)->fd_array[0];
	}
	bpf_probe_read_kernel(&file, sizeof(file), slot);
	return file;
}

enum walk_result {
	WALK_DONE,
	WALK_NO_ROOM, /* a larger record would hold it */
};

/*
 * Of a record. The fields are 64 bits wide so that the verifier keeps track of
 * constants in them.
 */
struct size {
	u64 cap; /* how long data may be before a component is added */
	u64 component; /* the most that one component takes, NUL included */
};

/*
 * How much of the largest record may be in use before a component is added: a
 * name and two directories.
 */
#define HUGE_CAP (3 * NAME_LEN)

/* Where the name goes, and then what a walk appends. */
struct room {
	char *data; /* size.cap + size.component bytes */
	struct size size;
};

struct walk {
	struct path_pos at;
	struct path_pos root;
	struct open_event *event;
	struct room room;
	u64 result;
};

enum { CONTINUE, BREAK };

/*
 * One step up. The end of data is kept in the event, where the verifier does
 * not track it: that bounds its work.
 */
static __always_inline long step(enum known known, struct walk *w)
{
	struct dentry *parent;
	u32 used = w->event->dir_len;
	long n;

	if (w->at.dentry == w->root.dentry && w->at.mnt == w->root.mnt)
		return BREAK;
	if (w->at.dentry == WALK(known, w->at.mnt, mnt_root)) {
		struct mount *mount = TYPED(known, real_mount(w->at.mnt));
		struct mount *up = WALK(known, mount, mnt_parent);

		if (up == mount)
			goto outside;
		w->at.dentry = WALK(known, mount, mnt_mountpoint);
		w->at.mnt = TYPED(
			known, (struct vfsmount *)((void *)up +
						   bpf_core_field_offset(
							   struct mount, mnt)));
		return CONTINUE;
	}
	parent = WALK(known, w->at.dentry, d_parent);
	if (parent == w->at.dentry)
		goto outside;
	if (used > w->room.size.cap)
		goto full;
	n = bpf_probe_read_kernel_str(w->room.data + used,
				      w->room.size.component,
				      WALK(known, w->at.dentry, d_name.name));
	if (n < 0)
		goto cut;
	if (n == w->room.size.component &&
	    w->room.size.component <= COMPONENT_LEN)
		goto full;
	w->event->dir_len = used + n;
	w->at.dentry = parent;
	return CONTINUE;

outside:
	w->event->event_flags |= EVENT_DIR_OUTSIDE;
	return BREAK;
full:
	if (w->room.size.cap >= HUGE_CAP) /* There is nothing larger. */
		goto cut;
	w->result = WALK_NO_ROOM;
	return BREAK;
cut:
	w->event->event_flags |= EVENT_DIR_CUT;
	return BREAK;
}

static long step_cast(u32 i, struct walk *w)
{
	return step(KNOWN_ALL, w);
}

static long step_probed(u32 i, struct walk *w)
{
	return step(KNOWN_TASK, w);
}

/*
 * Appends the components of w->at behind the names, and behind another
 * directory if there is one.
 */
static __always_inline enum walk_result walk_up(enum known known,
						struct walk *w)
{
	u32 before =
		w->event->name_len + w->event->opened_len + w->event->dir_len;
	long steps = 0;

	w->result = WALK_DONE;
	w->event->dir_len = before;
	if (known == KNOWN_ALL) {
		steps = bpf_loop(STEPS, step_cast, w, 0) == STEPS;
	} else if (known == KNOWN_TASK) {
		steps = bpf_loop(STEPS, step_probed, w, 0) == STEPS;
	} else {
		for (u32 i = 0;
		     i < STEPS_UNROLLED && step(KNOWN_NONE, w) == CONTINUE; i++)
			steps = i == STEPS_UNROLLED - 1;
	}
	if (steps)
		w->event->event_flags |= EVENT_DIR_CUT;
	w->event->dir_len -= before;
	return w->result;
}

/* d_unlinked() of the kernel. */
static __always_inline bool is_deleted(enum known known, struct dentry *dentry)
{
	return !WALK(known, dentry, d_hash.pprev) &&
	       WALK(known, dentry, d_parent) != dentry;
}

#endif
