/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Look-ups by system calls, when they return, by the same four hook sets as
 * opens. A call by an empty name and a descriptor looks nothing up, and is left
 * out: that is how fstat() is made.
 */
#ifndef OPENTOP_HOOKS_LOOKUP_H
#define OPENTOP_HOOKS_LOOKUP_H

#include "../core_types.h"
#include <bpf/bpf_tracing.h>
#include "../emit.h"
#include "../signal.h"
#include "../syscall.h"

/*
 * The calls, by their arguments: behind CALL_READLINK, those that begin with a
 * directory.
 */
enum lookup_call {
	NOT_A_LOOKUP,
	CALL_STAT,
	CALL_ACCESS,
	CALL_READLINK,
	CALL_READLINKAT,
	CALL_FACCESSAT,
	CALL_FACCESSAT2,
	CALL_FSTATAT,
	CALL_STATX,
};

#if defined(__TARGET_ARCH_x86)

static const u8 lookups[MAX_CALLS] = {
	[4] = NATIVE(STAT),
	[6] = NATIVE(STAT), /* lstat */
	[18] = COMPAT(STAT), /* oldstat */
	[21] = NATIVE(ACCESS),
	[33] = COMPAT(ACCESS),
	[84] = COMPAT(STAT), /* oldlstat */
	[85] = COMPAT(READLINK),
	[89] = NATIVE(READLINK),
	[106] = COMPAT(STAT),
	[107] = COMPAT(STAT), /* lstat */
	[195] = COMPAT(STAT), /* stat64 */
	[196] = COMPAT(STAT), /* lstat64 */
	[262] = NATIVE(FSTATAT),
	[267] = NATIVE(READLINKAT),
	[269] = NATIVE(FACCESSAT),
	[300] = COMPAT(FSTATAT),
	[305] = COMPAT(READLINKAT),
	[307] = COMPAT(FACCESSAT),
	[332] = NATIVE(STATX),
	[383] = COMPAT(STATX),
	[439] = NATIVE(FACCESSAT2) | COMPAT(FACCESSAT2),
};

#elif defined(__TARGET_ARCH_arm64)

static const u8 lookups[MAX_CALLS] = {
	[33] = COMPAT(ACCESS),
	[48] = NATIVE(FACCESSAT),
	[78] = NATIVE(READLINKAT),
	[79] = NATIVE(FSTATAT),
	[85] = COMPAT(READLINK),
	[106] = COMPAT(STAT),
	[107] = COMPAT(STAT), /* lstat */
	[195] = COMPAT(STAT), /* stat64 */
	[196] = COMPAT(STAT), /* lstat64 */
	[291] = NATIVE(STATX),
	[327] = COMPAT(FSTATAT),
	[332] = COMPAT(READLINKAT),
	[334] = COMPAT(FACCESSAT),
	[397] = COMPAT(STATX),
	[439] = NATIVE(FACCESSAT2) | COMPAT(FACCESSAT2),
};

#endif

static __always_inline u32 lookups_of(u64 nr)
{
	return nr < MAX_CALLS ? lookups[nr] : NOT_A_LOOKUP;
}

/* Counts a look-up, and says whether it is to be reported. */
static __always_inline bool count_lookup(enum known known,
					 struct task_struct *task, int ret)
{
	if (is_self(known, task)) {
		COUNT(lookups_own);
		if (!filter.show_self)
			return false;
	}
	COUNT(lookups);
	if (filter.active && !wanted(known, task, ret)) {
		COUNT(lookups_filtered);
		return false;
	}
	if (ret < 0)
		COUNT(lookups_failed);
	return true;
}

static __always_inline void report_lookup(enum known known,
					  struct task_struct *task,
					  struct open_args *args)
{
	if (!count_lookup(known, task, args->ret))
		return;
	args->now = bpf_ktime_get_ns();
	if (write(known, task, args) != WRITTEN)
		COUNT(lookups_dropped);
}

/* Counts a look-up by io_uring whose request is not known any more. */
static __always_inline void count_forgotten_lookup(struct task_struct *task,
						   int ret)
{
	if (count_lookup(KNOWN_TASK, task, ret))
		COUNT(lookups_dropped);
}

static __always_inline void
read_lookup(enum lookup_call call, const u64 *call_args, struct open_args *args)
{
	bool at = call > CALL_READLINK;

	args->dfd = at ? call_args[0] : AT_FDCWD;
	args->name = (const char *)(at ? call_args[1] : call_args[0]);
	switch (call) {
	case CALL_ACCESS:
	case CALL_FACCESSAT:
	case CALL_FACCESSAT2:
		args->op = OP_ACCESS;
		break;
	case CALL_READLINK:
	case CALL_READLINKAT:
		args->op = OP_READLINK;
		break;
	default:
		args->op = OP_STAT;
	}
}

/* Whether the call is about a descriptor, whatever its name, if that is empty. */
static __always_inline bool takes_empty_name(enum lookup_call call,
					     const u64 *call_args)
{
	switch (call) {
	case CALL_FSTATAT:
	case CALL_FACCESSAT2:
		return call_args[3] & AT_EMPTY_PATH;
	case CALL_STATX:
		return call_args[2] & AT_EMPTY_PATH;
	case CALL_READLINKAT:
		return (int)call_args[0] != AT_FDCWD;
	default:
		return false;
	}
}

/* Since 6.11 no name at all is as good as an empty one. */
static __always_inline bool is_empty(const char *name)
{
	char first = 1;

	if (!name)
		return true;
	bpf_probe_read_user(&first, sizeof(first), name);
	return !first;
}

static __always_inline int on_lookup(enum known known, bool typed,
				     struct pt_regs *regs, long ret)
{
	u32 call = lookups_of(SYSCALL_NR(typed, regs));
	struct open_args args = {};
	struct task_struct *task;
	u64 call_args[4];
	bool compat;

	if (call == NOT_A_LOOKUP)
		return 0;
	task = current_task(known);
	compat = is_compat(known, task);
	call = compat ? call >> 4 : call & 15;
	if (call == NOT_A_LOOKUP)
		return 0;
	if (is_interrupted(ret)) {
		if (after_signals(ret) != INTERRUPTED)
			return 0; /* It is made again. */
		ret = -EINTR;
	} else if ((u32)ret == (u32)ROLLED_BACK(typed, regs) &&
		   has_trap((void *)bpf_get_current_task())) {
		ret = -ENOSYS;
	}
	read_args(typed, regs, compat, call_args);
	read_lookup(call, call_args, &args);
	if (takes_empty_name(call, call_args) && is_empty(args.name))
		return 0;
	/* There is no descriptor; readlink() tells a length. */
	args.ret = ret < 0 ? ret : 0;
	args.event_flags = EVENT_FD_UNKNOWN | (compat ? EVENT_COMPAT : 0);
	FORGET(args.ret, call_args[0]);
	FORGET(args.event_flags, call_args[0]);
	FORGET(args.dfd, call_args[0]);
	FORGET(args.name, call_args[0]);
	FORGET(args.op, call_args[0]);
	report_lookup(known, task, &args);
	return 0;
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(lookup_exit_typed, struct pt_regs *regs, long ret)
{
	return on_lookup(KNOWN_TASK, true, regs, ret);
}

SEC("?raw_tp/sys_exit")
int BPF_PROG(lookup_exit_raw, struct pt_regs *regs, long ret)
{
	return on_lookup(KNOWN_TASK, false, regs, ret);
}

SEC("?raw_tp/sys_exit")
int BPF_PROG(lookup_exit_without_loops, struct pt_regs *regs, long ret)
{
	return on_lookup(KNOWN_NONE, false, regs, ret);
}

/*
 * The functions behind the calls. Which one each program attaches to is settled
 * by userspace.
 */
#define LOOKUP_BY(call)                                             \
	SEC("?fexit")                                               \
	int BPF_PROG(call##_lookup, struct pt_regs *regs, long ret) \
	{                                                           \
		return on_lookup(KNOWN_TASK, true, regs, ret);      \
	}
LOOKUP_BY(stat)
LOOKUP_BY(lstat)
LOOKUP_BY(fstatat)
LOOKUP_BY(statx)
LOOKUP_BY(access)
LOOKUP_BY(faccessat)
LOOKUP_BY(faccessat2)
LOOKUP_BY(readlink)
LOOKUP_BY(readlinkat)
LOOKUP_BY(compat_oldstat)
LOOKUP_BY(compat_oldlstat)
LOOKUP_BY(compat_stat)
LOOKUP_BY(compat_lstat)
LOOKUP_BY(compat_stat64)
LOOKUP_BY(compat_lstat64)
LOOKUP_BY(compat_fstatat64)
LOOKUP_BY(compat_statx)
LOOKUP_BY(compat_access)
LOOKUP_BY(compat_faccessat)
LOOKUP_BY(compat_faccessat2)
LOOKUP_BY(compat_readlink)
LOOKUP_BY(compat_readlinkat)

/* The same functions, all by one program. */
SEC("?kretprobe.multi")
int lookup_return(struct pt_regs *ctx)
{
	struct task_struct *task = current_task(KNOWN_TASK);

	return on_lookup(KNOWN_TASK, true,
			 (struct pt_regs *)bpf_task_pt_regs(task),
			 PT_REGS_RC(ctx));
}

#endif
