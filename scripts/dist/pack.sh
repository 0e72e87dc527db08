# Sourced by dist.sh: what is packed. Needs its variables.
# shellcheck shell=bash disable=SC2154

# stage BINARY DIRECTORY: what the tarball has.
stage() {
	mkdir -p "$2/man" "$2/completions" "$2/docs"
	install -m755 "$1" "$2/opentop"
	install -m644 assets/*.1 "$2/man"
	install -m644 assets/opentop.bash assets/_opentop assets/opentop.fish "$2/completions"
	install -m644 docs/*.md "$2/docs"
	install -m644 scripts/dist/opentop.toml deploy/systemd/opentop-metrics.service "$2"
	install -m644 README.md SECURITY.md CHANGELOG.md LICENSE "$2"
	third_party >"$out/THIRD-PARTY.txt"
	install -m644 "$out/THIRD-PARTY.txt" "$2"
}

# Licences of all that is linked in.
third_party() {
	cargo about generate --locked --offline scripts/dist/about.hbs
}

tarball() {
	tar --create --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --directory="$out" "$(basename "$1")" |
		zstd -q -19 -T1 -o "$1.tar.zst"
	rm -r "$1"
}

# Both look for the binary where cargo would have built it.
debian_package() {
	# In the form that Debian's tools read; what has changed is told by ours.
	printf 'opentop (%s-1) unstable; urgency=medium\n\n  * See CHANGELOG.md beside this file.\n\n -- %s  %s\n' "$version" \
		"$(sed -n 's/^maintainer = "\(.*\)"/\1/p' Cargo.toml)" "$(date -Rud "@$SOURCE_DATE_EPOCH")" >"$out/changelog"
	CARGO_TARGET_DIR=$built cargo deb --quiet --no-build --no-strip --target "$rust_arch" --output "$out/" >&2
	rm "$out/changelog"
}

rpm_package() {
	# It dates files as they are, if that is before the date of the sources.
	touch -d "@$SOURCE_DATE_EPOCH" assets/* docs/*.md scripts/dist/opentop.toml deploy/systemd/*.service README.md SECURITY.md LICENSE "$out/THIRD-PARTY.txt"
	cargo generate-rpm --target "$rust_arch" --target-dir "$built" --output "$out/" \
		--source-date "$SOURCE_DATE_EPOCH" --payload-compress zstd >&2
}

# CycloneDX, without the number, the time and the directory that would make each one differ.
bill_of_materials() {
	cargo cyclonedx --quiet --format json --spec-version 1.5 --target "$rust_arch" --override-filename opentop-sbom
	sed -E '/"serialNumber"/d; /"timestamp"/d; s|path[+]file://'"$PWD"'|path+file:///opentop|g' opentop-sbom.json >"$1"
	rm opentop-sbom.json
}
