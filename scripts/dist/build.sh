# Sourced by dist.sh: the static binary, with the list of what it was made of inside (cargo auditable). Needs the variables
# of dist.sh.
# shellcheck shell=bash disable=SC2154

# Prints the binary's path.
build_static() {
	local tool=(cargo)
	if cargo auditable --version >/dev/null 2>&1; then tool=(cargo auditable); fi
	if [ "$rust_arch" = "$(rustc -vV | sed -n 's/^host: //p')" ]; then
		RUSTFLAGS=$static CFLAGS=$c_flags "${tool[@]}" build --release --locked --bin opentop --target "$rust_arch" \
			--target-dir "$target/static" >&2
		echo "$target/static/$rust_arch/release/opentop"
	else
		# In a Debian with a cross compiler, as for the virtual machines; it has no cargo-auditable.
		debian_arch=arm64 work=$target/kernels/arm64
		mkdir -p "$work/apt"
		. scripts/vm/debian.sh
		. scripts/vm/arm64.sh
		{ update_lists && make_sysroot && make_builder && cargo_for_arm64 build --release --locked --bin opentop; } >&2
		echo "$target/arm64/$rust_arch/release/opentop"
	fi
}
