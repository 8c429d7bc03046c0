//! The head that a thread read last, whole, and what it came to.
//!
//! A target that is asked the same thing again and again answers with the same head, byte for byte, for as long
//! as its `Date` stands still: a second. To compare 170 bytes costs a tenth of what it costs to read them. Nothing
//! is taken on trust: equal bytes were held to every rule when they came first.

use super::head::Head;
use super::{Decoder, Expected, Phase};

/// Longest head remembered: beyond it a comparison costs more cache than it saves.
const LONGEST_BYTES: usize = 4 * 1024;

/// A head and its meaning. One per thread.
#[derive(Debug)]
pub struct KnownHead {
    bytes: Vec<u8>,
    head: Head,
    phase: Phase,
    remaining: u64,
}

impl Default for KnownHead {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            head: Head::new(),
            phase: Phase::Idle,
            remaining: 0,
        }
    }
}

impl Decoder {
    /// Whether a head read now would begin and end with the input at hand, and means the same for everybody.
    #[inline]
    pub(super) fn may_know(&self) -> bool {
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
    pub(super) fn recognise(&mut self, input: &[u8], known: &KnownHead) -> Option<usize> {
        if known.bytes.is_empty() || !input.starts_with(&known.bytes) {
            return None;
        }
        if known.head.sets_cookies && self.expected.keep_cookies {
            // Who wants its cookies reads it: they are nobody else's.
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

    /// Remembers the head that has just been read from `bytes` alone.
    #[inline]
    pub(super) fn remember(&self, bytes: &[u8], known: &mut KnownHead) {
        if bytes.len() > LONGEST_BYTES || self.interim > 0 {
            return;
        }
        known.bytes.clear();
        known.bytes.extend_from_slice(bytes);
        known.head = self.head.clone();
        known.head.kept = None;
        known.phase = self.phase;
        known.remaining = self.remaining;
    }
}

#[cfg(test)]
mod tests {
    use super::super::Progress;
    use super::*;
    use proptest::prelude::*;

    fn told(
        decoder: &Decoder,
        progress: Result<Progress, super::super::Violation>,
    ) -> impl PartialEq + std::fmt::Debug + use<> {
        (
            progress,
            decoder.status(),
            decoder.keep_alive(),
            decoder.keep_alive_timeout_s(),
            decoder.body_bytes(),
            decoder.started(),
        )
    }

    proptest! {
        #[test]
        fn who_knows_the_last_head_reads_the_next_response_as_who_does_not(
            choices in prop::collection::vec((0_usize..8, prop::option::of((0_usize..200, any::<u8>())), 1_usize..300), 1..30),
        ) {
            let responses: [&[u8]; 8] = [
                b"HTTP/1.1 200 OK\r\nDate: a\r\nContent-Length: 3\r\n\r\nok\n",
                b"HTTP/1.1 200 OK\r\nDate: b\r\nContent-Length: 3\r\n\r\nok\n",
                b"HTTP/1.1 204 No Content\r\n\r\n",
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nok\n\r\n0\r\n\r\n",
                b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nContent-Length: 1\r\n\r\nx",
                b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil close",
                b"HTTP/1.1 200 OK\r\nDate: a\r\nContent-Length: 3\r\n\r\nok\nsurplus",
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
}
