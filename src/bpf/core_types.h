/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The kernel types that opentop looks at, with only the fields that it reads.
 * CO-RE relocates every access to where the running kernel has the field, so
 * neither order nor completeness matters here.
 */
/* libbpf's headers choose the kernel's names of registers by this one. */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __s32 s32;
typedef __u64 u64;
typedef __s64 s64;
typedef _Bool bool;
enum { false, true };
#define NULL ((void *)0)

/* From uapi/linux/bpf.h. */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_CGROUP_ARRAY = 8,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27,
};
enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_RB_NO_WAKEUP = 1,
};

/* From uapi/linux/fcntl.h, openat2.h and errno.h. */
#define AT_FDCWD -100
#define AT_EMPTY_PATH 0x1000
#define O_WRONLY 00000001
#define O_CREAT 00000100
#define O_TRUNC 00001000
#if defined(__TARGET_ARCH_arm64)
#define O_LARGEFILE 00400000
#else
#define O_LARGEFILE 00100000
#endif
#define EINTR 4
#define EBADF 9
#define ENOMEM 12
#define EFAULT 14
#define EINVAL 22
#define ENAMETOOLONG 36
#define ENOSYS 38
#define ECANCELED 125
struct open_how {
	__u64 flags;
	__u64 mode;
	__u64 resolve;
};

/* From uapi/linux/io_uring.h. */
struct io_uring_cqe {
	__u64 user_data;
	__s32 res;
	__u32 flags;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), \
			     apply_to = record)

struct pt_regs {
#if defined(__TARGET_ARCH_x86)
	unsigned long r10, bx, cx, dx, si, di, ax, orig_ax, ip, sp;
#elif defined(__TARGET_ARCH_arm64)
	u64 regs[31];
	u64 sp;
	u64 pc;
	u64 orig_x0;
	s32 syscallno;
#endif
};

#if defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
	__u64 regs[31];
};
#endif

struct qstr {
	unsigned int len;
	const unsigned char *name;
};

struct hlist_bl_node {
	struct hlist_bl_node **pprev;
};

/* Since 6.14; before, the same bytes had no type of their own. */
union shortname_store {
	u64 words[5];
};

struct dentry {
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
	union shortname_store d_shortname; /* where d_name lies if it fits */
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct fs_struct {
	struct path root;
	struct path pwd;
};

struct file {
	struct path f_path;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
	struct file *fd_array[1];
};

struct filename {
	const char *name;
};

struct linux_binprm {
	struct file *file;
	const char *filename;
	const char *interp;
	const char *fdpath; /* 5.9 */
};

/*
 * The arguments of an operation lie at the beginning of the request, in
 * whichever union or array the kernel has there.
 */
struct io_kiocb {
	u8 opcode;
};

struct io_open {
	int dfd;
	u32 file_slot; /* 5.15 */
	struct filename *filename;
	struct open_how how;
};

struct io_statx {
	int dfd;
	u32 flags;
	struct filename *filename;
};

/*
 * 7.0: the name is wrapped, since it may still miss what auditing wants to
 * know.
 */
struct delayed_filename {
	struct filename *__incomplete_filename;
};

struct io_open___wrapped {
	struct delayed_filename filename;
};

struct io_statx___wrapped {
	struct delayed_filename filename;
};

typedef struct {
	s32 counter;
} atomic_t;

/* One word on the 64-bit kernels that opentop knows. */
typedef struct {
	unsigned long sig[1];
} sigset_t;

struct sigpending {
	sigset_t signal;
};

struct sigaction {
	void *sa_handler;
	unsigned long sa_flags;
};

struct k_sigaction {
	struct sigaction sa;
};

struct sighand_struct {
	struct k_sigaction action[64];
};

struct signal_struct {
	atomic_t live;
	struct sigpending shared_pending;
};

typedef struct {
	unsigned int val;
} kuid_t;

struct cred {
	kuid_t uid;
};

struct kernfs_node {
	u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct thread_info {
#if defined(__TARGET_ARCH_x86)
	u32 status;
#else
	unsigned long flags;
#endif
};

struct task_struct {
	struct thread_info thread_info;
	int pid;
	int tgid;
	u64 start_time;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct cred *cred;
	struct signal_struct *signal;
	struct sighand_struct *sighand;
	sigset_t blocked;
	struct sigpending pending;
	char comm[16];
	struct fs_struct *fs;
	struct files_struct *files;
	struct css_set *cgroups;
};

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	void *key;
	void *value;
};

#pragma clang attribute pop

#endif
