/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A program that was started. One that could not be is seen as a failed system
 * call.
 */
#ifndef OPENTOP_HOOKS_EXEC_H
#define OPENTOP_HOOKS_EXEC_H

#include "../core_types.h"
#include <bpf/bpf_tracing.h>
#include "../emit.h"

/* What the kernel makes a name up from, where a program is given by a descriptor. */
#define MADE_UP "/dev/fd/"
/* Of the largest descriptor. */
#define DIGITS_MAX 10

/* The descriptor in a name that is made up, and in the upper half its length. */
__noinline u64 parse_descriptor(u64 made_up)
{
	const char *digits = (const char *)made_up + sizeof(MADE_UP) - 1;
	char digit = 0;
	u64 fd = 0, len;

	for (len = 0; len < DIGITS_MAX; len++) {
		bpf_probe_read_kernel(&digit, sizeof(digit), digits + len);
		if (digit < '0' || digit > '9')
			break;
		fd = fd * 10 + digit - '0';
	}
	return len << 32 | (u32)fd;
}

/*
 * A script by a descriptor: its name is "/dev/fd/N", or "/dev/fd/N/NAME" if that
 * is a directory. Its interpreter is to open that, so the descriptor is still
 * open: the kernel refuses scripts by those that are closed by now. Only another
 * thread can have closed it.
 */
static __always_inline void
name_script(enum known known, struct task_struct *task, struct open_args *args)
{
	u64 name = number_of(args->name), parsed = parse_descriptor(name);
	const char *rest = (void *)name + sizeof(MADE_UP) - 1 + (parsed >> 32);
	struct files_struct *files;
	char slash = 0;

	bpf_probe_read_kernel(&slash, sizeof(slash), rest);
	if (slash) {
		args->dfd = parsed;
		args->name = rest + 1;
		return;
	}
	files = LOAD(known, untrusted(known, task), files);
	args->file = file_of(known, files, parsed);
	args->event_flags |= args->file ? EVENT_FROM_FILE : EVENT_DIR_UNKNOWN;
}

static __always_inline int on_exec(enum known known, struct linux_binprm *bprm)
{
	bool by_descriptor = bpf_core_field_exists(bprm->fdpath) &&
			     LOAD(known, bprm, fdpath);
	u64 unknown = bpf_get_current_pid_tgid();
	struct task_struct *task = current_task(known);
	struct open_args args = {
		.name = LOAD(known, bprm, filename),
		.file = LOAD(known, RETYPED(known, bprm), file),
		.in_kernel = true,
		.dfd = AT_FDCWD,
		.op = OP_EXEC,
		.event_flags = EVENT_FD_UNKNOWN,
	};

	/*
	 * A script's own file is closed by now: what is open is the program
	 * that interprets it, which nobody asked for.
	 */
	if (LOAD(known, bprm, interp) != LOAD(known, bprm, filename)) {
		args.file = NULL;
		if (by_descriptor)
			name_script(known, task, &args);
	} else if (by_descriptor) {
		args.event_flags |= EVENT_FROM_FILE;
	}
	FORGET(args.event_flags, unknown);
	if (measure_latency)
		args.enter_ts = take_enter_ts(known, false, task, NULL);
	report_rare(known, task, &args);
	return 0;
}

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(exec_done, struct task_struct *task, int old_pid,
	     struct linux_binprm *bprm)
{
	return on_exec(KNOWN_TASK, bprm);
}

SEC("?raw_tp/sched_process_exec")
int BPF_PROG(exec_done_without_loops, struct task_struct *task, int old_pid,
	     struct linux_binprm *bprm)
{
	return on_exec(KNOWN_NONE, bprm);
}

/*
 * At setup_new_exec(), from which on there is no way back to the old program. A
 * probe of its own: where the kernel can be preempted, programs at a tracepoint
 * miss what other tasks do while one is interrupted in them.
 */
SEC("?kprobe.multi")
int exec_probed(struct pt_regs *ctx)
{
	struct linux_binprm *bprm = (void *)PT_REGS_PARM1(ctx);

	return on_exec(KNOWN_TASK, CAST(bprm));
}

#endif
