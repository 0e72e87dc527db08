# Sourced by kernels.sh: makes the initramfs of the guests and boots it. Needs $work, $qemu, $machine, $console, $busybox.
# shellcheck shell=bash

# Copies a program to where it lies on this machine, without its debug information, and the libraries that it needs.
add_program() {
	local root=$1 program=$2 library
	mkdir -p "$root$(dirname "$program")"
	strip -o "$root$program" "$program" 2>/dev/null || cp "$program" "$root$program"
	for library in $(ldd "$program" 2>/dev/null | grep -o '/[^ ]*'); do
		[ -e "$root$library" ] || install -D "$(readlink -f "$library")" "$root$library"
	done
}

# make_initramfs FILE PROGRAM...: busybox, the programs and tests/vm/init.
make_initramfs() {
	local file=$1 root=$work/root program
	shift
	rm -rf "$root" && mkdir -p "$root"
	install -D "$busybox" "$root/bin/busybox"
	install tests/vm/init "$root/init"
	for program in "$@"; do add_program "$root" "$program"; done
	(cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet | gzip -1) >"$file"
}

# boot IMAGE INITRAMFS SECONDS ARGS: prints what the guest says. There is no nested KVM to rely on: always emulated, and
# so slow on a busy machine that the kernel would complain, in the middle of our lines.
boot() {
	local quiet="nowatchdog rcupdate.rcu_cpu_stall_suppress=1"
	timeout "$3" "$qemu" "${machine[@]}" -accel tcg -smp 2 -m 768 -nodefaults -no-reboot -display none \
		-serial stdio -kernel "$1" -initrd "$2" -append "console=$console panic=-1 quiet $quiet $4" </dev/null 2>&1 |
		sed -u 's/\r//'
}

# Prints the table's rows from a guest's log, and on stderr what was bad; fails then, and where the guest did not end.
print_rows() {
	local name
	name=$(sed -n 's/^RESULT guest //p' "$1")
	sed -n "s/^RESULT row /| ${name:-?} | /p" "$1" | sed 's/$/ |/'
	sed -n "s/^RESULT bad /${name%% *}: /p" "$1" >&2
	grep -q '^RESULT end' "$1" || echo "${name:-$1} did not come to its end: see $1" >&2
	grep -q '^RESULT end' "$1" && ! grep -q '^RESULT bad' "$1"
}
