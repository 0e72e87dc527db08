//! Who a process is, and what it has open: asked of whoever may look at processes, shown when the answer comes.
//!
//! What the events and the counts know is there at once, and all there is of a process that has ended.

use std::sync::Arc;
use std::time::Duration;

use super::action::Focus;
use super::columns::Extras;
use super::{App, Dirty, Effect, Mode};
use crate::event::{Op, OpenEvent, ProcessName};
use crate::history::timeline::Timeline;
use crate::names::mounts::Mounts;
use crate::names::process::{Descriptors, Id, Identity};
use crate::ranking::Sort;
use crate::ranking::openers::{self, Group, Key, Row};

/// Events among which the latest exec of a process is looked for.
const EXEC_SCAN: usize = 50_000;
/// Processes whose descriptors are asked for at a time.
const WATCHED_MAX: usize = 60;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Who this is, and what keeps a user from a path.
    Who {
        id: Id,
        denied: Option<(Vec<u8>, u32)>,
    },
    Descriptors(Vec<Id>),
    /// What this host has mounted.
    Mounts,
    /// Whether these have the mounts of this host.
    SharesMounts(Vec<Id>),
}

/// What is answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// `identity`: `None` where it has ended.
    Who { id: Id, identity: Option<Box<Identity>> },
    /// What keeps the user from the path, which may take longer to find out.
    Denied { id: Id, by: String },
    /// Of those that run and may be looked at.
    Descriptors(Vec<(Id, Option<Descriptors>)>),
    /// Or why they are not known.
    Mounts(Result<Arc<Mounts>, String>),
    /// `None`: it has ended, or may not be looked at.
    SharesMounts(Vec<(Id, Option<bool>)>),
    /// What was opened when in a recording, as far as it was looked through, and how long it is once that is known.
    Recorded { timeline: Box<Timeline>, length_ns: Option<u64> },
}

/// What is known of who a process is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityState {
    /// Nobody can be asked, and why.
    Unavailable(&'static str),
    Asked,
    Running(Box<Identity>),
    Ended,
}

/// A process that details are shown of.
#[derive(Clone, Debug)]
pub struct Who {
    pub id: openers::Id,
    denied: Option<(Vec<u8>, u32)>,
    pub identity: IdentityState,
    /// What denies, in words.
    pub denied_by: Option<String>,
    /// What it executed, as its exec event has it, where that is still kept.
    pub executed: Option<Vec<u8>>,
    /// What `--identity` has told, and where that is from.
    pub named: Option<(ProcessName, &'static str)>,
    /// Parents as the counts know them, the nearest first: pid and name.
    pub parents: Vec<(u32, Vec<u8>)>,
}

impl Who {
    fn on_its_host(&self) -> Id {
        (self.id.0.1, self.id.1)
    }

    /// Asks who it is, as long as that is not answered.
    fn question(&self) -> Option<Effect> {
        let question = || Question::Who { id: self.on_its_host(), denied: self.denied.clone() };
        (self.identity == IdentityState::Asked).then(|| Effect::Ask(question()))
    }
}

impl App {
    /// Details of what is selected: an event, what is missing, or a process of the ranking.
    pub(super) fn show_details(&mut self) -> Vec<Effect> {
        if self.focus == Focus::Openers {
            return self.show_opener();
        }
        let follow = self.events.is_following();
        self.events.hold(self.events_height());
        if self.events.selected_row().is_none() {
            if follow {
                self.events.follow();
            }
            return Vec::new();
        }
        let who = self.events.selected().map(|row| self.who_of_event(&row.event)).map(Box::new);
        let asks = who.as_ref().and_then(|who| who.question());
        self.mode = Mode::Details { scroll: 0, follow, who };
        asks.into_iter().collect()
    }

    fn show_opener(&mut self) -> Vec<Effect> {
        let Some(row) = self.selection.row(self.ranking.rows()) else { return Vec::new() };
        let Key::Process { source, pid, start_ns } = row.key else {
            self.say("only a process has details: b groups by process");
            return Vec::new();
        };
        let whose = if self.ranking.group == Group::Parent { " of its children" } else { "" };
        self.show_process(((source, pid), start_ns), row.clone(), whose)
    }

    /// Details of a process.
    pub(super) fn show_process(&mut self, id: openers::Id, row: Row, whose: &'static str) -> Vec<Effect> {
        let who = Box::new(self.who(id, None));
        let asks = who.question();
        self.open_over(Mode::Opener { scroll: 0, who, row: Box::new(row), whose });
        asks.into_iter().collect()
    }

    fn who_of_event(&self, event: &OpenEvent<'_>) -> Who {
        let denied = matches!(event.errno(), Some(libc::EACCES | libc::EPERM));
        let denied = denied.then(|| (event.path.to_owned(), event.uid));
        self.who(((event.source, event.pid), event.start_ns), denied)
    }

    fn who(&self, id: openers::Id, denied: Option<(Vec<u8>, u32)>) -> Who {
        let identity = self.setup.hidden_processes.map_or(IdentityState::Asked, IdentityState::Unavailable);
        let log = &self.events.live().log;
        let events = log.range().rev().take(EXEC_SCAN).filter_map(|at| log.get(at));
        let mut execs =
            events.filter(|event| event.op == Op::Exec && ((event.source, event.pid), event.start_ns) == id);
        let executed = execs.find(|event| !event.failed()).map(|event| event.path.to_owned());
        let ((source, pid), start_ns) = id;
        let named = self.names.processes().and_then(|known| known.latest((source, pid, start_ns)));
        let from = if self.setup.replay.is_some() { "recorded" } else { "seen while it ran" };
        let named = named.map(|process| (process.clone(), from));
        Who { id, denied, identity, denied_by: None, executed, named, parents: self.ranking.ancestry(id) }
    }

    /// The columns of the ranking that there is something for.
    pub(crate) fn column_extras(&self) -> Extras {
        let descriptors = self.setup.hidden_processes.is_none();
        let (by_descriptors, hosts) = (self.ranking.sort.is_live(), !self.hosts.is_empty());
        let by_failed = self.ranking.sort == Sort::Failed;
        Extras { latency: self.latency, descriptors, by_descriptors, by_failed, hosts }
    }

    /// Takes in an answer. One that nobody waits for any more is left.
    pub(super) fn take_answer(&mut self, answer: Answer) {
        match answer {
            Answer::Who { id, identity } => {
                self.note(id, |who| who.identity = identity.map_or(IdentityState::Ended, IdentityState::Running));
            }
            Answer::Mounts(_) | Answer::SharesMounts(_) => self.take_mounts(answer),
            Answer::Denied { id, by } => self.note(id, |who| who.denied_by = Some(by)),
            Answer::Descriptors(seen) => {
                let now = self.meter.elapsed();
                for (id, seen) in seen.into_iter().filter_map(|(id, seen)| Some((id, seen?))) {
                    self.ranking.watched.note(now, id, seen);
                }
            }
            Answer::Recorded { timeline, length_ns } => self.take_recorded(*timeline, length_ns),
        }
    }

    /// Takes note of something about a process, if its details are still shown.
    fn note(&mut self, id: Id, note: impl FnOnce(&mut Who)) {
        if let Mode::Details { who: Some(who), .. } | Mode::Opener { who, .. } = &mut self.mode
            && who.on_its_host() == id
        {
            note(who);
            self.touch(Dirty::Now);
        }
    }

    /// What is to be asked once a second: again what found nobody listening, and what the processes to be seen have
    /// open.
    pub(super) fn questions(&self) -> Vec<Effect> {
        let unanswered = match &self.mode {
            Mode::Details { who: Some(who), .. } | Mode::Opener { who, .. } => who.question(),
            _ => None,
        };
        let watched = self.to_watch();
        let watched = (!watched.is_empty()).then(|| Effect::Ask(Question::Descriptors(watched)));
        unanswered.into_iter().chain(watched).chain(self.ask_for_mounts()).collect()
    }

    /// The processes in the rows that are seen. Where the ranking is by what they have open, others take turns.
    fn to_watch(&self) -> Vec<Id> {
        let layout = self.layout();
        let (rows, height) = (self.ranking.rows(), layout.openers_rows());
        if self.setup.hidden_processes.is_some() || self.ranking.group != Group::Process || layout.openers.is_none() {
            return Vec::new();
        }
        let seen = self.selection.scroll(rows.len(), height).rows(rows.len(), height);
        let mut ids: Vec<_> = rows[seen.clone()].iter().filter_map(running).take(WATCHED_MAX).collect();
        if matches!(self.ranking.sort, Sort::Descriptors | Sort::Growth) {
            let others = rows.iter().enumerate().filter(|(at, _)| !seen.contains(at));
            let mut others: Vec<_> = others
                .filter_map(|(_, row)| running(row))
                .map(|id| (self.ranking.watched.seen_at(id).unwrap_or(Duration::ZERO), id))
                .collect();
            others.sort_unstable();
            ids.extend(others.into_iter().take(WATCHED_MAX - ids.len()).map(|(_, id)| id));
        }
        ids
    }
}

fn running(row: &Row) -> Option<Id> {
    match row.key {
        Key::Process { pid, start_ns, .. } if !row.ended => Some((pid, start_ns)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Batch;
    use crate::message::Message;
    use crate::names::process::Unknown;
    use crate::tui::app::Event;
    use crate::tui::app::Setup;
    use crate::tui::app::fixture::{Screen, setup, usual};

    fn identity() -> Box<Identity> {
        Box::new(Identity {
            comm: b"nginx".to_vec(),
            command_line: Ok(b"nginx\0-g\0daemon off;\0".to_vec()),
            cut: false,
            executable: Ok(b"/usr/sbin/nginx".to_vec()),
            directory: Err(Unknown::NotPermitted),
            cgroup: Ok(b"/system.slice/nginx.service".to_vec()),
            descriptors: Ok(Descriptors { open: 812, limit: Some(1024) }),
            threads: 4,
            start_ns: 7,
            parents: vec![(50, b"build.sh".to_vec()), (1, b"systemd".to_vec())],
        })
    }

    /// The questions that were asked, taken away.
    fn asked(screen: &mut Screen) -> Vec<Question> {
        std::mem::take(&mut screen.questions)
    }

    #[test]
    fn details_ask_who_it_is_until_somebody_answers() {
        let mut screen = Screen::busy(120, 40);
        // The open of /etc/shadow, which was denied.
        screen.keys("k\r");
        let question = Question::Who { id: (2714, 7), denied: Some((b"/etc/shadow".to_vec(), 33)) };
        assert!(asked(&mut screen).contains(&question));
        assert!(screen.text().contains("asking /proc"), "{}", screen.text());
        screen.second(&[(2714, "nginx", 33, 900, 1)]);
        assert!(asked(&mut screen).contains(&question), "nobody had answered");
        // What was asked about another one is not shown.
        let answer = |id| Event::Answered(Answer::Who { id, identity: Some(identity()) });
        screen.update(answer((1, 1)));
        assert!(screen.text().contains("asking /proc"), "{}", screen.text());
        screen.update(answer((2714, 7)));
        assert!(screen.text().contains("/usr/sbin/nginx") && !screen.text().contains("by the directory"));
        let denied = |id| Event::Answered(Answer::Denied { id, by: "by the directory /etc".to_owned() });
        [(1, 1), (2714, 7)].into_iter().for_each(|id| screen.update(denied(id)));
        let text = screen.text();
        let at = |label: &str| text.lines().position(|line| line.contains(label)).expect(label);
        assert_eq!(at("│ denied "), at("│ result ") + 1, "{text}");
        for shown in
            ["/usr/sbin/nginx", "\"daemon off;\"", "812/1024", "build.sh (50) < systemd (1)", "by the directory /etc"]
        {
            assert!(text.contains(shown), "{shown}: {text}");
        }
        assert!(text.contains("not permitted: needs CAP_SYS_PTRACE"), "{text}");
        screen.second(&[(2714, "nginx", 33, 900, 1)]);
        assert!(!asked(&mut screen).contains(&question));
    }

    #[test]
    fn of_a_process_that_has_ended_its_events_and_the_counts_are_told() {
        let mut screen = Screen::new(120, 40);
        let exec = OpenEvent {
            op: Op::Exec,
            path: b"/usr/bin/cat\x1b[2J",
            name: b"cat",
            ret: 0,
            fd_known: false,
            ..usual()[2]
        };
        screen.opens(&[exec, usual()[2]]);
        screen.second(&[(1, "systemd", 0, 2, 0), (311, "postgres", 0, 390, 40)]);
        screen.keys("\td");
        let question = Question::Who { id: (311, 7), denied: None };
        assert!(asked(&mut screen).contains(&question));
        screen.update(Event::Answered(Answer::Who { id: (311, 7), identity: None }));
        let text = screen.text();
        assert!(text.contains("ended: this is what its events and the counts know"), "{text}");
        assert!(text.contains(r"/usr/bin/cat\x1b[2J (by its exec event)"), "{text}");
        assert!(text.contains("systemd (1) (by the counts)") && text.contains("390"), "{text}");
    }

    #[test]
    fn what_was_told_of_a_process_is_there_when_it_is_not() {
        for (why, remark) in [(Some("not known: this is a recording"), "recorded"), (None, "seen while it ran")] {
            let replay = why.map(|_| "a.jsonl.zst".to_owned());
            let mut screen = Screen::with(Setup { hidden_processes: why, replay, ..setup() }, 120, 40);
            let event = usual()[2];
            let OpenEvent { source, pid, start_ns, ppid, .. } = event;
            let exe = Some(b"/usr/lib/postgres\x1b[2J".to_vec());
            let mut batch = Batch::default();
            batch.name_process(ProcessName { source, pid, start_ns, ppid, exe, parent: Some(b"s\nh".to_vec()) });
            batch.push(&event);
            screen.update(Event::Message(Message::Opens(batch)));
            screen.keys("d");
            screen.update(Event::Answered(Answer::Who { id: (pid, start_ns), identity: None }));
            let text = screen.text();
            assert!(text.contains(&format!(r"/usr/lib/postgres\x1b[2J ({remark})")), "{text}");
            assert!(text.contains(&format!(r"s\x0ah ({ppid}) ({remark})")), "{text}");
        }
    }

    #[test]
    fn it_is_said_whose_opens_are_counted() {
        let counted = |setup: Setup, keys: &str| {
            let mut screen = Screen::with(setup, 120, 40);
            screen.opens(&usual());
            screen.second(&[(1, "systemd", 0, 2, 0), (311, "postgres", 0, 390, 40)]);
            screen.keys(keys).text()
        };
        let parents = counted(Setup { group: Group::Parent, ..setup() }, "\td");
        assert!(parents.contains("392 of its children"), "{parents}");
        assert!(counted(setup(), "T\x1b[Hd").contains("392 with all below it"));
        let own = counted(setup(), "\td");
        assert!(!own.contains("of its children") && !own.contains("all below"), "{own}");
    }

    #[test]
    fn of_a_recording_nobody_is_asked() {
        let why = Some("not known: this is a recording");
        let mut screen = Screen::with(Setup { hidden_processes: why, ..setup() }, 120, 40);
        screen.opens(&usual());
        screen.second(&[(311, "postgres", 0, 390, 40)]);
        screen.keys("\td");
        assert!(screen.text().contains("not known: this is a recording"), "{}", screen.text());
        assert!(!screen.keys("q").text().contains("FDS"));
        assert_eq!(asked(&mut screen), []);
    }

    #[test]
    fn what_the_rows_that_are_seen_have_open_is_looked_at_and_who_grows_is_on_top() {
        let mut screen = Screen::with(Setup { sort: Sort::Growth, ..setup() }, 120, 24);
        let many: Vec<_> = (1..=300).map(|pid| (pid + 1, "cat", 0, 1000 - u64::from(pid), 0)).collect();
        let mut seen = std::collections::HashSet::new();
        for second in 0..20 {
            screen.second(&many);
            for question in asked(&mut screen) {
                let Question::Descriptors(ids) = question else { panic!("{question:?}") };
                assert!(ids.len() <= WATCHED_MAX);
                seen.extend(ids.iter().copied());
                let open = |(pid, _): Id| match pid {
                    250 => 10 + 5 * second,
                    251 => 1024,
                    _ => 10,
                };
                let seen = |id| (id, Some(Descriptors { open: open(id), limit: Some(1024) }));
                screen.update(Event::Answered(Answer::Descriptors(ids.into_iter().map(seen).collect())));
            }
        }
        assert_eq!(seen.len(), 300, "all take turns");
        screen.second(&many);
        let text = screen.text();
        let row = |at: usize| text.lines().nth(at).unwrap_or_default();
        assert!(row(3).contains("251") && row(3).contains("1024/1024") && row(3).contains("full"), "{text}");
        assert!(row(4).contains("250") && row(4).contains("/1024+") && row(4).contains("+5.0/s"), "{text}");
        // Sorted by anything else only those that are seen are looked at.
        screen.keys("\ts");
        asked(&mut screen);
        screen.second(&many);
        let Question::Descriptors(ids) = asked(&mut screen).remove(0) else { panic!("no question") };
        assert!(ids.len() <= screen.app.layout().openers_rows());
    }

    #[test]
    fn who_leaks_is_seen_where_there_is_room_for_one_table() {
        let mut screen = Screen::with(Setup { sort: Sort::Growth, ..setup() }, 40, 10);
        screen.opens(&usual());
        screen.second(&[(311, "postgres", 0, 390, 40)]);
        assert!(screen.text().contains("postgres") && screen.app.layout().openers.is_some(), "{}", screen.text());
    }
}
