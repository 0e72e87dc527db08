//! How it ends, and what it leaves behind.

use std::time::Duration;

use rustix::process::Signal;

use super::load::Storm;
use super::pty::Pty;
use super::{Measured, World};

const HALF_A_SECOND: Duration = Duration::from_millis(500);

/// A way to end it: its name, and how it is done.
type End = (&'static str, fn(&mut Pty));

pub fn every_end(world: &World) -> Measured {
    let ends: [End; 6] = [
        ("q", |pty| pty.keys("q")),
        ("^C", |pty| pty.keys("/\x03")),
        ("TERM", |pty| pty.signal(Signal::TERM)),
        ("HUP", |pty| pty.signal(Signal::HUP)),
        ("INT", |pty| pty.signal(Signal::INT)),
        ("QUIT", |pty| pty.signal(Signal::QUIT)),
    ];
    let sudo = std::process::Command::new("sudo").args(["-n", "true"]).status().is_ok_and(|status| status.success());
    let mut worst = (Duration::ZERO, String::new());
    for under_sudo in if sudo { vec![false, true] } else { vec![false] } {
        for (name, end) in ends {
            let mut pty = if under_sudo {
                Pty::start("sudo", &["-n", &world.opentop], 80, 24)
            } else {
                Pty::start(&world.opentop, &[], 80, 24)
            };
            pty.wait_for("screen", |text| text.contains("q quit"));
            end(&mut pty);
            let (_, took) = pty.wait_for_end();
            pty.assert_restored();
            if took >= worst.0 {
                worst = (took, format!("{name}{}", if under_sudo { " under sudo" } else { "" }));
            }
        }
    }
    let how = if sudo { "bare and under sudo" } else { "bare (sudo is not installed)" };
    Measured::new(
        world.in_time(worst.0, HALF_A_SECOND),
        format!("{how}: at most {} ms ({})", worst.0.as_millis(), worst.1),
    )
}

pub fn gone(world: &World) -> Measured {
    let _storm = Storm::start();
    let mut pty = world.live(&[], 80, 24);
    pty.wait_for("the storm", |text| text.contains("missing-"));
    pty.hang_up();
    let (_, took) = pty.wait_for_end();
    Measured::new(world.in_time(took, Duration::from_secs(2)), format!("ended after {} ms", took.as_millis()))
}

pub fn stalled(world: &World) -> Measured {
    let storm = Storm::start();
    let pid = storm.pid().to_string();
    let pty = world.live(&["-p", &pid], 80, 24);
    pty.wait_for("the storm", |text| text.contains("missing-"));
    pty.stall(true);
    std::thread::sleep(Duration::from_secs(world.pick(10, 4)));
    pty.stall(false);
    drop(storm);
    pty.wait_for("the end of the storm", |text| text.contains(" 0 opens/s"));
    let dropped_none = pty.text().contains("dropped 0");
    drop(pty);

    let _storm = Storm::start();
    let mut pty = world.live(&[], 200, 50);
    pty.wait_for("the storm", |text| text.contains("missing-"));
    pty.stall(true);
    std::thread::sleep(Duration::from_secs(world.pick(10, 3)));
    pty.signal(Signal::TERM);
    let (_, took) = pty.wait_for_end();
    pty.stall(false);
    pty.assert_restored();
    let holds = dropped_none && world.in_time(took, Duration::from_secs(1));
    let dropped = if dropped_none { "nothing dropped" } else { "events dropped" };
    Measured::new(holds, format!("{dropped}, ended after {} ms", took.as_millis()))
}
