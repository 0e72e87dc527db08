/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What a program sees of a call that a signal interrupted, and of one that
 * seccomp stopped by a signal. When a call returns neither is decided yet: the
 * signal is pending, and what it does lies with its action.
 */
#ifndef OPENTOP_SIGNAL_H
#define OPENTOP_SIGNAL_H

#include "load.h"
#include "path.h"

/*
 * linux/errno.h: what the kernel returns within itself where a signal
 * interrupts.
 */
#define ERESTARTSYS 512
#define ERESTARTNOINTR 513
#define ERESTARTNOHAND 514
#define ERESTART_RESTARTBLOCK 516

/* uapi/asm/signal.h */
#define SA_RESTART 0x10000000ul
#define SIG_DFL 0
#define SIG_IGN 1
#define BIT_OF(signal) (1ul << ((signal)-1))
#define SIGSYS 31
/*
 * Those that come before all others: SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE,
 * SIGSYS.
 */
#define SYNCHRONOUS                                                   \
	(BIT_OF(11) | BIT_OF(7) | BIT_OF(4) | BIT_OF(5) | BIT_OF(8) | \
	 BIT_OF(SIGSYS))
/*
 * Those that end nothing by default: SIGCHLD, SIGCONT, SIGURG, SIGWINCH;
 * SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU.
 */
#define HARMLESS                                                          \
	(BIT_OF(17) | BIT_OF(18) | BIT_OF(23) | BIT_OF(28) | BIT_OF(19) | \
	 BIT_OF(20) | BIT_OF(21) | BIT_OF(22))

/* The signal that a thread takes next of those in `set`, as a bit. */
static __always_inline u64 first_of(u64 set)
{
	if (set & SYNCHRONOUS)
		set &= SYNCHRONOUS;
	return set & -set;
}

/* The number of the signal that is this bit, less one. */
static __always_inline u32 index_of(u64 bit)
{
	u32 index = 0;

	index |= bit & 0xaaaaaaaaaaaaaaaaul ? 1 : 0;
	index |= bit & 0xccccccccccccccccul ? 2 : 0;
	index |= bit & 0xf0f0f0f0f0f0f0f0ul ? 4 : 0;
	index |= bit & 0xff00ff00ff00ff00ul ? 8 : 0;
	index |= bit & 0xffff0000ffff0000ul ? 16 : 0;
	index |= bit & 0xffffffff00000000ul ? 32 : 0;
	return index;
}

/* What comes of a call that a signal interrupts. */
enum outcome {
	AGAIN_AT_ONCE, /* it is made again, and will return once more */
	AGAIN_AFTER_HANDLER, /* the same, if a signal handler returns */
	INTERRUPTED, /* the program sees EINTR, or is killed */
};

/*
 * What comes of a call that returns `ret`. Not static, so that the verifier
 * follows it once.
 */
__noinline int after_signals(long ret)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	u64 blocked = BPF_CORE_READ(task, blocked.sig[0]), pending, next;
	struct k_sigaction *action;
	u64 handler, flags;

	pending = BPF_CORE_READ(task, pending.signal.sig[0]) & ~blocked;
	if (!pending)
		pending = BPF_CORE_READ(task, signal,
					shared_pending.signal.sig[0]) &
			  ~blocked;
	if (!pending)
		return AGAIN_AT_ONCE;
	next = first_of(pending);
	action = (void *)BPF_CORE_READ(task, sighand) +
		 bpf_core_field_offset(struct sighand_struct, action) +
		 index_of(next) * bpf_core_type_size(struct k_sigaction);
	handler = (u64)BPF_CORE_READ(action, sa.sa_handler);
	flags = BPF_CORE_READ(action, sa.sa_flags);
	if (handler == SIG_IGN || (handler == SIG_DFL && next & HARMLESS))
		return AGAIN_AT_ONCE;
	if (handler == SIG_DFL)
		return INTERRUPTED;
	if (ret == -ERESTARTNOINTR ||
	    (ret == -ERESTARTSYS && flags & SA_RESTART))
		return AGAIN_AFTER_HANDLER;
	return INTERRUPTED;
}

static __always_inline bool is_interrupted(long ret)
{
	return ret <= -ERESTARTSYS && ret >= -ERESTART_RESTARTBLOCK;
}

/* Whether a signal of seccomp is pending, by which it stops a call. */
static __always_inline bool has_trap(struct task_struct *task)
{
	return BPF_CORE_READ(task, pending.signal.sig[0]) &
	       ~BPF_CORE_READ(task, blocked.sig[0]) & BIT_OF(SIGSYS);
}

/*
 * Whether seccomp has stopped the call that returns `ret`: then SIGSYS is
 * pending, and the result is no result. Anybody can send himself that signal,
 * so what is an open descriptor stays one. Only called where the result can be
 * that, as it costs something.
 */
__noinline int is_stopped(int ret)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return has_trap(task) &&
	       !file_of(KNOWN_NONE, BPF_CORE_READ(task, files), ret);
}

#endif
