//! Why a payload, a text or a document was refused. Each says what to do about it.

use std::error::Error;
use std::fmt;

use crate::layout::{HIGHEST_NS, LOWEST_NS, SIGNIFICANT_DIGITS};

/// Bytes, text or figures that are not a histogram of this layout.
///
/// Nothing of what was refused is kept: decoding gives a whole histogram or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecodeError {
    /// Longer than any histogram of this layout can be; refused before it is unpacked.
    TooLong {
        /// Most bytes that a histogram can have in this form.
        limit_bytes: usize,
    },
    /// The text is not base64.
    NotBase64,
    /// The bytes do not begin as `HdrHistogram` V2 does, plain or compressed as the case may be.
    NotV2,
    /// A histogram, but with other bounds, another precision, an offset or a ratio.
    OtherLayout {
        /// Its lowest value.
        lowest: u64,
        /// Its highest value.
        highest: u64,
        /// Its significant digits.
        digits: u32,
    },
    /// The bytes end early, go on for too long, or do not unpack.
    Damaged {
        /// What is wrong with them.
        what: &'static str,
    },
    /// More values than can be told from their neighbours by a JSON reader: 2^53 - 1.
    TooMany,
    /// A figure beside the payload contradicts the payload.
    Contradiction {
        /// Name of the field, as in [`Times`](crate::Times).
        field: &'static str,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { limit_bytes } => write!(
                formatter,
                "the histogram is longer than the {limit_bytes} bytes that it can have; send each histogram by itself"
            ),
            Self::NotBase64 => write!(
                formatter,
                "the histogram's text is not base64; use the standard alphabet with padding and without line breaks"
            ),
            Self::NotV2 => write!(
                formatter,
                "the bytes are not an HdrHistogram V2 payload; encode with a library that writes V2 (text begins with HISTF)"
            ),
            Self::OtherLayout {
                lowest,
                highest,
                digits,
            } => write!(
                formatter,
                "the histogram has lowest {lowest}, highest {highest} and {digits} digits, or an offset or ratio of its own, \
                 where lowest {LOWEST_NS} ns, highest {HIGHEST_NS} ns and {SIGNIFICANT_DIGITS} digits are needed; \
                 record with that layout: converting would move values between cells"
            ),
            Self::Damaged { what } => write!(
                formatter,
                "the histogram is damaged: {what}; send it again from its source"
            ),
            Self::TooMany => write!(
                formatter,
                "the histogram holds more than 2^53 - 1 values, which no run records; send the intervals instead of their sum"
            ),
            Self::Contradiction { field } => write!(
                formatter,
                "`{field}` contradicts the histogram's cells; send figures and cells of one and the same histogram"
            ),
        }
    }
}

impl Error for DecodeError {}
