//! The same screen where most people have it: in tmux, over whose shoulder is looked with its own commands.

use std::process::Command;
use std::time::{Duration, Instant};

use super::load::Storm;
use super::{Measured, World};

/// A tmux server of our own with one window; killed when dropped.
struct Tmux(String);

impl Tmux {
    fn run(&self, args: &[&str]) -> Option<String> {
        let output = Command::new("tmux").args(["-L", &self.0, "-f", "/dev/null"]).args(args).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Waits until the pane shows what is wanted.
    fn wait_for(&self, wanted: impl Fn(&str) -> bool) -> bool {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(30) {
            if self.run(&["capture-pane", "-p"]).is_some_and(|text| wanted(&text)) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.run(&["kill-server"]);
    }
}

/// A step: its name, the keys, what must be on the screen then.
type Step = (&'static str, &'static [&'static str], fn(&str) -> bool);

pub fn through_tmux(world: &World) -> Measured {
    let tmux = Tmux(format!("opentop-goals-{}", std::process::id()));
    if tmux.run(&["-V"]).is_none() {
        return Measured::not_tried("tmux is not installed");
    }
    let _storm = Storm::start();
    if tmux.run(&["new-session", "-d", "-x", "80", "-y", "24", "sh"]).is_none() {
        return Measured::right(false, "tmux does not start");
    }
    let log = std::env::temp_dir().join(format!("opentop-goals-{}.bytes", std::process::id()));
    tmux.run(&["send-keys", &world.opentop, "Enter"]);
    let steps: [Step; 5] = [
        ("storm", &[], |text| text.contains("missing-") && text.contains("top processes (exact)")),
        ("filter", &["/", "nobody-opens-this", "Enter"], |text| text.contains("matched 0 of")),
        ("clear", &["="], |text| text.contains("no filter")),
        ("pause", &["Space"], |text| text.contains("PAUSED")),
        ("help", &["?"], |text| text.contains("this help")),
    ];
    for (step, keys, wanted) in steps {
        if !keys.is_empty() {
            tmux.run(&[&["send-keys"], keys].concat());
        }
        if !tmux.wait_for(wanted) {
            return Measured::right(false, format!("stuck at: {step}"));
        }
    }
    tmux.run(&["send-keys", "q", "Space"]);
    tmux.wait_for(|text| !text.contains("PAUSED"));
    let seconds = world.pick(10, 2);
    tmux.run(&["pipe-pane", "-O", &format!("cat > {}", log.display())]);
    std::thread::sleep(Duration::from_secs(seconds));
    tmux.run(&["pipe-pane"]);
    let bytes = std::fs::metadata(&log).map_or(0, |log| log.len());
    let _ = std::fs::remove_file(&log);
    tmux.run(&["send-keys", "q"]);
    let back = tmux.wait_for(|text| !text.contains("opens/s"));
    let rate = bytes as f64 / seconds as f64 / 1000.0;
    let quit = if back { "quits" } else { "does not quit" };
    let text = format!("filters, pauses, helps, {quit}; {rate:.2} kB/s in a storm");
    Measured::right(back, text).and_quick(rate > 0.0 && rate <= 15.0)
}
