/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Opens by system calls, when they return: the result is known, and the name is in memory, since the kernel has just
 * read it. There are four places to look from, and all see the same registers: the exit of every call, typed or not,
 * and the return of the calls' own functions, by a trampoline or by a probe.
 */
#ifndef OPENTOP_HOOKS_SYSCALL_H
#define OPENTOP_HOOKS_SYSCALL_H

/*
 * What openat2() was asked for; zero what lies beyond the size that the program gave. One that the kernel finds too short
 * or too long it does not read.
 */
static __always_inline void read_how(const u64 *args, struct request *r)
{
	struct open_how how = {};
	u64 size = args[3];

	if (size > sizeof(how))
		size = sizeof(how);
	bpf_probe_read_user(&how, size, (const void *)args[2]);
	r->flags = how.flags;
	/* More than the event has room for: no mode that the kernel takes. */
	r->mode = how.mode > MODE_MAX ? MODE_MAX : how.mode;
}

static __always_inline void read_arguments(enum call call, const u64 *args, struct request *r)
{
	r->dfd = args[0];
	r->name = (const char *)args[1];
	switch (__builtin_expect(call, CALL_OPENAT)) {
	case CALL_OPENAT:
		r->op = OP_OPENAT;
		r->flags = (u32)args[2];
		r->mode = args[3];
		break;
	case CALL_OPEN:
		r->op = OP_OPEN;
		r->dfd = AT_FDCWD;
		r->name = (const char *)args[0];
		r->flags = (u32)args[1];
		r->mode = args[2];
		break;
	case CALL_CREAT:
		r->op = OP_CREAT;
		r->dfd = AT_FDCWD;
		r->name = (const char *)args[0];
		r->flags = O_CREAT | O_WRONLY | O_TRUNC;
		r->mode = args[1];
		break;
	case CALL_EXECVE:
		r->op = OP_EXEC;
		r->dfd = AT_FDCWD;
		r->name = (const char *)args[0];
		break;
	case CALL_EXECVEAT:
		r->op = OP_EXEC;
		break;
	case CALL_OPENAT2:
		r->op = OP_OPENAT2;
		read_how(args, r);
		break;
	case CALL_OPEN_BY_HANDLE_AT:
		/* There is no name; what was opened tells. */
		r->op = OP_OPEN_BY_HANDLE_AT;
		r->name = NULL;
		r->flags = (u32)args[2];
		r->mark |= r->ret >= 0 ? MARK_FROM_FILE : MARK_NAME_UNREADABLE;
		break;
	default:
		break;
	}
}

static __always_inline int on_return(enum known known, bool typed, struct pt_regs *regs, long ret)
{
	u32 call = calls_of(SYSCALL_NR(typed, regs));
	struct request r = { .ret = ret };
	struct task_struct *task;
	u64 args[4];
	bool compat;

	if (call == NOT_AN_OPEN || filter.hook_set != hook_set)
		return 0;
	task = current_task(known);
	compat = is_compat(known, task);
	call = compat ? call >> 4 : call & 15;
	if (call == NOT_AN_OPEN)
		return 0;
	/* A program that was started is reported by a hook of its own: the registers are the new program's. */
	if (call >= CALL_EXECVE && ret >= 0)
		return 0;
	if (is_interrupted(ret)) {
		r.ret = after_signals(ret);
		if (!r.ret)
			return 0; /* It is made again. */
	} else if ((u32)ret == (u32)ROLLED_BACK(typed, regs) && is_stopped(ret)) {
		r.ret = -ENOSYS;
	}
	if (measure_latency)
		r.began = take_began(LOAD(known, task, pid));
	r.mark = compat ? MARK_COMPAT : 0;
	read_args(typed, regs, compat, args);
	read_arguments(call, args, &r);
	FORGET(r.ret, args[0]);
	FORGET(r.mark, args[0]);
	FORGET(r.dfd, args[0]);
	FORGET(r.name, args[0]);
	FORGET(r.flags, args[0]);
	FORGET(r.mode, args[0]);
	FORGET(r.op, args[0]);
	report(known, task, &r);
	return 0;
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(sys_exit_typed, struct pt_regs *regs, long ret)
{
	return on_return(KNOWN_TASK, true, regs, ret);
}

SEC("?raw_tp/sys_exit")
int BPF_PROG(sys_exit_raw, struct pt_regs *regs, long ret)
{
	return on_return(KNOWN_TASK, false, regs, ret);
}

SEC("?raw_tp/sys_exit")
int BPF_PROG(sys_exit_without_loops, struct pt_regs *regs, long ret)
{
	return on_return(KNOWN_NONE, false, regs, ret);
}

/* When a call begins, for its latency. */
static __always_inline int on_entry(void)
{
	u64 now = bpf_ktime_get_ns();
	u32 tid = bpf_get_current_pid_tgid();

	bpf_map_update_elem(&entered, &tid, &now, BPF_ANY);
	return 0;
}

SEC("?tp_btf/sys_enter")
int BPF_PROG(sys_enter_typed, struct pt_regs *regs, long nr)
{
	return calls_of(CALL_OF(nr)) == NOT_AN_OPEN ? 0 : on_entry();
}

/* The functions behind the calls. Which one each program attaches to is settled by the user side. */
#define FUNCTION_OF(call)                                                                                              \
	SEC("?fentry")                                                                                                 \
	int BPF_PROG(call##_entry)                                                                                     \
	{                                                                                                              \
		return on_entry();                                                                                     \
	}                                                                                                              \
	SEC("?fexit")                                                                                                  \
	int BPF_PROG(call##_return, struct pt_regs *regs, long ret)                                                    \
	{                                                                                                              \
		return on_return(KNOWN_TASK, true, regs, ret);                                                         \
	}
FUNCTION_OF(open)
FUNCTION_OF(openat)
FUNCTION_OF(openat2)
FUNCTION_OF(creat)
FUNCTION_OF(open_by_handle_at)
FUNCTION_OF(execve)
FUNCTION_OF(execveat)
FUNCTION_OF(compat_open)
FUNCTION_OF(compat_openat)
FUNCTION_OF(compat_openat2)
FUNCTION_OF(compat_creat)
FUNCTION_OF(compat_open_by_handle_at)
FUNCTION_OF(compat_execve)
FUNCTION_OF(compat_execveat)

/* The same functions, all by one program. */
SEC("?kprobe.multi")
int call_entry(struct pt_regs *ctx)
{
	return on_entry();
}

/* The probe sees the result; the call's registers lie on the task's stack. */
SEC("?kretprobe.multi")
int call_return(struct pt_regs *ctx)
{
	struct task_struct *task = current_task(KNOWN_TASK);

	return on_return(KNOWN_TASK, true, (struct pt_regs *)bpf_task_pt_regs(task), PT_REGS_RC(ctx));
}

#endif
