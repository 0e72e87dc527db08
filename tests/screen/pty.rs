//! A program on a terminal of its own: what it shows, what it leaves behind, how long it takes.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};
use rustix::termios::Termios;

/// How long something may take that only a broken program does not do, on however busy a machine.
const LONG: Duration = Duration::from_secs(30);

/// A terminal that understands them shows what lies between at once, and so does this one.
const FRAME_START: &[u8] = b"\x1b[?2026h";
const FRAME_END: &[u8] = b"\x1b[?2026l";

/// What came out of the program so far.
struct Shown {
    screen: vt100::Parser,
    bytes: Vec<u8>,
    /// How many of the bytes are on the screen: all but those of a frame that has not ended.
    painted: usize,
    /// Nothing is read while this is set.
    stalled: bool,
    closed: bool,
}

impl Shown {
    fn paint(&mut self) {
        let from = self.painted.saturating_sub(FRAME_START.len() - 1);
        let last = |marker: &[u8]| self.bytes[from..].windows(marker.len()).rposition(|window| window == marker);
        let whole = match (last(FRAME_START), last(FRAME_END)) {
            (Some(start), end) if !self.closed && end.is_none_or(|end| end < start) => from + start,
            _ => self.bytes.len(),
        };
        if whole > self.painted {
            self.screen.process(&self.bytes[self.painted..whole]);
            self.painted = whole;
        }
    }
}

/// Larger ones than are drawn would only take memory.
fn emulated(height: u16, width: u16) -> (u16, u16) {
    (height.clamp(2, 600), width.clamp(2, 1200))
}

/// The emulator does not survive a single row or column; on anything smaller its picture means nothing.
fn emulator(width: u16, height: u16) -> vt100::Parser {
    let (height, width) = emulated(height, width);
    vt100::Parser::new(height, width, 0)
}

/// The terminal and the program on it.
pub struct Pty {
    /// `None` once it has hung up.
    master: Option<Box<dyn MasterPty + Send>>,
    keys: Option<Box<dyn Write + Send>>,
    shown: Arc<(Mutex<Shown>, Condvar)>,
    before: Termios,
    /// Keeps the terminal alive, so that what was left behind can be looked at.
    slave: Option<OwnedFd>,
    pub pid: Pid,
    ended: Option<WaitStatus>,
}

impl Pty {
    /// Starts `program` on a terminal of this size, without what the environment could say about terminals.
    pub fn start(program: &str, args: &[&str], width: u16, height: u16) -> Self {
        let size = PtySize { rows: height, cols: width, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo terminal");
        let slave = pair.master.tty_name().expect("the terminal's name");
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
        let slave = rustix::fs::open(slave, flags, rustix::fs::Mode::empty()).expect("the terminal");
        let before = rustix::termios::tcgetattr(&slave).expect("the terminal's modes");
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.env("TERM", "xterm-256color");
        command.env("LC_ALL", "C.UTF-8");
        command.env_remove("TMUX");
        command.env_remove("NO_COLOR");
        let child = pair.slave.spawn_command(command).expect("starting the program");
        let pid = child.process_id().and_then(|pid| Pid::from_raw(pid as i32)).expect("a process id");
        drop(pair.slave);
        let screen = emulator(width, height);
        let shown = Shown { screen, bytes: Vec::new(), painted: 0, stalled: false, closed: false };
        let shown = Arc::new((Mutex::new(shown), Condvar::new()));
        let reader = pair.master.try_clone_reader().expect("reading from the terminal");
        let keys = Some(pair.master.take_writer().expect("writing to the terminal"));
        let theirs = Arc::clone(&shown);
        std::thread::spawn(move || read(reader, &theirs));
        Self { master: Some(pair.master), keys, shown, before, slave: Some(slave), pid, ended: None }
    }

    pub fn keys(&mut self, keys: &str) {
        let writer = self.keys.as_mut().expect("a terminal that has not hung up");
        writer.write_all(keys.as_bytes()).and_then(|()| writer.flush()).expect("typing");
    }

    pub fn resize(&self, width: u16, height: u16) {
        let size = PtySize { rows: height, cols: width, pixel_width: 0, pixel_height: 0 };
        let (rows, columns) = emulated(height, width);
        // Until both have the new size nothing is read: the program draws at once, and only once.
        let mut shown = self.lock();
        self.master.as_ref().expect("a terminal").resize(size).expect("resizing");
        shown.screen.screen_mut().set_size(rows, columns);
    }

    /// Sizes of all sorts, one every `pause`.
    pub fn resize_at_random(&self, times: usize, pause: Duration) {
        let mut random = 12345u32;
        for _ in 0..times {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            self.resize((random >> 16) as u16 % 200 + 1, (random >> 24) as u16 % 60 + 1);
            std::thread::sleep(pause);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.shown.0.lock().expect("the screen")
    }

    /// The screen as text.
    pub fn text(&self) -> String {
        self.lock().screen.screen().contents()
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.lock().bytes.clone()
    }

    /// Waits until the screen is as wanted. Returns how long that took.
    #[track_caller]
    pub fn wait_for(&self, what: &str, wanted: impl Fn(&str) -> bool) -> Duration {
        self.wait_for_screen(what, |screen| wanted(&screen.contents()))
    }

    #[track_caller]
    pub fn wait_for_screen(&self, what: &str, wanted: impl Fn(&vt100::Screen) -> bool) -> Duration {
        let start = Instant::now();
        let (shown, changed) = &*self.shown;
        let mut shown = shown.lock().expect("the screen");
        while !wanted(shown.screen.screen()) {
            let left = LONG.saturating_sub(start.elapsed());
            assert!(!left.is_zero() && !shown.closed, "no {what} on the screen:\n{}", shown.screen.screen().contents());
            shown = changed.wait_timeout(shown, left).expect("the screen").0;
        }
        start.elapsed()
    }

    /// Stops reading, or goes on.
    pub fn stall(&self, stalled: bool) {
        self.lock().stalled = stalled;
        self.shown.1.notify_all();
    }

    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(self.pid, signal).expect("sending a signal");
    }

    /// Sets the modes that the terminal had before, as a shell does when it gets the terminal back.
    pub fn set_modes_as_before(&self) {
        let terminal = self.slave.as_ref().expect("a terminal");
        rustix::termios::tcsetattr(terminal, rustix::termios::OptionalActions::Now, &self.before).expect("modes");
    }

    pub fn is_raw(&self) -> bool {
        let modes = rustix::termios::tcgetattr(self.slave.as_ref().expect("a terminal")).expect("modes");
        !modes.local_modes.contains(rustix::termios::LocalModes::ICANON)
    }

    /// Closes the terminal, as when the connection breaks.
    pub fn hang_up(&mut self) {
        self.stall(false);
        self.slave = None;
        self.master = None;
        // The reader has the last descriptor and leaves with the next bytes: what the program says to the line end that
        // the writer sends when it goes.
        self.lock().closed = true;
        self.keys = None;
    }

    /// Waits for the program to stop (by a signal).
    #[track_caller]
    pub fn wait_until_stopped(&self) {
        let start = Instant::now();
        loop {
            let options = WaitOptions::UNTRACED | WaitOptions::NOHANG;
            match rustix::process::waitpid(Some(self.pid), options).expect("waiting") {
                Some((_, status)) if status.stopped() => return,
                Some((_, status)) => panic!("ended instead of stopping: {status:?}"),
                None => assert!(start.elapsed() < LONG, "the program does not stop"),
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for the program's end: its exit status and how long it took.
    #[track_caller]
    pub fn wait_for_end(&mut self) -> (Option<i32>, Duration) {
        let start = Instant::now();
        while start.elapsed() < LONG {
            let ended = rustix::process::waitpid(Some(self.pid), WaitOptions::NOHANG).expect("waiting");
            if let Some((_, status)) = ended {
                self.ended = Some(status);
                return (status.exit_status(), start.elapsed());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        panic!("the program does not end; its screen:\n{}", self.text());
    }

    /// Whether the program has read this file to its end: it has it open no more, or has come so far in it.
    pub fn has_read(&self, file: &Path) -> bool {
        let size = std::fs::metadata(file).expect("a file").len();
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.pid)).expect("the program's descriptors");
        let mut its_own =
            open.flatten().filter(|entry| std::fs::read_link(entry.path()).is_ok_and(|target| target == file));
        its_own.all(|entry| {
            let info = format!("/proc/{}/fdinfo/{}", self.pid, entry.file_name().display());
            let info = std::fs::read_to_string(info).unwrap_or_default();
            let at =
                info.lines().find_map(|line| line.strip_prefix("pos:")).and_then(|at| at.trim().parse::<u64>().ok());
            at.is_none_or(|at| at >= size)
        })
    }

    /// The terminal is as it was before: modes, screen, cursor, no mouse, no paste mode.
    #[track_caller]
    pub fn assert_restored(&self) {
        self.wait_for_screen("return to the main screen", |screen| {
            !screen.alternate_screen()
                && !screen.hide_cursor()
                && !screen.bracketed_paste()
                && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
        });
        let after = rustix::termios::tcgetattr(self.slave.as_ref().expect("a terminal")).expect("modes");
        let modes = |t: &Termios| (t.input_modes, t.output_modes, t.control_modes, t.local_modes);
        assert_eq!(modes(&after), modes(&self.before));
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        if self.ended.is_none() {
            let _ = rustix::process::kill_process(self.pid, Signal::KILL);
            let _ = rustix::process::waitpid(Some(self.pid), WaitOptions::empty());
        }
    }
}

fn read(mut reader: Box<dyn Read + Send>, shown: &(Mutex<Shown>, Condvar)) {
    let (shown, changed) = shown;
    let mut bytes = [0; 65536];
    loop {
        let guard = shown.lock().expect("the screen");
        drop(changed.wait_while(guard, |shown| shown.stalled && !shown.closed).expect("the screen"));
        let read = reader.read(&mut bytes).unwrap_or(0);
        let mut guard = shown.lock().expect("the screen");
        if read == 0 {
            guard.closed = true;
        }
        guard.bytes.extend_from_slice(&bytes[..read]);
        guard.paint();
        changed.notify_all();
        if guard.closed {
            return;
        }
    }
}
