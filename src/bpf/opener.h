/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What a hook knows of an open; who opens, when, and the count of that process.
 */
#ifndef OPENTOP_OPENER_H
#define OPENTOP_OPENER_H

#include "load.h"
#include "maps.h"
#include "opentop.h"

/*
 * What a hook knows about an open. Without gaps, which nobody would write:
 * before 6.3 the verifier wants all of what a function is given to have been
 * written.
 */
struct open_args {
	const char *name; /* NULL: there is none */
	/*
	 * the opened file; NULL: that of the descriptor `ret`, if there is one
	 */
	struct file *file;
	u64 key; /* io_uring: which request */
	u64 enter_ts; /* enter timestamp; 0: not measured */
	/* when the result was known; report() asks for that */
	u64 now;
	u64 flags;
	int dfd; /* what a relative name is relative to */
	int ret;
	u32 mode;
	enum event_flags event_flags;
	enum op op;
	u32 in_kernel; /* the name is in kernel memory, not in the program's */
};
_Static_assert(sizeof(struct open_args) == 6 * sizeof(u64) + 6 * sizeof(u32),
	       "no gaps");

#define COUNT(field) __sync_fetch_and_add(&totals.field, 1)

static __always_inline u32 uid_of(enum known known, struct task_struct *from)
{
	struct cred *cred = LOAD(known, from, cred);

	return LOAD(known, cred, uid.val);
}

static __always_inline u32 parent_of(enum known known, struct task_struct *from)
{
	struct task_struct *parent = LOAD(known, from, real_parent);

	return LOAD(known, parent, tgid);
}

static __always_inline u64 cgroup_of(enum known known, struct task_struct *from)
{
	struct css_set *set = LOAD(known, from, cgroups);
	struct cgroup *cgroup = LOAD(known, set, dfl_cgrp);
	struct kernfs_node *kn = LOAD(known, cgroup, kn);

	return LOAD(known, kn, id);
}

/* Who opens. */
static __always_inline void identify(enum known known, struct task_struct *task,
				     struct task_struct *from,
				     struct open_event *e)
{
	struct task_struct *leader;

	e->pid = LOAD(known, task, tgid);
	e->tid = LOAD(known, task, pid);
	e->ppid = parent_of(known, from);
	e->uid = uid_of(known, from);
	e->cgroup = cgroup_of(known, from);
	copy_comm(known, e->comm, task);
	if (e->tid == e->pid) {
		e->start_ns = LOAD(known, task, start_time);
		e->leader_comm[0] = '\0';
	} else {
		leader = LOAD(known, from, group_leader);
		e->start_ns = LOAD(known, leader, start_time);
		copy_comm(known, e->leader_comm, leader);
	}
}

/* Where the opens of a process are counted. NULL: the map is full. */
static __always_inline struct process_count *find_count(u64 start_ns, u32 pid)
{
	static const struct process_count fresh;
	struct process_key key = { .start_ns = start_ns, .pid = pid };
	struct process_count *c = bpf_map_lookup_elem(&processes, &key);

	if (!c) {
		bpf_map_update_elem(&processes, &key, &fresh, BPF_NOEXIST);
		c = bpf_map_lookup_elem(&processes, &key);
	}
	return c;
}

/* Counts the open by its result. */
static __always_inline void count_result(int ret)
{
	u32 cpu = bpf_get_smp_processor_id() % CPU_SLOTS;
	u64 err = ret < 0 ? (u32)-ret : 0;

	/* Else the check is made of `ret`, and the verifier loses its sense. */
	barrier_var(err);
	if (err >= ERRNO_SLOTS)
		err = ERRNO_SLOTS - 1;
	__sync_fetch_and_add(&errno_counts[cpu].opens[err], 1);
}

/*
 * The part of a process's count that is of this cgroup. Only threads of one
 * process that are in different cgroups, and there at the same moment for the
 * first time, could mistake each other's.
 */
static __always_inline struct cgroup_count *count_in(struct process_count *c,
						     u64 cgroup)
{
	struct cgroup_count *first = &c->in[CGROUP_FIRST],
			    *next = &c->in[CGROUP_NEXT];

	if (__builtin_expect(first->cgroup == cgroup, 1))
		return first;
	if (!first->cgroup) {
		first->cgroup = cgroup;
		return first;
	}
	if (!next->cgroup)
		next->cgroup = cgroup;
	if (next->cgroup == cgroup)
		return next;
	COUNT(cgroup);
	return &c->in[CGROUP_OTHERS];
}

/*
 * Counts the open for its process, of which the rest is the caller's to write;
 * NULL: the map is full. The event may get lost after this, the count does not.
 */
static __always_inline struct process_count *count(u64 start_ns, u32 pid,
						   u64 cgroup, int ret)
{
	struct process_count *c = find_count(start_ns, pid);
	struct cgroup_count *in;

	count_result(ret);
	if (!c) {
		COUNT(overflow);
		return NULL;
	}
	in = count_in(c, cgroup);
	__sync_fetch_and_add(ret < 0 ? &in->failed : &in->succeeded, 1);
	return c;
}

static __always_inline void count_event(const struct open_event *e, int ret)
{
	struct process_count *c = count(e->start_ns, e->pid, e->cgroup, ret);

	if (!c)
		return;
	c->uid = e->uid;
	c->ppid = e->ppid;
	store_comm(c->comm, e->tid == e->pid ? e->comm : e->leader_comm);
}

#endif
