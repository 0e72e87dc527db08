//! The state driven by bytes and messages. Here: keys, the mouse, the help, the ends, a replay.

mod filter;
mod list;
mod ranking;

use crate::event::sample;
use crate::message::{Hooks, LOOKUPS, Message, Unseen};
use crate::tui::app::action::Focus;
use crate::tui::app::fixture::{Screen, numbered, setup};
use crate::tui::app::{Effect, Ended, Event, Mode, Setup};
use crate::tui::input::Input;

fn last(paths: &[String]) -> &str {
    paths.last().map_or("", String::as_str)
}

#[test]
fn the_footer_tells_the_way_out() {
    let mut screen = Screen::busy(80, 24);
    let footer = |screen: &Screen| screen.line(23);
    assert!(!footer(&screen).contains("Esc") && !footer(&screen).contains("follow"), "{}", footer(&screen));
    screen.keys("k");
    assert!(footer(&screen).starts_with("q quit  ? help  F follow  / filter  Space pause"), "{}", footer(&screen));
    screen.keys("\t");
    assert!(footer(&screen).starts_with("q quit  ? help  / filter  Space pause  Enter"), "{}", footer(&screen));
    screen.keys("\t ");
    assert!(footer(&screen).starts_with("q quit  ? help  / filter  Space go on"), "{}", footer(&screen));
    screen.keys(" /nginx\r");
    let expected = "q quit  ? help  / filter  Space pause  Esc no filter  Enter details";
    assert!(footer(&screen).starts_with(expected), "{}", footer(&screen));
    screen.keys("\t\r");
    assert!(footer(&screen).contains("Esc all again"), "{}", footer(&screen));
}

#[test]
fn q_closes_a_popup_first_and_control_c_always_quits() {
    for popup in ["?", "\r", "f"] {
        let mut screen = Screen::busy(80, 24);
        screen.keys(popup).keys("q");
        assert_eq!(screen.effects, [], "{popup:?}");
        screen.keys("q");
        assert_eq!(screen.effects, [Effect::End(Ended::Quit)], "{popup:?}");
    }
    for mode in ["", "?", "\r", "f", "/", "/ab"] {
        let mut screen = Screen::busy(80, 24);
        screen.keys(mode).keys("\x03");
        assert_eq!(screen.effects, [Effect::End(Ended::Quit)], "{mode:?}");
    }
}

#[test]
fn neither_a_paste_nor_escape_nor_control_q_quits() {
    let mut screen = Screen::busy(80, 24);
    screen.keys("\x1b[200~q\rq\x1b[201~").keys("\x1b\x1b\x1b").keys("\x11");
    assert_eq!(screen.effects.iter().filter(|effect| matches!(effect, Effect::End(_))).count(), 0);
}

#[test]
fn how_it_ends() {
    for (event, ended) in [
        (Event::Input(Input::Gone), Ended::Gone),
        (Event::Input(Input::Signal(15)), Ended::Signal(15)),
        (Event::Message(Message::Failed("broken".into())), Ended::Failed("broken".into())),
    ] {
        let mut screen = Screen::busy(80, 24);
        screen.update(event);
        assert_eq!(screen.effects, [Effect::End(ended)]);
    }
    let mut screen = Screen::busy(80, 24);
    screen.update(Event::Message(Message::End));
    screen.update(Event::SourceLost);
    assert_eq!(screen.effects, []);
    assert!(screen.line(0).contains("ENDED"));
    let mut screen = Screen::busy(80, 24);
    screen.update(Event::SourceLost);
    assert!(matches!(screen.effects[..], [Effect::End(Ended::Failed(_))]));
}

#[test]
fn the_copy_is_of_the_path_and_the_selection_may_be_in_a_popup() {
    let mut screen = Screen::busy(80, 24);
    screen.keys("k\ry");
    assert_eq!(screen.effects, [Effect::Copy("/etc/shadow".into())]);
}

#[test]
fn the_mouse_selects_only_where_rows_are() {
    let mut screen = Screen::busy(80, 24);
    screen.keys("\x1b[<0;5;8M");
    assert_eq!(screen.selected_path().as_deref(), Some("/var/www/index.html"));
    screen.keys("\x1b[<0;5;5M");
    assert_eq!(screen.app.focus, Focus::Openers);
    screen.keys("\x1b[<0;5;1M\x1b[<0;500;500M");
}

#[test]
fn the_help_knows_of_leaks() {
    let mut screen = Screen::busy(80, 24);
    screen.keys("?/leak\r");
    assert!(screen.text().contains("FDS, GROWTH") && screen.text().contains("--leaks"), "{}", screen.text());
}

#[test]
fn the_help_is_searched() {
    let mut screen = Screen::busy(80, 24);
    screen.keys("?/OWN cpuq");
    assert!(screen.text().contains("nothing has this word"));
    screen.keys("\x7f\r");
    assert!(screen.text().contains("own cpu") && !screen.text().contains("this help"));
    screen.keys("/\x1b");
    assert!(screen.text().contains("this help"));
    screen.keys("q/");
    assert!(matches!(screen.app.mode, Mode::Prompt(_)));
}

#[test]
fn a_key_asks_for_look_ups_and_the_hooks_tell_what_came_of_it() {
    let mut screen = Screen::busy(120, 30);
    screen.keys("/err:any\r");
    assert!(screen.text().contains("stat, access not shown (a)"), "{}", screen.text());
    screen.keys("a");
    assert_eq!(screen.effects.last(), Some(&Effect::Lookups(true)));
    let hooks = screen.app.setup.hooks.clone();
    screen.update(Event::Message(Message::Hooks(Hooks { lookups: true, ..hooks.clone() })));
    assert!(!screen.text().contains("not shown (a)") && screen.text().contains("counted apart from opens"));
    screen.keys("a");
    assert_eq!(screen.effects.last(), Some(&Effect::Lookups(false)));
    let unseen = vec![Unseen { what: LOOKUPS, why: "no such thing".into() }];
    screen.update(Event::Message(Message::Hooks(Hooks { unseen, ..hooks })));
    assert!(screen.text().contains("cannot be seen here: no such thing"), "{}", screen.text());
}

/// A replay is asked for things by keys, and what it tells becomes the screen.
#[test]
fn a_replay_is_controlled_by_keys() {
    use crate::message::{Playback, PlaybackCommand};
    let mut screen = Screen::with(Setup { replay: Some("f.zst".into()), ..setup() }, 120, 24);
    let playback = Playback {
        at_ns: 12_000_000_000,
        length_ns: Some(300_000_000_000),
        first_ns: sample().ts_ns,
        speed: 2.0,
        seekable: true,
        ..Playback::default()
    };
    screen.update(Event::Message(Message::Playback(playback)));
    screen.open_paths(&numbered(0, 30));
    assert!(screen.line(0).contains("00:12/05:00 x2"), "{}", screen.line(0));
    screen.keys(" ][");
    let paused = Playback { paused: true, ..playback };
    screen.update(Event::Message(Message::Playback(paused)));
    screen.keys(".");
    let play = Effect::Play;
    let asked = [PlaybackCommand::Pause(true), PlaybackCommand::Faster, PlaybackCommand::Slower, PlaybackCommand::Step];
    assert_eq!(screen.effects, asked.map(play));
    assert!(screen.line(0).contains("PAUSED") && screen.line(23).contains("go on"), "{}", screen.text());
    // F goes on as Space does.
    screen.keys("F");
    assert_eq!(screen.effects.pop(), Some(play(PlaybackCommand::Pause(false))));
    // Ten seconds before the end.
    screen.effects.clear();
    screen.keys("H\x1b[F-10s\r");
    let Some(Effect::Play(PlaybackCommand::Seek(to))) = screen.effects.pop() else { panic!("{:?}", screen.effects) };
    assert_eq!(to / 1_000_000_000, 290);
    screen.update(Event::Message(Message::Playback(Playback { at_ns: to, from_ns: to, seeks: 1, ..playback })));
    assert!(screen.paths().is_empty() && screen.line(0).contains("from 04:50 on"), "{}", screen.text());
    // What has ended cannot be paused, and no key says that it were.
    screen.update(Event::Message(Message::End));
    assert!(screen.keys(" ").line(23).contains("nothing to pause") && !screen.app.paused, "{}", screen.text());
    // A pipe has no other place.
    screen.update(Event::Message(Message::Playback(Playback { seekable: false, seeks: 1, ..playback })));
    screen.open_paths(&numbered(0, 3));
    assert!(screen.keys("'").app.marks.len() == 1 && screen.keys("'").app.marks.is_empty());
}

#[test]
fn a_key_that_does_nothing_says_so_until_another_view_has_keys_of_its_own() {
    let mut screen = Screen::new(80, 24);
    screen.open_paths(&numbered(0, 3));
    let text = screen.keys("u").text();
    assert!(text.contains("u does nothing here: ? shows the keys, q quits"), "{text}");
    let text = screen.keys("?").text();
    assert!(!text.contains("does nothing") && text.contains("q close"), "{text}");
    // What is said about the new view stays.
    let text = screen.keys("qo").text();
    assert!(text.contains("there is no command"), "{text}");
}
