#!/usr/bin/env bash
# fuzz.sh [TARGET [SECONDS]]: searches for inputs that break a promise of src/fuzzing; all targets, a minute each, by
# default. What breaks one is kept in tests/corpus/TARGET, where the tests try it first from then on; what was found on
# the way stays below the target directory, so that the next search begins where this one ends.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${2:-60}
read -ra targets <<<"${1:-record recording filter terminal output escape}"
out=$(realpath -m "${CARGO_TARGET_DIR:-target}")/fuzz
host=$(rustc -vV | sed -n 's/^host: //p')
# Counters at every edge and comparison are what libFuzzer is guided by; this is all of the compiler that it needs.
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
	-Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
# Naming the target keeps the flags away from build scripts.
RUSTFLAGS="--cfg fuzzing -Ccodegen-units=1 ${coverage//$'\n'/ }" \
	cargo build --release --manifest-path fuzz/Cargo.toml --target "$host" --target-dir "$out"

failed=0
for target in "${targets[@]}"; do
	mkdir -p "$out/corpus/$target"
	echo "fuzzing $target for $seconds s"
	"$out/$host/release/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=16384 -print_final_stats=1 \
		-artifact_prefix="tests/corpus/$target/" "$out/corpus/$target" "tests/corpus/$target" \
		2>"$out/$target.log" || {
		failed=1
		grep -A3 -E 'panicked|ERROR' "$out/$target.log" || tail -5 "$out/$target.log"
		echo "$target breaks a promise: the input is kept in tests/corpus/$target, all that was said in $out/$target.log" >&2
	}
	grep -E 'number_of_executed_units|peak_rss_mb' "$out/$target.log" || true
done
exit $failed
