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

static __always_inline int on_exec(enum known known, struct linux_binprm *bprm)
{
	u64 unknown = bpf_get_current_pid_tgid();
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
	FORGET(args.event_flags, unknown);
	if (measure_latency)
		args.enter_ts = take_enter_ts(known, task);
	report_rare(known, task, &args);
	return 0;
}

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(exec_done, struct task_struct *task, int old_pid,
	     struct linux_binprm *bprm)
{
	return on_exec(KNOWN_TASK, bprm);
}

SEC("?raw_tp/sched_process_exec")
int BPF_PROG(exec_done_without_loops, struct task_struct *task, int old_pid,
	     struct linux_binprm *bprm)
{
	return on_exec(KNOWN_NONE, bprm);
}

/*
 * At setup_new_exec(), from which on there is no way back to the old program. A
 * probe of its own: where the kernel can be preempted, programs at a tracepoint
 * miss what other tasks do while one is interrupted in them.
 */
SEC("?kprobe.multi")
int exec_probed(struct pt_regs *ctx)
{
	struct linux_binprm *bprm = (void *)PT_REGS_PARM1(ctx);

	return on_exec(KNOWN_TASK, CAST(bprm));
}

#endif
