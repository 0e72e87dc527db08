/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What the BPF side and userspace share while running. */
#ifndef OPENTOP_MAPS_H
#define OPENTOP_MAPS_H

#include "core_types.h"
#include <bpf/bpf_helpers.h>
#include "opentop.h"

/* Set by userspace before loading: which hook set these programs are. */
const volatile u8 hook_set = 0;

/*
 * Set by userspace before loading: the programs at entry are there and fill the
 * map enter_ts.
 */
const volatile bool measure_latency = false;

/* Set by userspace before loading: the opened file's own path is wanted. */
const volatile bool resolve = false;

/*
 * Set by userspace before loading: nothing is asked for but the counts, and
 * nothing is written into the ring.
 */
const volatile bool counts_only = false;

/* Set by userspace before loading: the kernel has bpf_rdonly_cast(). */
const volatile bool can_cast = false;

/* Names types in BTF, from which the Rust types are generated. */
const struct open_event *unused_open_event __attribute__((unused));
const struct process_record *unused_process_record __attribute__((unused));

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} events SEC(".maps");

/*
 * Preallocated: nothing is gained by allocating late, and an LRU map would
 * evict silently.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
	__type(key, struct process_key);
	__type(value, struct process_count);
} processes SEC(".maps");

/*
 * Each a map of one element: programs reach it without a look-up, userspace
 * reads or writes it as a whole.
 */
struct totals totals SEC(".bss.totals");

/* By CPU, so that CPUs do not wait for each other. */
struct errno_counts errno_counts[CPU_SLOTS] SEC(".bss.errnos");

/*
 * How long opens took, by CPU too. Only filled where latency is measured and
 * nothing but counts is asked for.
 */
struct latency_counts latency_counts[CPU_SLOTS] SEC(".bss.latency");

/* Written by userspace, for whoever reads the processes next to remove them. */
struct retired retired SEC(".bss.retired");

/* What to report; userspace may change it at any time. */
struct filter filter SEC(".bss.filter");

/*
 * Opentop's own process as the kernel numbers it, which in a pid namespace is
 * not what getpid() says.
 */
u32 own_tgid SEC(".bss.own");

/*
 * Set by userspace before loading: follow the children of opentop, of which the
 * command is one.
 */
const volatile bool follow_own = false;

#define IDS(entries)                             \
	struct {                                 \
		__uint(type, BPF_MAP_TYPE_HASH); \
		__uint(max_entries, entries);    \
		__type(key, u32);                \
		__type(value, u8);               \
	}
IDS(131072) wanted_pids SEC(".maps");
IDS(1024) wanted_uids SEC(".maps");
IDS(1024) wanted_errnos SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} wanted_cgroup SEC(".maps");

/* Calls of one thread. */
struct entered {
	u64 ts; /* enter timestamp of the one under way; 0: not known */
	/* ... of one that is interrupted and is to be made again; 0: none is */
	u64 first_ts;
	u64 sp, ip; /* ... and where that is: stack, next instruction */
	u64 is_next; /* ... no signal handler comes before it */
};

/*
 * Enter timestamps of a thread, by its task, which unlike its pid stays the
 * same when it starts a program. Only filled where latency is measured. A thread
 * that never returns from its call leaves it behind, and anybody can have any
 * number of those: the least recently used go.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, u64);
	__type(value, struct entered);
} enter_ts SEC(".maps");

/*
 * Opens by io_uring that are under way: the key that joins their two records,
 * by request. Requests can be left in it for ever (they need not be completed
 * visibly), and anybody can have any number pending: the least recently used
 * go, and a result that finds its request gone is counted as lost.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, u64);
	__type(value, u64);
} submitted SEC(".maps");

#endif
