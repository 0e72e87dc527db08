/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Opentop's own process; the end of processes, and what was counted of each;
 * children of the processes that are wanted. They stay wanted when their parents
 * are gone.
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

/* Its last thread ends: it opens nothing any more. */
static __always_inline bool is_last_thread(struct task_struct *task)
{
	return task->signal->live.counter == 0;
}

/* Marks the count of a process as final. Whoever reads it next removes it. */
SEC("?tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
	struct process_key key = { .pid = task->tgid };
	struct process_count *c;

	if (!is_last_thread(task))
		return 0;
	key.start_ns = task->group_leader->start_time;
	c = bpf_map_lookup_elem(&processes, &key);
	if (c && !c->ended) {
		c->ended = 1;
		COUNT(ended);
	}
	return 0;
}

static __always_inline bool is_retired(const struct process_key *key)
{
	const struct process_key *at = &retired.keys[key->pid % RETIRED_SLOTS];

	return at->pid == key->pid && at->start_ns == key->start_ns;
}

/*
 * Writes what is counted of each process, and removes those that have ended: the
 * only one who does, so that no element changes hands while it is read. To read
 * by an iterator takes no call of bpf(), each of which keeps kernel probes on
 * its CPU from running.
 */
SEC("?iter/bpf_map_elem")
int read_processes(struct bpf_iter__bpf_map_elem *ctx)
{
	const struct process_key *key = ctx->key;
	const struct process_count *count = ctx->value;
	struct process_record record;
	u32 ended;

	if (!key || !count)
		return 0;
	/*
	 * Before the counts, which are final if it is set. They were so long
	 * before that no processor can have read them earlier, either.
	 */
	ended = *(volatile const u32 *)&count->ended;
	barrier();
	record.key = *key;
	record.count = *count;
	record.count.ended = ended || is_retired(key);
	/* Where it finds no room the same element comes once more. */
	if (bpf_seq_write(ctx->meta->seq, &record, sizeof(record)) ||
	    !record.count.ended)
		return 0;
	if (!ended)
		COUNT(ended);
	bpf_map_delete_elem(&processes, &record.key);
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

/* Its pid may soon be another's. */
SEC("?tp_btf/sched_process_exit")
int BPF_PROG(follow_exit, struct task_struct *task)
{
	u32 tgid = task->tgid;

	if (is_last_thread(task))
		bpf_map_delete_elem(&wanted_pids, &tgid);
	return 0;
}

#endif
