/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Files that the kernel opens itself: the interpreter of a program or a script,
 * a core dump. No system call returns with these, so that the kernel's own
 * functions are watched. They are called seldom.
 */
#ifndef OPENTOP_HOOKS_KERNEL_H
#define OPENTOP_HOOKS_KERNEL_H

#include "../core_types.h"
#include <bpf/bpf_tracing.h>
#include "../emit.h"

/* linux/err.h: what lies above is no pointer, but a negative errno. */
#define MAX_ERRNO 4095

static __always_inline int on_kernel_open(void *ctx, const char *name,
					  struct open_args *args)
{
	u64 opened = 0;

	/*
	 * The file or an errno, as a number: the verifier compares no pointers
	 * with numbers.
	 */
	bpf_get_func_ret(ctx, &opened);
	args->name = name;
	args->in_kernel = true;
	args->dfd = AT_FDCWD;
	args->event_flags = EVENT_FD_UNKNOWN;
	if (opened >= (u64)-MAX_ERRNO)
		args->ret = opened;
	else
		args->file = (struct file *)opened;
	report_rare(KNOWN_TASK, current_task(KNOWN_TASK), args);
	return 0;
}

SEC("?fexit")
int BPF_PROG(open_exec_return, const char *name)
{
	struct open_args args = { .op = OP_EXEC };

	return on_kernel_open(ctx, name, &args);
}

/*
 * What opens the interpreter of a program in 7.x; that of a script is still
 * opened by open_exec().
 */
SEC("?fexit")
int BPF_PROG(open_interpreter_return, struct linux_binprm *bprm,
	     const char *name)
{
	struct open_args args = { .op = OP_EXEC };

	return on_kernel_open(ctx, name, &args);
}

SEC("?fexit")
int BPF_PROG(filp_open_return, const char *name, int flags, u16 mode)
{
	struct open_args args = { .op = OP_KERNEL,
				  .flags = flags,
				  .mode = mode };

	return on_kernel_open(ctx, name, &args);
}

#endif
