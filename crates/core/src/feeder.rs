//! Feeders: rows of data that a plan hands out to iterations.

use serde::Deserialize;

/// Where rows come from, in which order they are handed out, and what happens behind the last.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feeder {
    /// How rows are written.
    pub format: RowFormat,
    /// A file of rows. One of the two is set.
    pub path: Option<String>,
    /// The rows themselves.
    pub text: Option<String>,
    /// Of CSV, what its columns are called; none: its first line says it.
    pub columns: Vec<String>,
    /// Of CSV, what stands between two fields; one ASCII character.
    pub delimiter: String,
    /// Which row is next.
    pub order: RowOrder,
    /// What happens when there is none.
    pub when_dry: WhenDry,
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowFormat {
    /// Comma-separated values (RFC 4180).
    Csv,
    /// A JSON object a line.
    Jsonl,
}

/// Which row is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowOrder {
    /// As they stand.
    Sequential,
    /// Mixed, each once before any comes again.
    Shuffle,
    /// Any at any time, drawn from the plan's seed.
    Random,
    /// As they stand, each once at most in the whole run.
    Unique,
}

/// What happens when all rows have been handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenDry {
    /// They come again.
    Recycle,
    /// Whoever needs one begins no further iteration.
    Stop,
    /// Whoever needs one has failed.
    Fail,
}
