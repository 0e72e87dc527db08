/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What the kernel side and the user side share while running. */
#ifndef OPENTOP_MAPS_H
#define OPENTOP_MAPS_H

/* Set by the user side before loading: the process that nobody wants to see. 0: none. */
const volatile u32 self_tgid = 0;

/* Set by the user side before loading: the programs at entry are there and fill the map entered. */
const volatile bool measure_latency = false;

/* Names the record's type in BTF, from which the Rust type is generated. */
const struct open_event *unused_open_event __attribute__((unused));

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} events SEC(".maps");

/* Preallocated: nothing is gained by allocating late, and an LRU map would evict silently. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
	__type(key, struct process_key);
	__type(value, struct process_count);
} processes SEC(".maps");

/* Each a map of one element: programs reach it without a look-up, the user side reads or writes it as a whole. */
struct totals totals SEC(".bss.totals");

/* What to report; the user side may change it at any time. */
struct filter filter SEC(".bss.filter");

struct wanted_ids {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, u32);
	__type(value, u8);
} wanted_pids SEC(".maps"), wanted_uids SEC(".maps"), wanted_errnos SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} wanted_cgroup SEC(".maps");

/* When the call that a thread is in began. Only filled where latency is measured. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, u32);
	__type(value, u64);
} entered SEC(".maps");

#endif
