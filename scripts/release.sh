#!/usr/bin/env bash
# Makes the release that Cargo.toml names: release.sh [--dry-run]. Checks what must hold, cuts the changelog, commits and
# tags; with --dry-run it only checks. What is pushed and published then, is for who has the keys to it.
set -euo pipefail
cd "$(dirname "$0")/.."

dry=
case ${1:-} in
--dry-run) dry=1 ;;
'') ;;
*) echo "usage: release.sh [--dry-run]" >&2 && exit 2 ;;
esac

fail() {
	echo "release.sh: $1" >&2
	exit 1
}

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
[ -z "$(git status --porcelain)" ] || fail "there are changes that are not committed"
! git rev-parse -q --verify "refs/tags/v$version" >/dev/null || fail "v$version is there already: raise the version in Cargo.toml"
grep -q '^## \[Unreleased\]' CHANGELOG.md || fail "CHANGELOG.md has no section [Unreleased]"
cut= # the section of this version may be there already, for a review
grep -qF "## [$version] - " CHANGELOG.md && cut=1
awk '/^## /{on = /Unreleased/} on && /^- /{found = 1} END {exit !found}' CHANGELOG.md && new=1 || new=
[ -n "$cut$new" ] || fail "nothing has changed, says CHANGELOG.md"
[ -z "$cut" ] || [ -z "$new" ] || fail "CHANGELOG.md has more than [$version]: move it from [Unreleased] to there"
grep -q '^repository = ' Cargo.toml || echo "release.sh: note: Cargo.toml names no repository, which crates.io shows" >&2

cargo publish --dry-run --locked ${dry:+--allow-dirty}
make lint test
make dist

if [ -n "$dry" ]; then
	echo "v$version could be released: nothing was changed."
	exit
fi
if [ -z "$cut" ]; then
	sed -i "s/^## \[Unreleased\]/## [Unreleased]\n\n## [$version] - $(date -u +%F)/" CHANGELOG.md
	git commit -qm "Release $version" CHANGELOG.md
fi
git tag -a "v$version" -m "opentop $version"
echo "v$version is tagged. Push it, publish with 'cargo publish', and put target/dist where it is downloaded from."
