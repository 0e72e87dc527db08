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
 * The opened file in the directory that it was found in: what is mounted has the
 * name of its mount point, not the one that it has elsewhere. NULL: there is no
 * such file.
 */
static __always_inline struct dentry *
opened_dentry(enum known known, struct task_struct *task,
	      const struct open_args *args)
{
	struct path_pos at;

	if (!find_file(known, task, args->file, args->ret, &at))
		return NULL;
	if (at.dentry == WALK(known, at.mnt, mnt_root)) {
		struct mount *mount = TYPED(known, real_mount(at.mnt));

		at.dentry = TYPED(known, WALK(known, mount, mnt_mountpoint));
	}
	return at.dentry;
}

/*
 * Most names lie in their dentries, where they can be loaded in half the time of
 * a probe read. Returns the length; 0: not there, or just being renamed.
 */
static __always_inline u32 load_short_name(struct dentry *dentry,
					   const unsigned char *name, char *to)
{
	union shortname_store *store = &dentry->d_shortname;
	u32 len;

	if (!bpf_core_field_exists(dentry->d_shortname) ||
	    name != (const unsigned char *)store)
		return 0;
	len = dentry->d_name.len;
	if (len >= sizeof(*store))
		return 0;
#pragma unroll
	for (int i = 0; i < sizeof(*store) / sizeof(u64); i++)
		((u64 *)to)[i] = store->words[i];
	return to[len] ? 0 : len;
}

/*
 * Writes the opened file's own last name. A descriptor that is not there was
 * made up, or is closed again.
 */
static __always_inline enum walk_result
add_opened(enum known known, struct open_event *e, struct room room,
	   struct task_struct *task, const struct open_args *args)
{
	struct dentry *dentry = opened_dentry(known, task, args);
	const unsigned char *name;
	u64 used;
	long n;

	if (!dentry) {
		e->event_flags |= EVENT_FD_UNKNOWN;
		return WALK_DONE;
	}
	name = WALK(known, dentry, d_name.name);
	/*
	 * Read back, and only now: old kernels forget what they know of a
	 * number that is put aside between its check and its use.
	 */
	used = *(volatile u16 *)&e->name_len;
	if (used > room.size.cap)
		return WALK_NO_ROOM;
	if (known == KNOWN_ALL) {
		e->opened_len = load_short_name(dentry, name, room.data + used);
		if (e->opened_len)
			return WALK_DONE;
	}
	n = bpf_probe_read_kernel_str(room.data + used, room.size.component,
				      name);
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
	    add_opened(known, e, room, task, args) != WALK_DONE)
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
