//! The terminal: taken at the start, given back however it ends.
//!
//! * [`Terminal`] is the screen: entered by [`Terminal::enter`], left when it is dropped. Frames go out through
//!   `writer`, which never waits for the terminal, as what `paint` finds to have changed.
//! * [`InputThreads`] are what comes from the user: keys (`decode`), signals, the end of the terminal.
//!
//! A panic, in whatever thread, says nothing as long as the screen is up: its text is kept and printed after the
//! terminal was given back. In the thread of the screen unwinding drops the [`Terminal`]; another thread's end is
//! noticed by its channel.

#[cfg(test)]
mod cost;
pub(crate) mod decode;
mod input;
mod paint;
mod rows;
mod shift;
mod writer;

use std::io;
use std::sync::Mutex;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::Receiver;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect, Size};

use writer::Writer;

pub use input::InputThreads;

/// Alternate screen, bracketed paste, hidden cursor; and back, mouse modes off in any case.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?2004h\x1b[?25l\x1b[m";
const LEAVE: &[u8] = b"\x1b[?2026l\x1b[?1006l\x1b[?1000l\x1b[?2004l\x1b[r\x1b[m\x1b[?25h\x1b[?1049l";
const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &[u8] = b"\x1b[?1006l\x1b[?1000l";
/// A terminal that understands it shows what lies between at once.
const FRAME_START: &[u8] = b"\x1b[?2026h";
const FRAME_END: &[u8] = b"\x1b[?2026l";

/// How long a terminal may take for the last bytes.
const SEND_TIMEOUT: Duration = Duration::from_millis(250);

/// The largest screen that is drawn: a terminal can say any size, and each cell takes memory. What is beyond stays
/// empty.
const SIZE_MAX: Size = Size::new(1000, 500);

/// Most bytes that wait for the next frame.
const PENDING_MAX: usize = 256 * 1024;

/// The screen while it is ours.
#[derive(Debug)]
pub struct Terminal {
    writer: Writer,
    shown: Buffer,
    cursor: Option<Position>,
    mouse: bool,
    /// What goes out before the next frame.
    pending: Vec<u8>,
}

impl Terminal {
    /// Takes the terminal.
    ///
    /// # Errors
    /// Where there is none, or it cannot be set up; it is left as it was.
    pub fn enter(mouse: bool) -> io::Result<Self> {
        hold_back_panics();
        let shown = Buffer::empty(Rect::ZERO);
        let mut terminal = Self { writer: Writer::start()?, shown, cursor: None, mouse, pending: Vec::new() };
        terminal.enter_screen()?;
        Ok(terminal)
    }

    fn enter_screen(&mut self) -> io::Result<()> {
        crossterm::terminal::enable_raw_mode()?;
        SCREEN_IS_UP.store(true, Ordering::SeqCst);
        let mouse = if self.mouse { MOUSE_ON } else { MOUSE_OFF };
        self.shown = Buffer::empty(Rect::ZERO);
        self.cursor = None;
        self.writer.write_now(&[ENTER, mouse].concat(), SEND_TIMEOUT)
    }

    /// Gives the terminal back. A terminal that takes no bytes gets its modes back nevertheless.
    fn leave_screen(&mut self) -> io::Result<()> {
        let written = self.writer.write_now(LEAVE, SEND_TIMEOUT);
        let cooked = crossterm::terminal::disable_raw_mode();
        SCREEN_IS_UP.store(false, Ordering::SeqCst);
        written.and(cooked)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.leave_screen();
        if let Ok(mut panics) = PANICS.lock() {
            panics.drain(..).for_each(|panic| panic.lines().for_each(crate::error::print));
        }
    }
}

impl Terminal {
    /// How large the screen is, as far as it is drawn.
    #[expect(clippy::unused_self, reason = "it is the size of a terminal that was taken")]
    pub fn size(&self) -> Size {
        match rustix::termios::tcgetwinsize(rustix::stdio::stdout()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
                Size::new(size.ws_col.min(SIZE_MAX.width), size.ws_row.min(SIZE_MAX.height))
            }
            _ => Size::new(80, 24),
        }
    }

    /// Whether the last frame is out. As long as it is not, nothing is to be drawn.
    pub fn is_ready(&mut self) -> bool {
        self.writer.is_idle()
    }

    /// Becomes readable when the last frame is out.
    pub fn ready(&self) -> Receiver<Vec<u8>> {
        self.writer.written().clone()
    }

    /// Takes back what [`Terminal::ready`] gave.
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        self.writer.recycle(buffer);
    }

    /// Shows this screenful, with the cursor there if anywhere. Returns how many bytes that takes.
    pub fn draw(&mut self, next: Buffer, cursor: Option<Position>) -> usize {
        let Some(mut frame) = self.writer.buffer() else { return 0 };
        if self.shown.area != next.area {
            self.shown = paint::unknown(next.area);
        }
        frame.append(&mut self.pending);
        frame.extend_from_slice(FRAME_START);
        paint::paint(&mut self.shown, &next, &mut frame);
        let changed = frame.len() != FRAME_START.len() || cursor != self.cursor;
        self.shown = next;
        if !changed {
            frame.clear();
            self.writer.recycle(frame);
            return 0;
        }
        match (self.cursor, cursor) {
            (_, Some(at)) => frame.extend(format!("\x1b[{};{}H\x1b[?25h", at.y + 1, at.x + 1).bytes()),
            (Some(_), None) => frame.extend_from_slice(b"\x1b[?25l"),
            (None, None) => {}
        }
        self.cursor = cursor;
        frame.extend_from_slice(FRAME_END);
        let len = frame.len();
        self.writer.submit(frame);
        len
    }

    /// Sends bytes that draw nothing, with the next frame.
    pub fn send(&mut self, bytes: &[u8]) {
        // A terminal that takes nothing for so long will not miss what comes after.
        if self.pending.len() + bytes.len() <= PENDING_MAX {
            self.pending.extend_from_slice(bytes);
        }
    }

    /// Paints everything with the next frame.
    pub fn invalidate(&mut self) {
        self.shown = Buffer::empty(Rect::ZERO);
    }

    /// Whether the terminal is to send what the mouse does.
    pub fn mouse(&mut self, on: bool) {
        self.mouse = on;
        self.send(if on { MOUSE_ON } else { MOUSE_OFF });
    }

    /// Leaves the screen, stops the process until it is continued, and comes back.
    ///
    /// # Errors
    /// Where the terminal cannot be given back or taken again.
    pub fn suspend(&mut self) -> io::Result<()> {
        self.leave_screen()?;
        signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTSTP)?;
        self.enter_screen()
    }

    /// Takes the screen again after somebody else stopped the process.
    ///
    /// # Errors
    /// Where the terminal cannot be taken.
    pub fn resume(&mut self) -> io::Result<()> {
        // Whoever had the terminal meanwhile has set its modes, and raw mode is only set by crossterm where it was not.
        // In the background this stops the process until it is in front again.
        crossterm::terminal::disable_raw_mode()?;
        self.enter_screen()
    }
}

static SCREEN_IS_UP: AtomicBool = AtomicBool::new(false);
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// From now on a panic is printed only when no screen is up.
fn hold_back_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !SCREEN_IS_UP.load(Ordering::SeqCst) {
                return print(panic);
            }
            let thread = std::thread::current().name().unwrap_or("a").to_owned();
            if let Ok(mut panics) = PANICS.lock() {
                panics.push(format!("bug in the {thread} thread: {panic}"));
            }
        }));
    });
}
