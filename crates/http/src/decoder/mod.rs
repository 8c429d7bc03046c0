//! Decodes HTTP/1.1 responses from bytes that somebody else has read: no sockets, no clock.
//!
//! The invariant: **how reads cut the stream makes no difference.** Byte by byte, whole, or in any
//! other pieces, the same bytes give the same response or the same [`Violation`]. It holds because
//! a head is judged line by line and a line only once its LF is there; only the piece of a line
//! that a read cut off is ever copied.
//!
//! A load generator that guesses where a response ends measures nothing, so every response is held
//! to the strict rules, not one in so many: they ride on the same pass that finds the line ends.

mod block;
mod chunked;
#[cfg(test)]
mod differential;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod head;
mod known_head;
mod line;
#[cfg(test)]
mod properties;
mod violation;

pub use known_head::KnownHead;
pub use violation::{Coding, Violation};

use chunked::{Chunked, Step};
use head::{Body, Head};
use line::Line;

/// Longest head, together with the interim heads before it; and longest trailers.
pub const HEAD_LIMIT_BYTES: usize = 65_536;

/// A cut line's buffer of at most this size is kept for the next response.
const KEPT_BUFFER_BYTES: usize = 1_024;

/// What the request decides about its response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expected {
    /// The request was HEAD: the response has no body, whatever its fields say.
    pub head_request: bool,
    /// Keep the `Location` field for [`Decoder::location`]; costs an allocation where there is one.
    pub keep_location: bool,
    /// Keep the values of `Set-Cookie` fields for [`Decoder::cookies`]; likewise.
    pub keep_cookies: bool,
}

/// How far a response has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// All input is used up, and more is needed.
    More {
        /// Body bytes that come next and that the decoder need not see: the transport may let the
        /// kernel drop up to so many, and then says so by [`Decoder::dropped`]. What is left of a
        /// `Content-Length` or of the present chunk; 0 where no length is known.
        droppable: u64,
    },
    /// The response is complete.
    Complete {
        /// So many bytes of the input just given belong to it. What follows is surplus.
        consumed: usize,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No exchange has begun.
    Idle,
    Head,
    Sized,
    Chunked,
    Trailers,
    UntilClose,
    Complete,
    Failed(Violation),
}

/// Decodes one response at a time on one connection.
#[derive(Debug, Clone)]
pub struct Decoder {
    head: Head,
    body_bytes: u64,
    /// Body bytes still to come, of the whole body or of the present chunk.
    remaining: u64,
    /// The start of a line whose end has not come yet.
    cut_line: Vec<u8>,
    /// Bytes of finished lines of the heads of this response, or of its trailers.
    line_bytes: u32,
    interim: u16,
    /// Where the value of `Content-Length` stands in the head; 0 where nobody knows.
    length_at: u16,
    chunked: Chunked,
    phase: Phase,
    expected: Expected,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder that expects nothing yet: all bytes before [`start`](Self::start) are surplus.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            head: Head::new(),
            body_bytes: 0,
            remaining: 0,
            cut_line: Vec::new(),
            line_bytes: 0,
            interim: 0,
            length_at: 0,
            chunked: Chunked::new(),
            phase: Phase::Idle,
            expected: Expected {
                head_request: false,
                keep_location: false,
                keep_cookies: false,
            },
        }
    }

    /// Begins an exchange: what the last one left is forgotten.
    #[inline]
    pub fn start(&mut self, expected: Expected) {
        self.head = Head::new();
        self.body_bytes = 0;
        self.line_bytes = 0;
        self.interim = 0;
        self.cut_line.clear();
        if self.cut_line.capacity() > KEPT_BUFFER_BYTES {
            // One long line must not keep 64 KiB for as long as its connection lives.
            self.cut_line = Vec::new();
        }
        self.phase = Phase::Head;
        self.expected = expected;
    }

    /// Takes the next bytes of the stream.
    ///
    /// # Errors
    ///
    /// The first [`Violation`]; the connection is then of no use, and every later call says the same.
    #[inline]
    pub fn feed(&mut self, input: &[u8]) -> Result<Progress, Violation> {
        self.judged(|decoder| {
            let at = if decoder.phase == Phase::Head {
                decoder.read_lines(input)?
            } else {
                0
            };
            decoder.advance(input, at)
        })
    }

    #[inline]
    fn judged(&mut self, read: impl FnOnce(&mut Self) -> Result<Progress, Violation>) -> Result<Progress, Violation> {
        let progress = read(self);
        if let Err(violation) = progress {
            self.phase = Phase::Failed(violation);
        }
        progress
    }

    /// The kernel dropped `bytes` body bytes unseen, at most the `droppable` of the last progress.
    #[inline]
    pub fn dropped(&mut self, bytes: u64) -> Progress {
        debug_assert!(bytes <= self.droppable(), "more was dropped than offered");
        match self.phase {
            Phase::Sized => self.skip_sized(bytes.min(self.remaining)),
            Phase::Chunked if self.chunked.droppable(self.remaining) > 0 => {
                self.chunked
                    .skip(bytes.min(self.remaining), &mut self.remaining, &mut self.body_bytes);
            }
            _ => {}
        }
        match self.phase {
            Phase::Complete => Progress::Complete { consumed: 0 },
            _ => Progress::More {
                droppable: self.droppable(),
            },
        }
    }

    /// The server closed its side. `Ok` if the response is complete by that or was before.
    ///
    /// # Errors
    ///
    /// [`Violation::ClosedBeforeResponse`] if not one byte has come, [`Violation::Truncated`] if
    /// the response was under way, [`Violation::NotHttp`] or [`Violation::Version`] if what came
    /// can't become a response.
    pub fn end_of_stream(&mut self) -> Result<(), Violation> {
        match self.phase {
            Phase::UntilClose | Phase::Complete => {
                self.phase = Phase::Complete;
                Ok(())
            }
            Phase::Failed(violation) => Err(violation),
            Phase::Idle => Err(Violation::ClosedBeforeResponse),
            Phase::Head if !self.started() => Err(Violation::ClosedBeforeResponse),
            // Seven bytes of a TLS alert have no line end to judge them by; say what they are.
            Phase::Head if self.head.status == 0 && !could_become_http(&self.cut_line) => {
                Err(head::foreign(&self.cut_line))
            }
            _ => Err(Violation::Truncated),
        }
    }

    /// Whether any byte of this response has come.
    #[must_use]
    pub fn started(&self) -> bool {
        match self.phase {
            Phase::Idle => false,
            Phase::Head => self.line_bytes > 0 || !self.cut_line.is_empty(),
            _ => true,
        }
    }

    /// The status of the head that was read last, 100 to 999: once the response is complete, that
    /// of the final one. 0 while no status line has been read.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// Whether the connection may serve another exchange. Valid once the head is complete.
    #[must_use]
    pub fn keep_alive(&self) -> bool {
        self.head.persists() && !matches!(self.phase, Phase::Failed(_))
    }

    /// For how many seconds the server keeps the idle connection, from `Keep-Alive: timeout=N`.
    #[must_use]
    pub fn keep_alive_timeout_s(&self) -> Option<u32> {
        self.head.keep_alive_timeout_s()
    }

    /// Takes the `Location` of the final head, if it was to be kept. Bytes that are not UTF-8
    /// become replacement characters.
    pub fn location(&mut self) -> Option<Box<str>> {
        self.head.kept.as_mut()?.location.take()
    }

    /// Takes the values of the final head's `Set-Cookie` fields, if they were to be kept, each with a line end behind it.
    pub fn cookies(&mut self) -> Vec<u8> {
        let kept = self.head.kept.as_mut();
        kept.map(|kept| std::mem::take(&mut kept.cookies)).unwrap_or_default()
    }

    /// Body bytes so far as sent on the wire (compressed if they are), without the chunks' framing.
    #[must_use]
    pub fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    /// Where the body of this response begins, from its first byte on, once the head is complete. `None`: it came in
    /// chunks or coded.
    #[must_use]
    pub fn plain_body_at(&self) -> Option<usize> {
        (!self.head.chunked && !self.head.coded).then_some(self.line_bytes as usize)
    }

    /// How many 103 (Early Hints) came before the final head.
    #[must_use]
    pub fn interim(&self) -> u16 {
        self.interim
    }

    /// Takes what follows the head, from `at` on.
    #[inline]
    fn advance(&mut self, input: &[u8], mut at: usize) -> Result<Progress, Violation> {
        loop {
            let rest = &input[at..];
            match self.phase {
                Phase::Sized => {
                    let here = rest.len().min(usize::try_from(self.remaining).unwrap_or(usize::MAX));
                    self.skip_sized(here as u64);
                    at += here;
                }
                Phase::Chunked => match self.chunked.feed(rest, &mut self.remaining, &mut self.body_bytes)? {
                    Step::More => at = input.len(),
                    Step::Trailers { consumed } => {
                        at += consumed;
                        self.line_bytes = 0;
                        self.phase = Phase::Trailers;
                        continue;
                    }
                },
                Phase::Trailers => at += self.read_lines(rest)?,
                Phase::UntilClose => {
                    self.body_bytes = self.body_bytes.saturating_add(rest.len() as u64);
                    at = input.len();
                }
                Phase::Failed(violation) => return Err(violation),
                Phase::Head | Phase::Idle | Phase::Complete => {}
            }
            return Ok(match self.phase {
                Phase::Idle | Phase::Complete => Progress::Complete { consumed: at },
                _ => Progress::More {
                    droppable: self.droppable(),
                },
            });
        }
    }

    fn droppable(&self) -> u64 {
        match self.phase {
            Phase::Sized => self.remaining,
            Phase::Chunked => self.chunked.droppable(self.remaining),
            _ => 0,
        }
    }

    #[inline]
    fn skip_sized(&mut self, bytes: u64) {
        self.remaining -= bytes;
        self.body_bytes += bytes;
        if self.remaining == 0 {
            self.phase = Phase::Complete;
        }
    }

    /// Reads lines of the head or of the trailers until they end or the input does.
    /// Returns how many bytes of the input are used up.
    #[inline]
    fn read_lines(&mut self, input: &[u8]) -> Result<usize, Violation> {
        let mut at = 0;
        if !self.cut_line.is_empty() {
            at = match self.finish_cut_line(input)? {
                Some((used, false)) => used,
                Some((used, true)) => return Ok(used),
                None => return Ok(input.len()),
            };
        }
        loop {
            if self.phase == Phase::Head && self.head.status != 0 {
                at += self.skim(&input[at..])?;
            }
            let rest = &input[at..];
            let Some(line) = line::first(rest) else {
                self.keep_cut_line(rest)?;
                return Ok(input.len());
            };
            at += line.next;
            if self.take_line(rest, line)? {
                return Ok(at);
            }
        }
    }

    /// The fast lane: reads ordinary field lines as long as they come, and leaves the first other
    /// line, or the first beyond the limit, for the thorough look. Returns the bytes it used up.
    #[inline]
    fn skim(&mut self, input: &[u8]) -> Result<usize, Violation> {
        let within_limit = input.len().min(HEAD_LIMIT_BYTES - self.line_bytes as usize);
        let mut rest = &input[..within_limit];
        while let Some((name_length, line)) = line::ordinary_field(rest) {
            if matches!(name_length, 8 | 10 | 14 | 16) {
                let (name, value) = rest[..line.length].split_at(name_length);
                self.head.field(name, &value[1..], self.expected)?;
                self.note_length(name_length, within_limit - rest.len());
            }
            rest = &rest[line.next..];
        }
        let used = within_limit - rest.len();
        self.line_bytes += used as u32;
        Ok(used)
    }

    /// Takes one line, at the start of `rest`. Returns whether it was the last.
    #[inline]
    fn take_line(&mut self, rest: &[u8], line: Line) -> Result<bool, Violation> {
        self.check_limit(line.next)?;
        // At most the limit, which fits.
        self.line_bytes += line.next as u32;
        if line.length == 0 {
            return self.end_lines();
        }
        let bytes = &rest[..line.length];
        if self.head.status == 0 {
            self.head
                .status_line(bytes, line.printable, self.expected.head_request)?;
        } else {
            self.take_unusual_field(bytes, line.printable)?;
        }
        Ok(false)
    }

    #[inline(never)]
    fn take_unusual_field(&mut self, line: &[u8], printable: bool) -> Result<(), Violation> {
        let (name, value) = head::split(line, printable)?;
        match self.phase {
            // What a trailer says is for nobody here.
            Phase::Trailers => Ok(()),
            _ => self.head.field(name, value, self.expected),
        }
    }

    /// An empty line. Returns whether it ended the final head or the trailers.
    #[inline]
    fn end_lines(&mut self) -> Result<bool, Violation> {
        if self.phase == Phase::Trailers {
            self.phase = Phase::Complete;
            return Ok(true);
        }
        match self.head.status {
            // Before a status line it means nothing: some servers end a body with one too many.
            0 => return Ok(false),
            100..200 => {
                self.interim = self.interim.saturating_add(u16::from(self.head.status == 103));
                self.head = Head::new();
                return Ok(false);
            }
            _ => {}
        }
        self.phase = match self.head.body()? {
            Body::None => Phase::Complete,
            Body::Sized(bytes) => {
                self.remaining = bytes;
                Phase::Sized
            }
            Body::Chunked => {
                self.chunked = Chunked::new();
                Phase::Chunked
            }
            Body::UntilClose => Phase::UntilClose,
        };
        Ok(true)
    }

    /// Completes the cut line from the input and takes it. Returns how many bytes that used, and
    /// whether the line was the last; `None` if its end is not in this input either.
    #[cold]
    fn finish_cut_line(&mut self, input: &[u8]) -> Result<Option<(usize, bool)>, Violation> {
        let Some(end) = memchr::memchr(b'\n', input) else {
            self.keep_cut_line(input)?;
            return Ok(None);
        };
        // The limit comes first: what lies behind it is not copied.
        self.check_limit(self.cut_line.len() + end + 1)?;
        let mut bytes = std::mem::take(&mut self.cut_line);
        let from = bytes.len();
        bytes.extend_from_slice(&input[..=end]);
        let last = match line::unprintable(&bytes, from) {
            Some(line) => self.take_line(&bytes, line),
            None => Ok(false),
        };
        bytes.clear();
        self.cut_line = bytes;
        Ok(Some((end + 1, last?)))
    }

    #[cold]
    fn keep_cut_line(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        self.check_limit(self.cut_line.len() + bytes.len())?;
        self.cut_line.extend_from_slice(bytes);
        Ok(())
    }

    /// Whether `more_bytes` still fit under the limit, finished or not.
    #[inline]
    fn check_limit(&self, more_bytes: usize) -> Result<(), Violation> {
        if self.line_bytes as usize + more_bytes <= HEAD_LIMIT_BYTES {
            return Ok(());
        }
        Err(if self.phase == Phase::Trailers {
            Violation::TrailersTooLarge
        } else {
            Violation::HeadTooLarge
        })
    }
}

/// Whether a first line can begin like this.
fn could_become_http(bytes: &[u8]) -> bool {
    let known = bytes.len().min(7);
    b"HTTP/1."[..known] == bytes[..known] || bytes == b"\r"
}
