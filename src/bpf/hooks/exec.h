/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A program that was started. One that could not be is seen as a failed system
 * call.
 */
#ifndef OPENTOP_HOOKS_EXEC_H
#define OPENTOP_HOOKS_EXEC_H

#include "../core_types.h"
#include <bpf/bpf_tracing.h>
#include "../emit.h"

static __always_inline int on_exec(enum known known, int old_pid,
				   struct linux_binprm *bprm)
{
	struct task_struct *task = current_task(known);
	struct open_args args = {
		.name = LOAD(known, bprm, filename),
		.file = LOAD(known, RETYPED(known, bprm), file),
		.in_kernel = true,
		.dfd = AT_FDCWD,
		.op = OP_EXEC,
		.event_flags = EVENT_FD_UNKNOWN,
	};

	/*
	 * By a descriptor: the name is one that the kernel made up from its
	 * number.
	 */
	if (bpf_core_field_exists(bprm->fdpath) && LOAD(known, bprm, fdpath))
		args.event_flags |= EVENT_FROM_FILE;
	/*
	 * A script's own file is closed by now: what is open is the program
	 * that interprets it, which nobody asked for.
	 */
	else if (LOAD(known, bprm, interp) != LOAD(known, bprm, filename))
		args.file = NULL;
	FORGET(args.event_flags, old_pid);
	/* A thread that is not the leader has become it. */
	if (measure_latency)
		args.enter_ts = take_enter_ts(old_pid);
	report_rare(known, task, &args);
	return 0;
}

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(exec_done, struct task_struct *task, int old_pid,
	     struct linux_binprm *bprm)
{
	return on_exec(KNOWN_TASK, old_pid, bprm);
}

SEC("?raw_tp/sched_process_exec")
int BPF_PROG(exec_done_without_loops, struct task_struct *task, int old_pid,
	     struct linux_binprm *bprm)
{
	return on_exec(KNOWN_NONE, old_pid, bprm);
}

#endif
