//! The same screen where most people have it: in tmux.

use std::time::Duration;

use super::load::Storm;
use super::tmux::Tmux;
use super::{Measured, World};

/// A step: its name, the keys, what must be on the screen then.
type Step = (&'static str, &'static [&'static str], fn(&str) -> bool);

pub fn through_tmux(world: &World) -> Measured {
    let _storm = Storm::start();
    let Some(tmux) = Tmux::start("goals", 80, 24, "sh") else {
        return Measured::not_tried("tmux is not installed, or does not start");
    };
    let log = std::env::temp_dir().join(format!("opentop-goals-{}.bytes", std::process::id()));
    tmux.keys(&[&world.opentop, "Enter"]);
    let steps: [Step; 5] = [
        ("storm", &[], |text| text.contains("missing-") && text.contains("top processes (exact)")),
        ("filter", &["/", "nobody-opens-this", "Enter"], |text| text.contains("matched 0 of")),
        ("clear", &["="], |text| text.contains("no filter")),
        ("pause", &["Space"], |text| text.contains("PAUSED")),
        ("help", &["?"], |text| text.contains("this help")),
    ];
    for (step, keys, wanted) in steps {
        if !keys.is_empty() {
            tmux.keys(keys);
        }
        if !tmux.wait_for(wanted) {
            return Measured::right(false, format!("stuck at: {step}"));
        }
    }
    tmux.keys(&["q", "Space"]);
    tmux.wait_for(|text| !text.contains("PAUSED"));
    let seconds = world.pick(10, 2);
    tmux.run(&["pipe-pane", "-O", &format!("cat > {}", log.display())]);
    std::thread::sleep(Duration::from_secs(seconds));
    tmux.run(&["pipe-pane"]);
    let bytes = std::fs::metadata(&log).map_or(0, |log| log.len());
    let _ = std::fs::remove_file(&log);
    tmux.keys(&["q"]);
    let back = tmux.wait_for(|text| !text.contains("opens/s"));
    let rate = bytes as f64 / seconds as f64 / 1000.0;
    let quit = if back { "quits" } else { "does not quit" };
    let text = format!("filters, pauses, helps, {quit}; {rate:.2} kB/s in a storm");
    Measured::right(back, text).and_quick(rate > 0.0 && rate <= 15.0)
}
