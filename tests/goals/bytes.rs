//! How much the screen sends.

use std::time::Duration;

use super::load::{Steady, Storm};
use super::pty::Pty;
use super::{Measured, World};

pub fn storm_small(world: &World) -> Measured {
    storm(world, (80, 24), 15_000)
}

pub fn storm_large(world: &World) -> Measured {
    storm(world, (200, 50), 35_000)
}

fn storm(world: &World, (width, height): (u16, u16), bar: u64) -> Measured {
    let storm = Storm::start();
    let pty = world.live(&["-p", &storm.pid().to_string()], width, height);
    rate(world, &pty, bar)
}

pub fn trickle(world: &World) -> Measured {
    let _trickle = Steady::start(1, Duration::from_millis(100));
    let pty = world.live(&["-p", &std::process::id().to_string()], 80, 24);
    pty.wait_for("the trickle", |text| text.contains("/etc/steady-"));
    rate(world, &pty, 3_000)
}

pub fn quiet(world: &World) -> Measured {
    // Nothing that opens: this process, which waits.
    let pty = world.live(&["-p", &std::process::id().to_string()], 80, 24);
    rate(world, &pty, 100)
}

pub fn paused(world: &World) -> Measured {
    let storm = Storm::start();
    let mut pty = world.live(&["-p", &storm.pid().to_string()], 80, 24);
    pty.wait_for("the storm", |text| text.contains("missing-"));
    pty.keys(" ");
    pty.wait_for("pause", |text| text.contains("PAUSED"));
    rate(world, &pty, 100)
}

/// Bytes a second, once the first frames are out.
fn rate(world: &World, pty: &Pty, bar: u64) -> Measured {
    std::thread::sleep(Duration::from_secs(world.pick(2, 1)));
    let time = Duration::from_secs(world.pick(20, 1));
    let before = pty.bytes().len();
    std::thread::sleep(time);
    let bytes = pty.bytes();
    let sent = &bytes[before..];
    let rate = sent.len() as u64 / time.as_secs();
    let clears = sent.windows(4).filter(|window| window == b"\x1b[2J").count();
    Measured::right(clears == 0, format!("{:.2} kB/s, {clears} full clears", rate as f64 / 1000.0))
        .and_quick(rate <= bar)
}
