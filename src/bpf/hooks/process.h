/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Opentop's own process, and children of the processes that are wanted. They
 * stay wanted when their parents are gone.
 */
#ifndef OPENTOP_HOOKS_PROCESS_H
#define OPENTOP_HOOKS_PROCESS_H

#include "../core_types.h"
#include <bpf/bpf_tracing.h>
#include "../load.h"
#include "../maps.h"
#include "../opener.h"

/* Run once by opentop itself, attached to nothing. */
SEC("?raw_tp")
int learn_own_id(void *ctx)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	u8 yes = 1;

	own_tgid = tgid;
	if (follow_own)
		bpf_map_update_elem(&wanted_pids, &tgid, &yes, BPF_ANY);
	return 0;
}

SEC("?tp_btf/sched_process_fork")
int BPF_PROG(follow_fork, struct task_struct *parent, struct task_struct *child)
{
	u32 tgid = parent->tgid, child_tgid = child->tgid;
	u8 yes = 1;

	if (child_tgid == tgid || !bpf_map_lookup_elem(&wanted_pids, &tgid))
		return 0;
	if (bpf_map_update_elem(&wanted_pids, &child_tgid, &yes, BPF_ANY))
		COUNT(tree);
	return 0;
}

/* The last thread of a process: its pid may soon be another's. */
SEC("?tp_btf/sched_process_exit")
int BPF_PROG(follow_exit, struct task_struct *task)
{
	u32 tgid = task->tgid;

	if (task->signal->live.counter == 0)
		bpf_map_delete_elem(&wanted_pids, &tgid);
	return 0;
}

#endif
