//! Colours and characters. Only the terminal's own colours and reverse video, so that it fits light and dark screens;
//! without colour the same things are said by bold, underline, reverse and a marker.

use ratatui::style::{Color, Modifier, Style};

use crate::highlight::Colour;
use crate::tui::app::Setup;

/// How each kind of thing looks.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    pub title: Style,
    /// Head of the table that has the focus, and of the other.
    pub head: Style,
    pub head_faint: Style,
    pub selected: Style,
    pub bad: Style,
    /// What is by the way.
    pub faint: Style,
    /// Keys in the footer and the help.
    pub key: Style,
    pub glyphs: Glyphs,
}

/// Characters that are not in ASCII, or what stands for them.
#[derive(Clone, Copy, Debug)]
pub struct Glyphs {
    /// For what was left out.
    pub elided: &'static str,
    /// Beside the titles of the table that has the focus.
    pub focus: &'static str,
    /// Between a name and what it led to.
    pub arrow: &'static str,
    /// From low to high.
    pub bars: &'static str,
    /// For a process that has ended, where there is no room to say so.
    pub ended: &'static str,
    /// Between a number and what there are so many of.
    pub times: &'static str,
    pub falling: &'static str,
    pub rising: &'static str,
    /// Corners from the top left clockwise, horizontal, vertical.
    pub frame: [&'static str; 6],
}

impl Glyphs {
    /// A bar for a share of the highest.
    pub(super) fn bar(&self, share: f64) -> char {
        let bars: Vec<char> = self.bars.chars().collect();
        bars[((share * bars.len() as f64) as usize).min(bars.len() - 1)]
    }
}

const UNICODE: Glyphs = Glyphs {
    elided: "…",
    focus: "▸",
    arrow: "→",
    ended: "†",
    times: "×",
    bars: "▁▂▃▄▅▆▇█",
    falling: "▼",
    rising: "▲",
    frame: ["┌", "┐", "┘", "└", "─", "│"],
};

const ASCII: Glyphs = Glyphs {
    elided: "..",
    focus: "*",
    arrow: "->",
    ended: "x",
    times: "x",
    bars: "_.-~=^#",
    falling: "v",
    rising: "^",
    frame: ["+", "+", "+", "+", "-", "|"],
};

impl Theme {
    pub fn of(setup: &Setup) -> Self {
        let glyphs = if setup.ascii { ASCII } else { UNICODE };
        if setup.colour { Self::coloured(glyphs) } else { Self::plain(glyphs) }
    }

    /// How an event in this colour looks; without colours, bold.
    pub fn highlighted(setup: &Setup, colour: Colour) -> Style {
        let colour = match colour {
            Colour::Red => Color::Red,
            Colour::Green => Color::Green,
            Colour::Yellow => Color::Yellow,
            Colour::Blue => Color::Blue,
            Colour::Magenta => Color::Magenta,
            Colour::Cyan => Color::Cyan,
            Colour::Bold => return Style::new().add_modifier(Modifier::BOLD),
        };
        if setup.colour { Style::new().fg(colour) } else { Style::new().add_modifier(Modifier::BOLD) }
    }

    fn plain(glyphs: Glyphs) -> Self {
        let style = Style::new();
        Self {
            title: style.add_modifier(Modifier::BOLD),
            head: style.add_modifier(Modifier::REVERSED | Modifier::BOLD),
            head_faint: style.add_modifier(Modifier::UNDERLINED),
            selected: style.add_modifier(Modifier::REVERSED),
            bad: style.add_modifier(Modifier::BOLD),
            faint: style,
            key: style.add_modifier(Modifier::BOLD),
            glyphs,
        }
    }

    fn coloured(glyphs: Glyphs) -> Self {
        let style = Style::new();
        // No colour but red stands on the terminal's own background: each of the others is too pale on some.
        Self {
            head: style.fg(Color::Black).bg(Color::Green),
            head_faint: style.fg(Color::Black).bg(Color::Cyan),
            bad: style.fg(Color::Red),
            ..Self::plain(glyphs)
        }
    }
}
