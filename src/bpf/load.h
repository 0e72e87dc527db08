/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Kernel memory, as cheaply as the kernel allows: where the verifier knows the type of a pointer its fields are loaded
 * directly, elsewhere by a probe read, which costs ten times as much. The conditions are constants, to the compiler or
 * to the verifier, and the other branch is dropped.
 */
#ifndef OPENTOP_LOAD_H
#define OPENTOP_LOAD_H

/* `ptr` is taken first: within bpf_core_read() our own structs on the way to it would be relocated too. */
#define READ(direct, ptr, field)                                                                                       \
	({                                                                                                             \
		typeof(ptr) __ptr = (ptr);                                                                             \
		typeof(__ptr->field) __value;                                                                          \
		if (direct)                                                                                            \
			__value = __ptr->field;                                                                        \
		else                                                                                                   \
			bpf_core_read(&__value, sizeof(__value), &__ptr->field);                                       \
		__value;                                                                                               \
	})

/* The current task is typed since 5.11. */
#define TYPED_TASK bpf_core_enum_value_exists(enum bpf_func_id___opentop, BPF_FUNC_get_current_task_btf___opentop)
#define LOAD(ptr, field) READ(TYPED_TASK, ptr, field)

static __always_inline struct task_struct *current_task(void)
{
	if (TYPED_TASK)
		return (void *)bpf_get_current_task_btf();
	return (void *)bpf_get_current_task();
}

static __always_inline u32 uid_of(struct task_struct *task)
{
	struct cred *cred = LOAD(task, cred);

	return LOAD(cred, uid.val);
}

static __always_inline u32 parent_of(struct task_struct *task)
{
	struct task_struct *parent = LOAD(task, real_parent);

	return LOAD(parent, tgid);
}

static __always_inline u64 cgroup_of(struct task_struct *task)
{
	struct css_set *set = LOAD(task, cgroups);
	struct cgroup *cgroup = LOAD(set, dfl_cgrp);
	struct kernfs_node *kn = LOAD(cgroup, kn);

	return LOAD(kn, id);
}

static __always_inline void copy_comm(char *to, struct task_struct *task)
{
	if (TYPED_TASK) {
		for (int i = 0; i < COMM_LEN; i++)
			to[i] = task->comm[i];
	} else {
		bpf_core_read(to, COMM_LEN, &task->comm);
	}
}

/* Any pointer can be given a type since 6.2. */
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;

#define TYPED_ANY bpf_ksym_exists(bpf_rdonly_cast)
#define WALK(ptr, field) READ(TYPED_ANY, ptr, field)
#define TYPED(ptr) (TYPED_ANY ? (typeof(ptr))bpf_rdonly_cast(ptr, bpf_core_type_id_kernel(typeof(*(ptr)))) : (ptr))

#endif
