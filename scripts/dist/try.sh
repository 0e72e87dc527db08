#!/usr/bin/env bash
# Installs, tries and removes what dist.sh has made: try.sh. The .deb in a fresh Debian, the .rpm in an empty root, the
# tarball as it is. Needs root, mmdebstrap, lintian and rpm, which it installs by apt-get. Fails where anything is wrong.
set -euo pipefail
cd "$(dirname "$0")/../.."

out=${CARGO_TARGET_DIR:-target}/dist
[ "$(id -u)" = 0 ] || { echo "try.sh: needs root, to install packages" >&2; exit 1; }
for tool in mmdebstrap lintian rpm zstd; do command -v "$tool" >/dev/null || missing+=("$tool"); done
[ -z "${missing:-}" ] || apt-get -qq install -y --no-install-recommends "${missing[@]}" >&2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# say WORD...: runs it, and shows what was run.
say() {
	echo "\$ $*"
	"$@"
}

(cd "$out" && say sha256sum --check --quiet SHA256SUMS)


echo "== the tarball"
tar -C "$work" --zstd -xf "$out"/opentop-*-linux-"$(uname -m)".tar.zst
say "$work"/opentop-*/opentop --version
say "$work"/opentop-*/opentop check

echo "== the .deb, in a fresh Debian"
say lintian --fail-on error "$out"/*.deb 2>/dev/null
mmdebstrap --quiet --variant=minbase --include=man-db,bash-completion bookworm "$work/debian"
cp "$out"/*.deb "$work/debian/opentop.deb"
# In mounts of its own, gone with it: what is traced is this kernel.
# shellcheck disable=SC2016 # the inner shell's own variables
unshare --mount bash -euc '
	for each in proc sys dev; do mount --rbind "/$each" "$1/$each"; done
	exec chroot "$1" bash -euc "
		set -x
		dpkg -i /opentop.deb
		opentop check
		opentop -o text -d 1 -n 3
		man -w opentop opentop-record
		source /usr/share/bash-completion/completions/opentop; complete -p opentop
		echo \"sort = \\\"total\\\"\" >>/etc/opentop.toml
		dpkg -i /opentop.deb
		tail -n 1 /etc/opentop.toml | grep total
		opentop check | grep /etc/opentop.toml
		dpkg -r opentop
		test -e /etc/opentop.toml
		dpkg --purge opentop
		test ! -e /etc/opentop.toml
		test ! -e /usr/bin/opentop
		test ! -e /usr/share/man/man1/opentop.1.gz"' bash "$work/debian"

echo "== the .rpm, in an empty root"
mkdir "$work/rpm"
say rpm --root "$work/rpm" --initdb
# The root has no /bin/sh, which is all that the package asks for.
say rpm --root "$work/rpm" --nodeps -i "$out"/*."$(uname -m)".rpm
say rpm --root "$work/rpm" --verify --nodeps opentop
say "$work/rpm/usr/bin/opentop" --version
say rpm --root "$work/rpm" -e opentop
say test ! -e "$work/rpm/usr/bin/opentop"
echo "All of it works."
