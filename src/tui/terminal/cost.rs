//! How many bytes the screen sends for what happens. How often it does is for `app::pace` to say.

use ratatui::buffer::Buffer;

use super::paint::{paint, unknown};
use crate::tui::app::fixture::Screen;

/// Bytes from what was shown to what the screen shows now.
fn frame(shown: &mut Buffer, screen: &Screen) -> usize {
    let (next, _) = screen.draw();
    let mut out = Vec::new();
    paint(shown, &next, &mut out);
    *shown = next;
    out.len()
}

/// No two of them have much in common.
fn path(n: u64) -> String {
    let random = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("/srv/{:x}/{random:x}{:x}/{:x}", random >> 40, random >> 9, random >> (n % 40))
}

/// A screen on which `per_second` opens are made in a second, and what each of five frames a second costs.
fn frames(width: u16, height: u16, per_second: u64) -> Vec<usize> {
    let mut screen = Screen::busy(width, height);
    let (first, _) = screen.draw();
    let mut shown = unknown(first.area);
    frame(&mut shown, &screen);
    let mut costs = Vec::new();
    for n in 0..15 {
        let at_once = per_second / 5;
        screen.open_paths(&(n * at_once..(n + 1) * at_once).map(path).collect::<Vec<_>>());
        if n % 5 == 0 {
            screen.second(&[(2714, "nginx", 33, 812 + n * at_once, n), (1, "systemd", 0, 2, 0)]);
        }
        costs.push(frame(&mut shown, &screen));
    }
    costs
}

/// With five frames a second this is 15 and 35 kB/s.
#[test]
fn a_storm_costs_no_more_than_the_everyday_screen_can_carry() {
    for ((width, height), most) in [((80, 24), 3000), ((200, 50), 7000)] {
        let costs = frames(width, height, 5000);
        assert!(costs.iter().all(|bytes| *bytes <= most), "{width}x{height}: {costs:?}");
    }
}

#[test]
fn few_opens_cost_little_because_the_terminal_moves_the_rows() {
    let costs = frames(80, 24, 10);
    assert!(costs.iter().all(|bytes| *bytes <= 400), "{costs:?}");
}

#[test]
fn a_second_in_which_nothing_happens_costs_next_to_nothing() {
    let mut screen = Screen::busy(80, 24);
    let mut shown = unknown(screen.draw().0.area);
    let mut second = || {
        screen.second(&[(2714, "nginx", 33, 812, 1), (311, "postgres", 0, 390, 40), (1, "systemd", 0, 2, 0)]);
        frame(&mut shown, &screen)
    };
    let costs: Vec<_> = (0..20).map(|_| second()).collect();
    // The rates before are still in the little graph for some seconds.
    assert!(costs[10..].iter().all(|bytes| *bytes <= 20), "{costs:?}");
}
