//! The ranking at one moment, as each form of output writes it.
//!
//! A table has the rows that opened something since the table before it, and tells how exact they are.

use super::Output;
use crate::names::Names;
use crate::ranking::Basis;
use crate::ranking::openers::{Group, Row};
use std::io;

/// The ranking at one moment. Its counts are those of all opens of the host, whatever the filter, since the table
/// before.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    /// Counts from 1.
    pub number: u64,
    /// Nanoseconds of CLOCK_MONOTONIC.
    pub ts_ns: u64,
    /// Nanoseconds since the Unix epoch of the same moment.
    pub time_ns: u64,
    /// Nanoseconds since the table before, or since the start.
    pub span_ns: u64,
    pub group: Group,
    pub basis: Basis,
    /// The rows are not of all opens.
    pub narrowed: bool,
    pub opens: u64,
    pub failed: u64,
    /// Opens that were counted, but whose events were lost.
    pub dropped: u64,
    /// The rows tell how long opens took.
    pub latency: bool,
    /// First comes first.
    pub rows: &'a [&'a Row],
}

/// Where tables are written to. Losses and the summary are told as between opens.
pub trait TableOutput: Output {
    /// What stands before all tables, if this form has such a thing.
    fn table_header(&mut self) -> io::Result<()> {
        Ok(())
    }
    fn table(&mut self, table: &Table<'_>, names: &Names) -> io::Result<()>;
}
