/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Opens by io_uring. The arguments are known when the request is submitted, the
 * result when it is completed, maybe by another thread, and the name is gone by
 * then. So an open makes two records, which userspace joins. In between the
 * kernel may try twice; it completes once.
 */
#ifndef OPENTOP_HOOKS_IO_URING_H
#define OPENTOP_HOOKS_IO_URING_H

#include "../core_types.h"
#include <bpf/bpf_tracing.h>
#include "../emit.h"
#include "../filter.h"
#include "../signal.h"
#include "../uring.h"

/* uapi/linux/io_uring.h */
#define IORING_OP_OPENAT 18
#define IORING_OP_OPENAT2 28

static __always_inline bool asks_for_open(struct io_kiocb *req)
{
	u8 opcode = BPF_CORE_READ(req, opcode);

	return opcode == IORING_OP_OPENAT || opcode == IORING_OP_OPENAT2;
}

static __always_inline const char *open_name(struct io_open *open)
{
	struct io_open___wrapped *wrapped = (void *)open;

	/*
	 * Asked of a type that all kernels have: one that is missing libbpf
	 * looks for in the types of each module.
	 */
	if (bpf_core_field_exists(wrapped->filename.__incomplete_filename))
		return BPF_CORE_READ(wrapped, filename.__incomplete_filename,
				     name);
	return BPF_CORE_READ(open, filename, name);
}

static __always_inline int on_submit(struct io_kiocb *req)
{
	struct io_open *open = (struct io_open *)req;
	struct task_struct *task = current_task(KNOWN_TASK);
	struct open_args args = {
		.op = OP_IO_URING,
		.event_flags = EVENT_SUBMITTED,
		.in_kernel = true,
	};
	u64 id = number_of(req);

	if (!asks_for_open(req) ||
	    (is_self(KNOWN_TASK, task) && !filter.show_self))
		return 0;
	args.dfd = BPF_CORE_READ(open, dfd);
	args.name = open_name(open);
	/*
	 * The kernel has added this flag to every request by now; programs have
	 * no use for it.
	 */
	args.flags = BPF_CORE_READ(open, how.flags) & ~O_LARGEFILE;
	args.mode = BPF_CORE_READ(open, how.mode);
	/* A slot of the ring instead of a descriptor. */
	if (bpf_core_field_exists(open->file_slot) &&
	    BPF_CORE_READ(open, file_slot))
		args.event_flags |= EVENT_FD_UNKNOWN;
	args.now = bpf_ktime_get_ns();
	args.key = key_of(args.now, id);
	if (counts_only) {
		bpf_map_update_elem(&submitted, &id, &args.key, BPF_ANY);
		return 0;
	}
	/*
	 * If there is no space the result will find no request, and be counted
	 * as lost.
	 */
	if (write(KNOWN_TASK, task, &args) == WRITTEN)
		bpf_map_update_elem(&submitted, &id, &args.key, BPF_ANY);
	else
		bpf_map_delete_elem(&submitted, &id);
	return 0;
}

static __always_inline int on_complete(struct io_kiocb *req, int res)
{
	struct task_struct *task = current_task(KNOWN_TASK);
	struct open_args args = {
		.op = OP_IO_URING,
		.event_flags = EVENT_COMPLETED | EVENT_NAME_UNREADABLE,
		/*
		 * A ring that is cancelled or dies interrupts what waits, and
		 * nothing makes that again.
		 */
		.ret = is_interrupted(res) ? -EINTR : res,
		/*
		 * Userspace knows when it was submitted; this only says that it
		 * is wanted.
		 */
		.enter_ts = measure_latency,
	};

	if (!req || !asks_for_open(req))
		return 0;
	args.key = take_key(number_of(req));
	if (counts_only)
		args.enter_ts = submitted_at(args.key, number_of(req));
	if (args.key || may_be_refused(res))
		report(KNOWN_TASK, task, &args);
	else
		count_forgotten(task, args.ret);
	return 0;
}

SEC("?tp_btf/io_uring_submit_req")
int BPF_PROG(ring_submit, struct io_kiocb *req)
{
	return on_submit(req);
}

/* Before 6.3. */
SEC("?tp_btf/io_uring_submit_sqe")
int BPF_PROG(ring_submit_sqe, struct io_kiocb *req)
{
	return on_submit(req);
}

/* Before 6.0. */
SEC("?tp_btf/io_uring_submit_sqe")
int BPF_PROG(ring_submit_sqe_of, void *ctx_ring, struct io_kiocb *req)
{
	return on_submit(req);
}

SEC("?tp_btf/io_uring_complete")
int BPF_PROG(ring_complete, void *ctx_ring, struct io_kiocb *req,
	     struct io_uring_cqe *cqe)
{
	return on_complete(req, cqe->res);
}

/* Before the completion was passed on as a whole. */
SEC("?tp_btf/io_uring_complete")
int BPF_PROG(ring_complete_res, void *ctx_ring, struct io_kiocb *req,
	     u64 user_data, int res)
{
	return on_complete(req, res);
}

#endif
