/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* From a request to a counted, filtered record in the ring buffer. */
#ifndef OPENTOP_EMIT_H
#define OPENTOP_EMIT_H

/*
 * What a hook knows about an open. Without gaps, which nobody would write: before 6.3 the verifier wants all of what a
 * function is given to have been written.
 */
struct request {
	const char *name;  /* NULL: there is none */
	struct file *file; /* MARK_FROM_FILE: the opened file; NULL: that of the descriptor `ret` */
	u64 key;	   /* io_uring: which request */
	u64 began;	   /* when the call began; 0: not measured */
	int dfd;	   /* what a relative name is relative to */
	int ret;
	u32 flags;
	u32 mode;
	enum mark mark;
	enum op op;
	u64 in_kernel; /* the name is in kernel memory, not in the program's */
};
_Static_assert(sizeof(struct request) == 5 * sizeof(u64) + 6 * sizeof(u32), "no gaps");

/*
 * Records come in three sizes, since bpf_ringbuf_reserve() takes constants only: most names fit the first, nearly all
 * the second, the third holds a name and a directory of PATH_MAX each. `cap` bytes may be in use before a component of
 * at most `component` bytes is added.
 */
#define RECORD(class, cap, component)                                                                                  \
	struct record_##class                                                                                          \
	{                                                                                                              \
		struct open_event event;                                                                               \
		char data[(cap) + (component)];                                                                        \
	};                                                                                                             \
	enum { CAP_##class = (cap), COMPONENT_##class = (component) };
RECORD(small, 72, 32)
RECORD(medium, 272, 64)
RECORD(large, 2 * NAME_LEN, COMPONENT_LEN + 1)

#define COUNT(field) __sync_fetch_and_add(&totals.field, 1)

/* Who opens, and when: loaded once, for the counter and for the record. */
struct opener {
	u64 now;
	u64 start_ns;
	u64 cgroup;
	u32 pid;
	u32 tid;
	u32 ppid;
	u32 uid;
	char comm[COMM_LEN] __attribute__((aligned(8)));
	char leader_comm[COMM_LEN] __attribute__((aligned(8)));
};
_Static_assert(sizeof(struct opener) == 3 * sizeof(u64) + 4 * sizeof(u32) + 2 * COMM_LEN, "no gaps");

static __always_inline u32 uid_of(enum known known, struct task_struct *task)
{
	struct cred *cred = LOAD(known, untrusted(known, task), cred);

	return LOAD(known, cred, uid.val);
}

static __always_inline void identify(enum known known, struct task_struct *task, struct opener *who)
{
	struct task_struct *from = untrusted(known, task), *parent = LOAD(known, from, real_parent), *leader;
	struct css_set *set = LOAD(known, from, cgroups);
	struct cgroup *cgroup = LOAD(known, set, dfl_cgrp);
	struct kernfs_node *kn = LOAD(known, cgroup, kn);

	who->now = bpf_ktime_get_ns();
	who->cgroup = LOAD(known, kn, id);
	who->pid = LOAD(known, task, tgid);
	who->tid = LOAD(known, task, pid);
	who->ppid = LOAD(known, parent, tgid);
	who->uid = uid_of(known, task);
	copy_comm(known, who->comm, task);
	if (who->tid == who->pid) {
		who->start_ns = LOAD(known, task, start_time);
		store_comm(who->leader_comm, who->comm);
	} else {
		leader = LOAD(known, from, group_leader);
		who->start_ns = LOAD(known, leader, start_time);
		copy_comm(known, who->leader_comm, leader);
	}
}

static __always_inline bool wanted(enum known known, struct task_struct *task, int ret)
{
	u32 id, err = -ret;

	if (!filter.active)
		return true;
	if (filter.result == RESULT_FAILED && ret >= 0)
		return false;
	if (filter.result == RESULT_OK && ret < 0)
		return false;
	if (filter.by_errno && (ret >= 0 || !bpf_map_lookup_elem(&wanted_errnos, &err)))
		return false;
	if (filter.by_uid) {
		id = uid_of(known, task);
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

/* Where the opens of a process are counted: in the place that it holds, else in the map. NULL: that is full. */
static __always_inline struct process_count *count_of(const struct process_key *key)
{
	u32 place = key->pid % PLACES;
	struct process_count fresh = {}, *c;

	if (holders[place].pid == key->pid && holders[place].start_ns == key->start_ns)
		return &places[place].count;
	c = bpf_map_lookup_elem(&processes, key);
	if (!c) {
		bpf_map_update_elem(&processes, key, &fresh, BPF_NOEXIST);
		c = bpf_map_lookup_elem(&processes, key);
	}
	return c;
}

/* Counts the open for its process. The event may get lost after this, the count does not. */
static __always_inline void count(const struct opener *who, int ret)
{
	struct process_key key = { .start_ns = who->start_ns, .pid = who->pid };
	struct process_count *c = count_of(&key);

	if (!c) {
		COUNT(overflow);
		if (ret < 0)
			COUNT(overflow_failed);
		return;
	}
	__sync_fetch_and_add(&c->opens, 1);
	if (ret < 0)
		__sync_fetch_and_add(&c->failed, 1);
	c->uid = who->uid;
	c->ppid = who->ppid;
	store_comm(c->comm, who->leader_comm);
}

/* When the call that thread `tid` ends now began, if that is measured. */
static __always_inline u64 take_began(u32 tid)
{
	u64 *entry, began;

	if (!measure_latency)
		return 0;
	entry = bpf_map_lookup_elem(&entered, &tid);
	if (!entry)
		return 0;
	began = *entry;
	bpf_map_delete_elem(&entered, &tid);
	return began;
}

static __always_inline void describe(struct open_event *e, const struct opener *who, const struct request *r)
{
	e->ts_ns = who->now;
	e->start_ns = who->start_ns;
	e->cgroup = who->cgroup;
	e->latency_ns = r->began ? who->now - r->began : 0;
	e->request = r->key;
	e->pid = who->pid;
	e->tid = who->tid;
	e->ppid = who->ppid;
	e->uid = who->uid;
	e->ret = r->ret;
	e->flags = r->flags;
	e->mode = r->mode;
	e->mark = r->mark;
	e->op = r->op;
	e->name_len = 0;
	e->dir_len = 0;
	store_comm(e->comm, who->comm);
}

/* Where a relative name starts, or what a handle opened. */
static __always_inline bool base_of(enum known known, struct task_struct *task, struct fs_struct *fs,
				    const struct request *r, struct place *base)
{
	struct file *file = NULL;

	if (!(r->mark & MARK_FROM_FILE) && r->dfd == AT_FDCWD) {
		base->dentry = TYPED(known, WALK(known, fs, pwd.dentry));
		base->mnt = TYPED(known, WALK(known, fs, pwd.mnt));
		return true;
	}
	if (r->mark & MARK_FROM_FILE)
		file = r->file;
	if (!file)
		file = file_of(known, LOAD(known, untrusted(known, task), files),
			       r->mark & MARK_FROM_FILE ? r->ret : r->dfd);
	if (!file)
		return false;
	file = TYPED(known, file);
	base->dentry = TYPED(known, WALK(known, file, f_path.dentry));
	base->mnt = TYPED(known, WALK(known, file, f_path.mnt));
	return true;
}

/* Writes the directory of a relative name. */
static __always_inline enum walk_result join(enum known known, struct walk *w, struct task_struct *task,
					     const struct request *r)
{
	struct fs_struct *fs = TYPED(known, LOAD(known, untrusted(known, task), fs));

	if (!base_of(known, task, fs, r, &w->at)) {
		w->event->mark |= MARK_DIR_UNKNOWN;
		return WALK_DONE;
	}
	w->root.dentry = TYPED(known, WALK(known, fs, root.dentry));
	w->root.mnt = TYPED(known, WALK(known, fs, root.mnt));
	if (is_deleted(known, w->at.dentry))
		w->event->mark |= MARK_DIR_DELETED;
	return walk_up(known, w);
}

/* Writes the name and, where it is relative, its directory. */
static __always_inline enum walk_result fill(enum known known, struct walk *w, struct task_struct *task,
					     const struct request *r)
{
	struct open_event *e = w->event;
	u64 room = w->cap + w->component;
	u32 size = room < NAME_LEN ? room : NAME_LEN;
	long n;

	if (r->name) {
		if (r->in_kernel)
			n = bpf_probe_read_kernel_str(w->data, size, r->name);
		else
			n = bpf_probe_read_user_str(w->data, size, r->name);
		if (n < 0) {
			e->mark |= MARK_NAME_UNREADABLE;
			return WALK_DONE;
		}
		/* Some kernels (6.1 is one) do not count the NUL of an empty name. */
		if (n == 0)
			n = 1;
		if (n == size && size < NAME_LEN)
			return WALK_NO_ROOM;
		if (n == NAME_LEN && r->ret == -ENAMETOOLONG)
			e->mark |= MARK_NAME_CUT;
		e->name_len = n - 1;
		if (!(r->mark & MARK_FROM_FILE)) {
			if (n == 1 || w->data[0] == '/')
				return WALK_DONE;
			e->mark |= MARK_RELATIVE;
		}
	} else if (!(r->mark & MARK_FROM_FILE)) {
		e->mark |= MARK_NAME_UNREADABLE;
		return WALK_DONE;
	}
	return known != KNOWN_NONE && CAN_CAST ? join(KNOWN_ALL, w, task, r) : join(known, w, task, r);
}

enum written {
	WRITTEN,
	TOO_SMALL, /* a larger record would do */
	NO_SPACE,  /* the ring is full */
};

#define WRITE(class, known)                                                                                            \
	({                                                                                                             \
		struct record_##class *__rec = bpf_ringbuf_reserve(&events, sizeof(*__rec), 0);                        \
		enum written __written = NO_SPACE;                                                                     \
		if (__rec) {                                                                                           \
			struct walk __walk = { .event = &__rec->event,                                                 \
					       .data = __rec->data,                                                    \
					       .cap = CAP_##class,                                                     \
					       .component = COMPONENT_##class };                                       \
			describe(&__rec->event, who, r);                                                               \
			if (fill(known, &__walk, task, r) == WALK_DONE) {                                              \
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
		enum written written = WRITE(medium, known);                                                           \
		written == TOO_SMALL ? WRITE(large, known) : written;                                                  \
	})

/* Not static, so that the verifier follows it once, and not once for each way to come here. */
__noinline int write_larger(const struct opener *who, const struct request *r)
{
	return who && r ? WRITE_LARGER(KNOWN_TASK) : NO_SPACE;
}

static __noinline int write_larger_unrolled(const struct opener *who, const struct request *r)
{
	return WRITE_LARGER(KNOWN_NONE);
}

static __always_inline enum written write(enum known known, struct task_struct *task, const struct opener *who,
					  const struct request *r)
{
	enum written written = WRITE(small, known);

	if (written == TOO_SMALL)
		written = known == KNOWN_NONE ? write_larger_unrolled(who, r) : write_larger(who, r);
	return written;
}

static __always_inline bool is_self(enum known known, struct task_struct *task)
{
	return self_tgid && LOAD(known, task, tgid) == self_tgid;
}

/* Whether the open is to be reported. */
static __always_inline bool is_reported(enum known known, struct task_struct *task, int ret)
{
	if (is_self(known, task)) {
		COUNT(hidden);
		return false;
	}
	if (!wanted(known, task, ret)) {
		COUNT(filtered);
		return false;
	}
	return true;
}

static __always_inline void report(enum known known, struct task_struct *task, const struct request *r)
{
	struct opener who;

	if (!is_reported(known, task, r->ret))
		return;
	identify(known, task, &who);
	count(&who, r->ret);
	if (write(known, task, &who, r) != WRITTEN)
		COUNT(dropped);
}

#endif
