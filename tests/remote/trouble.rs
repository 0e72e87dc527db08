//! Hosts with troubles of their own: sudo that asks, disks that are full.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::common::{Scratch, ended, needs_root, output, stderr};
use super::near::{FAR_END, Near, fake_ssh, hosts, hosts_by, traced_over, wait_for_far_sides};

/// Stands for an ssh that logs in as a user without privileges, where sudo goes by these rules.
fn ssh_to_sudo(scratch: &Scratch, rules: &str) -> PathBuf {
    let sudoers = scratch.file("sudoers", &format!("Defaults env_keep += OPENTOP_TEST\n{rules}\n"));
    fs::set_permissions(&sudoers, fs::Permissions::from_mode(0o440)).expect("a mode");
    let run = r#"mount --bind "$0" /etc/sudoers && exec setpriv --reuid=65534 --regid=65534 --clear-groups sh -c "$1""#;
    fake_ssh(scratch, &format!("exec unshare -m sh -c '{run}' {} \"$*\"", sudoers.display()))
}

#[test]
#[ignore = "needs root: make test"]
fn sudo_that_asks_for_nothing_is_enough_and_one_that_asks_is_told_with_what_to_do() {
    needs_root();
    let scratch = Scratch::new();
    let rule = format!("nobody ALL=(root) NOPASSWD: {} agent", env!("CARGO_BIN_EXE_opentop"));
    let ssh = ssh_to_sudo(&scratch, &rule);
    let near = Near::live(hosts_by("sudo -n", &scratch, &ssh, "web", &["-o", "json"]));
    near.end();
    wait_for_far_sides(&scratch, 0, FAR_END);
    for rules in ["", "nobody ALL=(root) ALL", "nobody ALL=(root) NOPASSWD: /bin/true"] {
        let scratch = Scratch::new();
        let ssh = ssh_to_sudo(&scratch, rules);
        let refused = output(&mut hosts_by("sudo -n", &scratch, &ssh, "web", &["-o", "json"]));
        let said = stderr(&refused);
        assert_eq!(refused.status.code(), Some(1), "{rules}: {said}");
        assert!(said.contains("NOPASSWD") && said.contains("capabilities"), "{rules}: {said}");
    }
}

#[test]
#[ignore = "needs root: make test"]
fn a_far_side_writes_no_file_so_that_a_full_disk_there_is_no_trouble() {
    // The first byte that is written to a file kills whoever writes it.
    let (scratch, ssh) = traced_over("ulimit -f 0");
    let mut near = Near::live(hosts(&scratch, &ssh, "web", &["-o", "json"]));
    let wanted = scratch.file("wanted", "");
    drop(fs::File::open(&wanted).expect("a file"));
    near.wait_for_open("web", &wanted);
    near.end();
    wait_for_far_sides(&scratch, 0, FAR_END);
}

#[test]
#[ignore = "needs root: make test"]
fn a_full_disk_here_ends_a_recording_with_a_reason_and_the_far_side_with_it() {
    let (scratch, ssh) = traced_over("");
    let disk = scratch.dir("disk");
    let recording = disk.join("all.zst");
    let full = hosts(&scratch, &ssh, "web", &["record", recording.to_str().expect("a path")]);
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", r#"mount -t tmpfs -o size=16k none "$0" && exec "$@""#]).arg(&disk);
    command.arg(full.get_program()).args(full.get_args()).stdout(Stdio::null()).stderr(Stdio::piped());
    let child = command.spawn().expect("opentop starts");
    let storm = Command::new("sh").args(["-c", "while :; do cat /proc/self/status >/dev/null; done"]).spawn();
    let _storm = super::common::Running(storm.expect("a shell"));
    let ran = ended(child);
    let said = stderr(&ran);
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(said.contains("No space left on device") && said.contains("all.zst"), "{said}");
    wait_for_far_sides(&scratch, 0, FAR_END);
}
