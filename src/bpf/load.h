/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Kernel memory, as cheaply as the kernel allows: where the verifier knows the
 * type of a pointer its fields are loaded directly, elsewhere by a probe read,
 * which costs ten times as much. Which of them is settled when a program is
 * compiled, or by one condition for all that follows: each takes the verifier
 * time, and the start of opentop.
 */
#ifndef OPENTOP_LOAD_H
#define OPENTOP_LOAD_H

#include "core_types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "opentop.h"
#include "maps.h"

/*
 * `ptr` is taken first: within bpf_core_read() our own structs on the way to it
 * would be relocated too.
 */
#define READ(direct, ptr, field)                                 \
	({                                                       \
		typeof(ptr) __ptr = (ptr);                       \
		typeof(__ptr->field) __value;                    \
		if (direct)                                      \
			__value = __ptr->field;                  \
		else                                             \
			bpf_core_read(&__value, sizeof(__value), \
				      &__ptr->field);            \
		__value;                                         \
	})

/* What the verifier knows the type of. */
enum known {
	KNOWN_NONE, /* before 5.17; of the task, it could since 5.11 */
	KNOWN_TASK,
	KNOWN_ALL, /* since 6.2, where can_cast */
};

#define LOAD(known, ptr, field) READ((known) >= KNOWN_TASK, ptr, field)
#define WALK(known, ptr, field) READ((known) == KNOWN_ALL, ptr, field)

static __always_inline struct task_struct *current_task(enum known known)
{
	if (known >= KNOWN_TASK)
		return (void *)bpf_get_current_task_btf();
	return (void *)bpf_get_current_task();
}

/*
 * Any pointer can be given a type since 6.2, by the kernel function
 * bpf_rdonly_cast() behind bpf_core_cast(). Programs for which KNOWN_NONE must
 * not name it at all: kernels before 5.13 refuse them even where they never
 * call it.
 */
#define CAST(ptr) bpf_core_cast(ptr, typeof(*(ptr)))
#define TYPED(known, ptr) ((known) == KNOWN_ALL ? CAST(ptr) : (ptr))

/*
 * The same pointer with the type that it has, if its own is of no use and the
 * kernel can give it another.
 */
#define RETYPED(known, ptr)                                            \
	((known) == KNOWN_ALL || ((known) == KNOWN_TASK && can_cast) ? \
		 CAST(ptr) :                                           \
		 (ptr))

/*
 * The same task, to follow its pointers from. Those of the trusted task that
 * the kernel hands out load a little faster, but for each pointer in it the
 * verifier looks for a rule in the types of the whole kernel: a millisecond a
 * time.
 */
static __always_inline struct task_struct *untrusted(enum known known,
						     struct task_struct *task)
{
	return RETYPED(known, task);
}

/* As two words: byte by byte is what the compiler makes of a copy. */
static __always_inline void store_comm(char *to, const char *comm)
{
	((u64 *)to)[0] = ((const u64 *)comm)[0];
	((u64 *)to)[1] = ((const u64 *)comm)[1];
}

static __always_inline void copy_comm(enum known known, char *to,
				      struct task_struct *task)
{
	if (known >= KNOWN_TASK)
		store_comm(to, task->comm);
	else
		bpf_core_read(to, COMM_LEN, &task->comm);
}

/*
 * A pointer as a number: the verifier lets nobody calculate with a pointer, or
 * hand it to a function that takes numbers.
 */
static __always_inline u64 number_of(const void *ptr)
{
	u64 number = 0;

	bpf_probe_read_kernel(&number, sizeof(number), &ptr);
	return number;
}

/*
 * Makes the verifier forget what it knows of `value`, with the help of a number
 * that it knows nothing about: what comes next it then follows once, not once
 * for each value.
 */
#define FORGET(value, unknown) \
	asm volatile("%0 ^= %1\n\t%0 ^= %1" : "+r"(value) : "r"(unknown))

#endif
