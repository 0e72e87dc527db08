//! A screen for tests: driven by the bytes a terminal sends and by the messages a source sends, at a fixed time.

use std::time::Duration;

use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect, Size};

use super::{App, Effect, Event, Question, Setup, Work};
use crate::escape::escape;
use crate::event::{Batch, CgroupName, OpenEvent, sample};
use crate::history::log::Bound;
use crate::message::{CgroupCount, Counts, Hooks, Lost, Message, ProcessCount, Totals};
use crate::names::Names;
use crate::ranking::Sort;
use crate::ranking::openers::Group;
use crate::tui::terminal::decode::Decoder;
use crate::tui::ui;

pub(crate) fn setup() -> Setup {
    Setup {
        version: "0.0.0",
        host: "web-3".into(),
        kernel: "6.18.0".into(),
        hooks: Hooks::named("syscall exit"),
        replay: None,
        command: None,
        scope: None,
        since_ns: Some(0),
        history: Bound { bytes: 4 << 20, events: 1000 },
        filter: String::new(),
        filter_in_kernel: false,
        group: Group::Process,
        sort: Sort::Rate,
        interval: Duration::from_millis(200),
        colour: false,
        ascii: false,
        highlights: Vec::new(),
        columns: crate::tui::app::choice::Columns::default(),
        own_settings: None,
        saves: false,
        mouse: false,
        hidden_processes: None,
        shows_self: false,
        names: Names::from_passwd(b"root:x:0:0::/:/bin/sh\nwww:x:33:33::/:/bin/sh\n"),
        time_zone: TimeZone::UTC,
    }
}

/// The app and what it asked for.
pub(crate) struct Screen {
    pub app: App,
    pub effects: Vec<Effect>,
    /// What it asked about processes.
    pub questions: Vec<Question>,
    decoder: Decoder,
    seconds: u64,
    /// The worker answers only when told to.
    busy: bool,
    /// What it is at, until it is abandoned.
    waiting: Option<Work>,
}

impl Screen {
    pub(crate) fn new(width: u16, height: u16) -> Self {
        Self::with(setup(), width, height)
    }

    pub(crate) fn with(setup: Setup, width: u16, height: u16) -> Self {
        let app = App::new(setup, Size::new(width, height)).unwrap();
        Self {
            app,
            effects: Vec::new(),
            questions: Vec::new(),
            decoder: Decoder::default(),
            seconds: 0,
            busy: false,
            waiting: None,
        }
    }

    /// A screen on which the usual things happen.
    pub(crate) fn busy(width: u16, height: u16) -> Self {
        let mut screen = Self::new(width, height);
        screen.opens(&usual());
        screen.second(&[(2714, "nginx", 33, 812, 1), (311, "postgres", 0, 390, 40), (1, "systemd", 0, 2, 0)]);
        screen
    }

    pub(crate) fn update(&mut self, event: Event) {
        for effect in self.app.update(event) {
            match effect {
                Effect::Work(work) => {
                    assert!(self.waiting.is_none(), "the worker is asked for two things at a time");
                    self.waiting = Some(*work);
                    self.answer();
                }
                // Late, as what was abandoned may be done by then.
                Effect::Abandon => self.answer(),
                Effect::Ask(question) => self.questions.push(question),
                effect => self.effects.push(effect),
            }
        }
    }

    fn answer(&mut self) {
        if self.busy {
            return;
        }
        if let Some(work) = self.waiting.take() {
            self.update(Event::Worked(work.run(|| true).map(Box::new)));
        }
    }

    /// The worker gets busy; or it answers what has waited, and from then on at once.
    pub(crate) fn worker(&mut self, busy: bool) {
        self.busy = busy;
        self.answer();
    }

    /// Types what a terminal sends as `bytes`.
    pub(crate) fn keys(&mut self, bytes: &str) -> &mut Self {
        let mut typed = Vec::new();
        self.decoder.feed(bytes.as_bytes(), &mut typed);
        self.decoder.flush(&mut typed);
        for typed in typed {
            self.update(Event::Input(typed));
        }
        // As after every frame.
        let mut buffer = self.blank();
        let (_, popup) = ui::render(&self.app, &mut buffer);
        self.app.drawn(popup);
        self
    }

    fn blank(&self) -> Buffer {
        Buffer::empty(Rect::from((Position::ORIGIN, self.app.size)))
    }

    pub(crate) fn opens(&mut self, events: &[OpenEvent<'_>]) {
        let mut batch = Batch::default();
        batch.name_cgroup(CgroupName { name: None, id: 8, path: b"/system.slice/nginx.service".into() });
        events.iter().for_each(|event| batch.push(event));
        self.update(Event::Message(Message::Opens(batch)));
    }

    /// The kernel does its part of the filter that was kept, so many minutes after the usual events.
    pub(crate) fn kernel_filters(&mut self, minutes: u64) {
        let time_ns = sample().time_ns + minutes * 60_000_000_000;
        self.update(Event::KernelFilters { does: true, time_ns });
    }

    /// A screen on which the kernel left out something for two minutes.
    pub(crate) fn with_a_gap(width: u16, height: u16) -> Self {
        let mut screen = Self::busy(width, height);
        screen.keys("/pid:311\r");
        screen.kernel_filters(0);
        let totals = |filtered| Totals { opens: 1000 + filtered, delivered: 1000, filtered, ..Totals::default() };
        screen.reading(&[(311, "postgres", 0, 394, 40)], totals(100));
        screen.opens(&[usual()[2], usual()[4]]);
        screen.keys("\x1b");
        screen.kernel_filters(2);
        screen.reading(&[(311, "postgres", 0, 394, 40)], totals(130));
        screen
    }

    /// One second later these are the counts: pid, command, user, opens, failed.
    pub(crate) fn second(&mut self, processes: &[(u32, &str, u32, u64, u64)]) {
        self.counts(processes, Lost::default());
    }

    pub(crate) fn counts(&mut self, processes: &[(u32, &str, u32, u64, u64)], lost: Lost) {
        let sum = |of: fn(&(u32, &str, u32, u64, u64)) -> u64| processes.iter().map(of).sum::<u64>();
        let (opens, failed) = (sum(|process| process.3), sum(|process| process.4));
        let delivered = opens - lost.dropped();
        self.reading(processes, Totals { opens, failed, delivered, lost, hidden: 52, ..Totals::default() });
    }

    /// The same with totals that need not be the sum of the counts.
    pub(crate) fn reading(&mut self, processes: &[(u32, &str, u32, u64, u64)], totals: Totals) {
        self.seconds += 1;
        let count = |&(pid, comm, uid, opens, failed): &(u32, &str, u32, u64, u64)| ProcessCount {
            source: crate::event::Source::HERE,
            pid,
            start_ns: 7,
            ppid: 1,
            uid,
            comm: comm.into(),
            opens,
            failed,
            cgroups: [CgroupCount { cgroup: 8, opens, failed }, CgroupCount::default()],
            ended: pid == 1,
        };
        let processes = processes.iter().map(count).collect();
        let results = vec![(0, totals.opens - totals.failed), (libc::ENOENT, totals.failed)];
        let ts_ns = self.seconds * 1_000_000_000;
        self.update(Event::Message(Message::Counts(Counts { ts_ns, processes, results, totals, ..Counts::default() })));
        let elapsed = Duration::from_secs(self.seconds);
        self.update(Event::Tick { elapsed, cpu: elapsed / 100 });
    }

    pub(crate) fn resize(&mut self, width: u16, height: u16) {
        self.update(Event::Resize(Size::new(width, height)));
    }

    pub(crate) fn draw(&self) -> (Buffer, Option<Position>) {
        let mut buffer = self.blank();
        let (cursor, _) = ui::render(&self.app, &mut buffer);
        (buffer, cursor)
    }

    /// The screen as text, trailing blanks cut; `▏` is the cursor.
    pub(crate) fn text(&self) -> String {
        let (buffer, cursor) = self.draw();
        let mut lines = Vec::new();
        for y in 0..buffer.area.height {
            let mut line = String::new();
            let mut x = 0;
            while x < buffer.area.width {
                if cursor == Some(Position::new(x, y)) {
                    line.push('▏');
                }
                let symbol = buffer[(x, y)].symbol();
                line.push_str(symbol);
                x += unicode_width::UnicodeWidthStr::width(symbol).max(1) as u16;
            }
            lines.push(line.trim_end().to_owned());
        }
        lines.join("\n")
    }

    /// Line `y` of the screen.
    pub(crate) fn line(&self, y: usize) -> String {
        self.text().lines().nth(y).unwrap_or_default().to_owned()
    }

    /// The rows of events that are visible, as their paths.
    pub(crate) fn paths(&self) -> Vec<String> {
        let height = self.app.layout().events_rows();
        let feed = self.app.events.shown();
        let rows = self.app.events.scroll(height).rows(feed.len(), height);
        rows.filter_map(|index| feed.event_of_row(index)).map(|row| escape(row.event.path)).collect()
    }

    /// The path of the selected event.
    pub(crate) fn selected_path(&self) -> Option<String> {
        self.app.events.selected().map(|row| escape(row.event.path))
    }
}

/// Opens of every usual sort.
pub(crate) fn usual() -> Vec<OpenEvent<'static>> {
    let nginx =
        OpenEvent { pid: 2714, tid: 2715, start_ns: 7, uid: 33, comm: b"nginx", cgroup: 8, ret: 12, ..sample() };
    let postgres = OpenEvent { pid: 311, tid: 311, start_ns: 7, comm: b"postgres", ..sample() };
    let opens = [
        OpenEvent { path: b"/var/www/index.html", ..nginx },
        OpenEvent { path: b"/var/www/html/assets/fonts/roboto/roboto-regular.woff2", ..nginx },
        OpenEvent { path: b"/var/lib/postgresql/15/main/base/16384/2619_fsm", ret: -libc::ENOENT, ..postgres },
        OpenEvent { path: b"/etc/shadow", ret: -libc::EACCES, ..nginx },
        OpenEvent {
            path: b"/var/lib/postgresql/15/main/pg_wal/000000010000000000000001",
            flags: 0o100_1102,
            ..postgres
        },
    ];
    let later = |(n, event): (usize, OpenEvent<'static>)| {
        let ns = 1_000_001 * n as u64;
        OpenEvent { name: event.path, ts_ns: event.ts_ns + ns, time_ns: event.time_ns + ns, ..event }
    };
    opens.into_iter().enumerate().map(later).collect()
}

/// `count` opens of numbered files, counting from `first`.
pub(crate) fn numbered(first: usize, count: usize) -> Vec<String> {
    (first..first + count).map(|n| format!("/srv/file-{n}")).collect()
}

impl Screen {
    pub(crate) fn open_paths(&mut self, paths: &[String]) {
        let events: Vec<_> =
            paths.iter().map(|path| OpenEvent { path: path.as_bytes(), name: path.as_bytes(), ..sample() }).collect();
        self.opens(&events);
    }
}
