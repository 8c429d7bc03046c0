//! A histogram as it stands in a document: exact figures beside the encoded cells.

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::DecodeError;
use crate::histogram::{Exact, Histogram, Survey};
use crate::layout::{HIGHEST_NS, index_of};
use crate::payload::Cell;

/// All that a [`Histogram`] holds, in a form for JSON.
///
/// Fields are only ever added; a reader passes over those that it does not know. An empty
/// histogram has 0 in all of them, and the encoding of no count in `hdr`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// How many values, in [0, 2^53): JSON readers keep it exact.
    pub count: u64,
    /// Exact sum, in nanoseconds. A decimal string in JSON: 2,502 hours are beyond 2^53 ns.
    #[serde(serialize_with = "write_decimal", deserialize_with = "read_decimal")]
    pub sum_ns: u128,
    /// Exact lowest value; 0 if there is none.
    pub min_ns: u64,
    /// Exact highest value, at most one hour; 0 if there is none.
    pub max_ns: u64,
    /// How many values were beyond one hour, and count as one hour.
    pub clamped: u64,
    /// How many values are lower bounds.
    pub censored: u64,
    /// Lowest of the lower bounds; 0 if there is none.
    pub censored_min_ns: u64,
    /// The cells: base64 of `HdrHistogram`'s deflated V2 payload, `HISTF...`.
    pub hdr: String,
}

impl Histogram {
    /// All that it holds, to be stored or sent.
    #[must_use]
    pub fn to_times(&self) -> Times {
        Times {
            hdr: self.to_text(),
            ..self.figures()
        }
    }

    /// The same without its cells, for who has those already.
    #[must_use]
    pub fn figures(&self) -> Times {
        Times {
            count: self.count(),
            sum_ns: self.sum_ns(),
            min_ns: self.min_ns().unwrap_or(0),
            max_ns: self.max_ns().unwrap_or(0),
            clamped: self.clamped(),
            censored: self.censored(),
            censored_min_ns: self.censored_min_ns().unwrap_or(0),
            hdr: String::new(),
        }
    }

    /// The histogram that `times` was made from.
    ///
    /// # Errors
    ///
    /// Those of [`from_text`](Self::from_text); and [`DecodeError::Contradiction`] for a figure
    /// that no histogram with these cells can have: whoever sent it has a fault, and to merge it
    /// would hide that.
    pub fn from_times(times: &Times) -> Result<Self, DecodeError> {
        let mut histogram = Self::from_text(&times.hdr)?;
        histogram.restore_checked(
            times.count,
            &Exact {
                sum_ns: times.sum_ns,
                min_ns: times.min_ns,
                max_ns: times.max_ns,
                clamped: times.clamped,
                censored: times.censored,
                censored_min_ns: times.censored_min_ns,
            },
        )?;
        Ok(histogram)
    }

    /// Takes the exact figures of cells that have just been decoded.
    fn restore_checked(&mut self, count: u64, exact: &Exact) -> Result<(), DecodeError> {
        let cells: Vec<Cell> = self.cells().map(|(index, n)| (index as u32, n)).collect();
        check(count, exact, &Survey::of(&cells))?;
        if !self.is_empty() {
            self.restore(exact);
        }
        Ok(())
    }
}

/// Whether the figures can belong to these cells; otherwise the first field that cannot is told.
pub(crate) fn check(count: u64, exact: &Exact, cells: &Survey) -> Result<(), DecodeError> {
    let holds = |holds: bool, field| {
        if holds {
            Ok(())
        } else {
            Err(DecodeError::Contradiction { field })
        }
    };
    holds(count == cells.count, "count")?;

    let sums_ns = cells.sum_ns..=cells.sum_ns + cells.slack_ns;
    let (first, last) = cells.reach.unzip();
    let lies_in = |value_ns: u64, cell: Option<usize>| match cell {
        Some(cell) => value_ns <= HIGHEST_NS && index_of(value_ns) == cell,
        None => value_ns == 0,
    };
    holds(lies_in(exact.min_ns, first), "min_ns")?;
    holds(lies_in(exact.max_ns, last) && exact.min_ns <= exact.max_ns, "max_ns")?;
    holds(sums_ns.contains(&exact.sum_ns), "sum_ns")?;
    // What was clamped counts as exactly one hour, so that it is the maximum.
    let clamped = exact.clamped == 0 || exact.max_ns == HIGHEST_NS;
    holds(exact.clamped <= cells.in_last && clamped, "clamped")?;
    holds(exact.censored <= count, "censored")?;
    let bounds = if exact.censored == 0 {
        0..=0
    } else {
        exact.min_ns..=exact.max_ns
    };
    holds(bounds.contains(&exact.censored_min_ns), "censored_min_ns")
}

fn write_decimal<S: Serializer>(value: &u128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn read_decimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
    let text = String::deserialize(deserializer)?;
    // Digits alone: `parse` would take a plus sign, and one number would have two forms.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let value = if digits { text.parse().ok() } else { None };
    value.ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&text), &"nanoseconds as a decimal string"))
}
