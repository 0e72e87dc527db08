#!/usr/bin/env bash
# opentop on other kernels: boots them in virtual machines, made from Debian's packages alone, and prints a markdown
# table of what each made of it. Fails if opens are lost unreported, or a way to open is not seen, on any of them.
# kernels.sh [--short | [arm64] SERIES...]: a series is "6.12", or "7" for the newest 7.x.
set -euo pipefail
cd "$(dirname "$0")/.."

debian_arch=amd64
qemu="qemu-system-x86_64"
qemu_package="qemu-system-x86"
machine=()
console=ttyS0
target=$PWD/${CARGO_TARGET_DIR:-target}
work=$target/kernels
short=
series=(5.10 6.1 6.12 6.18 7)
build=(--release --target "$(rustc -vV | sed -n 's/^host: //p')" --target-dir "$target/static")
if [ "${1:-}" = arm64 ]; then
	debian_arch=arm64
	qemu="qemu-system-aarch64"
	qemu_package="qemu-system-arm"
	machine=(-M virt -cpu cortex-a72)
	console=ttyAMA0
	work=$work/arm64
	series=(6.12)
	shift
fi
mkdir -p "$work/apt"
. scripts/vm/debian.sh
. scripts/vm/guest.sh
. scripts/vm/arm64.sh

if [ "${1:-}" = --short ]; then
	# A kernel that cannot be preempted, and one that can, with what the tests have built already.
	series=(6.1 7)
	suites="bookworm trixie-backports"
	build=()
	short=short=1
elif [ $# -gt 0 ]; then
	series=("$@")
fi

# Builds what runs in the guests, and prints the paths.
build_programs() {
	if [ "$debian_arch" = arm64 ]; then
		build_for_arm64
	else
		[ ${#build[@]} = 0 ] || export RUSTFLAGS="-C target-feature=+crt-static"
		cargo build --bin opentop --examples --test guest "${build[@]}" --message-format=json-render-diagnostics
	fi | sed -n 's/.*"executable":"\([^"]*\)".*/\1/p'
}

# The ways to be preempted that a kernel image is to be booted with.
preemption_models() {
	echo default
	if [ -z "$short" ] && grep -aq PREEMPT_DYNAMIC "$1"; then echo full; fi
}

# Where there can be no virtual machines the tests go on without them; whoever asks for them is told by the status.
leave_out() {
	echo "kernels.sh: left out, since $1" >&2
	if [ -n "$short" ]; then exit 0; else exit 1; fi
}

[ -n "$(mirror)" ] || leave_out "the virtual machines are made from Debian's packages, and apt knows no mirror of Debian here"
install_qemu || leave_out "$qemu_package, busybox-static and cpio are not here and cannot be installed"
update_lists
busybox=$(command -v busybox)
if [ "$debian_arch" = arm64 ]; then
	[ "$(id -u)" = 0 ] || leave_out "building for arm64 in a Debian of its own needs root"
	if ! make_sysroot || ! make_builder; then leave_out "what builds for arm64 cannot be fetched"; fi
	busybox=$sysroot/bin/busybox
fi
mapfile -t programs < <(build_programs)
guest=$(printf '%s\n' "${programs[@]}" | grep '/guest-')
make_initramfs "$work/initramfs" "${programs[@]}"

echo "| kernel | preemption | hooks (bold: chosen) | ways seen | opens made | seen | reported missed | reported dropped | unrelated call |"
echo "|---|---|---|--:|--:|--:|--:|--:|--:|"
failed=0
for each in "${series[@]}"; do
	if ! read -r version image < <(newest_kernel "$each"); then
		echo "no kernel of the series $each can be fetched: left out" >&2
		continue
	fi
	for model in $(preemption_models "$image"); do
		log=$work/log-$version-$model
		[ "$model" = default ] && option='' || option=preempt=$model
		boot "$image" "$work/initramfs" 1800 "guest=$guest $short $option" >"$log" || true
		print_rows "$log" || failed=1
	done
done
exit $failed
