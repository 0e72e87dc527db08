#!/usr/bin/env bash
# Makes assets/minute.svg, the moving picture at the top of the README, and assets/screen-80x24.svg: the recorded demo, replayed
# in tmux at 80x24, by the keys below. Needs tmux and python3.
set -euo pipefail
cd "$(dirname "$0")/.."

opentop=${OPENTOP:-$PWD/target/release/opentop}
# Seconds that each screen of the picture is shown, and that lie between two of them.
step=0.5
work=$(mktemp -d)
server=(tmux -L "opentop-picture-$$" -f /dev/null)
trap '"${server[@]}" kill-server 2>/dev/null || true; rm -rf "$work"' EXIT

# What is typed, and behind which screen.
keys() {
	cat <<-'END'
		8 /
		10 err:any
		15 Enter
		22 Down
		23 Down
		25 Enter
		32 q
		34 Escape
		36 F
		38 b
		46 Escape
	END
}

"${server[@]}" new-session -d -x 80 -y 24 "env LC_ALL=C.UTF-8 TERM=xterm-256color $opentop replay --speed 1 assets/demo.jsonl.zst"
"${server[@]}" set -g status off
sleep 2
for at in $(seq 60); do
	keys | while read -r when key; do
		[ "$when" != "$at" ] || "${server[@]}" send-keys "$key"
	done
	[ "$at" = 1 ] || printf '\f' >>"$work/screens"
	"${server[@]}" capture-pane -e -p | tee "$work/screen" >>"$work/screens"
	[ "$at" != 7 ] || scripts/screenshot.py 80 24 <"$work/screen" >assets/screen-80x24.svg
	sleep $step
done
scripts/screenshot.py 80 24 $step <"$work/screens" >assets/minute.svg
ls -l assets/minute.svg assets/screen-80x24.svg
