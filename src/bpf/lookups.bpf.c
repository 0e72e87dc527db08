// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * Files that are looked up by name and not opened: stat, access and readlink.
 *
 * An object of its own, loaded only when look-ups are asked for, with the maps
 * of the other one. They are counted apart from opens, and not by process.
 */
#include "core_types.h"
#include <bpf/bpf_helpers.h>
#include "hooks/lookup.h"
#include "hooks/lookup_uring.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";
