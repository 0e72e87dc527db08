//! What is remembered of the messages: the history of opens, and who opened most.

pub mod fold;
pub mod latency;
pub mod log;
pub mod matches;
pub mod openers;
pub mod tally;
