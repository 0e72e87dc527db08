//! How quick the screen is, and what it costs.

use std::time::{Duration, Instant};

use super::load::{Steady, Storm, opens};
use super::pty::Pty;
use super::{Measured, World};

const MS: Duration = Duration::from_millis(1);

pub fn key_echo(world: &World) -> Measured {
    let _storm = Steady::start(500, 5 * MS);
    let mut pty = world.live(&[], 80, 24);
    pty.wait_for("the storm", |text| text.contains("steady-"));
    pty.keys("/");
    pty.wait_for("prompt", |text| text.contains("Enter keep"));
    let mut line = String::new();
    let mut took = Vec::new();
    for at in 0..world.pick(300, 20) {
        // A line of 20 characters, typed and erased again and again, at the pace of somebody who types fast.
        let erase = at / 20 % 2 == 1;
        let key = if erase { "\x7f".to_owned() } else { char::from(b'a' + (at % 20) as u8).to_string() };
        if erase {
            line.pop();
        } else {
            line.push_str(&key);
        }
        let start = Instant::now();
        pty.keys(&key);
        let shown = format!("/ {line}");
        pty.wait_for("echo", |text| text.lines().any(|row| row.split("  ").next() == Some(shown.trim_end())));
        took.push(start.elapsed());
        std::thread::sleep(60 * MS);
    }
    let (median, p99) = quantiles(&mut took);
    Measured::quick(median <= 20 * MS && p99 <= 50 * MS, format!("median {}, p99 {}", ms(median), ms(p99)))
}

pub fn filter(world: &World) -> Measured {
    let mut pty = world.live(&["--history", "100000"], 80, 24);
    pty.wait_for("waiting", |text| text.contains("opens/s"));
    opens(120_000);
    pty.wait_for("full history", |text| text.contains("100,000 events kept"));
    let mut took = Vec::new();
    for filter in ["missing-0.*[13579]5$", "op:openat dir:tmp", "nobody-opens-this"] {
        let first = filter.split(' ').next().unwrap_or_default();
        let start = Instant::now();
        pty.keys(&format!("/\x15{filter}\r"));
        pty.wait_for("filtered events", |text| text.contains("matched") && text.contains(first));
        took.push(start.elapsed());
        pty.keys("\x1b");
        pty.wait_for("all events", |text| text.contains("no filter"));
    }
    let (_, worst) = quantiles(&mut took);
    Measured::quick(worst <= 100 * MS, format!("at most {}", ms(worst)))
}

pub fn prefixes(world: &World) -> Measured {
    let mut pty = world.live(&[], 80, 24);
    opens(20_000);
    pty.keys("/");
    pty.wait_for("prompt", |text| text.contains("Enter keep"));
    let mut random = 99u64;
    let mut worst = Duration::ZERO;
    let mut keys = 0;
    for _ in 0..world.pick(500, 10) {
        pty.keys("\x15");
        pty.wait_for("empty line", |text| text.lines().any(|row| row.split("  ").next() == Some("/")));
        let mut line = String::new();
        for _ in 0..8 {
            const ALPHABET: [&str; 20] =
                ["a", "(", ")", "[", "]", "*", "+", "?", "{", "}", "\\", "|", "^", "$", ".", "é", "漢", "🦀", ":", "!"];
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let key = ALPHABET[(random >> 33) as usize % ALPHABET.len()];
            line.push_str(key);
            let start = Instant::now();
            pty.keys(key);
            let shown = format!("/ {line}");
            pty.wait_for("the prefix", |text| text.lines().any(|row| row.starts_with(&shown)));
            worst = worst.max(start.elapsed());
            keys += 1;
        }
    }
    pty.keys("\x03");
    let (status, _) = pty.wait_for_end();
    Measured::right(status == Some(0), format!("{keys} keys, the slowest {}", ms(worst))).and_quick(worst <= 50 * MS)
}

pub fn own_cost(world: &World) -> Measured {
    let seconds = world.pick(10, 1);
    let pty = world.live(&["-p", &std::process::id().to_string()], 80, 24);
    std::thread::sleep(Duration::from_secs(world.pick(2, 1)));
    let quiet = cpu_share(&pty, seconds);
    drop(pty);
    let _storm = Storm::start();
    let pty = world.live(&[], 80, 24);
    pty.wait_for("the storm", |text| text.contains("missing-"));
    let storm = cpu_share(&pty, seconds);
    std::thread::sleep(Duration::from_secs(world.pick(30, 1)));
    let mib = resident_mib(&pty);
    let text = format!("quiet {:.1} %, storm {:.0} %, {mib:.0} MiB", quiet * 100.0, storm * 100.0);
    // What is promised of the defaults, of which the history is half.
    Measured::right(mib <= 128.0, text).and_quick(quiet < 0.01 && storm <= 1.0)
}

/// Processor time over time.
fn cpu_share(pty: &Pty, seconds: u64) -> f64 {
    let (start, before) = (Instant::now(), cpu(pty));
    std::thread::sleep(Duration::from_secs(seconds));
    cpu(pty).saturating_sub(before).as_secs_f64() / start.elapsed().as_secs_f64()
}

/// Processor time that the program has used.
fn cpu(pty: &Pty) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pty.pid)).expect("the program's stat");
    let fields: Vec<&str> = stat.rsplit_once(')').expect("a stat line").1.split_whitespace().collect();
    let ticks: u64 = [11, 12].map(|at: usize| fields[at].parse::<u64>().expect("ticks")).iter().sum();
    // The kernel reports in hundredths of a second on every architecture.
    Duration::from_millis(ticks * 10)
}

fn resident_mib(pty: &Pty) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", pty.pid)).expect("the program's status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a resident size");
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib / 1024.0
}

/// The median and the 99th percentile.
fn quantiles(took: &mut [Duration]) -> (Duration, Duration) {
    took.sort_unstable();
    let at = |percent: usize| took[((took.len() * percent).div_ceil(100)).clamp(1, took.len()) - 1];
    (at(50), at(99))
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
