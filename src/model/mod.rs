//! What is remembered of the messages: the history of opens.

pub mod log;
