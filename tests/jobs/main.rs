//! What people come to opentop for, each done by keys alone, in tmux at 80x24: that the answer is on the screen in the
//! end.
//!
//! `cargo test --test jobs -- --write` writes docs/jobs.md, with each screen as it was. Needs root and tmux.
#![allow(clippy::print_stdout, reason = "how it went is what this program is for")]

#[path = "../common/mod.rs"]
mod common;
mod table;
#[path = "../screen/tmux.rs"]
#[allow(dead_code, reason = "each test program uses its own part")]
mod tmux;

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use common::{Running, Scratch};
use table::{JOBS, Job};
use tmux::Tmux;

/// What is below the files of a job, on the screens that are written down.
const PLACE: &str = "/srv/job";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.iter().any(|arg| arg == "--list") {
        return ExitCode::SUCCESS;
    }
    common::needs_root();
    let wanted =
        |job: &Job| args.iter().filter(|arg| !arg.starts_with('-')).all(|arg| job.title.contains(arg.as_str()));
    let (mut passed, mut failed, mut page) = (0, 0, String::from(HEAD));
    for job in JOBS.iter().filter(|job| wanted(job)) {
        match job.run() {
            Ok(screen) => {
                println!("job {} ... ok", job.title);
                passed += 1;
                job.write(&screen, &mut page);
            }
            Err(why) => {
                println!("job {} ... FAILED\n{why}", job.title);
                failed += 1;
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed > 0 {
        return ExitCode::FAILURE;
    }
    if args.iter().any(|arg| arg == "--write") {
        let to = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/jobs.md");
        std::fs::write(&to, page).unwrap_or_else(|why| panic!("{}: {why}", to.display()));
    }
    ExitCode::SUCCESS
}

const HEAD: &str = "# Jobs\n\nWhat opentop is for, one by one: the keys, and the screen that they lead to at 80x24. \
    Made by `make jobs`, which does each\nof them on the real kernel; `make test` does them too.\n";

impl Job {
    /// Does the job. The screen that has the answer.
    ///
    /// # Errors
    /// The step at which it goes wrong, and what is on the screen then.
    fn run(&self) -> Result<String, String> {
        let scratch = Scratch::new();
        let dir = scratch.path().to_str().expect("UTF-8");
        let opentop =
            Path::new(env!("CARGO_BIN_EXE_opentop")).parent().expect("its directory").to_str().expect("UTF-8");
        let opener = common::opener::<&str>([]).get_program().to_owned();
        let shell = |script: &str| {
            let mut shell = Command::new("bash");
            // Cargo's own variables would have programs look for libraries in its directories.
            shell
                .env_clear()
                .env("PATH", "/usr/local/bin:/usr/bin:/bin")
                .env("OPENER", &opener)
                .env("OPENTOP", opentop);
            shell.args(["-c", script]).current_dir(dir);
            shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            shell
        };
        let status = shell(&format!("PATH=$OPENTOP:$PATH; {}", self.before)).status().expect("bash starts");
        if !status.success() {
            return Err(format!("what comes before it: {status}"));
        }
        // In a session of its own, so that all of it ends.
        let scene = (!self.scene.is_empty()).then(|| Scene::start(&mut shell(self.scene)));
        let tmux = Tmux::start(
            "jobs",
            80,
            24,
            &format!("cd {dir} && exec env -i PATH={opentop}:$PATH TERM=$TERM LC_ALL=C.UTF-8 PS1='# ' sh"),
        )
        .ok_or("tmux is not installed, or does not start")?;
        if !tmux.wait_for(|text| text.contains('#')) {
            return Err("no prompt".into());
        }
        press(&tmux, &[self.line, "Enter"]);
        for (keys, shows) in self.steps {
            press(&tmux, keys);
            if !tmux.wait_for(|text| text.contains(shows)) {
                return Err(format!("no {shows:?} after {keys:?}:\n{}", tmux.screen()));
            }
        }
        let screen = tmux.screen().replace(dir, PLACE);
        drop(scene);
        Ok(screen)
    }

    /// Adds the job to the page.
    fn write(&self, screen: &str, page: &mut String) {
        let keys: Vec<_> = self.steps.iter().flat_map(|(keys, _)| *keys).map(|key| format!("`{key}`")).collect();
        let _ = write!(page, "\n## {}\n\n{}\n\n`{}`", self.title, self.tells, self.line);
        if !keys.is_empty() {
            let _ = write!(page, ", then {}", keys.join(" "));
        }
        let _ = write!(page, "\n\n```text\n{}\n```\n", screen.trim_end());
    }
}

/// Keys that have names; anything else is typed as it stands.
const NAMED: [&str; 9] = ["Enter", "Escape", "Space", "Tab", "Up", "Down", "Left", "Right", "BSpace"];

fn press(tmux: &Tmux, keys: &[&str]) {
    for key in keys {
        if NAMED.contains(key) {
            tmux.keys(&[key]);
        } else {
            tmux.keys(&["-l", key]);
        }
    }
}

/// What goes on while somebody looks, and all of its processes.
struct Scene(Running);

impl Scene {
    fn start(command: &mut Command) -> Self {
        use std::os::unix::process::CommandExt as _;
        Self(Running::start(command.process_group(0)))
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.0.0);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}
