/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Opens by system calls, when they return: the result is known, and the name is in memory, since the kernel has just
 * read it. There are four places to look from, and all see the same registers: the exit of every call, typed or not,
 * and the return of the calls' own functions, by a trampoline or by a probe.
 */
#ifndef OPENTOP_HOOKS_SYSCALL_H
#define OPENTOP_HOOKS_SYSCALL_H

static __always_inline void read_arguments(int op, const u64 *args, struct request *r)
{
	struct open_how how = {};

	r->op = op == EXECVEAT ? OP_EXEC : op;
	r->dfd = args[0];
	r->name = (const char *)args[1];
	switch (op) {
	case OP_OPEN:
		r->mode = args[2];
		r->flags = args[1];
		r->name = (const char *)args[0];
		r->dfd = AT_FDCWD;
		break;
	case OP_CREAT:
		r->mode = args[1];
		r->flags = O_CREAT | O_WRONLY | O_TRUNC;
		r->name = (const char *)args[0];
		r->dfd = AT_FDCWD;
		break;
	case OP_OPENAT:
		r->mode = args[3];
		r->flags = args[2];
		break;
	case OP_OPENAT2:
		bpf_probe_read_user(&how, sizeof(how), (const void *)args[2]);
		r->flags = how.flags;
		r->mode = how.mode;
		break;
	case OP_OPEN_BY_HANDLE_AT:
		/* There is no name; what was opened tells. */
		r->flags = args[2];
		r->name = NULL;
		r->mark |= r->ret >= 0 ? MARK_FROM_FILE : MARK_NAME_UNREADABLE;
		break;
	case OP_EXEC:
		r->name = (const char *)args[0];
		r->dfd = AT_FDCWD;
		break;
	}
}

static __always_inline int on_return(bool typed, bool loops, struct pt_regs *regs, long ret)
{
	u64 nr = SYSCALL_NR(typed, regs), args[4];
	struct request r = { .ret = ret };
	struct task_struct *task;
	bool compat;
	int op;

	if (!may_be_open(nr))
		return 0;
	task = current_task();
	compat = is_compat(task);
	op = compat ? compat_op(nr) : native_op(nr);
	if (op == NOT_AN_OPEN)
		return 0;
	/* A program that was started is reported by a hook of its own: the registers are the new program's. */
	if ((op == OP_EXEC || op == EXECVEAT) && ret >= 0)
		return 0;
	r.began = take_began(task);
	r.mark = compat ? MARK_COMPAT : 0;
	read_args(typed, regs, compat, args);
	read_arguments(op, args, &r);
	if (r.mark & MARK_FROM_FILE)
		r.file = file_of(LOAD(task, files), r.ret);
	report(task, &r, loops);
	return 0;
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(sys_exit_typed, struct pt_regs *regs, long ret)
{
	return on_return(true, LOOPS, regs, ret);
}

SEC("?raw_tp/sys_exit")
int BPF_PROG(sys_exit_raw, struct pt_regs *regs, long ret)
{
	return on_return(false, LOOPS, regs, ret);
}

SEC("?raw_tp/sys_exit")
int BPF_PROG(sys_exit_without_loops, struct pt_regs *regs, long ret)
{
	return on_return(false, NO_LOOPS, regs, ret);
}

/* The functions behind the calls. Which one each program attaches to is settled by the user side. */
#define RETURN_OF(call)                                                                                                \
	SEC("?fexit")                                                                                                  \
	int BPF_PROG(call##_return, struct pt_regs *regs, long ret)                                                    \
	{                                                                                                              \
		return on_return(true, LOOPS, regs, ret);                                                              \
	}
RETURN_OF(open)
RETURN_OF(openat)
RETURN_OF(openat2)
RETURN_OF(creat)
RETURN_OF(open_by_handle_at)
RETURN_OF(execve)
RETURN_OF(execveat)
RETURN_OF(compat_open)
RETURN_OF(compat_openat)
RETURN_OF(compat_openat2)
RETURN_OF(compat_creat)
RETURN_OF(compat_open_by_handle_at)
RETURN_OF(compat_execve)
RETURN_OF(compat_execveat)

/* The same functions, all by one program. The probe sees the result; the call's registers lie on the task's stack. */
SEC("?kretprobe.multi")
int call_return(struct pt_regs *ctx)
{
	struct task_struct *task = current_task();

	return on_return(true, LOOPS, (struct pt_regs *)bpf_task_pt_regs(task), PT_REGS_RC(ctx));
}

/* When a call begins, for its latency. */
static __always_inline int on_entry(u64 nr)
{
	u64 now;
	u32 tid;

	if (!may_be_open(nr))
		return 0;
	now = bpf_ktime_get_ns();
	tid = bpf_get_current_pid_tgid();
	bpf_map_update_elem(&entered, &tid, &now, BPF_ANY);
	return 0;
}

SEC("?tp_btf/sys_enter")
int BPF_PROG(sys_enter_typed, struct pt_regs *regs, long nr)
{
	return on_entry(nr);
}

#endif
