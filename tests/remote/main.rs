//! Several hosts over ssh. Where it is not about ssh itself, a script stands for it, which runs the far side here.

#[path = "../common/mod.rs"]
mod common;
mod near;
mod sshd;
mod trouble;

use std::fs;
use std::io::Read as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{Scratch, TIMEOUT, ended, opentop, output, stderr, stdout};
use near::{FAR_END, Near, fake_ssh, far_sides, hosts, traced_over, wait_for_far_sides};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

#[test]
#[ignore = "needs root: make test"]
fn two_hosts_are_one_stream_whose_sums_are_exact() {
    let (scratch, ssh) = traced_over("");
    let filter = format!("file:^{}/wanted", scratch.path().display());
    let mut near = Near::live(hosts(&scratch, &ssh, "web,db", &["-o", "json", "--identity", "-F", &filter]));
    let wanted = scratch.file("wanted", "");
    drop(fs::File::open(&wanted).unwrap());
    let open = near.wait_for_open("web", &wanted);
    assert!(open["received"].as_str() > open["time"].as_str(), "{open}");
    let other = near.wait_for_open("db", &wanted);
    let exe = std::env::current_exe().unwrap();
    for open in [open, other] {
        assert_eq!((open["exe"].as_str(), open["parent"].is_string()), (exe.to_str(), true), "{open}");
    }
    let rest = near.end();
    let summary = rest.last().unwrap();
    let number = |name: &str| summary[name].as_u64().unwrap();
    assert_eq!(number("opens"), number("delivered") + number("dropped") + number("filtered"), "{summary}");
    let of_hosts: u64 =
        rest.iter().filter(|line| line["type"] == "host").filter_map(|line| line["opens"].as_u64()).sum();
    assert_eq!(of_hosts, number("opens"), "{rest:?}");
    wait_for_far_sides(&scratch, 0, FAR_END);
}

#[test]
#[ignore = "needs root: make test"]
fn a_host_is_filtered_by_and_ranked() {
    let (scratch, ssh) = traced_over("");
    let one = output(&mut hosts(&scratch, &ssh, "web,db", &["-o", "json", "-d", "4", "-F", "host:^web$"]));
    let lines: Vec<Value> = stdout(&one).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut opens = lines.iter().filter(|line| line["type"] == "open").peekable();
    assert!(opens.peek().is_some(), "this test's own programs open files");
    assert!(opens.all(|line| line["host"] == "web"));
    let ranked = output(&mut hosts(&scratch, &ssh, "web,db", &["-b", "-n", "3", "-g", "host", "-o", "json"]));
    let text = stdout(&ranked);
    assert!(text.contains(r#""host":"web""#) && text.contains(r#""host":"db""#), "{text}\n{}", stderr(&ranked));
}

#[test]
#[ignore = "needs root: make test"]
fn nothing_is_left_tracing_whatever_ends_the_connection() {
    let (scratch, ssh) = traced_over("");
    for end in ["near", "ssh", "stopped"] {
        let mut near = Near::live(hosts(&scratch, &ssh, "web", &["-o", "json"]));
        wait_for_far_sides(&scratch, 1, TIMEOUT);
        let far = far_sides(&scratch)[0];
        match end {
            // Its stdin ends.
            "near" => near.child.kill().expect("it runs"),
            // As when a route is gone: nobody is told, and nothing comes any more.
            "stopped" => kill_process(Pid::from_child(&near.child), Signal::STOP).expect("it runs"),
            _ => kill_process(far, Signal::KILL).expect("it runs"),
        }
        if end != "ssh" {
            wait_for_far_sides(&scratch, 0, FAR_END + Duration::from_millis(500));
            continue;
        }
        let lost = near.wait_for_state("web", "lost");
        assert_ne!(lost["text"], "", "{lost}");
        near.wait_for_state("web", "live");
        near.end();
        wait_for_far_sides(&scratch, 0, FAR_END);
    }
}

#[test]
fn what_is_no_host_is_refused_before_ssh_sees_it() {
    for host in ["-oProxyCommand=id", "a b", "\u{1b}[2J", "u@-oProxyCommand=id", "$(id)"] {
        let refused = output(&mut opentop([format!("--host={host}").as_str(), "-o", "json"]));
        assert_eq!(refused.status.code(), Some(2), "{host:?}");
        assert!(stderr(&refused).contains("is no host"), "{}", stderr(&refused));
    }
}

/// The lines of such a file come back as hosts, so that sudo must not open what its caller may not.
#[test]
#[ignore = "needs root: make test"]
fn a_file_of_hosts_is_read_as_the_caller_of_sudo() {
    let (scratch, ssh) = traced_over("exit 255");
    let file = scratch.file("hosts", "secret\n");
    for (mode, expected) in [(0o600, "Permission denied"), (0o644, "secret: ")] {
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(mode)).expect("permissions");
        let mut command = opentop(["-o", "json", "--hosts"]);
        command.arg(&file).arg("--ssh").arg(&ssh).env("SUDO_UID", "65534").env("SUDO_GID", "65534");
        let said = stderr(&output(&mut command));
        assert!(said.contains(expected) && said.contains("secret: ") == (mode == 0o644), "{said}");
    }
}

#[test]
fn hosts_that_cannot_be_reached_say_why_and_what_to_do() {
    let scratch = Scratch::new();
    let cases = [
        ("echo 'sudo: a password is required' >&2; exit 1", "NOPASSWD"),
        ("echo 'bash: line 1: opentop: command not found' >&2; exit 127", "scp"),
        ("echo Welcome; exit 0", "not a recording"),
        ("exit 255", "the connection ended"),
    ];
    for (prelude, expected) in cases {
        let ssh = fake_ssh(&scratch, prelude);
        let refused = output(&mut hosts(&scratch, &ssh, "web,db", &["-o", "json"]));
        let said = stderr(&refused);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains(expected) && said.contains("no host can be reached"), "{prelude}: {said}");
    }
}

/// What a host sends instead of what opentop sends: a program for sh that writes it to stdout, for as long as anybody
/// reads.
fn hostile(name: &str) -> String {
    let header =
        r#"printf '{"type":"header","opentop":"0","host":"x","kernel":"x","boot_time":"","hooks":"","protocol":2}\n'"#;
    match name {
        "an endless line" => format!("{header}; yes | tr -d '\\n'"),
        "a bomb" => format!("({header}; head -c 3000000000 /dev/zero) | zstd -q --no-check"),
        "a large window" => {
            format!("({header}; sleep 1; head -c 300000000 /dev/zero) | zstd -q --ultra --long=27 --no-check")
        }
        "cgroups" => format!(
            "{header}; seq 1000000 | sed 's|.*|{{\"type\":\"process_count\",\"pid\":1,\"start_ns\":1,\"ppid\":1,\
             \"uid\":0,\"comm\":{{\"text\":\"x\"}},\"opens\":1,\"failed\":0,\
             \"cgroups\":[{{\"path\":{{\"text\":\"/&\"}},\"opens\":1,\"failed\":0}}]}}|'"
        ),
        "processes" => format!(
            "{header}; seq 4000000 | sed 's|.*|{{\"type\":\"process_count\",\"pid\":&,\"start_ns\":1,\"ppid\":1,\
             \"uid\":0,\"comm\":{{\"text\":\"x\"}},\"opens\":1,\"failed\":0}}|'"
        ),
        "programs" => format!(
            "{header}; exe=$(head -c 12000 /dev/zero | tr '\\0' a); seq 4000000 | sed \
             \"s|.*|{{\\\"type\\\":\\\"process\\\",\\\"pid\\\":1,\\\"start_ns\\\":&,\\\"exe\\\":\\\"$exe\\\"}}|\""
        ),
        "users" => {
            format!("{header}; seq 1000000 | sed 's|.*|{{\"type\":\"user\",\"uid\":&,\"name\":\"\\\\u001b[2J&\"}}|'")
        }
        _ => format!("{header}; cat /dev/urandom"),
    }
}

#[test]
fn nothing_that_a_host_sends_makes_memory_grow() {
    let most_kib = 160 << 10;
    for name in ["an endless line", "a bomb", "a large window", "cgroups", "processes", "programs", "users", "noise"] {
        let scratch = Scratch::new();
        let ssh = fake_ssh(&scratch, &format!("{} 2>/dev/null; exit", hostile(name)));
        let mut child = hosts(&scratch, &ssh, "web", &["-o", "json", "-d", "4"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("opentop starts");
        let begun = Instant::now();
        let mut peak_kib = 0;
        while child.try_wait().expect("a child").is_none() {
            assert!(begun.elapsed() < TIMEOUT, "{name}: it does not end");
            let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
            let peak = status
                .lines()
                .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse().ok());
            peak_kib = peak.unwrap_or(0).max(peak_kib);
            std::thread::sleep(Duration::from_millis(50));
        }
        let mut said = String::new();
        child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
        assert!((1..most_kib).contains(&peak_kib), "{name}: {peak_kib} KiB\n{said}");
        assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "{name}: {said:?}");
        drop(ended(child));
    }
}
