# Sourced by bench.sh: many hosts in one screen, each of them this one. Needs tools.sh, measures.sh and $work.
# shellcheck shell=bash

hosts=50

# Starts the screen and waits until all hosts are live. A script stands for ssh, which runs the far side here.
start_hosts() {
	local end=$((SECONDS + 60))
	seq -f 'host%g' $hosts >"$work/hosts"
	printf '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift 2\nexec $*\n' >"$work/ssh"
	chmod +x "$work/ssh"
	# Under sudo, opentop would become its caller, whose far sides could not trace.
	on_screen -f /dev/null new-session -d -x 200 -y 50 \
		"exec env -u SUDO_UID -u SUDO_GID $opentop --hosts $work/hosts --ssh $work/ssh \
			--remote $(realpath "$opentop") -F file:^$work/first"
	pid=$(on_screen list-panes -F '#{pane_pid}')
	until on_screen capture-pane -p | grep -q "hosts $hosts/$hosts"; do
		[ $SECONDS -lt $end ] || { echo "not all of $hosts hosts are live:" && on_screen capture-pane -p; return 1; } >&2
		sleep 0.2
	done
}

# Bytes that a process has read so far.
has_read() {
	awk '/^rchar/ { print $2 }' "/proc/$1/io"
}

# used_by_far_sides: nanoseconds of processor time that they have used so far, all together.
used_by_far_sides() {
	local far sum=0
	for far in $(pgrep -P "$pid"); do
		sum=$((sum + $(used "$far")))
	done
	echo $sum
}

# hosts_row WHAT: what the screen and the far sides need for ten seconds of it.
hosts_row() {
	local cpu far bytes seconds=10
	cpu=$(used "$pid") far=$(used_by_far_sides) bytes=$(has_read "$pid")
	sleep $seconds
	cpu=$(($(used "$pid") - cpu)) far=$(($(used_by_far_sides) - far)) bytes=$(($(has_read "$pid") - bytes))
	printf '| %s | %s%% | %s | %d | %s | %s%% |\n' "$1" "$(percent $cpu $seconds)" "$(resident)" \
		$((bytes / seconds / 1024)) "$(on_screen capture-pane -p | sed -n 's/.*dropped \([0-9.,A-Za-z]*\).*/\1/p' | head -n 1)" \
		"$(percent $((far / hosts)) $seconds)"
}

# What a screen of many hosts needs, whatever else the machine opens: with nothing that its filter holds for, with a
# thousand such opens a second on each, and with another filter then.
many_hosts() {
	local opens
	start_hosts || { stop; return 0; }
	printf '\n| %d hosts in one screen | CPU of a core | resident, MiB | KiB/s received, of all | lost | CPU of a core, a far side |\n' $hosts
	printf '|---|--:|--:|--:|--:|--:|\n'
	sleep 5
	hosts_row "nothing that the filter holds for"
	touch "$work/first"
	taskset -c "$traced_cpu" "$opener" first "$work/first" &
	opens=$!
	sleep 5
	hosts_row "1,000 opens/s that it holds for, on each"
	on_screen send-keys / C-u 'file:none-is-called-so' Enter
	sleep 5
	hosts_row "the same, and a filter that holds for none"
	kill $opens
	stop
}
