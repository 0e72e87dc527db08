/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* A program that was started. One that could not be is seen as a failed system call. */
#ifndef OPENTOP_HOOKS_EXEC_H
#define OPENTOP_HOOKS_EXEC_H

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(exec_done, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	struct request r = {
		.name = bprm->filename,
		.in_kernel = true,
		.dfd = AT_FDCWD,
		.op = OP_EXEC,
		.mark = MARK_FD_UNKNOWN,
	};

	/* By a descriptor: the name is one that the kernel made up from its number. */
	if (bpf_core_field_exists(bprm->fdpath) && bprm->fdpath) {
		r.mark |= MARK_FROM_FILE;
		r.file = bprm->file;
	}
	r.began = take_began(current_task());
	report(current_task(), &r);
	return 0;
}

#endif
