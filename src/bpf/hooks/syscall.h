/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Opens by system calls, when they return: the result is known, and the name is
 * in memory, since the kernel has just read it. Four hook sets see the same
 * registers: the exit of every call, typed or not, and the return of the calls'
 * own functions, by a trampoline or by a probe.
 */
#ifndef OPENTOP_HOOKS_SYSCALL_H
#define OPENTOP_HOOKS_SYSCALL_H

#include "../core_types.h"
#include <bpf/bpf_tracing.h>
#include "../emit.h"
#include "../signal.h"
#include "../syscall.h"

/*
 * The struct open_how of openat2(), with zeros beyond the size that the program
 * gave. The kernel does not read one that is too short or too long.
 */
static __always_inline void read_how(const u64 *call_args,
				     struct open_args *args)
{
	struct open_how how = {};
	u64 size = call_args[3];

	if (size > sizeof(how))
		size = sizeof(how);
	bpf_probe_read_user(&how, size, (const void *)call_args[2]);
	args->flags = how.flags;
	/* More than the event has room for: no mode that the kernel takes. */
	args->mode = how.mode > MODE_MAX ? MODE_MAX : how.mode;
}

static __always_inline void read_arguments(enum call call, const u64 *call_args,
					   struct open_args *args)
{
	args->dfd = call_args[0];
	args->name = (const char *)call_args[1];
	switch (__builtin_expect(call, CALL_OPENAT)) {
	case CALL_OPENAT:
		args->op = OP_OPENAT;
		args->flags = (u32)call_args[2];
		args->mode = call_args[3];
		break;
	case CALL_OPEN:
		args->op = OP_OPEN;
		args->dfd = AT_FDCWD;
		args->name = (const char *)call_args[0];
		args->flags = (u32)call_args[1];
		args->mode = call_args[2];
		break;
	case CALL_CREAT:
		args->op = OP_CREAT;
		args->dfd = AT_FDCWD;
		args->name = (const char *)call_args[0];
		args->flags = O_CREAT | O_WRONLY | O_TRUNC;
		args->mode = call_args[1];
		break;
	case CALL_EXECVE:
		args->op = OP_EXEC;
		args->dfd = AT_FDCWD;
		args->name = (const char *)call_args[0];
		break;
	case CALL_EXECVEAT:
		args->op = OP_EXEC;
		break;
	case CALL_OPENAT2:
		args->op = OP_OPENAT2;
		read_how(call_args, args);
		break;
	case CALL_OPEN_BY_HANDLE_AT:
		/* There is no name; the opened file has one. */
		args->op = OP_OPEN_BY_HANDLE_AT;
		args->name = NULL;
		args->flags = (u32)call_args[2];
		args->event_flags |= args->ret >= 0 ? EVENT_FROM_FILE :
						      EVENT_NAME_UNREADABLE;
		break;
	default:
		break;
	}
}

/* What the program asked for. */
static __always_inline void describe_call(bool typed, enum call call,
					  bool compat, struct pt_regs *regs,
					  struct open_args *args)
{
	u64 call_args[4];

	args->event_flags = compat ? EVENT_COMPAT : 0;
	read_args(typed, regs, compat, call_args);
	read_arguments(call, call_args, args);
	FORGET(args->ret, call_args[0]);
	FORGET(args->event_flags, call_args[0]);
	FORGET(args->dfd, call_args[0]);
	FORGET(args->name, call_args[0]);
	FORGET(args->flags, call_args[0]);
	FORGET(args->mode, call_args[0]);
	FORGET(args->op, call_args[0]);
}

static __always_inline int on_return(enum known known, bool typed,
				     struct pt_regs *regs, long ret)
{
	u64 nr = SYSCALL_NR(typed, regs);
	u32 call = calls_of(nr);
	struct open_args args = { .ret = ret };
	struct task_struct *task;
	enum outcome outcome;
	bool compat;

	if (measure_latency && nr == NO_CALL)
		return on_sigreturn(typed, regs);
	if (call == NOT_AN_OPEN || filter.hook_set != hook_set)
		return 0;
	task = current_task(known);
	compat = is_compat(known, task);
	call = compat ? call >> 4 : call & 15;
	if (call == NOT_AN_OPEN)
		return 0;
	/*
	 * A program that was started is reported by a hook of its own: the
	 * registers are the new program's.
	 */
	if (call >= CALL_EXECVE && ret >= 0)
		return 0;
	if (is_interrupted(ret)) {
		outcome = after_signals(ret);
		/* It is made again, and returns once more. */
		if (measure_latency && outcome != INTERRUPTED)
			keep_enter_ts(known, typed, task, regs, ret, outcome);
		if (outcome != INTERRUPTED)
			return 0;
		args.ret = -EINTR;
	} else if ((u32)ret == (u32)ROLLED_BACK(typed, regs) &&
		   is_stopped(ret)) {
		args.ret = -ENOSYS;
	}
	if (measure_latency)
		args.enter_ts = take_enter_ts(known, typed, task, regs);
	if (!counts_only)
		describe_call(typed, call, compat, regs, &args);
	report(known, task, &args);
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
static __always_inline int on_enter(struct pt_regs *regs, long nr)
{
	u32 call = calls_of(CALL_OF(nr));
	bool compat;

	if (call == NOT_AN_OPEN)
		return 0;
	/* Every number of one kind is that of another call of the other. */
	compat = can_cast ? is_compat(KNOWN_TASK, current_task(KNOWN_TASK)) :
			    is_compat(KNOWN_NONE, current_task(KNOWN_NONE));
	if ((compat ? call >> 4 : call & 15) == NOT_AN_OPEN)
		return 0;
	return on_entry(true, regs);
}

SEC("?tp_btf/sys_enter")
int BPF_PROG(sys_enter_typed, struct pt_regs *regs, long nr)
{
	return on_enter(regs, nr);
}

/*
 * The functions behind the calls. Which one each program attaches to is settled
 * by userspace.
 */
#define FUNCTION_OF(call)                                           \
	SEC("?fentry")                                              \
	int BPF_PROG(call##_entry, struct pt_regs *regs)            \
	{                                                           \
		return on_entry(true, regs);                        \
	}                                                           \
	SEC("?fexit")                                               \
	int BPF_PROG(call##_return, struct pt_regs *regs, long ret) \
	{                                                           \
		return on_return(KNOWN_TASK, true, regs, ret);      \
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

/* The registers of the call that this task makes; they lie on its stack. */
static __always_inline struct pt_regs *own_regs(void)
{
	return (void *)bpf_task_pt_regs(current_task(KNOWN_TASK));
}

/* The same functions, all by one program. */
SEC("?kprobe.multi")
int call_entry(struct pt_regs *ctx)
{
	return on_entry(true, own_regs());
}

/* The probe sees the result; the arguments are those of the call. */
SEC("?kretprobe.multi")
int call_return(struct pt_regs *ctx)
{
	return on_return(KNOWN_TASK, true, own_regs(), PT_REGS_RC(ctx));
}

/* The functions by which signal handlers return. */
#define SIGRETURN_OF(call)                             \
	SEC("?fexit")                                  \
	int BPF_PROG(call##_done)                      \
	{                                              \
		return on_sigreturn(true, own_regs()); \
	}                                              \
	SEC("?kretprobe.multi")                        \
	int call##_probed(struct pt_regs *ctx)         \
	{                                              \
		return on_sigreturn(true, own_regs()); \
	}
SIGRETURN_OF(rt_sigreturn)
SIGRETURN_OF(compat_rt_sigreturn)
SIGRETURN_OF(compat_sigreturn)

#endif
