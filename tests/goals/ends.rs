//! How it ends, and what it leaves behind.

use std::time::Duration;

use rustix::process::Signal;

use super::load::{Steady, Storm};
use super::picture::sum_of;
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
    // A terminal that is not restored has ended the measurement.
    Measured::right(true, format!("{how}: at most {} ms ({})", worst.0.as_millis(), worst.1))
        .and_quick(worst.0 <= HALF_A_SECOND)
}

pub fn gone(world: &World) -> Measured {
    let _storm = Storm::start();
    let mut pty = world.live(&[], 80, 24);
    pty.wait_for("the storm", |text| text.contains("missing-"));
    pty.hang_up();
    let (_, took) = pty.wait_for_end();
    Measured::right(true, format!("ended after {} ms", took.as_millis())).and_quick(took <= Duration::from_secs(2))
}

/// What a ring buffer of [`RING`] and the queue behind it hold at most.
const HELD_BACK: u64 = 10_000;
const RING: &str = "64K";

pub fn stalled(world: &World) -> Measured {
    let (drained, dropped) = drained(world);
    let _storm = Storm::start();
    let mut pty = world.live(&[], 200, 50);
    pty.wait_for("the storm", |text| text.contains("missing-"));
    pty.stall(true);
    std::thread::sleep(Duration::from_secs(world.pick(10, 1)));
    pty.signal(Signal::TERM);
    let (_, took) = pty.wait_for_end();
    pty.stall(false);
    pty.assert_restored();
    let text = format!("{drained} events drained, {dropped} dropped, ended after {} ms", took.as_millis());
    // With so small a ring, a busy machine drops some events with or without a reader.
    Measured::right(drained > HELD_BACK, text).and_quick(took <= Duration::from_secs(1))
}

/// Events delivered and dropped while nobody read what the screen sent.
fn drained(world: &World) -> (u64, u64) {
    let own = std::process::id().to_string();
    let pty = world.live(&["-p", &own, "--ring", RING], 200, 50);
    let steady = Steady::start(100, Duration::from_millis(10));
    pty.wait_for("opens", |text| text.contains("steady-"));
    let before = sum_of(&pty.text());
    pty.stall(true);
    std::thread::sleep(Duration::from_secs(world.pick(10, 3)));
    drop(steady);
    pty.stall(false);
    pty.wait_for("the end of the opens", |text| text.contains(", 0 match") && sum_of(text)[0] > before[0]);
    let after = sum_of(&pty.text());
    (after[1] - before[1], after[2] - before[2])
}
