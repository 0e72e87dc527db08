//! A tmux of the test's own, over whose shoulder is looked with its own commands.

use std::process::Command;
use std::time::{Duration, Instant};

/// How long something may take that only a broken program does not do, on however busy a machine.
const LONG: Duration = Duration::from_secs(30);

/// A server with one window; killed when dropped.
pub struct Tmux(String);

impl Tmux {
    /// Starts `command` in a window of this size; `None` where tmux is not installed or does not start. `name` is no
    /// other server's.
    pub fn start(name: &str, width: u16, height: u16, command: &str) -> Option<Self> {
        let tmux = Self(format!("opentop-{name}-{}", std::process::id()));
        let (width, height) = (width.to_string(), height.to_string());
        tmux.run(&["new-session", "-d", "-x", &width, "-y", &height, command])?;
        tmux.run(&["set", "-g", "status", "off"])?;
        Some(tmux)
    }

    /// Runs one of tmux's own commands; what it prints, if it succeeds.
    pub fn run(&self, args: &[&str]) -> Option<String> {
        let output = Command::new("tmux").args(["-L", &self.0, "-f", "/dev/null"]).args(args).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Types keys by tmux's names for them.
    pub fn keys(&self, keys: &[&str]) {
        self.run(&[&["send-keys"], keys].concat());
    }

    /// What the window shows.
    pub fn screen(&self) -> String {
        self.run(&["capture-pane", "-p"]).unwrap_or_default()
    }

    /// Waits until the window shows what is wanted.
    pub fn wait_for(&self, wanted: impl Fn(&str) -> bool) -> bool {
        let start = Instant::now();
        while start.elapsed() < LONG {
            if wanted(&self.screen()) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.run(&["kill-server"]);
    }
}
