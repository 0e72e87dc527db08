/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * When calls began, of those that are under way and of those that a signal has
 * interrupted and that are made again. For the program that is one call.
 */
#ifndef OPENTOP_LATENCY_H
#define OPENTOP_LATENCY_H

#include "load.h"
#include "maps.h"
#include "signal.h"
#include "syscall.h"

/* The longest instruction that makes a call, in bytes. */
#define CALL_LEN 4

/* Whether the program is where it was interrupted, `before` its instruction. */
static __always_inline bool is_there(bool typed, struct pt_regs *regs,
				     const struct entered *at, bool before)
{
	u64 back = at->ip - READ(typed, regs, USER_IP);

	return READ(typed, regs, USER_SP) == at->sp &&
	       (before ? back - 1 < CALL_LEN : back == 0);
}

/* When a call begins. */
static __always_inline int on_entry(bool typed, struct pt_regs *regs)
{
	u64 now = bpf_ktime_get_ns(), task = bpf_get_current_task();
	struct entered entered = { .ts = now }, *known;

	if (!bpf_map_update_elem(&enter_ts, &task, &entered, BPF_NOEXIST))
		return 0;
	known = bpf_map_lookup_elem(&enter_ts, &task);
	if (!known)
		return 0;
	/* A copy: it may be evicted, and be another's, at any moment. */
	entered = *known;
	if (!is_there(typed, regs, &entered, false))
		entered.ts = now;
	/*
	 * It is made again, or by a program that has left its signal handler in
	 * another way, and so never ends the call that it was in.
	 */
	else
		entered = (struct entered){
			.ts = entered.is_next ? entered.first_ts : now,
		};
	bpf_map_update_elem(&enter_ts, &task, &entered, BPF_ANY);
	return 0;
}

/*
 * Enter timestamp of the call that this task ends now; 0: not known. Only where
 * latency is measured. `regs` are those of the call; NULL: the program is gone
 * that has made it.
 */
static __always_inline u64 take_enter_ts(enum known known, bool typed,
					 struct task_struct *task,
					 struct pt_regs *regs)
{
	u64 key = bpf_get_current_task(), ts;
	struct entered *entry = bpf_map_lookup_elem(&enter_ts, &key), rest;

	if (!entry)
		return 0;
	rest = *entry;
	ts = rest.ts;
	rest.ts = 0;
	/* By a signal handler, while another call is interrupted. */
	if (regs && rest.first_ts && !is_there(typed, regs, &rest, false))
		bpf_map_update_elem(&enter_ts, &key, &rest, BPF_ANY);
	else
		bpf_map_delete_elem(&enter_ts, &key);
	/* Left behind by an ended task, in whose memory this one lies. */
	return ts < LOAD(known, task, start_time) ? 0 : ts;
}

/*
 * The call is interrupted, and may be made again: its time is kept, for one that
 * is made at the same place when no signal handler is in between.
 */
static __always_inline void keep_enter_ts(enum known known, bool typed,
					  struct task_struct *task,
					  struct pt_regs *regs, long ret,
					  enum outcome outcome)
{
	struct entered kept = {
		.first_ts = take_enter_ts(known, typed, task, regs),
		.sp = READ(typed, regs, USER_SP),
		.ip = READ(typed, regs, USER_IP),
		.is_next = outcome == AGAIN_AT_ONCE,
	};
	u64 key = bpf_get_current_task();

	/* What ends with the other error is ended by restart_syscall(). */
	if (kept.first_ts && ret != -ERESTART_RESTARTBLOCK)
		bpf_map_update_elem(&enter_ts, &key, &kept, BPF_ANY);
}

/*
 * A signal handler has returned, to where the registers are now: before a call
 * that is made again, unless it has come at another time.
 */
static __always_inline int on_sigreturn(bool typed, struct pt_regs *regs)
{
	u64 task = bpf_get_current_task();
	struct entered *known = bpf_map_lookup_elem(&enter_ts, &task), kept;

	if (!known)
		return 0;
	kept = *known;
	if (!kept.first_ts || !is_there(typed, regs, &kept, true))
		return 0;
	kept.is_next = true;
	bpf_map_update_elem(&enter_ts, &task, &kept, BPF_ANY);
	return 0;
}

#endif
