//! Colours that filters give to events.

use crate::filter::Filter;

/// A colour that every terminal has, or bold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    Red,
    Green,
    Yellow,
    Blue,
    Magenta,
    Cyan,
    Bold,
}

impl Colour {
    pub const ALL: [Colour; 7] =
        [Colour::Red, Colour::Green, Colour::Yellow, Colour::Blue, Colour::Magenta, Colour::Cyan, Colour::Bold];

    pub fn name(self) -> &'static str {
        match self {
            Colour::Red => "red",
            Colour::Green => "green",
            Colour::Yellow => "yellow",
            Colour::Blue => "blue",
            Colour::Magenta => "magenta",
            Colour::Cyan => "cyan",
            Colour::Bold => "bold",
        }
    }
}

/// Which events are shown in a colour; the first that holds decides.
#[derive(Clone, Debug)]
pub struct Highlight {
    pub colour: Colour,
    pub filter: Filter,
}
