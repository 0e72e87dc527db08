//! What the screen shows.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::load::{Storm, opens};
use super::pty::Pty;
use super::{Measured, World};

pub fn hostile(world: &World) -> Measured {
    let own = std::process::id().to_string();
    let mut pty = world.live(&["-p", &own], 200, 50);
    pty.keys("b");
    let names: [&[u8]; 6] = [
        b"/tmp/\x1b]0;owned\x07",
        b"/tmp/\x1b[2J\x1b[31mred",
        b"/tmp/line\nfeed\r",
        b"/tmp/\xff\xfe\x9b31m",
        "/tmp/\u{9b}5m\u{202e}gpj.exe\u{200b}".as_bytes(),
        b"/tmp/last-hostile-name",
    ];
    for name in names {
        let _ = std::fs::File::open(OsStr::from_bytes(name));
    }
    pty.wait_for("hostile names", |text| text.contains("last-hostile-name"));
    let shown = pty.text();
    pty.keys("q");
    pty.wait_for_end();
    let bytes = pty.bytes();
    let strange = strange_bytes(&bytes);
    let text = String::from_utf8_lossy(&bytes);
    let leaked = ["\u{9b}", "\u{202e}", "\u{200b}", "\x07"].into_iter().filter(|bad| text.contains(bad)).count();
    let holds = strange == 0 && leaked == 0 && shown.contains(r"\x1b]0;owned\x07") && shown.contains(r"\u{202e}");
    Measured::right(holds, format!("{strange} control bytes, {leaked} invisible characters in {} bytes", bytes.len()))
}

/// Control bytes that are in none of the sequences that opentop itself sends: CSI with digits, and line ends of the
/// terminal's own.
fn strange_bytes(bytes: &[u8]) -> usize {
    let mut strange = 0;
    let mut at = 0;
    while at < bytes.len() {
        match &bytes[at..] {
            [0x1b, b'[', rest @ ..] => {
                let len = rest.iter().take_while(|byte| matches!(byte, b'0'..=b'9' | b';' | b'?')).count();
                let known = rest.get(len).is_some_and(|end| b"mHKCSTrhl".contains(end));
                strange += usize::from(!known);
                at += len + 3;
            }
            [byte, ..] => {
                strange += usize::from(*byte < b' ' || *byte == 0x7f);
                at += 1;
            }
            [] => break,
        }
    }
    strange
}

pub fn pause(world: &World) -> Measured {
    let storm = Storm::start();
    let mut pty = world.live(&["-p", &storm.pid().to_string()], 80, 24);
    pty.wait_for("the storm", |text| text.contains("missing-"));
    pty.keys(" ");
    pty.wait_for("pause", |text| text.contains("PAUSED"));
    let rows = |text: &str| text.lines().skip(2).take(20).map(str::to_owned).collect::<Vec<_>>();
    let total = |text: &str| sum_of(text).first().copied().unwrap_or(0);
    let before = pty.text();
    std::thread::sleep(Duration::from_secs(world.pick(10, 1)));
    pty.wait_for("rising totals", |text| total(text) > total(&before));
    let after = pty.text();
    let still = rows(&before) == rows(&after);
    let news = after.contains("PAUSED +") && !after.contains("PAUSED +0 ");
    let start = Instant::now();
    pty.keys(" ");
    pty.wait_for("the tail", |text| !text.contains("PAUSED") && rows(text) != rows(&after));
    let took = start.elapsed();
    let what = if still { "identical" } else { "different" };
    Measured::right(still && news, format!("rows {what}, totals rise, back after {} ms", took.as_millis()))
        .and_quick(took <= Duration::from_millis(200))
}

/// The text of the sum in the header, `opens N = events N + dropped N ...`.
fn sum_text(screen: &str) -> &str {
    screen.lines().nth(1).and_then(|line| line.split("  ").next()).unwrap_or_default()
}

/// Its numbers, in its order, without those of the causes, which stand in brackets. On a narrow screen they are rounded,
/// and end with `k` or `M`.
pub fn sum_of(screen: &str) -> Vec<u64> {
    let outside = sum_text(screen).split(['(', ')']).step_by(2);
    let number = |word: &str| {
        let (digits, unit) = match word.strip_suffix(['k', 'M']) {
            Some(digits) => (digits, if word.ends_with('k') { 1e3 } else { 1e6 }),
            None => (word, 1.0),
        };
        digits.replace(',', "").parse::<f64>().ok().map(|number| (number * unit).round() as u64)
    };
    outside.flat_map(str::split_whitespace).filter_map(number).collect()
}

pub fn sum(world: &World) -> Measured {
    let mut texts = Vec::new();
    let mut holds = true;
    for ring in ["8M", "64K"] {
        let count = world.pick(1_000_000, 50_000);
        let pty = world.live(&["--ring", ring], 200, 50);
        pty.wait_for("counts", |text| text.contains("opens/s"));
        opens(count);
        pty.wait_for("quiet counts", |text| {
            sum_of(text).first().is_some_and(|total| *total >= count) && !text.contains("not yet read")
        });
        let screen = pty.text();
        let numbers = sum_of(&screen);
        holds &= numbers.len() >= 3 && numbers[0] == numbers[1..].iter().sum::<u64>();
        texts.push(sum_text(&screen).to_owned());
    }
    Measured::right(holds, texts.join("; "))
}

pub fn sizes(world: &World) -> Measured {
    let own = std::process::id().to_string();
    let mut pty = world.live(&["-p", &own], 40, 10);
    let _ = std::fs::File::open("/etc/opentop-newest");
    pty.wait_for("the newest base name", |text| text.contains("opentop-newest"));
    pty.keys(" ");
    pty.wait_for("pause", |text| text.contains("PAUSED"));
    pty.keys("/\x15abc");
    pty.wait_for("prompt", |text| text.contains("/ abc"));
    pty.keys("\x1b?");
    pty.wait_for("help", |text| text.contains("quit"));
    pty.keys("q");
    pty.resize_at_random(200, Duration::from_millis(world.pick(50, 5)));
    for (width, height) in [(20, 5), (2, 2), (1, 1), (200, 1), (1, 60), (80, 24)] {
        pty.resize(width, height);
        std::thread::sleep(Duration::from_millis(world.pick(200, 50)));
    }
    pty.keys("\x0c");
    pty.wait_for("the whole screen", |text| text.contains("q quit") && text.contains("opentop-newest"));
    drop(pty);
    let mut smallest = Pty::start(&world.opentop, &["-p", &own], 1, 1);
    smallest.wait_for_screen("the alternate screen", vt100::Screen::alternate_screen);
    smallest.keys("?j/a\r\x1b  \tb\rq");
    let _ = std::fs::File::open("/etc/opentop-newest");
    smallest.keys("q");
    let (status, _) = smallest.wait_for_end();
    smallest.assert_restored();
    Measured::right(status == Some(0), "all of it; started at 1x1, driven by keys, ended by q")
}

pub fn no_terminal(world: &World) -> Measured {
    let piped = Command::new(&world.opentop)
        .args(["-d", "1"])
        .env("TERM", "xterm-256color")
        .stdin(Stdio::null())
        .output()
        .expect("starting opentop");
    let mut pty = Pty::start("/usr/bin/env", &["TERM=dumb", &world.opentop, "-d", "1"], 80, 24);
    let (dumb, _) = pty.wait_for_end();
    let escapes = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == 0x1b).count();
    let (in_pipe, on_dumb) = (escapes(&piped.stdout) + escapes(&piped.stderr), escapes(&pty.bytes()));
    let holds = in_pipe == 0 && on_dumb == 0 && piped.status.success() && dumb.is_some();
    Measured::right(holds, format!("{in_pipe} in a pipe, {on_dumb} on a dumb terminal"))
}
