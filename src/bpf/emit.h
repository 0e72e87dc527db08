/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* From a request to a counted, filtered record in the ring buffer. */
#ifndef OPENTOP_EMIT_H
#define OPENTOP_EMIT_H

/*
 * Records come in four sizes, since bpf_ringbuf_reserve() takes constants only: most names fit the first, nearly all
 * the second, the last holds a name and two directories of PATH_MAX each. One that turns out too small is left unused. `cap`
 * bytes may be in use before a component of at most `component` bytes is added.
 */
#define RECORD(class, cap, component)                                                                                  \
	struct record_##class                                                                                          \
	{                                                                                                              \
		struct open_event event;                                                                               \
		char data[(cap) + (component)];                                                                        \
	};                                                                                                             \
	enum { CAP_##class = (cap), COMPONENT_##class = (component) };
RECORD(small, 96, 32)
RECORD(medium, 272, 136)
RECORD(large, 1024, COMPONENT_LEN + 1)
RECORD(huge, LARGEST, COMPONENT_LEN + 1)

static __always_inline bool wanted(enum known known, struct task_struct *task, int ret)
{
	u32 id, err = -ret;

	if (filter.result == RESULT_FAILED && ret >= 0)
		return false;
	if (filter.result == RESULT_OK && ret < 0)
		return false;
	if (filter.by_errno && (ret >= 0 || !bpf_map_lookup_elem(&wanted_errnos, &err)))
		return false;
	if (filter.by_uid) {
		id = uid_of(known, untrusted(known, task));
		if (!bpf_map_lookup_elem(&wanted_uids, &id))
			return false;
	}
	if (filter.by_cgroup && bpf_current_task_under_cgroup(&wanted_cgroup, 0) != 1)
		return false;
	if (filter.by_pid) {
		id = LOAD(known, task, tgid);
		if (!bpf_map_lookup_elem(&wanted_pids, &id))
			return false;
	}
	return true;
}

/* When the call that thread `tid` ends now began; 0: not known. Only where latency is measured. */
static __always_inline u64 take_began(u32 tid)
{
	u64 *entry, began;

	entry = bpf_map_lookup_elem(&entered, &tid);
	if (!entry)
		return 0;
	began = *entry;
	bpf_map_delete_elem(&entered, &tid);
	return began;
}

static __always_inline void describe(struct open_event *e, const struct request *r)
{
	e->ts_ns = r->now;
	e->latency_ns = r->began ? r->now - r->began : 0;
	e->request = r->key;
	e->ret = r->ret;
	e->flags = r->flags;
	e->mode = r->mode;
	e->mark = r->mark;
	e->op = r->op;
	e->name_len = 0;
	e->opened_len = 0;
	e->dir_len = 0;
	e->real_len = 0;
}

/* Where an opened file lies: `file`, or that of a descriptor if it is NULL. */
static __always_inline bool find_file(enum known known, struct task_struct *task, struct file *file, int fd,
				      struct place *at)
{
	if (!file)
		file = file_of(known, LOAD(known, untrusted(known, task), files), fd);
	if (!file)
		return false;
	file = TYPED(known, file);
	at->dentry = TYPED(known, WALK(known, file, f_path.dentry));
	at->mnt = TYPED(known, WALK(known, file, f_path.mnt));
	return true;
}

/* Where a relative name starts, or what a handle opened. */
static __always_inline bool find_base(enum known known, struct task_struct *task, struct fs_struct *fs,
				      const struct request *r, struct place *at)
{
	if (r->mark & MARK_FROM_FILE)
		return find_file(known, task, r->file, r->ret, at);
	if (r->dfd != AT_FDCWD)
		return find_file(known, task, NULL, r->dfd, at);
	at->dentry = TYPED(known, WALK(known, fs, pwd.dentry));
	at->mnt = TYPED(known, WALK(known, fs, pwd.mnt));
	return true;
}

/* Writes the components from w->at up to the process's root. */
static __always_inline enum walk_result walk_to_root(enum known known, struct fs_struct *fs, struct walk *w)
{
	w->root.dentry = TYPED(known, WALK(known, fs, root.dentry));
	w->root.mnt = TYPED(known, WALK(known, fs, root.mnt));
	if (is_deleted(known, w->at.dentry))
		w->event->mark |= MARK_DIR_DELETED;
	return walk_up(known, w);
}

/* Writes the directory of a relative name. */
static __always_inline enum walk_result join(enum known known, struct open_event *e, struct room room,
					     struct task_struct *task, const struct request *r)
{
	struct walk w = { .event = e, .room = room };
	struct fs_struct *fs = TYPED(known, LOAD(known, untrusted(known, task), fs));

	if (!find_base(known, task, fs, r, &w.at)) {
		e->mark |= MARK_DIR_UNKNOWN;
		return WALK_DONE;
	}
	return walk_to_root(known, fs, &w);
}

/* Writes the opened file's own path, as a second directory. */
static __always_inline enum walk_result add_real(enum known known, struct open_event *e, struct room room,
						 struct task_struct *task, const struct request *r)
{
	struct walk w = { .event = e, .room = room };
	struct fs_struct *fs = TYPED(known, LOAD(known, untrusted(known, task), fs));
	u16 mark = e->mark, dir_len = e->dir_len;
	enum walk_result result;

	if (!find_file(known, task, r->file, r->ret, &w.at))
		return WALK_DONE;
	e->mark = 0;
	result = walk_to_root(known, fs, &w);
	e->mark = mark | MARK_REAL | e->mark * (MARK_REAL_CUT / MARK_DIR_CUT);
	e->real_len = e->dir_len;
	e->dir_len = dir_len;
	return result;
}

/* The marks of the opened file's own path are those of a directory, shifted. */
_Static_assert(MARK_REAL_DELETED / MARK_DIR_DELETED == MARK_REAL_CUT / MARK_DIR_CUT, "as far as the others");
_Static_assert(MARK_REAL_OUTSIDE / MARK_DIR_OUTSIDE == MARK_REAL_CUT / MARK_DIR_CUT, "as far as the others");

/* Whether the open has got a file that this record is to tell of. */
static __always_inline bool has_file(const struct request *r)
{
	return r->ret >= 0 && !(r->mark & MARK_SUBMITTED) && (r->file || !(r->mark & MARK_FD_UNKNOWN));
}

/* Where the name of an opened file lies, or of that of a descriptor; 0: there is no such file. */
static __always_inline u64 name_of(enum known known, u64 opened, int fd)
{
	struct task_struct *task = current_task(known == KNOWN_ALL ? KNOWN_TASK : known);
	struct file *file = (struct file *)opened;
	struct dentry *dentry;
	struct vfsmount *mnt;

	if (!file)
		file = file_of(known, LOAD(known, untrusted(known, task), files), fd);
	if (!file)
		return 0;
	file = TYPED(known, file);
	dentry = TYPED(known, WALK(known, file, f_path.dentry));
	mnt = TYPED(known, WALK(known, file, f_path.mnt));
	/* What is mounted has the name of its place, not the one that it has elsewhere. */
	if (dentry == WALK(known, mnt, mnt_root)) {
		struct mount *mount = TYPED(known, real_mount(mnt));

		dentry = TYPED(known, WALK(known, mount, mnt_mountpoint));
	}
	/* Read so it is a number: a pointer that has been loaded no function may return. */
	return (u64)READ(false, dentry, d_name.name);
}

/* Not static, so that the verifier follows them once, whatever is known of the open. */
__noinline u64 opened_name(u64 file, int fd)
{
	return can_cast ? name_of(KNOWN_ALL, file, fd) : name_of(KNOWN_TASK, file, fd);
}

__noinline u64 opened_name_on_old_kernels(u64 file, int fd)
{
	return name_of(KNOWN_NONE, file, fd);
}

/* Writes the opened file's own last name. A descriptor that is not there was made up, or is closed again. */
static __always_inline enum walk_result add_opened(enum known known, struct open_event *e, struct room room,
						   const struct request *r)
{
	u64 file = r->file ? number_of(r->file) : 0, name, used;
	long n;

	name = known == KNOWN_NONE ? opened_name_on_old_kernels(file, r->ret) : opened_name(file, r->ret);
	if (!name) {
		e->mark |= MARK_FD_UNKNOWN;
		return WALK_DONE;
	}
	/*
	 * Read back, and right here: old kernels forget what they know of a number that is put aside between its check and
	 * its use.
	 */
	used = *(volatile u16 *)&e->name_len;
	if (used > room.cap)
		return WALK_NO_ROOM;
	n = bpf_probe_read_kernel_str(room.data + used, room.component, (const void *)name);
	if (n == room.component && room.component <= COMPONENT_LEN)
		return WALK_NO_ROOM;
	if (n > 0)
		e->opened_len = n - 1;
	return WALK_DONE;
}

/* Writes what belongs to the name: that of what was opened by it, since it may have led elsewhere, and directories. */
static __always_inline enum walk_result complete(enum known known, struct open_event *e, struct room room,
						 struct task_struct *task, const struct request *r)
{
	if (has_file(r) && !(r->mark & MARK_FROM_FILE) && add_opened(known, e, room, r) != WALK_DONE)
		return WALK_NO_ROOM;
	if (e->mark & (MARK_RELATIVE | MARK_FROM_FILE) && join(known, e, room, task, r) != WALK_DONE)
		return WALK_NO_ROOM;
	return resolve && has_file(r) ? add_real(known, e, room, task, r) : WALK_DONE;
}

/* Writes the name and what belongs to it. */
static __always_inline enum walk_result fill(enum known known, struct open_event *e, struct room room,
					     struct task_struct *task, const struct request *r)
{
	u64 all = room.cap + room.component;
	u32 size = all < NAME_LEN ? all : NAME_LEN;
	long n;

	if (r->name) {
		if (r->in_kernel)
			n = bpf_probe_read_kernel_str(room.data, size, r->name);
		else
			n = bpf_probe_read_user_str(room.data, size, r->name);
		/* Some kernels (6.1 is one) do not count the NUL of an empty name. */
		if (n == 0)
			n = 1;
		if (n == size && size < NAME_LEN)
			return WALK_NO_ROOM;
		if (n == NAME_LEN && r->ret == -ENAMETOOLONG)
			e->mark |= MARK_NAME_CUT;
		if (n < 0)
			e->mark |= MARK_NAME_UNREADABLE;
		else
			e->name_len = n - 1;
		if (!(r->mark & MARK_FROM_FILE) && n > 1 && room.data[0] != '/')
			e->mark |= MARK_RELATIVE;
	} else if (!(r->mark & MARK_FROM_FILE)) {
		e->mark |= MARK_NAME_UNREADABLE;
	}
	return known != KNOWN_NONE && can_cast ? complete(KNOWN_ALL, e, room, task, r)
					       : complete(known, e, room, task, r);
}

enum written {
	WRITTEN,
	TOO_SMALL, /* a larger record would do */
	NO_SPACE,  /* the ring is full */
};

/* Writes a record of this size. The first for an open takes its time and counts it. */
#define WRITE(class, known, first)                                                                                     \
	({                                                                                                             \
		struct record_##class *__rec = bpf_ringbuf_reserve(&events, sizeof(*__rec), 0);                        \
		enum written __written = NO_SPACE;                                                                     \
		if (__rec) {                                                                                           \
			struct room __room = { __rec->data, CAP_##class, COMPONENT_##class };                          \
			struct task_struct *__from = untrusted(known, task);                                           \
			struct open_event *__e = &__rec->event;                                                        \
			identify(known, task, __from, __e);                                                            \
			if (first) {                                                                                   \
				r->now = bpf_ktime_get_ns();                                                           \
				count(known, __from, __e, r->ret);                                                     \
			}                                                                                              \
			describe(__e, r);                                                                              \
			if (fill(known, __e, __room, task, r) == WALK_DONE) {                                          \
				bpf_ringbuf_submit(__rec, BPF_RB_NO_WAKEUP);                                           \
				__written = WRITTEN;                                                                   \
			} else {                                                                                       \
				bpf_ringbuf_discard(__rec, BPF_RB_NO_WAKEUP);                                          \
				__written = TOO_SMALL;                                                                 \
			}                                                                                              \
		}                                                                                                      \
		__written;                                                                                             \
	})

/* What fits no small record. Functions of their own: rare, and large. */
#define WRITE_LARGER(known)                                                                                            \
	({                                                                                                             \
		struct task_struct *task = current_task(known);                                                        \
		enum written written = WRITE(medium, known, false);                                                    \
		if (written == TOO_SMALL)                                                                              \
			written = WRITE(large, known, false);                                                          \
		if (written == TOO_SMALL)                                                                              \
			written = WRITE(huge, known, false);                                                           \
		written;                                                                                               \
	})

/* Not static, so that the verifier follows it once, and not once for each way to come here. */
__noinline int write_larger(struct request *r)
{
	return r ? WRITE_LARGER(KNOWN_TASK) : NO_SPACE;
}

static __noinline int write_larger_unrolled(struct request *r)
{
	return WRITE_LARGER(KNOWN_NONE);
}

/* A copy of the request, so that only here it has to be in memory. */
static __always_inline enum written larger(enum known known, const struct request *r)
{
	struct request copy = *r;

	return known == KNOWN_NONE ? write_larger_unrolled(&copy) : write_larger(&copy);
}

/* Writes a record that does not count, for which the time is known: there will be another for the same open. */
static __always_inline enum written write(enum known known, struct task_struct *task, struct request *r)
{
	enum written written = WRITE(small, known, false);

	return written == TOO_SMALL ? larger(known, r) : written;
}

/* Counts an open for which the ring has no space. */
static __always_inline int count_only(enum known known, int ret)
{
	struct task_struct *task = current_task(known), *from = untrusted(known, task);
	struct open_event e = {};

	identify(known, task, from, &e);
	count(known, from, &e, ret);
	return 0;
}

__noinline int count_dropped(int ret)
{
	return count_only(KNOWN_TASK, ret);
}

static __noinline int count_dropped_on_old_kernels(int ret)
{
	return count_only(KNOWN_NONE, ret);
}

static __always_inline bool is_self(enum known known, struct task_struct *task)
{
	return LOAD(known, task, tgid) == own_tgid;
}

/* Whether the open is to be reported. */
static __always_inline bool is_reported(enum known known, struct task_struct *task, int ret)
{
	if (is_self(known, task)) {
		COUNT(own);
		if (!filter.show_self) {
			COUNT(hidden);
			return false;
		}
	}
	if (filter.active && !wanted(known, task, ret)) {
		COUNT(filtered);
		return false;
	}
	return true;
}

/* Counts an open by io_uring whose request has been forgotten. */
static __always_inline void count_forgotten(struct task_struct *task, int ret)
{
	if (!is_reported(KNOWN_TASK, task, ret))
		return;
	count_dropped(ret);
	COUNT(io_uring);
}

static __always_inline void report(enum known known, struct task_struct *task, struct request *r)
{
	enum written written;

	if (!is_reported(known, task, r->ret))
		return;
	written = WRITE(small, known, true);
	if (written == TOO_SMALL)
		written = larger(known, r);
	else if (written == NO_SPACE && known == KNOWN_NONE)
		count_dropped_on_old_kernels(r->ret);
	else if (written == NO_SPACE)
		count_dropped(r->ret);
	if (written != WRITTEN)
		COUNT(dropped);
}

#endif
