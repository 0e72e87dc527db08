/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The directory that a relative name starts from, as components from the innermost outwards.
 *
 * The walk does what d_path() does: up the parents, across mounts, until the process's root. It takes no locks; a
 * directory that is being renamed at this very moment can come out under its old or new name.
 */
#ifndef OPENTOP_PATH_H
#define OPENTOP_PATH_H

/* Most components that a walk takes, mounts crossed included. A path of PATH_MAX can have 2,047. */
#define WALK_MAX 256

struct place {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

static __always_inline struct mount *real_mount(struct vfsmount *mnt)
{
	return (void *)mnt - bpf_core_field_offset(struct mount, mnt);
}

static __always_inline struct file *file_of(struct files_struct *files, int fd)
{
	struct fdtable *fdt;
	struct file **slot, *file = NULL;

	files = TYPED(files);
	fdt = WALK(files, fdt);
	if (fd < 0 || (u32)fd >= WALK(fdt, max_fds))
		return NULL;
	slot = WALK(fdt, fd);
	bpf_probe_read_kernel(&file, sizeof(file), slot + fd);
	return file;
}

enum walk {
	WALK_DONE,
	WALK_NO_ROOM, /* a larger record would hold it */
};

/*
 * Appends the components of `at` behind data[*len]. `cap` is how long the data may be before one more component of at
 * most `component` bytes, NUL included, is added; data is that much longer. Both are constants.
 */
static __always_inline enum walk walk_up(struct place at, struct place root, char *data, u32 cap, u32 component,
					 volatile u16 *len, volatile u16 *mark)
{
	for (int i = 0; i < WALK_MAX; i++) {
		struct dentry *parent;
		u32 used = *len;
		long n;

		if (at.dentry == root.dentry && at.mnt == root.mnt)
			return WALK_DONE;
		if (at.dentry == WALK(at.mnt, mnt_root)) {
			struct mount *mount = TYPED(real_mount(at.mnt));
			struct mount *up = WALK(mount, mnt_parent);

			if (up == mount) {
				*mark |= MARK_DIR_OUTSIDE;
				return WALK_DONE;
			}
			at.dentry = WALK(mount, mnt_mountpoint);
			at.mnt = TYPED((struct vfsmount *)((void *)up + bpf_core_field_offset(struct mount, mnt)));
			continue;
		}
		parent = WALK(at.dentry, d_parent);
		if (parent == at.dentry) {
			*mark |= MARK_DIR_OUTSIDE;
			return WALK_DONE;
		}
		if (used > cap) {
			if (component <= COMPONENT_LEN)
				return WALK_NO_ROOM;
			*mark |= MARK_DIR_CUT;
			return WALK_DONE;
		}
		n = bpf_probe_read_kernel_str(data + used, component, WALK(at.dentry, d_name.name));
		if (n < 0) {
			*mark |= MARK_DIR_CUT;
			return WALK_DONE;
		}
		if (n == component && component <= COMPONENT_LEN)
			return WALK_NO_ROOM;
		*len = used + n;
		at.dentry = parent;
	}
	*mark |= MARK_DIR_CUT;
	return WALK_DONE;
}

/* d_unlinked() of the kernel. */
static __always_inline bool is_deleted(struct dentry *dentry)
{
	return !WALK(dentry, d_hash.pprev) && WALK(dentry, d_parent) != dentry;
}

#endif
