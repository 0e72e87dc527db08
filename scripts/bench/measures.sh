# Sourced by bench.sh: what is measured, one function and one table each. Needs tools.sh and $work.
# shellcheck shell=bash

# added_cost ROUNDS: what a call costs the traced program more than without a tracer: its price just before each tool
# started and just after it ended, and beside the tool.
added_cost() {
	local round name
	for round in $(seq "$1"); do
		for name in "${names[@]}"; do
			alone "$cost" calls "$work" >"$work/before"
			start "$name" || continue
			traced "$name" "$cost" calls "$work" >"$work/with"
			stop
			alone "$cost" calls "$work" >"$work/after"
			paste -d ' ' "$work/before" "$work/after" "$work/with" | sed "s/ /|/g; s/^/$name|/" >>"$work/costs"
		done
	done
	awk -F '|' -f scripts/bench/added.awk "$work/costs"
}

# Nanoseconds of processor time that a process has used so far.
used() {
	cat "/proc/$1"/task/*/schedstat | awk '{ ns += $1 } END { printf "%.0f", ns }'
}

# percent NS SECONDS: so much of a core.
percent() {
	awk -v ns="$1" -v seconds="$2" 'BEGIN { printf "%.1f", ns / seconds / 1e7 }'
}

# MiB that the tracer holds.
resident() {
	awk '/^VmRSS/ { printf "%.1f", $2 / 1024 }' "/proc/$pid/status"
}

# Opens that a running or ended opentop has lost: by its screen or by its last line.
lost() {
	{ on_screen capture-pane -p 2>/dev/null || cat "$work/last"; } | grep -om 1 'dropped[": ]*[0-9,]*[0-9]' | grep -o '[0-9][0-9,]*$'
}

# What a tracer needs itself while one core opens as fast as it can, its lines read by a pipe.
own_cpu() {
	local name before cpu opens seconds=5
	printf '\n| tracer | opens/s of one core, flat out | own CPU of a core | ns per open |\n|---|--:|--:|--:|\n'
	for name in "opentop -o text" "opentop -o json" "opentop, screen" "opentop metrics" opensnoop opensnoop.bt fatrace; do
		start "$name" >(cat >/dev/null) || continue
		rm -f "$work/there"
		before=$(used "$pid")
		opens=$(traced "$name" "$opener" loop "$work" --seconds $seconds | sed 's/.*"opens":\([0-9]*\).*/\1/')
		cpu=$(($(used "$pid") - before))
		printf '| %s | %d | %s%% | %d |\n' "$name" $((opens / seconds)) "$(percent $cpu $seconds)" $((cpu / opens))
		stop
	done
}

# What is left of opentop after five million opens.
five_million() {
	local name resident opens=5000000
	printf '\n| after %d opens, flat out | resident, MiB | lost |\n|---|--:|--:|\n' $opens
	for name in "opentop -o text" "opentop -o json" "opentop, screen"; do
		start "$name" >(tail -n 1 >"$work/last") || continue
		traced "$name" "$opener" storm "$work" --opens $opens --missing >/dev/null
		sleep 2
		resident=$(resident)
		[ "${how[$name]}" = screen ] || stop
		printf '| %s | %s | %s |\n' "$name" "$resident" "$(lost)"
		stop
	done
}

# Milliseconds from the start of a tracer, at a terminal, to its first line about a file that is opened all the time.
first_event() {
	local name opens from path=$work/first lines=$work/lines
	touch "$path"
	mkfifo "$lines"
	"$opener" first "$path" &
	opens=$!
	for _ in 1 2 3 4 5; do
		for name in "opentop -o text" opensnoop opensnoop.bt; do
			from=$(date +%s%N)
			script -qfec "exec ${command[$name]}" /dev/null </dev/null >"$lines" 2>&1 &
			pid=$!
			timeout 20 grep -qm 1 "$path" "$lines" && echo "$name|$((($(date +%s%N) - from) / 1000000))" >>"$work/firsts"
			stop
		done
	done
	kill $opens
	printf '\n| tracer | start to first event, ms |\n|---|--:|\n'
	sort -t '|' -k 1,1 -k 2,2n "$work/firsts" | awk -F '|' '
		$1 != name { name = $1; turn = 0 }
		++turn == 3 { print "| " $1 " | " $2 " |" }'
}
