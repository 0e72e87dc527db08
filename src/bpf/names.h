/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The names of a record: the one that the program gave, the opened file's own,
 * and the directories of both.
 */
#ifndef OPENTOP_NAMES_H
#define OPENTOP_NAMES_H

#include "load.h"
#include "maps.h"
#include "opener.h"
#include "opentop.h"
#include "path.h"

/* Where an opened file lies: `file`, or that of a descriptor if it is NULL. */
static __always_inline bool find_file(enum known known,
				      struct task_struct *task,
				      struct file *file, int fd,
				      struct path_pos *at)
{
	if (!file)
		file = file_of(known,
			       LOAD(known, untrusted(known, task), files), fd);
	if (!file)
		return false;
	file = TYPED(known, file);
	at->dentry = TYPED(known, WALK(known, file, f_path.dentry));
	at->mnt = TYPED(known, WALK(known, file, f_path.mnt));
	return true;
}

/* Where a relative name starts, or what a handle opened. */
static __always_inline bool
find_base(enum known known, struct task_struct *task, struct fs_struct *fs,
	  const struct open_args *args, struct path_pos *at)
{
	if (args->event_flags & EVENT_FROM_FILE)
		return find_file(known, task, args->file, args->ret, at);
	if (args->dfd != AT_FDCWD)
		return find_file(known, task, NULL, args->dfd, at);
	at->dentry = TYPED(known, WALK(known, fs, pwd.dentry));
	at->mnt = TYPED(known, WALK(known, fs, pwd.mnt));
	return true;
}

/* Writes the components from w->at up to the process's root. */
static __always_inline enum walk_result
walk_to_root(enum known known, struct fs_struct *fs, struct walk *w)
{
	w->root.dentry = TYPED(known, WALK(known, fs, root.dentry));
	w->root.mnt = TYPED(known, WALK(known, fs, root.mnt));
	if (is_deleted(known, w->at.dentry))
		w->event->event_flags |= EVENT_DIR_DELETED;
	return walk_up(known, w);
}

/* Writes the directory of a relative name. */
static __always_inline enum walk_result
join(enum known known, struct open_event *e, struct room room,
     struct task_struct *task, const struct open_args *args)
{
	struct walk w = { .event = e, .room = room };
	struct fs_struct *fs =
		TYPED(known, LOAD(known, untrusted(known, task), fs));

	if (!find_base(known, task, fs, args, &w.at)) {
		e->event_flags |= EVENT_DIR_UNKNOWN;
		return WALK_DONE;
	}
	return walk_to_root(known, fs, &w);
}

/* Writes the opened file's own path, as a second directory. */
static __always_inline enum walk_result
add_real(enum known known, struct open_event *e, struct room room,
	 struct task_struct *task, const struct open_args *args)
{
	struct walk w = { .event = e, .room = room };
	struct fs_struct *fs =
		TYPED(known, LOAD(known, untrusted(known, task), fs));
	u16 event_flags = e->event_flags, dir_len = e->dir_len;
	enum walk_result result;

	if (!find_file(known, task, args->file, args->ret, &w.at))
		return WALK_DONE;
	e->event_flags = 0;
	result = walk_to_root(known, fs, &w);
	e->event_flags = event_flags | EVENT_REAL |
			 e->event_flags * (EVENT_REAL_CUT / EVENT_DIR_CUT);
	e->real_len = e->dir_len;
	e->dir_len = dir_len;
	return result;
}

/* The flags of the opened file's own path are those of a directory, shifted. */
_Static_assert(EVENT_REAL_DELETED / EVENT_DIR_DELETED ==
		       EVENT_REAL_CUT / EVENT_DIR_CUT,
	       "as far as the others");
_Static_assert(EVENT_REAL_OUTSIDE / EVENT_DIR_OUTSIDE ==
		       EVENT_REAL_CUT / EVENT_DIR_CUT,
	       "as far as the others");

/* Whether the open has got a file that this record describes. */
static __always_inline bool has_file(const struct open_args *args)
{
	return args->ret >= 0 && !(args->event_flags & EVENT_SUBMITTED) &&
	       (args->file || !(args->event_flags & EVENT_FD_UNKNOWN));
}

/*
 * Finds where the name of an opened file lies, or of that of a descriptor, if
 * there is such a file. Written instead of returned: no function may return a
 * pointer that is loaded.
 */
static __always_inline void name_of(enum known known, u64 opened, int fd,
				    u64 *name)
{
	struct task_struct *task =
		current_task(known == KNOWN_ALL ? KNOWN_TASK : known);
	struct path_pos at;

	if (!find_file(known, task, (struct file *)opened, fd, &at))
		return;
	/*
	 * What is mounted has the name of its mount point, not the one that it
	 * has elsewhere.
	 */
	if (at.dentry == WALK(known, at.mnt, mnt_root)) {
		struct mount *mount = TYPED(known, real_mount(at.mnt));

		at.dentry = TYPED(known, WALK(known, mount, mnt_mountpoint));
	}
	*name = (u64)WALK(known, at.dentry, d_name.name);
}

/*
 * Not static, so that the verifier follows them once, whatever is known of the
 * open.
 */
__noinline int opened_name(u64 file, int fd, u64 *name)
{
	if (!name)
		return 0;
	if (can_cast)
		name_of(KNOWN_ALL, file, fd, name);
	else
		name_of(KNOWN_TASK, file, fd, name);
	return 0;
}

/* Before 5.12 such a function is given no pointers. */
__noinline u64 opened_name_on_old_kernels(u64 file, int fd)
{
	u64 name = 0;

	name_of(KNOWN_NONE, file, fd, &name);
	return name;
}

/*
 * Writes the opened file's own last name. A descriptor that is not there was
 * made up, or is closed again.
 */
static __always_inline enum walk_result add_opened(enum known known,
						   struct open_event *e,
						   struct room room,
						   const struct open_args *args)
{
	u64 file = args->file ? number_of(args->file) : 0, name = 0, used;
	long n;

	if (known == KNOWN_NONE)
		name = opened_name_on_old_kernels(file, args->ret);
	else
		opened_name(file, args->ret, &name);
	if (!name) {
		e->event_flags |= EVENT_FD_UNKNOWN;
		return WALK_DONE;
	}
	/*
	 * Read back, and only now: old kernels forget what they know of a
	 * number that is put aside between its check and its use.
	 */
	used = *(volatile u16 *)&e->name_len;
	if (used > room.size.cap)
		return WALK_NO_ROOM;
	n = bpf_probe_read_kernel_str(room.data + used, room.size.component,
				      (const void *)name);
	if (n == room.size.component && room.size.component <= COMPONENT_LEN)
		return WALK_NO_ROOM;
	if (n > 0)
		e->opened_len = n - 1;
	return WALK_DONE;
}

/*
 * Writes what belongs to the name: that of what was opened by it, since it may
 * have led elsewhere, and directories.
 */
static __always_inline enum walk_result
complete(enum known known, struct open_event *e, struct room room,
	 struct task_struct *task, const struct open_args *args)
{
	if (has_file(args) && !(args->event_flags & EVENT_FROM_FILE) &&
	    add_opened(known, e, room, args) != WALK_DONE)
		return WALK_NO_ROOM;
	if (e->event_flags & (EVENT_RELATIVE | EVENT_FROM_FILE) &&
	    join(known, e, room, task, args) != WALK_DONE)
		return WALK_NO_ROOM;
	return resolve && has_file(args) ?
		       add_real(known, e, room, task, args) :
		       WALK_DONE;
}

/* Writes the name and what belongs to it. */
static __always_inline enum walk_result
fill(enum known known, struct open_event *e, struct room room,
     struct task_struct *task, const struct open_args *args)
{
	u64 all = room.size.cap + room.size.component;
	u32 size = all < NAME_LEN ? all : NAME_LEN;
	long n;

	if (args->name) {
		if (args->in_kernel)
			n = bpf_probe_read_kernel_str(room.data, size,
						      args->name);
		else
			n = bpf_probe_read_user_str(room.data, size,
						    args->name);
		/*
		 * Some kernels (6.1 is one) do not count the NUL of an empty
		 * name.
		 */
		if (n == 0)
			n = 1;
		if (n == size && size < NAME_LEN)
			return WALK_NO_ROOM;
		if (n == NAME_LEN && args->ret == -ENAMETOOLONG)
			e->event_flags |= EVENT_NAME_CUT;
		if (n < 0)
			e->event_flags |= EVENT_NAME_UNREADABLE;
		else
			e->name_len = n - 1;
		if (!(args->event_flags & EVENT_FROM_FILE) && n > 1 &&
		    room.data[0] != '/')
			e->event_flags |= EVENT_RELATIVE;
	} else if (!(args->event_flags & EVENT_FROM_FILE)) {
		e->event_flags |= EVENT_NAME_UNREADABLE;
	}
	return known != KNOWN_NONE && can_cast ?
		       complete(KNOWN_ALL, e, room, task, args) :
		       complete(known, e, room, task, args);
}

#endif
