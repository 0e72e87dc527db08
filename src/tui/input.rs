//! What comes from the user's side: keys, pastes, the mouse, signals, the end of the terminal.

use crossterm::event::KeyEvent;

/// An input event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    Key(KeyEvent),
    /// Text that was pasted, as the terminal said by bracketing it.
    Paste(String),
    Mouse(Mouse),
    /// One of INT, TERM, HUP, QUIT, WINCH, TSTP, CONT.
    Signal(i32),
    /// The terminal has hung up. Nothing more will come.
    Gone,
}

/// What the mouse did, at a cell counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mouse {
    pub kind: MouseKind,
    pub column: u16,
    pub row: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MouseKind {
    Click,
    WheelUp,
    WheelDown,
}
