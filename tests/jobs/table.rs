//! The jobs.

/// One of them.
pub struct Job {
    pub title: &'static str,
    /// What the screen tells in the end.
    pub tells: &'static str,
    /// A script of bash that is done with before; `$OPENER` opens files.
    pub before: &'static str,
    /// One that goes on meanwhile.
    pub scene: &'static str,
    /// What is typed at the prompt.
    pub line: &'static str,
    /// Keys, by tmux's names where they have some, or text; and what is to be on the screen then.
    pub steps: &'static [(&'static [&'static str], &'static str)],
}

pub const JOBS: [Job; 9] = [
    Job {
        title: "Which configuration file does it look for and not find?",
        tells: "The directories that the service tries, in one row, and that the file is in none of them.",
        before: "mkdir -p home/.config/relay etc/xdg/relay etc/relay",
        scene: "while sleep 0.3; do (for dir in home/.config etc/xdg etc; do read -r line <$PWD/$dir/relay/relay.toml; \
                done); done",
        line: "opentop",
        steps: &[
            (&[], "relay.toml"),
            (&["/", "err:ENOENT relay"], "on Enter"),
            (&["Enter", "t"], "tried 3, never"),
        ],
    },
    Job {
        title: "Who opens most?",
        tells: "The process with the most opens a second, with its exact count, on top of the ranking.",
        before: "mkdir data",
        scene: "exec \"$OPENER\" loop $PWD/data --seconds 60",
        line: "opentop",
        steps: &[(&["2"], "opens/s"), (&[], "opener")],
    },
    Job {
        title: "Who has too many open files?",
        tells: "The process whose opens fail with EMFILE; Enter tells how many descriptors are open, of how many.",
        before: "touch data; mkfifo pipe",
        scene: "exec 0<>pipe; ulimit -n 10
                exec 3<data 4<data 5<data 6<data 7<data 8<data 9<data
                while :; do read -r -t 0.2 _; : <$PWD/data; done",
        line: "opentop",
        steps: &[(&["/", "err:EMFILE", "Enter"], "bash         "), (&["Up", "Enter"], "/10   ")],
    },
    Job {
        title: "Why is it denied?",
        tells: "The file that may not be opened; Enter tells which directory on the way denies it.",
        before: "mkdir -p shut/in; touch shut/in/secret; chmod 700 shut",
        scene: "while sleep 0.3; do setpriv --reuid=65534 --regid=65534 --clear-groups cat $PWD/shut/in/secret; done",
        line: "opentop",
        steps: &[(&["/", "err:EACCES", "Enter"], "secret"), (&["Up", "Enter"], "by the directory")],
    },
    Job {
        title: "What does this build read?",
        tells: "The report of a command: what it read, wrote, did not find.",
        before: "echo 'all: ; cat conf >out; cat missing.h || :' >Makefile; echo x >conf",
        scene: "",
        line: "opentop -- make",
        steps: &[(&[], "missing.h"), (&["R"], "missing.h")],
    },
    Job {
        title: "What is different from before?",
        tells: "The files that are opened in one run of a program and not in the other.",
        before: "echo x >conf; opentop record before.zst -- cat conf >/dev/null; rm conf; opentop record after.zst -- \
                 cat conf || :",
        scene: "",
        line: "opentop diff before.zst after.zst",
        steps: &[(&[], "conf")],
    },
    Job {
        title: "What does this container open?",
        tells: "The rows of the ranking are containers and units; Enter shows the events of one.",
        before: "mkdir data",
        scene: "mount=$(awk '$3 == \"cgroup2\" { print $2; exit }' /proc/mounts)
                group=$mount/docker-$(printf '%064d' 7 | tr 0 a).scope
                mkdir -p $group && echo $$ >$group/cgroup.procs && trap 'echo $$ >$mount/cgroup.procs; rmdir $group' EXIT
                while sleep 0.2; do cat $PWD/data/* /etc/hostname; done",
        line: "opentop -g container",
        steps: &[(&[], "docker:aaaaaaaaaaaa"), (&["/", "container:docker", "Enter"], "/etc/hostname")],
    },
    Job {
        title: "Where are the files that are opened?",
        tells: "The directories on the way to them, each with the rate, the sum and the failures of all below it.",
        before: "mkdir -p store/cache store/index; touch store/cache/a store/cache/b store/index/c",
        scene: "while sleep 0.2; do cat $PWD/store/cache/* $PWD/store/index/c $PWD/store/index/d; done",
        line: "opentop",
        steps: &[
            (&["/", "dir:store.(cache|index)$", "Enter"], "/a"),
            (&["D"], "tmp/"),
            (&["Enter"], "opentop-test"),
            (&["Enter"], "store/"),
            (&["Enter"], "index/"),
        ],
    },
    Job {
        title: "What was it like an hour ago?",
        tells: "The opens of that minute of a recording: H, the time, Enter; the counts are those from there on.",
        before: r#"awk 'function open(second, millis, errno) {
                printf "{\"type\":\"open\",\"time\":\"2026-01-02T%02d:%02d:%02d.%03dZ\",\"ts_ns\":%.0f,\"pid\":%d,\"tid\":%d," \
                    "\"ppid\":1,\"uid\":0,\"comm\":\"%s\",\"op\":\"openat\",\"flags\":[\"O_RDONLY\"],\"fd\":%s,\"errno\":%s," \
                    "\"name\":\"%s\",\"path\":\"%s\",\"path_kind\":\"absolute\"}\n", 11 + second / 3600, second / 60 % 60,
                    second % 60, millis, (1000 + second) * 1000000000 + millis * 1000000, pid, pid, comm,
                    errno ? "null" : 7, errno ? "\"" errno "\"" : "null", path, path }
            BEGIN {
                print "{\"type\":\"header\",\"host\":\"shop-2\",\"hooks\":\"syscall exit\"}"
                for (second = 0; second <= 3600; second += 5) {
                    pid = 812; comm = "nginx"; path = "/srv/shop/index.html"; open(second, 0, "")
                    if (second >= 725 && second < 780) {
                        pid = 2044; comm = "payments"; path = "/run/secrets/payments.key"
                        for (n = 1; n <= 6; n++) open(second, 100 * n, "EACCES")
                    }
                }
            }' >hour.jsonl"#,
        scene: "",
        line: "opentop replay hour.jsonl",
        steps: &[
            (&[], "nginx"),
            (&["H"], "timeline"),
            (&["11:12:04"], "go to 11:12:04"),
            (&["Enter"], "from 12:04 on"),
            (&[], "payments.key"),
        ],
    },
];
