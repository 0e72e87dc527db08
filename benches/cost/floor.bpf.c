// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * The least that a tracer at syscall exit can do: nothing at all; one record
 * with the name for each openat; the same, with the time and with a count for
 * the process, as opentop promises. What opentop costs above this is its own
 * doing.
 */
#include "../../src/bpf/core_types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "../../src/bpf/opentop.h"

#if defined(__TARGET_ARCH_x86)
#define SYSCALL_OPENAT 257
#define SYSCALL_NR(regs) ((regs)->orig_ax)
#define NAME(regs) ((regs)->si)
#elif defined(__TARGET_ARCH_arm64)
#define SYSCALL_OPENAT 56
#define SYSCALL_NR(regs) ((regs)->syscallno)
#define NAME(regs) ((regs)->regs[1])
#endif

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* As large as opentop's record of a name of usual length. */
struct record {
	struct open_event event;
	char name[136];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} events SEC(".maps");

SEC("?tp_btf/sys_exit")
int BPF_PROG(empty, struct pt_regs *regs, long ret)
{
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
	__type(key, struct process_key);
	__type(value, struct process_count);
} processes SEC(".maps");

static __always_inline void count(const struct process_key *key)
{
	struct process_count fresh = {},
			     *c = bpf_map_lookup_elem(&processes, key);

	if (c)
		__sync_fetch_and_add(&c->in[0].succeeded, 1);
	else
		bpf_map_update_elem(&processes, key, &fresh, BPF_NOEXIST);
}

static __always_inline int emit(struct pt_regs *regs, bool counted)
{
	struct process_key key = {};
	struct record *r;

	if (SYSCALL_NR(regs) != SYSCALL_OPENAT)
		return 0;
	if (counted) {
		key.pid = bpf_get_current_pid_tgid() >> 32;
		count(&key);
	}
	r = bpf_ringbuf_reserve(&events, sizeof(*r), 0);
	if (!r)
		return 0;
	if (counted)
		r->event.ts_ns = bpf_ktime_get_ns();
	bpf_probe_read_user_str(r->name, sizeof(r->name),
				(const void *)NAME(regs));
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
	return 0;
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(record, struct pt_regs *regs, long ret)
{
	return emit(regs, false);
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(counted, struct pt_regs *regs, long ret)
{
	return emit(regs, true);
}
