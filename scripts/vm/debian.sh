# Sourced by kernels.sh: Debian's packages of any suite, without touching the machine's own apt sources.
# The mirror is the one that the machine already uses. Needs $work, a directory for what is fetched.
# shellcheck shell=bash

suites="bullseye bookworm bookworm-backports trixie trixie-backports forky sid"

# Address of the Debian mirror in the machine's sources; nothing on a machine that is not Debian. A mirror is known by
# its label, or, before any list was read, as the source of the release that runs here.
mirror() {
	local codename
	addresses() { apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "$@" 2>/dev/null | sort -u | head -n 1; }
	addresses 'Label: Debian' | grep . && return
	codename=$(. /etc/os-release && [ "$ID" = debian ] && echo "$VERSION_CODENAME") || return 0
	addresses "Release: $codename" 'Component: main'
}

# Installs qemu, busybox and cpio where they are missing; fails where that cannot be.
install_qemu() {
	command -v "$qemu" >/dev/null && command -v busybox >/dev/null && command -v cpio >/dev/null && return
	install_on_host "$qemu_package" busybox-static cpio
}

# Installs packages of the machine's own release, or of its backports.
install_on_host() {
	local codename release lists=$work/apt/host
	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	mkdir -p "$lists/partial"
	cat /etc/apt/sources.list >"$work/apt/host.list" 2>/dev/null || true
	echo "deb $(mirror) $codename-backports main" >>"$work/apt/host.list"
	local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o Dir::Etc::sourcelist="$work/apt/host.list"
		-o Dir::State::lists="$lists" -o Acquire::Retries=3)
	[ "$(id -u)" = 0 ] || apt=(sudo "${apt[@]}")
	echo "installing $*" >&2
	"${apt[@]}" update >&2 || true
	# A stable release's own qemu may demand that other packages be removed; then that of its backports fits.
	for release in "$codename-backports" "$codename"; do
		"${apt[@]}" install -y --no-install-recommends --no-remove -t "$release" "$@" >&2 && return
	done
	return 1
}

# apt-get or apt-cache on a state of our own, that knows all suites.
private_apt() {
	local tool=$1
	shift
	"$tool" -qq -o Dir::State="$work/apt/state" -o Dir::State::status="$work/apt/status" -o Dir::Cache="$work/apt/cache" \
		-o Dir::Cache::pkgcache=pkgcache.bin -o Dir::Cache::srcpkgcache=srcpkgcache.bin \
		-o Dir::Etc::sourcelist="$work/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null -o APT::Sandbox::User=root \
		-o APT::Architecture="$debian_arch" -o APT::Architectures="$debian_arch" \
		-o APT::Get::List-Cleanup=false -o Acquire::Languages=none -o Acquire::Retries=3 -o Acquire::Check-Valid-Until=false "$@"
}

# Reads the lists of the suites, at most once a day.
update_lists() {
	local address suite stamp=$work/apt/fresh-${suites// /-}
	mkdir -p "$work/apt/state/lists/partial" "$work/apt/cache/archives/partial"
	: >"$work/apt/status"
	address=$(mirror)
	for suite in $suites; do
		echo "deb [target=Packages signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $address $suite main"
	done >"$work/apt/sources.list"
	[ -z "$(find "$stamp" -mmin -1440 2>/dev/null)" ] || return 0
	# A suite that the mirror has dropped costs its kernels, not the run.
	if private_apt apt-get update >&2; then touch "$stamp"; fi
}

# Versions of Debian's cloud kernels of a series ("6.12", or "7" for the newest 7.x), newest first.
kernel_versions() {
	private_apt apt-cache pkgnames linux-image- |
		sed -n "s/^linux-image-\($1\.[0-9.]*[-+].*\)-cloud-$debian_arch\$/\1/p" | sort -Vru
}

# Prints the path of the kernel image of a version; fails where the mirror does not have it after all.
fetch_kernel() {
	local image=$work/vmlinuz-$1-$debian_arch kind
	[ -s "$image" ] && echo "$image" && return
	rm -rf "$work/deb" && mkdir -p "$work/deb"
	# From 6.19 on the image lies in a package of its own.
	for kind in binary image; do
		(cd "$work/deb" && private_apt apt-get download "linux-$kind-$1-cloud-$debian_arch" >/dev/null 2>&1) || continue
		dpkg-deb --fsys-tarfile "$work"/deb/*.deb | tar -xO --wildcards '*/vmlinuz*' >"$image.part" 2>/dev/null || true
		rm "$work"/deb/*.deb
		[ -s "$image.part" ] && mv "$image.part" "$image" && echo "$image" && return
	done
	return 1
}

# Prints "VERSION IMAGE" of the newest kernel of a series that can be fetched.
newest_kernel() {
	local version image
	for version in $(kernel_versions "$1"); do
		image=$(fetch_kernel "$version") && echo "$version $image" && return
		echo "$version is listed, but cannot be fetched: trying the next" >&2
	done
	return 1
}
