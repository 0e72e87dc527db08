/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Syscall numbers and argument registers. At exit the argument registers are
 * still as they were at entry: x86 keeps the result in ax and the number in
 * orig_ax, arm64 keeps the first argument in orig_x0.
 */
#ifndef OPENTOP_SYSCALL_H
#define OPENTOP_SYSCALL_H

#include "load.h"

/*
 * The calls, by their numbers. A table instead of comparisons: every system
 * call of the host pays for the look, and the verifier follows what comes next
 * once, not once for each call.
 */
enum call {
	NOT_AN_OPEN,
	CALL_OPENAT,
	CALL_OPEN,
	CALL_CREAT,
	CALL_OPENAT2,
	CALL_OPEN_BY_HANDLE_AT,
	/* From this one on a success is reported by a hook of its own. */
	CALL_EXECVE,
	CALL_EXECVEAT,
};

/*
 * Of the 64-bit call with a number in the lower half, of the 32-bit one in the
 * upper half.
 */
#define NATIVE(call) CALL_##call
#define COMPAT(call) (CALL_##call << 4)
#define MAX_CALLS 1024

#if defined(__TARGET_ARCH_x86)

/* asm/thread_info.h: the task is in a 32-bit call. */
#define TS_COMPAT 0x0002

/* asm/unistd.h: x32 calls carry this bit and share the 64-bit numbers. */
#define X32_SYSCALL_BIT 0x40000000

static const u8 calls[MAX_CALLS] = {
	[2] = NATIVE(OPEN),
	[5] = COMPAT(OPEN),
	[8] = COMPAT(CREAT),
	[11] = COMPAT(EXECVE),
	[59] = NATIVE(EXECVE),
	[85] = NATIVE(CREAT),
	[257] = NATIVE(OPENAT),
	[295] = COMPAT(OPENAT),
	[304] = NATIVE(OPEN_BY_HANDLE_AT),
	[322] = NATIVE(EXECVEAT),
	[342] = COMPAT(OPEN_BY_HANDLE_AT),
	[358] = COMPAT(EXECVEAT),
	[437] = NATIVE(OPENAT2) | COMPAT(OPENAT2),
	/* Of x32, without the bit. */
	[520] = NATIVE(EXECVE),
	[545] = NATIVE(EXECVEAT),
};

static __always_inline bool is_compat(enum known known,
				      struct task_struct *task)
{
	return LOAD(known, task, thread_info.status) & TS_COMPAT;
}

/*
 * What a program puts into the upper half of the number's register the kernel
 * does not look at.
 */
#define CALL_OF(nr) ((u64)(u32)(nr) & ~(u64)X32_SYSCALL_BIT)

/* Where the program makes it. */
#define USER_IP ip
#define USER_SP sp

#define SYSCALL_NR(typed, regs) CALL_OF(READ(typed, regs, orig_ax))

/*
 * What the result is of a call that seccomp stops by a signal: what its
 * register held at entry.
 */
#define ROLLED_BACK(typed, regs) READ(typed, regs, orig_ax)

static __always_inline void read_args(bool typed, struct pt_regs *regs,
				      bool compat, u64 *args)
{
	if (compat) {
		/*
		 * 32 bits each, whatever the program has left in the rest of
		 * the registers.
		 */
		args[0] = (u32)READ(typed, regs, bx);
		args[1] = (u32)READ(typed, regs, cx);
		args[2] = (u32)READ(typed, regs, dx);
		args[3] = (u32)READ(typed, regs, si);
		/*
		 * Else both branches become one, which calculates where to load
		 * from.
		 */
		barrier();
	} else {
		args[2] = READ(typed, regs, dx);
		args[0] = READ(typed, regs, di);
		args[1] = READ(typed, regs, si);
		args[3] = READ(typed, regs, r10);
	}
}

#elif defined(__TARGET_ARCH_arm64)

/* asm/thread_info.h: the task is a 32-bit one. */
#define TIF_32BIT 22

static const u8 calls[MAX_CALLS] = {
	[5] = COMPAT(OPEN),
	[8] = COMPAT(CREAT),
	[11] = COMPAT(EXECVE),
	[56] = NATIVE(OPENAT),
	[221] = NATIVE(EXECVE),
	[265] = NATIVE(OPEN_BY_HANDLE_AT),
	[281] = NATIVE(EXECVEAT),
	[322] = COMPAT(OPENAT),
	[371] = COMPAT(OPEN_BY_HANDLE_AT),
	[387] = COMPAT(EXECVEAT),
	[437] = NATIVE(OPENAT2) | COMPAT(OPENAT2),
};

static __always_inline bool is_compat(enum known known,
				      struct task_struct *task)
{
	return LOAD(known, task, thread_info.flags) >> TIF_32BIT & 1;
}

#define CALL_OF(nr) ((u64)(u32)(nr))
#define USER_IP pc
#define USER_SP sp
#define SYSCALL_NR(typed, regs) CALL_OF(READ(typed, regs, syscallno))
#define ROLLED_BACK(typed, regs) READ(typed, regs, orig_x0)

static __always_inline void read_args(bool typed, struct pt_regs *regs,
				      bool compat, u64 *args)
{
	args[0] = READ(typed, regs, orig_x0);
	args[1] = READ(typed, regs, regs[1]);
	args[2] = READ(typed, regs, regs[2]);
	args[3] = READ(typed, regs, regs[3]);
	if (compat) {
		for (int i = 0; i < 4; i++)
			args[i] = (u32)args[i];
	}
}

#endif

/* The number of a call that has given the registers other contents: sigreturn(). */
#define NO_CALL CALL_OF(-1)

/*
 * The test that every system call of the host pays for: the calls that have
 * this number.
 */
static __always_inline u32 calls_of(u64 nr)
{
	return nr < MAX_CALLS ? calls[nr] : NOT_AN_OPEN;
}

#endif
