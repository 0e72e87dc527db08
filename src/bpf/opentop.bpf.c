// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * Every open, as the kernel answers it.
 *
 * A hook collects what was asked (struct request) and calls report(), which filters, reserves a record in the ring
 * buffer, writes who opens into it, counts the open for that process, and adds the name. Where the ring is full it still
 * counts. Nobody is woken; the user side looks every few milliseconds.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "opentop.h"
#include "maps.h"
#include "load.h"
#include "path.h"
#include "opener.h"
#include "emit.h"
#include "syscall.h"
#include "signal.h"
#include "hooks/syscall.h"
#include "hooks/exec.h"
#include "hooks/kernel.h"
#include "hooks/io_uring.h"
#include "hooks/process.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";
