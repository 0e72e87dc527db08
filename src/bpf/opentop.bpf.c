// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * Every open, as the kernel answers it.
 *
 * A hook collects the arguments (struct open_args) and calls report(), which
 * filters, reserves a record in the ring buffer, writes who opens into it,
 * counts the open for that process, and adds the name. Where the ring is full
 * it still counts. Nobody is woken; userspace looks every few milliseconds.
 */
#include "core_types.h"
#include <bpf/bpf_helpers.h>
#include "hooks/syscall.h"
#include "hooks/exec.h"
#include "hooks/kernel.h"
#include "hooks/io_uring.h"
#include "hooks/process.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";
