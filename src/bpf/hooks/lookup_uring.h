/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Look-ups by io_uring, of which there is statx(): in two records, as opens.
 */
#ifndef OPENTOP_HOOKS_LOOKUP_URING_H
#define OPENTOP_HOOKS_LOOKUP_URING_H

#include "../core_types.h"
#include <bpf/bpf_tracing.h>
#include "../uring.h"
#include "lookup.h"

/* uapi/linux/io_uring.h */
#define IORING_OP_STATX 21

/* In the place of a key: the request looks nothing up. No key is that small. */
#define BY_DESCRIPTOR 1

static __always_inline bool asks_for_lookup(struct io_kiocb *req)
{
	return BPF_CORE_READ(req, opcode) == IORING_OP_STATX;
}

static __always_inline const char *lookup_name(struct io_statx *statx)
{
	struct io_statx___wrapped *wrapped = (void *)statx;

	if (bpf_core_field_exists(wrapped->filename.__incomplete_filename))
		return BPF_CORE_READ(wrapped, filename.__incomplete_filename,
				     name);
	return BPF_CORE_READ(statx, filename, name);
}

static __always_inline bool is_by_descriptor(struct io_statx *statx,
					     const char *name)
{
	char first = 0;

	if (!(BPF_CORE_READ(statx, flags) & AT_EMPTY_PATH))
		return false;
	bpf_probe_read_kernel(&first, sizeof(first), name);
	return !first;
}

static __always_inline int on_lookup_submit(struct io_kiocb *req)
{
	struct io_statx *statx = (struct io_statx *)req;
	struct task_struct *task = current_task(KNOWN_TASK);
	struct open_args args = {
		.op = OP_STAT,
		.event_flags = EVENT_SUBMITTED | EVENT_FD_UNKNOWN,
		.in_kernel = true,
	};
	u64 id = number_of(req);

	if (!asks_for_lookup(req) ||
	    (is_self(KNOWN_TASK, task) && !filter.show_self))
		return 0;
	args.name = lookup_name(statx);
	if (is_by_descriptor(statx, args.name)) {
		args.key = BY_DESCRIPTOR;
	} else {
		args.dfd = BPF_CORE_READ(statx, dfd);
		args.now = bpf_ktime_get_ns();
		args.key = key_of(args.now, id);
		if (write(KNOWN_TASK, task, &args) != WRITTEN)
			args.key = 0;
	}
	/* A result that finds no request is counted as lost. */
	if (args.key)
		bpf_map_update_elem(&submitted, &id, &args.key, BPF_ANY);
	else
		bpf_map_delete_elem(&submitted, &id);
	return 0;
}

static __always_inline int on_lookup_complete(struct io_kiocb *req, int res)
{
	struct task_struct *task = current_task(KNOWN_TASK);
	struct open_args args = {
		.op = OP_STAT,
		.event_flags = EVENT_COMPLETED | EVENT_NAME_UNREADABLE |
			       EVENT_FD_UNKNOWN,
		.ret = is_interrupted(res) ? -EINTR : res,
	};

	if (!req || !asks_for_lookup(req))
		return 0;
	args.key = take_key(number_of(req));
	if (args.key == BY_DESCRIPTOR)
		return 0;
	if (args.key || may_be_refused(res))
		report_lookup(KNOWN_TASK, task, &args);
	else
		count_forgotten_lookup(task, args.ret);
	return 0;
}

SEC("?tp_btf/io_uring_submit_req")
int BPF_PROG(lookup_submit, struct io_kiocb *req)
{
	return on_lookup_submit(req);
}

/* Before 6.3. */
SEC("?tp_btf/io_uring_submit_sqe")
int BPF_PROG(lookup_submit_sqe, struct io_kiocb *req)
{
	return on_lookup_submit(req);
}

/* Before 6.0. */
SEC("?tp_btf/io_uring_submit_sqe")
int BPF_PROG(lookup_submit_sqe_of, void *ctx_ring, struct io_kiocb *req)
{
	return on_lookup_submit(req);
}

SEC("?tp_btf/io_uring_complete")
int BPF_PROG(lookup_complete, void *ctx_ring, struct io_kiocb *req,
	     struct io_uring_cqe *cqe)
{
	return on_lookup_complete(req, cqe->res);
}

/* Before the completion was passed on as a whole. */
SEC("?tp_btf/io_uring_complete")
int BPF_PROG(lookup_complete_res, void *ctx_ring, struct io_kiocb *req,
	     u64 user_data, int res)
{
	return on_lookup_complete(req, res);
}

#endif
