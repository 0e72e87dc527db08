/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Syscall numbers and argument registers. At exit the argument registers are still as they were at entry: x86 keeps the
 * result in ax and the number in orig_ax, arm64 keeps the first argument in orig_x0.
 */
#ifndef OPENTOP_SYSCALL_H
#define OPENTOP_SYSCALL_H

#define NOT_AN_OPEN -1

/* execveat(2) is reported as OP_EXEC, but has its arguments elsewhere. */
#define EXECVEAT 64

#if defined(__TARGET_ARCH_x86)

/* asm/thread_info.h: the task is in a 32-bit call. */
#define TS_COMPAT 0x0002

/* asm/unistd.h: x32 calls carry this bit and share the 64-bit numbers. */
#define X32_SYSCALL_BIT 0x40000000

static __always_inline int native_op(u64 nr)
{
	switch (nr & ~X32_SYSCALL_BIT) {
	case 2:
		return OP_OPEN;
	case 59:
	case 520:
		return OP_EXEC;
	case 322:
	case 545:
		return EXECVEAT;
	case 85:
		return OP_CREAT;
	case 257:
		return OP_OPENAT;
	case 304:
		return OP_OPEN_BY_HANDLE_AT;
	case 437:
		return OP_OPENAT2;
	}
	return NOT_AN_OPEN;
}

static __always_inline int compat_op(u64 nr)
{
	switch (nr) {
	case 5:
		return OP_OPEN;
	case 8:
		return OP_CREAT;
	case 11:
		return OP_EXEC;
	case 358:
		return EXECVEAT;
	case 295:
		return OP_OPENAT;
	case 342:
		return OP_OPEN_BY_HANDLE_AT;
	case 437:
		return OP_OPENAT2;
	}
	return NOT_AN_OPEN;
}

static __always_inline bool is_compat(struct task_struct *task)
{
	return LOAD(task, thread_info.status) & TS_COMPAT;
}

#define SYSCALL_NR(typed, regs) READ(typed, regs, orig_ax)

static __always_inline void read_args(bool typed, struct pt_regs *regs, bool compat, u64 *args)
{
	args[0] = compat ? READ(typed, regs, bx) : READ(typed, regs, di);
	args[1] = compat ? READ(typed, regs, cx) : READ(typed, regs, si);
	args[2] = READ(typed, regs, dx);
	args[3] = compat ? READ(typed, regs, si) : READ(typed, regs, r10);
}

#elif defined(__TARGET_ARCH_arm64)

/* asm/thread_info.h: the task is a 32-bit one. */
#define TIF_32BIT 22

static __always_inline int native_op(u64 nr)
{
	switch (nr) {
	case 56:
		return OP_OPENAT;
	case 221:
		return OP_EXEC;
	case 281:
		return EXECVEAT;
	case 265:
		return OP_OPEN_BY_HANDLE_AT;
	case 437:
		return OP_OPENAT2;
	}
	return NOT_AN_OPEN;
}

static __always_inline int compat_op(u64 nr)
{
	switch (nr) {
	case 5:
		return OP_OPEN;
	case 8:
		return OP_CREAT;
	case 11:
		return OP_EXEC;
	case 387:
		return EXECVEAT;
	case 322:
		return OP_OPENAT;
	case 371:
		return OP_OPEN_BY_HANDLE_AT;
	case 437:
		return OP_OPENAT2;
	}
	return NOT_AN_OPEN;
}

static __always_inline bool is_compat(struct task_struct *task)
{
	return LOAD(task, thread_info.flags) >> TIF_32BIT & 1;
}

#define SYSCALL_NR(typed, regs) READ(typed, regs, syscallno)

static __always_inline void read_args(bool typed, struct pt_regs *regs, bool compat, u64 *args)
{
	args[0] = READ(typed, regs, orig_x0);
	args[1] = READ(typed, regs, regs[1]);
	args[2] = READ(typed, regs, regs[2]);
	args[3] = READ(typed, regs, regs[3]);
}

#endif

/* The test that every syscall of the host pays for. */
static __always_inline bool may_be_open(u64 nr)
{
	return native_op(nr) != NOT_AN_OPEN || compat_op(nr) != NOT_AN_OPEN;
}

#endif
