/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Who opens, and when, and the count of that process. */
#ifndef OPENTOP_OPENER_H
#define OPENTOP_OPENER_H

#define COUNT(field) __sync_fetch_and_add(&totals.field, 1)

static __always_inline u32 uid_of(enum known known, struct task_struct *from)
{
	struct cred *cred = LOAD(known, from, cred);

	return LOAD(known, cred, uid.val);
}

/* The process, and the thread. */
static __always_inline void identify(enum known known, struct task_struct *task, struct task_struct *from,
				     struct open_event *e)
{
	struct task_struct *leader;

	e->pid = LOAD(known, task, tgid);
	e->tid = LOAD(known, task, pid);
	if (e->tid == e->pid) {
		e->start_ns = LOAD(known, task, start_time);
	} else {
		leader = LOAD(known, from, group_leader);
		e->start_ns = LOAD(known, leader, start_time);
	}
}

/* Who that is. */
static __always_inline void introduce(enum known known, struct task_struct *task, struct task_struct *from,
				      struct open_event *e)
{
	struct task_struct *parent = LOAD(known, from, real_parent);
	struct css_set *set = LOAD(known, from, cgroups);
	struct cgroup *cgroup = LOAD(known, set, dfl_cgrp);
	struct kernfs_node *kn = LOAD(known, cgroup, kn);

	e->cgroup = LOAD(known, kn, id);
	e->ppid = LOAD(known, parent, tgid);
	e->uid = uid_of(known, from);
	copy_comm(known, e->comm, task);
}

/* The place that the process holds; NULL: none. */
static __always_inline struct place_count *place_of(const struct open_event *e)
{
	u32 place = e->pid % PLACES;

	if (holders[place].pid != e->pid || holders[place].start_ns != e->start_ns)
		return NULL;
	return &places[place];
}

/* When the result is known. Returns what is to be marked. */
static __always_inline enum mark take_time(struct open_event *e, struct place_count *place)
{
	u64 tick = exact_times ? 0 : bpf_jiffies64();

	if (!exact_times && place && place->tick == tick && ++place->in_tick > STORM && place->in_tick % SHARERS) {
		e->ts_ns = place->read_ns;
		return MARK_TIME_COARSE;
	}
	e->ts_ns = bpf_ktime_get_ns();
	if (!exact_times && place) {
		if (place->tick != tick)
			place->in_tick = 0;
		place->read_ns = e->ts_ns;
		place->tick = tick;
	}
	return 0;
}

/* Where the opens of a process are counted that holds no place. NULL: the map is full. */
static __noinline struct process_count *find_count(u64 start_ns, u32 pid)
{
	struct process_key key = { .start_ns = start_ns, .pid = pid };
	struct process_count fresh = {}, *c = bpf_map_lookup_elem(&processes, &key);

	if (!c) {
		bpf_map_update_elem(&processes, &key, &fresh, BPF_NOEXIST);
		c = bpf_map_lookup_elem(&processes, &key);
	}
	return c;
}

/*
 * Counts the open for its process. The event may get lost after this, the count does not. For a process with but this
 * one thread nobody else counts, so that the processor needs to keep nobody out.
 */
static __always_inline void count(enum known known, struct task_struct *from, struct place_count *place,
				  const struct open_event *e)
{
	struct process_count *c = place ? &place->count : find_count(e->start_ns, e->pid);
	struct signal_struct *signal;
	struct task_struct *leader;
	u64 *counter;

	if (!c) {
		COUNT(overflow);
		if (e->ret < 0)
			COUNT(overflow_failed);
		return;
	}
	counter = e->ret < 0 ? &c->failed : &c->succeeded;
	signal = LOAD(known, from, signal);
	if (bpf_core_field_exists(signal->nr_threads) && LOAD(known, signal, nr_threads) == 1)
		*counter += 1;
	else
		__sync_fetch_and_add(counter, 1);
	c->uid = e->uid;
	c->ppid = e->ppid;
	if (e->tid == e->pid) {
		store_comm(c->comm, e->comm);
	} else {
		leader = LOAD(known, from, group_leader);
		copy_comm(known, c->comm, leader);
	}
}

#endif
