#!/usr/bin/env bash
# Starts the release build with the arguments given; where the host forbids BPF, says why and shows a recorded demo.
set -euo pipefail
cd "$(dirname "$0")/.."

opentop=${CARGO_TARGET_DIR:-target}/release/opentop
sudo=()
[ "$(id -u)" = 0 ] || sudo=(sudo)

if why=$("${sudo[@]}" "$opentop" check 2>&1); then
	exec "${sudo[@]}" "$opentop" "$@"
fi
printf '%s\n\nThis host cannot run it live. What follows is a recorded demo, assets/demo.jsonl.zst.\n' "$why" >&2
exec "$opentop" replay assets/demo.jsonl.zst
