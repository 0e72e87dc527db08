/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Requests to io_uring: what joins the record of one that is submitted with
 * that of its result.
 */
#ifndef OPENTOP_URING_H
#define OPENTOP_URING_H

#include "core_types.h"
#include <bpf/bpf_helpers.h>
#include "maps.h"

/*
 * The kernel reuses its requests; with the time in it a key names one of them.
 * Addresses and times alone differ in the same few bits: multiplied by an odd
 * number (the golden ratio's) the addresses differ in all of them.
 */
static __always_inline u64 key_of(u64 now, u64 id)
{
	return now + id * 0x9e3779b97f4a7c15ull;
}

/* When the request with this key was submitted; 0: its key is not known. */
static __always_inline u64 submitted_at(u64 key, u64 id)
{
	return key ? key - key_of(0, id) : 0;
}

/*
 * Whether a result can be that of a request which was refused before it was
 * submitted, so that nobody has read a name: what io_uring's own checks of a
 * request return. Everything else was submitted.
 */
static __always_inline bool may_be_refused(int res)
{
	return res == -EBADF || res == -ENOMEM || res == -EFAULT ||
	       res == -EINVAL || res == -ENAMETOOLONG || res == -ECANCELED;
}

/* The key of a request that is now complete; 0: the arguments are not known. */
static __always_inline u64 take_key(u64 id)
{
	u64 *entry = bpf_map_lookup_elem(&submitted, &id), key;

	if (!entry)
		return 0;
	key = *entry;
	bpf_map_delete_elem(&submitted, &id);
	return key;
}

#endif
