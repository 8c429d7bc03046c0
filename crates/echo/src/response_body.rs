//! What of an answer's body is still to be sent. A large body is never held: it is made piece by piece.

use std::io::Write as _;

/// Bytes that are made at a time.
const PIECE_BYTES: usize = 64 * 1024;
static FILLER: [u8; PIECE_BYTES] = [b'x'; PIECE_BYTES];
/// One of the header lines without end.
const HEADER_LINE: &[u8; 64] = b"X-Endless: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n";
/// Header lines without end come at 1 MiB/s, 160 lines at a time.
const ENDLESS: Pace = Pace {
    bytes: 10_240,
    every_ns: 9_765_625,
};

/// Where a body's bytes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// They are at hand.
    Known,
    /// As many of one letter as are asked for.
    Filler,
    /// Header lines, over and over.
    HeaderLines,
}

/// So many bytes at a time, so far apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    pub bytes: u64,
    pub every_ns: u64,
}

/// A body that is being sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseBody {
    pub source: Source,
    /// Made so far.
    pub at: u64,
    /// Where it stops.
    pub length: u64,
    /// In chunks of so many bytes; 0: not in chunks.
    pub chunk_bytes: u64,
    /// Whether the last chunk is still to come.
    pub ends: bool,
    pub pace: Option<Pace>,
}

impl ResponseBody {
    /// No body.
    pub const NONE: Self = Self {
        source: Source::Known,
        at: 0,
        length: 0,
        chunk_bytes: 0,
        ends: false,
        pace: None,
    };

    /// Header lines until the client has had enough.
    pub const ENDLESS: Self = Self {
        source: Source::HeaderLines,
        length: u64::MAX,
        pace: Some(ENDLESS),
        ..Self::NONE
    };

    /// Whether all of it was made.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.at >= self.length && !self.ends
    }

    /// Puts the next piece behind `output`: what is due at once, or a good piece of it. `known` is the content if it
    /// is at hand.
    pub fn produce(&mut self, known: &[u8], output: &mut Vec<u8>) {
        let paced = self.pace.map_or(u64::MAX, |pace| pace.bytes);
        let mut due = (self.length - self.at).min(paced);
        let enough = output.len() + PIECE_BYTES;
        while due > 0 && output.len() < enough {
            let part = if self.chunk_bytes > 0 {
                due.min(self.chunk_bytes)
            } else {
                due.min(PIECE_BYTES as u64)
            };
            if self.chunk_bytes > 0 {
                // Into memory: cannot fail.
                let _ = write!(output, "{part:x}\r\n");
            }
            self.copy(part, known, output);
            if self.chunk_bytes > 0 {
                output.extend_from_slice(b"\r\n");
            }
            due -= part;
        }
        if self.at == self.length && self.ends {
            output.extend_from_slice(b"0\r\n\r\n");
            self.ends = false;
        }
    }

    fn copy(&mut self, length: u64, known: &[u8], output: &mut Vec<u8>) {
        match self.source {
            Source::Known => output.extend_from_slice(&known[self.at as usize..(self.at + length) as usize]),
            Source::Filler => {
                let mut left = length as usize;
                while left > 0 {
                    let part = left.min(FILLER.len());
                    output.extend_from_slice(&FILLER[..part]);
                    left -= part;
                }
            }
            Source::HeaderLines => {
                for _ in 0..length / HEADER_LINE.len() as u64 {
                    output.extend_from_slice(HEADER_LINE);
                }
            }
        }
        self.at += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(mut body: ResponseBody, known: &[u8]) -> Vec<u8> {
        let mut output = Vec::new();
        while !body.is_done() {
            body.produce(known, &mut output);
        }
        output
    }

    #[test]
    fn chunks_are_as_long_as_asked_and_the_last_is_what_is_left() {
        let body = ResponseBody {
            length: 5,
            chunk_bytes: 2,
            ends: true,
            ..ResponseBody::NONE
        };
        assert_eq!(whole(body, b"abcde"), b"2\r\nab\r\n2\r\ncd\r\n1\r\ne\r\n0\r\n\r\n");
        let empty = ResponseBody { length: 0, ..body };
        assert_eq!(whole(empty, b""), b"0\r\n\r\n");
    }

    #[test]
    fn a_large_body_is_made_in_pieces() {
        let mut body = ResponseBody {
            source: Source::Filler,
            length: 1 << 30,
            ..ResponseBody::NONE
        };
        let mut output = Vec::new();
        body.produce(&[], &mut output);
        assert_eq!((output.len(), body.at), (PIECE_BYTES, PIECE_BYTES as u64));
    }

    #[test]
    fn the_header_lines_come_at_one_mebibyte_a_second() {
        let mut body = ResponseBody::ENDLESS;
        let mut output = Vec::new();
        for _ in 0..1_000_000_000 / ENDLESS.every_ns {
            body.produce(&[], &mut output);
        }
        // 102 pieces in a second; the 103rd falls due within the next.
        assert!((1_040_000..=1_048_576).contains(&output.len()), "{}", output.len());
        assert!(output.ends_with(b"\r\n"));
    }
}
