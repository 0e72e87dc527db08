# Sourced by kernels.sh: programs for arm64, built in a Debian of their own, since few machines have Rust's and C's
# libraries for it. Needs root, $work, $target and private_apt for arm64.
# shellcheck shell=bash

sysroot=$work/sysroot
builder=$work/builder
rust_target=aarch64-unknown-linux-gnu

# Makes the Debian with the compilers, once. Forky is the first whose Rust is new enough.
make_builder() {
	[ -e "$builder/made" ] && return
	command -v mmdebstrap >/dev/null || install_on_host mmdebstrap || return
	echo "making a Debian with compilers for arm64, below $builder" >&2
	local packages=cargo,rustc,libstd-rust-dev:arm64,gcc,libc6-dev,gcc-aarch64-linux-gnu,libc6-dev:arm64
	packages+=,clang,make,pkgconf,libelf-dev,zlib1g-dev,ca-certificates
	rm -rf "$builder"
	mmdebstrap --quiet --variant=apt --architectures=amd64,arm64 --aptopt='Acquire::Check-Valid-Until "false"' \
		--include="$packages" forky "$builder" "$(mirror)" >&2 && touch "$builder/made"
}

# Fetches what is linked in and what runs in the guests. Later versions of libelf.a want more libraries.
make_sysroot() {
	local package
	[ -e "$sysroot/made" ] && return
	rm -rf "$sysroot" "$work/deb" && mkdir -p "$sysroot" "$work/deb"
	for package in libelf-dev zlib1g-dev busybox-static; do
		(cd "$work/deb" && private_apt apt-get download "$package/bookworm" >&2) || return
	done
	for package in "$work"/deb/*.deb; do dpkg-deb -x "$package" "$sysroot"; done
	touch "$sysroot/made"
}

# in_builder COMMAND...: runs it there, in this directory. The mounts are gone when it has ended.
in_builder() {
	local home=${CARGO_HOME:-$HOME/.cargo}
	# shellcheck disable=SC2016 # the inner shell's own variables
	unshare --mount bash -euc '
		builder=$1 directory=$2
		for each in /dev /proc "$2" "$3" "$4"; do
			mkdir -p "$builder$each"
			mount --bind "$each" "$builder$each"
		done
		shift 4
		exec chroot "$builder" env --chdir="$directory" "$@"' bash "$builder" "$PWD" "$target" "$home" \
		-i PATH=/usr/bin:/bin HOME=/root CARGO_HOME="$home" "$@"
}

# cargo_for_arm64 COMMAND...: cargo there, for static programs. What they need is fetched by this machine's own cargo.
cargo_for_arm64() {
	local env=${rust_target//-/_}
	cargo fetch --quiet --locked >&2
	in_builder RUSTFLAGS="-C target-feature=+crt-static ${remap:-}" CFLAGS="${c_flags:-}" CARGO_PROFILE_DEV_STRIP=symbols \
		${SOURCE_DATE_EPOCH:+"SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH"} ${OPENTOP_COMMIT:+"OPENTOP_COMMIT=$OPENTOP_COMMIT"} \
		"CARGO_TARGET_${env^^}_LINKER=aarch64-linux-gnu-gcc" "CC_$env=aarch64-linux-gnu-gcc" "AR_$env=aarch64-linux-gnu-ar" \
		"LIBBPF_SYS_LIBRARY_PATH_$env=$sysroot/usr/lib/aarch64-linux-gnu" \
		cargo "$@" --offline --target "$rust_target" --target-dir "$target/arm64"
}

# Builds all that runs in the guests, and prints the paths.
build_for_arm64() {
	cargo_for_arm64 build --bin opentop --examples --test guest --message-format=json-render-diagnostics
}
