#!/bin/sh
# Records assets/demo.jsonl.zst: half a minute of a small web server at work. Needs root, gcc, git, python3, curl and zstd.
# Only what this script starts is recorded.
# The quoted text is for other shells and for make.
# shellcheck disable=SC2016
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
opentop=${OPENTOP:-$here/target/release/opentop}
demo=/srv/demo

work() {
	cd $demo
	(cd www && exec setpriv --reuid=33 --regid=33 --clear-groups python3 -u -m http.server --bind 127.0.0.1 8099 >$demo/log 2>&1) &
	server=$!
	# A service that was deployed without its configuration.
	setpriv --reuid=1001 --regid=1001 --clear-groups sh -c '
		while sleep 0.4; do
			for dir in $HOME/.config/relay /etc/xdg/relay /etc/relay /usr/local/etc/relay; do
				[ -e "$dir/relay.toml" ] && . "$dir/relay.toml"
				read -r line 2>/dev/null <"$dir/relay.toml"
			done
		done' &
	relay=$!
	sleep 1
	for round in 1 2 3 4 5 6 7 8; do
		for page in index.html style.css app.js logo.svg api/users.json; do
			curl -q -s -o /dev/null "http://127.0.0.1:8099/$page"
		done
		case $round in
			1) (cd src && git init -q . && git add -A && git -c user.name=dev -c user.email=dev@example.org commit -qm first) ;;
			2) (cd src && make -s -j2) ;;
			3) python3 -c 'import json, sqlite3, asyncio, xml.dom.minidom' ;;
			4) find /etc -name '*.conf' >/dev/null ;;
			5) (cd src && touch parse.c && make -s && git status -s >/dev/null && git log --oneline >/dev/null) ;;
			6) setpriv --reuid=1000 --regid=1000 --clear-groups cat /etc/shadow /etc/gshadow 2>/dev/null || : ;;
			7) tar -cf backup.tar src www && tar -tf backup.tar >/dev/null ;;
		esac
		sleep 4
	done
	kill $server $relay
}

set_up() {
	rm -rf $demo
	mkdir -p $demo/www/api $demo/src $demo/home
	for page in index.html style.css app.js logo.svg api/users.json; do
		echo "$page" >$demo/www/$page
	done
	(
		cd $demo/src
		for name in main parse queue relay; do
			printf '#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <sys/socket.h>\nint %s_run(void) { return puts("%s"); }\n' $name $name >$name.c
		done
		printf 'int main(void) { return 0; }\n' >>main.c
		printf 'relay: main.o parse.o queue.o relay.o\n\t$(CC) -o $@ $^\n' >Makefile
	)
	touch $demo/log
	chown 33 $demo/log
}

case ${1-} in
	work) work ;;
	*)
		set_up
		cp "$0" $demo/day.sh
		env -i PATH=/usr/bin:/bin HOME=$demo/home GIT_CONFIG_NOSYSTEM=1 \
			unshare --uts sh -c 'hostname web-3; cd / && exec "$1" record --force --latency "$2" -- sh "$3" work' \
			sh "$opentop" $demo/demo.jsonl.zst $demo/day.sh
		# Of the kernel's release only the version is of interest, not who built it.
		zstd -dcq $demo/demo.jsonl.zst | sed '1s/\("kernel":"[0-9.]*\)[^"]*/\1/' |
			zstd -19 -q -f -o "$here/assets/demo.jsonl.zst"
		rm -rf $demo
		;;
esac
