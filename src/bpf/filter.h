/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Which opens are reported. */
#ifndef OPENTOP_FILTER_H
#define OPENTOP_FILTER_H

#include "load.h"
#include "maps.h"
#include "opener.h"
#include "opentop.h"

static __always_inline bool wanted(enum known known, struct task_struct *task,
				   int ret)
{
	u32 id, err = -ret;

	if (filter.result == RESULT_FAILED && ret >= 0)
		return false;
	if (filter.result == RESULT_OK && ret < 0)
		return false;
	if (filter.by_errno &&
	    (ret >= 0 || !bpf_map_lookup_elem(&wanted_errnos, &err)))
		return false;
	if (filter.by_uid) {
		id = uid_of(known, untrusted(known, task));
		if (!bpf_map_lookup_elem(&wanted_uids, &id))
			return false;
	}
	if (filter.by_cgroup &&
	    bpf_current_task_under_cgroup(&wanted_cgroup, 0) != 1)
		return false;
	if (filter.by_pid) {
		id = LOAD(known, task, tgid);
		if (!bpf_map_lookup_elem(&wanted_pids, &id))
			return false;
	}
	return true;
}

static __always_inline bool is_self(enum known known, struct task_struct *task)
{
	return LOAD(known, task, tgid) == own_tgid;
}

/* Whether the open is to be reported. */
static __always_inline bool is_reported(enum known known,
					struct task_struct *task, int ret)
{
	if (is_self(known, task)) {
		COUNT(own);
		if (!filter.show_self) {
			COUNT(hidden);
			return false;
		}
	}
	if (filter.active && !wanted(known, task, ret)) {
		COUNT(filtered);
		return false;
	}
	return true;
}

#endif
