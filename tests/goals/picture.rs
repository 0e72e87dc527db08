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
    Measured::new(holds, format!("{strange} control bytes, {leaked} invisible characters in {} bytes", bytes.len()))
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
    std::thread::sleep(Duration::from_secs(2));
    let rows = |text: &str| text.lines().skip(2).take(20).map(str::to_owned).collect::<Vec<_>>();
    let total = |text: &str| text.lines().nth(1).and_then(|line| line.split(' ').nth(1)).map(str::to_owned);
    let before = pty.text();
    std::thread::sleep(Duration::from_secs(world.pick(10, 4)));
    let after = pty.text();
    let still = rows(&before) == rows(&after);
    let rises = total(&before) != total(&after) && after.contains("PAUSED +");
    let start = Instant::now();
    pty.keys(" ");
    pty.wait_for("the tail", |text| !text.contains("PAUSED") && rows(text) != rows(&after));
    let took = start.elapsed();
    let holds = still && rises && world.in_time(took, Duration::from_millis(200));
    let still = if still { "identical" } else { "different" };
    Measured::new(
        holds,
        format!("rows {still}, totals {}, back after {} ms", if rises { "rise" } else { "stand" }, took.as_millis()),
    )
}

/// The numbers of the line `opens N = events N + dropped N ...`, in its order.
fn numbers(line: &str) -> Vec<u64> {
    let sum = line.split("  ").next().unwrap_or_default();
    let digits = sum.split(' ').map(|word| word.replace(',', ""));
    digits.filter_map(|word| word.parse().ok()).collect()
}

pub fn sum(world: &World) -> Measured {
    let mut texts = Vec::new();
    let mut holds = true;
    for ring in ["8M", "64K"] {
        let count = world.pick(1_000_000, 200_000);
        let pty = world.live(&["--ring", ring], 200, 50);
        pty.wait_for("counts", |text| text.contains("opens/s"));
        opens(count);
        pty.wait_for("quiet counts", |text| {
            let line = numbers(text.lines().nth(1).unwrap_or_default());
            line.first().is_some_and(|total| *total >= count) && !text.contains("on the way")
        });
        let line = pty.text().lines().nth(1).unwrap_or_default().to_owned();
        let numbers = numbers(&line);
        holds &= numbers.len() >= 3 && numbers[0] == numbers[1..].iter().sum::<u64>();
        texts.push(line.split("  ").next().unwrap_or_default().to_owned());
    }
    Measured::new(holds, texts.join("; "))
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
    let mut random = 7u32;
    let mut size = || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((random >> 16) as u16 % 200 + 1, (random >> 24) as u16 % 60 + 2)
    };
    for _ in 0..200 {
        let (width, height) = size();
        pty.resize(width, height);
        std::thread::sleep(Duration::from_millis(world.pick(50, 10)));
    }
    for (width, height) in [(20, 5), (2, 2), (80, 24)] {
        pty.resize(width, height);
        std::thread::sleep(Duration::from_millis(200));
    }
    pty.keys("\x0c");
    pty.wait_for("the whole screen", |text| text.contains("q quit") && text.contains("opentop-newest"));
    drop(pty);
    // The emulator does not survive a single row; what is sent for it is only looked at as bytes.
    let small = Command::new("script")
        .args(["-qec", &format!("stty cols 1 rows 1; exec timeout 2 {} -p {own}", world.opentop), "/dev/null"])
        .stdin(Stdio::null())
        .output();
    let survived = small.map(|output| output.status.code());
    match survived {
        Ok(code) => Measured::new(matches!(code, Some(124 | 143)), format!("all of it (1x1: ended by TERM, {code:?})")),
        Err(_) => Measured::new(true, "all of it (1x1 not tried: script(1) is not installed)"),
    }
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
    Measured::new(holds, format!("{in_pipe} in a pipe, {on_dumb} on a dumb terminal"))
}
