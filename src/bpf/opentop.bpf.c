// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * Every open, as the kernel answers it.
 *
 * A hook collects what was asked (struct request) and calls report(), which filters, counts the open for its process,
 * and writes one record into the ring buffer, in this order: so the counts are right even when the ring is full.
 * Nobody is woken; the user side looks every few milliseconds.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "opentop.h"
#include "maps.h"
#include "load.h"
#include "path.h"
#include "emit.h"
#include "syscall.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* The arguments of an open syscall, by its number. */
static __always_inline void read_arguments(const u64 *args, struct request *r)
{
	struct open_how how = {};

	r->dfd = args[0];
	r->name = (const char *)args[1];
	r->flags = args[2];
	r->mode = args[3];
	switch (r->op) {
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
	case OP_OPENAT2:
		bpf_probe_read_user(&how, sizeof(how), (const void *)args[2]);
		r->flags = how.flags;
		r->mode = how.mode;
		break;
	case OP_OPEN_BY_HANDLE_AT:
		/* There is no name; what was opened tells. */
		r->name = NULL;
		r->dfd = r->ret;
		r->mark |= r->ret >= 0 ? MARK_FROM_FILE : MARK_NAME_UNREADABLE;
		break;
	default:
		break;
	}
}

/*
 * Syscall exit: the result is known and the name is in memory, since the kernel has just read it. Every syscall of the
 * host comes by here, so the number is looked at first.
 */
static __always_inline int on_exit(bool typed, struct pt_regs *regs, long ret)
{
	u64 nr = SYSCALL_NR(typed, regs), args[4];
	struct request r = { .ret = ret };
	bool compat;
	int op;

	if (!may_be_open(nr))
		return 0;
	compat = is_compat(current_task());
	op = compat ? compat_op(nr) : native_op(nr);
	if (op == NOT_AN_OPEN)
		return 0;
	r.op = op;
	r.mark = compat ? MARK_COMPAT : 0;
	read_args(typed, regs, compat, args);
	read_arguments(args, &r);
	report(&r);
	return 0;
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(sys_exit_typed, struct pt_regs *regs, long ret)
{
	return on_exit(true, regs, ret);
}

/* The same where the kernel does not type the arguments. */
SEC("?raw_tp/sys_exit")
int BPF_PROG(sys_exit_raw, struct pt_regs *regs, long ret)
{
	return on_exit(false, regs, ret);
}
