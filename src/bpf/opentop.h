/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What the BPF side and userspace agree on. This is the only definition:
 * the Rust types are generated from it.
 */
#ifndef OPENTOP_H
#define OPENTOP_H

/* TASK_COMM_LEN, stable since 2.6. */
#define COMM_LEN 16

/* PATH_MAX: no name the kernel accepts is longer, its NUL included. */
#define NAME_LEN 4096

/* NAME_MAX: the longest single directory name. */
#define COMPONENT_LEN 255

/* The largest mode that an event can hold; those of files go up to 07777. */
#define MODE_MAX 0xffff

/* By which call the file was opened, or from OP_STAT on only looked up. */
enum op {
	OP_OPEN,
	OP_OPENAT,
	OP_OPENAT2,
	OP_CREAT,
	OP_OPEN_BY_HANDLE_AT,
	OP_IO_URING,
	OP_EXEC,
	OP_KERNEL,
	OP_STAT,
	OP_ACCESS,
	OP_READLINK,
};

/*
 * What is to be known about an event, and the name and the directory that
 * follow it.
 */
enum event_flags {
	/* the name could not be read (EFAULT) */
	EVENT_NAME_UNREADABLE = 1 << 0,
	/* the name is longer than what follows */
	EVENT_NAME_CUT = 1 << 1,
	/* the name is relative to the directory */
	EVENT_RELATIVE = 1 << 2,
	/* ... which is no directory descriptor */
	EVENT_DIR_UNKNOWN = 1 << 3,
	/* ... which lies deeper than the walk goes */
	EVENT_DIR_CUT = 1 << 4,
	EVENT_DIR_DELETED = 1 << 5, /* ... which is deleted */
	/* ... which the process's root does not contain */
	EVENT_DIR_OUTSIDE = 1 << 6,
	/* the directory part is the opened file's own path */
	EVENT_FROM_FILE = 1 << 7,
	/* the hook sees the open, not its descriptor */
	EVENT_FD_UNKNOWN = 1 << 8,
	EVENT_COMPAT = 1 << 9, /* a 32-bit call on a 64-bit kernel */
	/* io_uring: the arguments; the result comes in another record */
	EVENT_SUBMITTED = 1 << 10,
	/* io_uring: the result; the arguments come in another record */
	EVENT_COMPLETED = 1 << 11,
	/* the opened file lies deeper than the walk goes */
	EVENT_REAL_CUT = 1 << 12,
	/* ... is deleted, or never had a name */
	EVENT_REAL_DELETED = 1 << 13,
	/* ... is one that the process's root does not contain */
	EVENT_REAL_OUTSIDE = 1 << 14,
	/* ... has its own path at the end of the record */
	EVENT_REAL = 1 << 15,
};

/*
 * One open. Behind it lie `name_len` bytes of name, `opened_len` bytes of the
 * opened file's own last name (fewer if a NUL ends it), `dir_len` bytes of
 * directory: its components from the innermost outwards, each ended by a NUL;
 * and in the same way `real_len` bytes of the opened file's own path. Times are
 * CLOCK_MONOTONIC nanoseconds, ids are those of the initial namespaces.
 */
struct open_event {
	unsigned long long ts_ns;
	/* when the process started: tells a reused pid */
	unsigned long long start_ns;
	unsigned long long cgroup; /* id in the default (v2) hierarchy */
	/* from entry to result; 0: not measured */
	unsigned long long latency_ns;
	/* io_uring: joins the two records of an open; else, or if unknown, 0 */
	unsigned long long uring_key;
	unsigned long long flags; /* 32 bits of them but for openat2() */
	unsigned int pid;
	unsigned int tid;
	unsigned int ppid;
	unsigned int uid;
	int ret; /* descriptor, or negative errno */
	unsigned short mode;
	unsigned short event_flags;
	unsigned short name_len;
	unsigned short dir_len;
	unsigned short real_len;
	unsigned char op;
	unsigned char opened_len;
	char comm[COMM_LEN];
	/* of the group leader; empty: it is this thread */
	char leader_comm[COMM_LEN];
};

/*
 * A process, not a pid: the start time keeps the next owner of the pid apart.
 */
struct process_key {
	unsigned long long start_ns;
	unsigned int pid;
	unsigned int pad;
};

/* What a process has opened while it was in a cgroup. */
struct cgroup_count {
	unsigned long long cgroup; /* id; 0: none yet */
	unsigned long long succeeded;
	unsigned long long failed;
};

/*
 * Most processes stay in the cgroup of their first open, or are moved once by
 * who starts them, into that of a service or a container. Opens in further ones
 * are counted in the last of these, which names none.
 */
enum { CGROUP_FIRST, CGROUP_NEXT, CGROUP_OTHERS, CGROUPS_COUNTED };

struct process_count {
	struct cgroup_count in[CGROUPS_COUNTED];
	unsigned int uid;
	unsigned int ppid;
	char comm[COMM_LEN]; /* of the group leader, at the last open */
	unsigned int ended; /* the count is final */
	unsigned int pad;
};

/* What the iterator over the processes writes of each. */
struct process_record {
	struct process_key key;
	struct process_count count;
};

/*
 * Processes that ended unseen by any hook, as userspace found out. Each in the
 * slot that the low bits of its pid name; a pid of 0 is none.
 */
#define RETIRED_SLOTS 4096
struct retired {
	struct process_key keys[RETIRED_SLOTS];
};

/* Errors that are counted one by one, and success as 0; the last slot has all others. */
#define ERRNO_SLOTS 544

/* How often opens ended with each error, on one CPU. */
struct errno_counts {
	unsigned long long opens[ERRNO_SLOTS];
};

/*
 * Bounds of the histogram of latencies in nanoseconds; one bucket more is for
 * what took longer.
 */
#define LATENCY_BOUNDS                                                        \
	{                                                                     \
		1000ull, 2500ull, 5000ull, 10000ull, 25000ull, 100000ull,     \
			1000000ull, 10000000ull, 100000000ull, 1000000000ull, \
			10000000000ull, 60000000000ull                        \
	}
#define LATENCY_BUCKETS 13

/* How long opens took, on one CPU. */
struct latency_counts {
	unsigned long long sum_ns;
	unsigned long long opens[LATENCY_BUCKETS];
};

/* CPUs with counts of their own; with more of them some share. */
#define CPU_SLOTS 32

enum result {
	RESULT_ANY,
	RESULT_FAILED,
	RESULT_OK,
};

/* Which opens to report. Zero in one of the first five disables the check. */
struct filter {
	unsigned char active; /* 0: report every open, look no further */
	unsigned char by_pid; /* only the processes in the map wanted_pids */
	unsigned char by_uid; /* only the users in the map wanted_uids */
	unsigned char by_errno; /* only the errors in the map wanted_errnos */
	/* only the cgroup in the map wanted_cgroup, and below */
	unsigned char by_cgroup;
	/* the one that reports, while two are attached */
	unsigned char hook_set;
	unsigned char show_self; /* opentop's own opens, too */
	unsigned char pad;
	enum result result;
};

/* Why opens are missing from the stream or from the per-process counts. */
struct totals {
	unsigned long long dropped; /* no room in the ring buffer */
	unsigned long long overflow; /* no room in the map of processes */
	unsigned long long cgroup; /* counted for a process, and no cgroup */
	unsigned long long ended; /* processes of the map that have ended */
	unsigned long long filtered; /* left out by a filter in the kernel */
	/* opentop's own, shown or not: the self-test looks for them */
	unsigned long long own;
	unsigned long long hidden; /* opentop's own that are not shown */
	/* results of requests that are not known any more */
	unsigned long long io_uring;
	/* descendants that found no room in the map of wanted processes */
	unsigned long long tree;
	/* look-ups, which nothing above counts: all, and those that failed */
	unsigned long long lookups;
	unsigned long long lookups_failed;
	/* ... for which there was no room, or whose request was forgotten */
	unsigned long long lookups_dropped;
	unsigned long long lookups_filtered;
	/* opentop's own, which `lookups` has only where they are shown */
	unsigned long long lookups_own;
};

#endif
