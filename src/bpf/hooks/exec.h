/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* A program that was started. One that could not be is seen as a failed system call. */
#ifndef OPENTOP_HOOKS_EXEC_H
#define OPENTOP_HOOKS_EXEC_H

static __always_inline int on_exec(enum known known, int old_pid, struct linux_binprm *bprm)
{
	struct task_struct *task = current_task(known);
	struct request r = {
		.name = LOAD(known, bprm, filename),
		.file = LOAD(known, RETYPED(known, bprm), file),
		.in_kernel = true,
		.dfd = AT_FDCWD,
		.op = OP_EXEC,
		.mark = MARK_FD_UNKNOWN,
	};

	/* By a descriptor: the name is one that the kernel made up from its number. */
	if (bpf_core_field_exists(bprm->fdpath) && LOAD(known, bprm, fdpath))
		r.mark |= MARK_FROM_FILE;
	/* A script's own file is closed by now: what is open is the program that interprets it, which nobody asked for. */
	else if (LOAD(known, bprm, interp) != LOAD(known, bprm, filename))
		r.file = NULL;
	FORGET(r.mark, old_pid);
	/* A thread that is not the leader has become it. */
	if (measure_latency)
		r.began = take_began(old_pid);
	report(known, task, &r);
	return 0;
}

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(exec_done, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	return on_exec(KNOWN_TASK, old_pid, bprm);
}

SEC("?raw_tp/sched_process_exec")
int BPF_PROG(exec_done_without_loops, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	return on_exec(KNOWN_NONE, old_pid, bprm);
}

#endif
