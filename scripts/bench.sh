#!/usr/bin/env bash
# What tracing costs those who are traced, opentop beside a floor and its peers, in turn, on this machine.
# Prints markdown tables. bench.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/.."

# Peers need tracefs; it is mounted for them alone where the host has not done so.
if [ -z "${OPENTOP_BENCH:-}" ]; then
	[ "$(id -u)" = 0 ] || { echo "bench.sh: needs root, as tracers do" >&2; exit 1; }
	OPENTOP_BENCH=1 exec unshare --mount "$0" "$@"
fi
[ -e /sys/kernel/tracing/README ] || mount -t tracefs tracefs /sys/kernel/tracing

rounds=${1:-7}
work=$(mktemp -d)
. scripts/bench/tools.sh
. scripts/bench/measures.sh
. scripts/bench/hosts.sh
trap 'stop; rm -rf "$work"' EXIT
build_floor "$work/floor.o"

echo "Linux $(uname -r), $(nproc) CPUs: traced on one, tracers on another. Medians of the quieter half of $rounds rounds, each tool in turn."
added_cost "$rounds"
own_cpu
five_million
first_event
many_hosts
