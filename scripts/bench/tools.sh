# Sourced by bench.sh: the tracers that are compared, and how one is started and stopped. Needs $work.
# shellcheck shell=bash

target=${CARGO_TARGET_DIR:-target}
opentop=$target/release/opentop
cost=$target/debug/examples/cost
opener=$target/debug/examples/opener

# Where the traced program runs, and where the tracers do.
traced_cpu=$(($(nproc) - 1))
tracer_cpu=0

# How a tool runs: beside the traced program, beside it on a screen, or around it.
names=()
declare -A how command
tool() {
	names+=("$1")
	how[$1]=$2
	command[$1]=$3
}
tool "floor: empty program" beside "$cost floor $work/floor.o empty"
tool "floor: name and record" beside "$cost floor $work/floor.o record"
tool "floor: and time and count" beside "$cost floor $work/floor.o counted"
tool "opentop -o text" beside "$opentop -o text"
tool "opentop -o json" beside "$opentop -o json"
tool "opentop, screen" screen "$opentop"
tool "opentop metrics" beside "$opentop metrics --listen 127.0.0.1:0"
tool "opentop, --latency" beside "$opentop -o text --latency"
tool "opentop, --resolve" beside "$opentop -o text --resolve"
tool "opentop, --lookups" beside "$opentop -o text --lookups"
tool "opensnoop" beside "opensnoop"
tool "opensnoop.bt" beside "opensnoop.bt"
tool "fatrace" beside "fatrace"
tool "strace -f" around "strace -f -qq -e trace=openat -o /dev/null"

build_floor() {
	local headers
	headers=$(find "$target/debug/build" -path '*/libbpf-sys-*/out/include' -type d -print -quit)
	clang -O2 -g -target bpf -mcpu=v2 "-D__TARGET_ARCH_$(uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/')" \
		-I"$headers" -c benches/cost/floor.bpf.c -o "$work/floor.o"
}

on_screen() {
	tmux -L opentop-bench "$@"
}

# start NAME [OUTPUT]: starts a tool and waits until it traces: its process is then $pid. Fails, and says why, where it
# cannot run.
start() {
	local output=${2:-/dev/null}
	pid=
	case ${how[$1]} in
	beside)
		# shellcheck disable=SC2086
		taskset -c "$tracer_cpu" ${command[$1]} >"$output" 2>"$work/why" &
		pid=$!
		;;
	screen)
		on_screen -f /dev/null new-session -d -x 80 -y 24 "exec taskset -c $tracer_cpu ${command[$1]} 2>$work/why"
		pid=$(on_screen list-panes -F '#{pane_pid}')
		;;
	*) return 0 ;;
	esac
	wait_until_tracing && return
	echo "$1: not available: $(head -n 1 "$work/why")" >&2
	stop
	return 1
}

# A tracer holds the link of its program, its perf event or its fanotify group.
wait_until_tracing() {
	local end=$((SECONDS + 10))
	until find "/proc/$pid/fd" -printf '%l\n' 2>/dev/null | grep -qE 'bpf[-_]link|bpf-raw|perf_event|fanotify'; do
		[ -e "/proc/$pid" ] && [ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
	sleep 1 # For the last of several programs.
}

# Ends the tool; one that does not listen for five seconds is killed. (Bash lets background processes ignore SIGINT.)
stop() {
	[ -n "${pid:-}" ] || return 0
	local end=$((SECONDS + 5)) signal=TERM
	while [ -e "/proc/$pid" ] && ! grep -q '^State:.*Z' "/proc/$pid/status" 2>/dev/null; do
		[ $SECONDS -lt $end ] || signal=KILL
		kill -$signal "$pid" 2>/dev/null || true
		sleep 0.1
	done
	wait "$pid" 2>/dev/null || true
	on_screen kill-server 2>/dev/null || true
	pid=
}

# Runs a program on the traced processor.
alone() {
	taskset -c "$traced_cpu" "$@"
}

# The same, below the tool where that runs around it.
traced() {
	local around=
	[ "${how[$1]}" = around ] && around=${command[$1]}
	# shellcheck disable=SC2086
	alone $around "${@:2}"
}
