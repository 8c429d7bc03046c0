//! The head that a thread read last, whole, and what it came to.
//!
//! A target that is asked the same thing again and again answers with the same head, byte for byte, for as long
//! as its `Date` stands still: a second. To compare 170 bytes costs a tenth of what it costs to read them. Nothing
//! is taken on trust: equal bytes were held to every rule when they came first. Who is asked for several things says of
//! each how long it is: the digits of the only `Content-Length` may be others, and are read.

use std::ops::Range;

use super::head::{self, CONTENT_LENGTH, Head};
use super::{Decoder, Expected, Phase, Progress, Violation};

/// Longest head remembered: beyond it a comparison costs more cache than it saves.
const LONGEST_BYTES: usize = 4 * 1024;

/// A head and its meaning. One per thread.
#[derive(Debug)]
pub struct KnownHead {
    bytes: Vec<u8>,
    head: Head,
    phase: Phase,
    remaining: u64,
    /// Where the digits of its `Content-Length` stand; empty if it has none, or several, or nobody knows.
    digits: Range<usize>,
}

impl Default for KnownHead {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            head: Head::new(),
            phase: Phase::Idle,
            remaining: 0,
            digits: 0..0,
        }
    }
}

impl KnownHead {
    /// Becomes the head that stands at the front of the input, if it differs only in how many bytes it says follow it.
    #[inline(never)]
    fn takes_other_length(&mut self, input: &[u8]) -> bool {
        let Range { start, end } = self.digits;
        let Some(rest) = input.strip_prefix(&self.bytes[..start]).filter(|_| start < end) else {
            return false;
        };
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let Ok(length) = head::number(&rest[..digits]) else {
            return false;
        };
        if !rest[digits..].starts_with(&self.bytes[end..]) {
            return false;
        }
        self.head.set_length(length);
        self.phase = if length == 0 { Phase::Complete } else { Phase::Sized };
        self.remaining = length;
        self.digits.end = start + digits;
        let at = self.bytes.len() - end + self.digits.end;
        self.bytes.clear();
        self.bytes.extend_from_slice(&input[..at]);
        true
    }
}

impl Decoder {
    /// As [`feed`](Self::feed), with the same result; a head that is the known one is not read again.
    ///
    /// # Errors
    ///
    /// As [`feed`](Self::feed).
    #[inline]
    pub fn feed_known(&mut self, input: &[u8], known: &mut KnownHead) -> Result<Progress, Violation> {
        if self.phase != Phase::Head || !self.may_know() {
            return self.feed(input);
        }
        if let Some(at) = self.recognise(input, known) {
            return self.judged(|decoder| decoder.advance(input, at));
        }
        self.length_at = 0;
        self.judged(|decoder| {
            let at = decoder.read_lines(input)?;
            if decoder.phase != Phase::Head {
                decoder.remember(&input[..at], known);
            }
            decoder.advance(input, at)
        })
    }

    /// Whether a head read now would begin and end with the input at hand, and means the same for everybody.
    #[inline]
    fn may_know(&self) -> bool {
        self.line_bytes == 0
            && self.cut_line.is_empty()
            && self.expected
                == Expected {
                    keep_cookies: self.expected.keep_cookies,
                    ..Expected::default()
                }
    }

    /// Takes the known head off the front of the input, if it stands there. Returns how many bytes it has.
    #[inline]
    fn recognise(&mut self, input: &[u8], known: &mut KnownHead) -> Option<usize> {
        if known.bytes.is_empty() || (known.head.sets_cookies && self.expected.keep_cookies) {
            // Who wants its cookies reads it: they are nobody else's.
            return None;
        }
        if !input.starts_with(&known.bytes) && !known.takes_other_length(input) {
            return None;
        }
        self.head = known.head.clone();
        self.phase = known.phase;
        self.remaining = known.remaining;
        self.line_bytes = known.bytes.len() as u32;
        if self.phase == Phase::Chunked {
            self.chunked = super::Chunked::new();
        }
        Some(known.bytes.len())
    }

    /// Notes where the value of a field of the head stands, which begins so many bytes behind the lines before, if it is the first
    /// `Content-Length`.
    #[inline]
    pub(super) fn note_length(&mut self, name_length: usize, begin: usize) {
        if name_length == CONTENT_LENGTH.len() && self.length_at == 0 && self.head.content_lengths > 0 {
            let at = self.line_bytes as usize + begin + name_length + 1;
            self.length_at = u16::try_from(at).unwrap_or(0);
        }
    }

    /// Remembers the head that has just been read from `bytes` alone.
    #[inline]
    fn remember(&self, bytes: &[u8], known: &mut KnownHead) {
        if bytes.len() > LONGEST_BYTES || self.interim > 0 {
            return;
        }
        known.bytes.clear();
        known.bytes.extend_from_slice(bytes);
        known.head = self.head.clone();
        known.head.kept = None;
        known.phase = self.phase;
        known.remaining = self.remaining;
        known.digits = self.length_digits(bytes);
    }

    /// Where in the head that has just been read the digits of its only `Content-Length` stand.
    fn length_digits(&self, head: &[u8]) -> Range<usize> {
        let (name, value) = head.split_at(usize::from(self.length_at));
        let name = name.strip_suffix(b":").and_then(<[u8]>::last_chunk);
        let is_length = |name: &[u8; CONTENT_LENGTH.len()]| head::is(name, CONTENT_LENGTH);
        if self.head.content_lengths != 1 || !name.is_some_and(is_length) {
            return 0..0;
        }
        let count = |bytes: &[u8], digits| bytes.iter().take_while(|byte| byte.is_ascii_digit() == digits).count();
        let blank = count(value, false);
        let start = head.len() - value.len() + blank;
        start..start + count(&value[blank..], true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(decoder: &Decoder, progress: Result<Progress, Violation>) -> impl PartialEq + std::fmt::Debug + use<> {
        (
            progress,
            decoder.status(),
            decoder.keep_alive(),
            decoder.keep_alive_timeout_s(),
            decoder.body_bytes(),
            decoder.plain_body_at(),
            decoder.started(),
        )
    }

    proptest! {
        #[test]
        fn who_knows_the_last_head_reads_the_next_response_as_who_does_not(
            choices in prop::collection::vec((0_usize..16, prop::option::of((0_usize..200, any::<u8>())), 1_usize..300), 1..30),
        ) {
            let responses: [&[u8]; 16] = [
                b"HTTP/1.1 200 OK\r\nDate: a\r\nContent-Length: 3\r\n\r\nok\n",
                b"HTTP/1.1 200 OK\r\nDate: b\r\nContent-Length: 3\r\n\r\nok\n",
                b"HTTP/1.1 204 No Content\r\n\r\n",
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nok\n\r\n0\r\n\r\n",
                b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nContent-Length: 1\r\n\r\nx",
                b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil close",
                b"HTTP/1.1 200 OK\r\nDate: a\r\nContent-Length: 3\r\n\r\nok\nsurplus",
                b"HTTP/1.1 200 OK\r\nDate: a\r\nContent-Length: 30\r\n\r\n{\"token\":\"0123456789abcdefgh\"}",
                b"HTTP/1.1 200 OK\r\nDate: a\r\nContent-Length: 31\r\n\r\n{\"token\":\"0123456789abcdefghi\"}",
                b"HTTP/1.1 200 OK\r\nDate: a\r\nContent-Length: 0031\r\n\r\n{\"token\":\"0123456789abcdefghi\"}",
                b"HTTP/1.1 200 OK\r\nDate: a\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK and what else may follow",
                b"HTTP/1.1 200 OK\r\nDate: a\r\nContent-Length: \r\n\r\n{\"token\":\"0123456789abcdefghi\"}",
                b"HTTP/1.1 200 OK\r\nContent-Length: 31\r\nContent-Length: 31\r\n\r\n{\"token\":\"0123456789abcdefghi\"}",
                b"HTTP/1.1 200 OK\r\nContent-Length: 31\r\nX-Cache-Status: 7\r\n\r\n{\"token\":\"0123456789abcdefghi\"}",
                b"HTTP/1.1 200 OK\r\nContent-Length: 31, 31\r\nX-Cache-Status: 7\r\n\r\n{\"token\":\"0123456789abcdefghi\"}",
            ];
            let mut known = KnownHead::default();
            for (choice, mutation, cut) in choices {
                let mut bytes = responses[choice].to_vec();
                if let Some((place, byte)) = mutation {
                    let place = place % bytes.len();
                    bytes[place] = byte;
                }
                let (mut one, mut other) = (Decoder::new(), Decoder::new());
                one.start(Expected::default());
                other.start(Expected::default());
                let (first, second) = bytes.split_at(cut.min(bytes.len()));
                for part in [first, second] {
                    if part.is_empty() {
                        continue;
                    }
                    let (mine, theirs) = (one.feed_known(part, &mut known), other.feed(part));
                    prop_assert_eq!(told(&one, mine), told(&other, theirs));
                    if !matches!(mine, Ok(Progress::More { .. })) {
                        break;
                    }
                }
            }
        }
    }

    #[test]
    fn heads_that_differ_in_how_long_their_body_is_are_known_if_they_say_it_once() {
        let of = |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n{}", "x".repeat(40)).into_bytes();
        let known_by = |first: &str, second: &str| {
            let mut known = KnownHead::default();
            let mut decoder = Decoder::new();
            decoder.start(Expected::default());
            decoder.feed_known(&of(first), &mut known).unwrap();
            decoder.start(Expected::default());
            let at = decoder.recognise(&of(second), &mut known);
            at.map(|at| (at, decoder.phase, decoder.remaining))
        };
        let sized = |at, bytes| Some((at, Phase::Sized, bytes));
        assert_eq!(
            known_by("Content-Length: 7\r\nA: b", "Content-Length: 123\r\nA: b"),
            sized(46, 123)
        );
        assert_eq!(
            known_by("A: b\r\ncontent-length:  12", "A: b\r\ncontent-length:  3"),
            sized(45, 3)
        );
        assert_eq!(
            known_by("Content-Length: 7", "Content-Length: 0"),
            Some((38, Phase::Complete, 0))
        );
        for (first, second) in [
            ("Content-Length: 7", "Content-Length: "),
            ("Content-Length: 7", "Content-Length: 7a"),
            ("Content-Length: 7", "Content-Length: +8"),
            ("Content-Length: 7", "Content-length: 8"),
            ("Content-Length: 7", "Content-Length: 99999999999999999999"),
            (
                "Content-Length: 7\r\nContent-Length: 7",
                "Content-Length: 7\r\nContent-Length: 8",
            ),
            (
                "Content-Length: 7\r\nContent-Length: 7",
                "Content-Length: 8\r\nContent-Length: 8",
            ),
            ("Content-Length: 7, 7", "Content-Length: 8, 7"),
            (
                "Content-Length: 7\r\nX-Cache-Status: 7",
                "Content-Length: 7\r\nX-Cache-Status: 8",
            ),
        ] {
            assert_eq!(known_by(first, second), None, "{second}");
        }
    }
}
