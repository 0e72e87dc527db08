#!/usr/bin/env bash
# Installs what is missing of the groups of the table below: install-deps.sh build|lint|static|bench...
# Says and does nothing when all is there. Uses apt-get or dnf; elsewhere it names what is missing and stops.
set -euo pipefail

# group   what it looks for        apt package     dnf package
table='build     clang                    clang           clang
build     make                     make            make
build     cc                       gcc             gcc
build     pkg-config               pkg-config      pkgconf-pkg-config
build     /usr/include/gelf.h      libelf-dev      elfutils-libelf-devel
build     /usr/include/zlib.h      zlib1g-dev      zlib-devel
lint      clang-format             clang-format    clang-tools-extra
static    libelf.a                 libelf-dev      elfutils-libelf-devel-static
static    libz.a                   zlib1g-dev      zlib-static
static    libc.a                   libc6-dev       glibc-static
test      strace                   strace          strace
test      tmux                     tmux            tmux
test      sshd                     openssh-server  openssh-server
test      ssh                      openssh-client  openssh-clients
test      systemd-analyze          systemd         systemd
test      setpriv                  util-linux      util-linux
test      ip                       iproute2        iproute
test      sudo                     sudo            sudo
test      promtool                 prometheus      golang-github-prometheus
test      prometheus-node-exporter prometheus-node-exporter golang-github-prometheus-node-exporter
deploy    buildah                  buildah         buildah
deploy    podman                   podman          podman
deploy    runc                     runc            runc
deploy    jq                       jq              jq
deploy    pip3                     python3-pip     python3-pip
dist      zstd                     zstd            zstd
bench     opensnoop                libbpf-tools    libbpf-tools
bench     opensnoop.bt             bpftrace        bpftrace
bench     fatrace                  fatrace         fatrace
bench     strace                   strace          strace
bench     tmux                     tmux            tmux'

# A command of root's path, a file, or a library that the C compiler finds.
is_there() {
	case $1 in
	/*) [ -e "$1" ] ;;
	*.a) [ "$(cc -print-file-name="$1" 2>&1)" != "$1" ] ;;
	*) PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null ;;
	esac
}

# The packages of the groups given whose thing is not there, by the name that this system's installer knows.
missing_packages() {
	while read -r group needs apt dnf; do
		[[ " $* " == *" $group "* ]] || continue
		is_there "$needs" && continue
		if command -v apt-get >/dev/null; then echo "$apt"; else echo "$dnf"; fi
	done <<<"$table" | sort -u
}

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

install() {
	echo "installing $*" >&2
	if command -v apt-get >/dev/null; then
		# One broken source of many is no reason to stop: the install tells whether it mattered.
		as_root apt-get -qq update >&2 || true
		as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends "$@" >&2
	elif command -v dnf >/dev/null; then
		as_root dnf -q -y install "$@" >&2
	else
		echo "missing: $*. Neither apt-get nor dnf is here: install these with your system's packages." >&2
		return 1
	fi
}

if ! command -v cargo >/dev/null; then
	echo "missing: cargo. Install Rust 1.91 or newer from https://rustup.rs and try again." >&2
	exit 1
fi

mapfile -t missing < <(missing_packages "$@")
[ ${#missing[@]} = 0 ] || install "${missing[@]}"

# What packs, from crates.io: built once, into cargo's own directory.
if [[ " $* " == *" dist "* ]]; then
	# shellcheck disable=SC2086 # an option may stand behind the name
	for tool in cargo-deb cargo-generate-rpm cargo-auditable cargo-cyclonedx "cargo-about --features=cli"; do
		command -v "${tool%% *}" >/dev/null || cargo install --quiet --locked $tool >&2
	done
fi
