# Sourced by bench.sh: what is measured, one function and one table each. Needs tools.sh and $work.
# shellcheck shell=bash

# added_cost ROUNDS: what a call costs the traced program more than without a tracer.
added_cost() {
	local round name
	for round in $(seq "$1"); do
		for name in "${names[@]}"; do
			start "$name" || continue
			traced "$name" "$cost" calls "$work" | sed "s/^/$round|$name|/; s/ \([0-9]*\)$/|\1/" >>"$work/costs"
			stop
		done
	done
	awk -F '|' -f scripts/bench/added.awk "$work/costs"
}

# Processor time of a process so far, in ticks.
ticks() {
	awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"
}

# What a tracer needs itself, while one core opens as fast as it can, and after five million events.
storm() {
	local name before seconds=5 opens=5000000
	printf '\n| tracer | own CPU, %% of a core | resident after %d opens, MiB |\n|---|--:|--:|\n' $opens
	for name in "opentop -o text" "opentop -o json" "opentop, screen" opensnoop opensnoop.bt; do
		start "$name" || continue
		before=$(ticks "$pid")
		traced "$name" "$opener" loop "$work" --seconds $seconds --missing >/dev/null
		printf '| %s | %d ' "$name" $((($(ticks "$pid") - before) * 100 / $(getconf CLK_TCK) / seconds))
		traced "$name" "$opener" storm "$work" --opens $opens --missing >/dev/null
		awk '/^VmRSS/ { printf "| %.1f |\n", $2 / 1024 }' "/proc/$pid/status"
		stop
	done
}

# Milliseconds from the start of a tracer to its first line about a file that is opened all the time.
first_event() {
	local name from path=$work/first
	touch "$path"
	"$opener" first "$path" &
	for _ in 1 2 3 4 5; do
		for name in "opentop -o text" opensnoop opensnoop.bt; do
			from=$(date +%s%N)
			script -qfec "${command[$name]}" /dev/null </dev/null 2>/dev/null | grep -qm 1 "$path" || continue
			echo "$name|$((($(date +%s%N) - from) / 1000000))" >>"$work/firsts"
		done
	done
	kill %%
	printf '\n| tracer | start to first event, ms |\n|---|--:|\n'
	sort -t '|' -k 1,1 -k 2,2n "$work/firsts" | awk -F '|' '
		$1 != name { name = $1; turn = 0 }
		++turn == 3 { print "| " $1 " | " $2 " |" }'
}
