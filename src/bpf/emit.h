/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * From the arguments of an open to a counted, filtered record in the ring
 * buffer.
 */
#ifndef OPENTOP_EMIT_H
#define OPENTOP_EMIT_H

#include "filter.h"
#include "latency.h"
#include "load.h"
#include "maps.h"
#include "names.h"
#include "opener.h"
#include "opentop.h"
#include "path.h"

/*
 * Records come in four sizes, since bpf_ringbuf_reserve() takes constants only:
 * most names fit the first, nearly all the second, the last holds a name and
 * two directories of PATH_MAX each. One that turns out too small is left
 * unused.
 */
struct record {
	struct open_event event;
	char data[];
};

static const struct size SMALL = { 96, sizeof(union shortname_store) };
static const struct size MEDIUM = { 272, 136 };
static const struct size LARGE = { 1024, COMPONENT_LEN + 1 };
static const struct size HUGE = { HUGE_CAP, COMPONENT_LEN + 1 };

static __always_inline void describe(struct open_event *e,
				     const struct open_args *args)
{
	e->ts_ns = args->now;
	e->latency_ns = args->enter_ts ? args->now - args->enter_ts : 0;
	e->uring_key = args->key;
	e->ret = args->ret;
	e->flags = args->flags;
	e->mode = args->mode;
	e->event_flags = args->event_flags;
	e->op = args->op;
	e->name_len = 0;
	e->opened_len = 0;
	e->dir_len = 0;
	e->real_len = 0;
}

enum written {
	WRITTEN,
	TOO_SMALL, /* a larger record would do */
	NO_SPACE, /* the ring is full */
};

/*
 * Writes a record of this size. The first for an open takes its time and counts
 * it.
 */
static __always_inline enum written write_record(enum known known,
						 struct size size, bool first,
						 struct task_struct *task,
						 struct open_args *args)
{
	struct record *record = bpf_ringbuf_reserve(
		&events, sizeof(*record) + size.cap + size.component, 0);
	struct task_struct *from;
	struct open_event *e;
	struct room room;

	if (!record)
		return NO_SPACE;
	from = untrusted(known, task);
	e = &record->event;
	room.data = record->data;
	room.size = size;
	identify(known, task, from, e);
	if (first) {
		args->now = bpf_ktime_get_ns();
		count_event(e, args->ret);
	}
	describe(e, args);
	if (fill(known, e, room, task, args) != WALK_DONE) {
		bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
		return TOO_SMALL;
	}
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return WRITTEN;
}

/* What fits no small record. Functions of their own: rare, and large. */
static __always_inline enum written write_any_larger(enum known known,
						     struct open_args *args)
{
	struct task_struct *task = current_task(known);
	enum written written = write_record(known, MEDIUM, false, task, args);

	if (written == TOO_SMALL)
		written = write_record(known, LARGE, false, task, args);
	if (written == TOO_SMALL)
		written = write_record(known, HUGE, false, task, args);
	return written;
}

/*
 * Not static, so that the verifier follows it once, and not once for each call
 * of it.
 */
__noinline int write_larger(struct open_args *args)
{
	return args ? write_any_larger(KNOWN_TASK, args) : NO_SPACE;
}

static __noinline int write_larger_unrolled(struct open_args *args)
{
	return write_any_larger(KNOWN_NONE, args);
}

/* A copy of the arguments, so that only here it has to be in memory. */
static __always_inline enum written larger(enum known known,
					   const struct open_args *args)
{
	struct open_args copy = *args;

	return known == KNOWN_NONE ? write_larger_unrolled(&copy) :
				     write_larger(&copy);
}

/*
 * Writes a record that does not count, for which the time is known: there will
 * be another for the same open.
 */
static __always_inline enum written
write(enum known known, struct task_struct *task, struct open_args *args)
{
	enum written written = write_record(known, SMALL, false, task, args);

	return written == TOO_SMALL ? larger(known, args) : written;
}

/*
 * Counts an open of which no record is written: nothing is asked for, or the
 * ring has no space.
 */
static __always_inline int count_only(enum known known, int ret)
{
	struct task_struct *task = current_task(known);
	/* A slower start is worth it where nothing else is asked for. */
	struct task_struct *from = counts_only ? task : untrusted(known, task);
	struct task_struct *leader = LOAD(known, from, group_leader);
	struct process_count *c;

	c = count(LOAD(known, leader, start_time), LOAD(known, task, tgid),
		  cgroup_of(known, from), ret);
	if (!c)
		return 0;
	copy_comm(known, c->comm, leader);
	/* Nobody asks for users and parents then. */
	if (counts_only)
		return 0;
	c->uid = uid_of(known, from);
	c->ppid = parent_of(known, from);
	return 0;
}

__noinline int count_open(int ret)
{
	return count_only(KNOWN_TASK, ret);
}

static __noinline int count_on_old_kernels(int ret)
{
	return count_only(KNOWN_NONE, ret);
}

/* Counts an open by io_uring whose request is not known any more. */
static __always_inline void count_forgotten(struct task_struct *task, int ret)
{
	if (!is_reported(KNOWN_TASK, task, ret))
		return;
	count_open(ret);
	COUNT(io_uring);
}

/* Counts how long an open took. */
static __always_inline void count_latency(u64 latency)
{
	static const u64 bounds[] = LATENCY_BOUNDS;
	u32 cpu = bpf_get_smp_processor_id() % CPU_SLOTS, at = 0;

#pragma unroll
	for (int i = 0; i < LATENCY_BUCKETS - 1; i++)
		at += latency > bounds[i];
	/* Else the verifier does not know that it ends with the table. */
	barrier_var(at);
	if (at >= LATENCY_BUCKETS)
		return;
	__sync_fetch_and_add(&latency_counts[cpu].opens[at], 1);
	__sync_fetch_and_add(&latency_counts[cpu].sum_ns, latency);
}

/* Counts an open of which nothing else is asked for. */
static __always_inline void count_alone(enum known known,
					const struct open_args *args)
{
	if (measure_latency && args->enter_ts)
		count_latency(bpf_ktime_get_ns() - args->enter_ts);
	count_only(known, args->ret);
}

static __always_inline void report(enum known known, struct task_struct *task,
				   struct open_args *args)
{
	enum written written;

	if (!is_reported(known, task, args->ret))
		return;
	if (counts_only) {
		count_alone(known, args);
		return;
	}
	written = write_record(known, SMALL, true, task, args);
	if (written == TOO_SMALL)
		written = larger(known, args);
	else if (written == NO_SPACE && known == KNOWN_NONE)
		count_on_old_kernels(args->ret);
	else if (written == NO_SPACE)
		count_open(args->ret);
	if (written != WRITTEN)
		COUNT(dropped);
}

/*
 * The same for opens that are rare, in a program that is half as long, and so
 * half as long to load.
 */
static __always_inline void
report_rare(enum known known, struct task_struct *task, struct open_args *args)
{
	if (!is_reported(known, task, args->ret))
		return;
	if (counts_only) {
		count_alone(known, args);
		return;
	}
	args->now = bpf_ktime_get_ns();
	if (known == KNOWN_NONE)
		count_on_old_kernels(args->ret);
	else
		count_open(args->ret);
	if (larger(known, args) != WRITTEN)
		COUNT(dropped);
}

#endif
