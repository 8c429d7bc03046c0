//! An interval as it is stored: the bytes of its wire form, every one of them, in half of what a general compressor takes.
//!
//! Most of an interval is cells: which are used, and how often. Those are taken out of the V2 payloads, whose form wastes
//! their regularity, and written by an entropy coder whose tables are learned from this very interval; what is around them
//! is deflated. Unpacking makes the same V2 payloads again, bit for bit.
//!
//! | bytes | of the packed form |
//! |---|---|
//! | 1 | its format: 1. A zlib stream, which is what was stored before, begins with 0x78 |
//! | 4 | CRC-32 of the wire form, the highest byte first |
//! | varint, and so many | what is around the cells (zlib): the wire form with the payloads that are taken out empty |
//! | varint, and so many | of these (zlib): two bytes each, how it is told and its step; tables of gaps; tables of counts. Nothing, if none is taken out |
//! | varint, and so many | gaps |
//! | all others | counts |
//!
//! Numbers of contexts and symbols are part of the format: what changes them begins with another byte.
//!
//! | file | holds |
//! |---|---|
//! | `frame` | the wire form around its payloads |
//! | `family` | which histograms are told by which |
//! | `coarse` | cells in steps of a clock |
//! | `cells` | gaps and counts, and in which context each is |
//! | `numbers`, `tables`, `ans` | numbers as symbols, how often these come, and their coder |
//! | `pack`, `writing`; `unpack`, `reading` | one direction each |

mod ans;
mod cells;
mod coarse;
mod family;
mod frame;
mod numbers;
mod pack;
mod reading;
mod tables;
mod unpack;
mod varint;
mod writing;

use std::fmt;

use flate2::Crc;

use crate::wire::MAX_WIRE_BYTES;

pub use pack::pack;
pub use unpack::unpack;

/// First byte of what is packed here, and of a zlib stream.
const FORMAT: u8 = 1;
const ZLIB: u8 = 0x78;

/// Bytes that can't be packed, or that no interval was packed into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PackingError {
    /// The wire form is longer than [`MAX_WIRE_BYTES`].
    TooLong,
    /// In a form that is not known here.
    Unknown,
    /// Not as it was written.
    Damaged(&'static str),
}

impl fmt::Display for PackingError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(formatter, "the interval has more than {MAX_WIRE_BYTES} bytes"),
            Self::Unknown => write!(
                formatter,
                "the stored interval is in a form that only a newer release may know"
            ),
            Self::Damaged(what) => write!(formatter, "the stored interval is damaged: {what}"),
        }
    }
}

impl std::error::Error for PackingError {}

fn checksum(wire: &[u8]) -> u32 {
    let mut checksum = Crc::new();
    checksum.update(wire);
    checksum.sum()
}
