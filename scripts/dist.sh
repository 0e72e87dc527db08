#!/usr/bin/env bash
# What is given to users, below target/dist: a tarball, a .deb and a .rpm of one static binary, an SBOM, and the sums of all.
# dist.sh [arm64]. SHA256SUMS is signed where OPENTOP_MINISIGN_KEY names a secret key of minisign.
set -euo pipefail
cd "$(dirname "$0")/.."

target=$PWD/${CARGO_TARGET_DIR:-target}
out=$target/dist
version=$(cargo metadata --no-deps --format-version 1 | sed 's/.*"name":"opentop","version":"\([^"]*\)".*/\1/')
# The same sources give the same bytes, whenever and wherever they are built.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
OPENTOP_COMMIT=$(git rev-parse HEAD)
export SOURCE_DATE_EPOCH OPENTOP_COMMIT
cargo_home=${CARGO_HOME:-$HOME/.cargo}
remap="--remap-path-prefix=$PWD=/opentop --remap-path-prefix=$cargo_home=/cargo"
static="-C target-feature=+crt-static $remap"
c_flags="-ffile-prefix-map=$PWD=/opentop -ffile-prefix-map=$cargo_home=/cargo"

. scripts/dist/build.sh
. scripts/dist/pack.sh

arch=${1:-$(uname -m)}
case $arch in
x86_64 | amd64) arch=x86_64 rust_arch=x86_64-unknown-linux-gnu ;;
aarch64 | arm64) arch=arm64 rust_arch=aarch64-unknown-linux-gnu ;;
*) echo "dist.sh: packages are made for x86_64 and arm64, not for $arch" >&2 && exit 2 ;;
esac

binary=$(build_static)
built=${binary%/"$rust_arch"/*}
name=opentop-$version-linux-$arch
mkdir -p "$out"
rm -rf "${out:?}/$name"*
# What another version left there belongs to no release.
find "$out" -maxdepth 1 -type f -name 'opentop[-_]*' ! -name "opentop[-_]$version-*" -delete
stage "$binary" "$out/$name"
tarball "$out/$name"
debian_package
rpm_package
bill_of_materials "$out/$name.cdx.json"
(cd "$out" && sha256sum -- *.tar.zst *.deb *.rpm *.cdx.json >SHA256SUMS)
if [ -n "${OPENTOP_MINISIGN_KEY:-}" ]; then minisign -Sm "$out/SHA256SUMS" -s "$OPENTOP_MINISIGN_KEY"; fi
(cd "$out" && du -b -- * | sort -k2)
