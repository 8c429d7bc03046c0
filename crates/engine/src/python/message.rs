//! What users of Python are told, and what they say: messages of one frame, in binary, as bodies are.
//!
//! A frame of messages begins with the byte [`MESSAGES`], which no JSON begins with. All numbers have their lowest byte first.

use apibench_core::step::StatusRange;

use super::process::Sent;

/// The first byte of a frame of messages.
pub const MESSAGES: u8 = 1;
/// Of a message from a user, before its texts.
const FROM_USER_BYTES: usize = 40;
const RANGE_BYTES: usize = 4;

/// What a user is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News<'n> {
    /// Begin an iteration.
    Begin {
        /// What its random values follow from.
        seed: &'n [u8],
        /// The function and its arguments, as calls have them.
        call: &'n [u8],
    },
    /// The answer to its request.
    Response {
        /// By its status line.
        status: u16,
        /// Why it counts as failed; empty if it does not.
        failure: &'n str,
        /// How long its service took.
        service_ns: u64,
        /// The final head as it came.
        head: &'n [u8],
        /// Decoded; `None`: there is none that could be given.
        body: Option<&'n [u8]>,
    },
    /// No answer came to its request.
    Failed {
        /// Why.
        failure: &'n str,
        /// Since its first byte went out.
        service_ns: u64,
    },
    /// Its pause is over.
    Slept,
    /// Its iteration is over: it waits for nothing any more.
    Ended,
}

/// A message to a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToUser<'n> {
    /// Whom, and by which number it answers.
    pub to: Sent,
    /// What.
    pub news: News<'n>,
}

impl ToUser<'_> {
    /// Appends it to a frame.
    pub(super) fn write(&self, frame: &mut Vec<u8>) {
        if frame.is_empty() {
            frame.push(MESSAGES);
        }
        let (kind, status, time_ns, texts): (u8, u16, u64, [&[u8]; 3]) = match self.news {
            News::Begin { seed, call } => (0, 0, 0, [&[], seed, call]),
            News::Response {
                status,
                failure,
                service_ns,
                head,
                body,
            } => {
                let kind = if body.is_some() { 1 } else { 2 };
                let texts = [failure.as_bytes(), head, body.unwrap_or_default()];
                (kind, status, service_ns, texts)
            }
            News::Failed { failure, service_ns } => (3, 0, service_ns, [failure.as_bytes(), &[], &[]]),
            News::Slept => (4, 0, 0, [&[]; 3]),
            News::Ended => (5, 0, 0, [&[]; 3]),
        };
        frame.extend_from_slice(&self.to.number.to_le_bytes());
        frame.extend_from_slice(&self.to.virtual_user.to_le_bytes());
        frame.extend_from_slice(&[kind, texts[0].len() as u8]);
        frame.extend_from_slice(&status.to_le_bytes());
        frame.extend_from_slice(&(texts[1].len() as u32).to_le_bytes());
        frame.extend_from_slice(&(texts[2].len() as u32).to_le_bytes());
        frame.extend_from_slice(&time_ns.to_le_bytes());
        texts.iter().for_each(|text| frame.extend_from_slice(text));
    }
}

/// What a user does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish<'m> {
    /// Send a request.
    Request {
        /// Which of those that its step names.
        number: u16,
        /// The statuses that are ok; none for all below 400.
        expected: Vec<StatusRange>,
        /// Path and query.
        target: &'m [u8],
        /// A line each, with its end.
        headers: &'m [u8],
        /// What is sent with it.
        body: Option<&'m [u8]>,
    },
    /// Pause for so long.
    Sleep(u64),
    /// Nothing: it says whether something held.
    Check {
        /// Which of the checks that its step names.
        number: u16,
        /// Whether it did.
        passed: bool,
    },
    /// End its iteration; if it has failed, why.
    End(Option<&'m str>),
}

/// A message from a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromUser<'m> {
    /// Who, by the number that it was told last.
    pub from: Sent,
    /// How long it was at it since then.
    pub took_ns: u64,
    /// What it wants.
    pub wish: Wish<'m>,
}

/// The messages of a frame, behind its first byte.
#[derive(Debug, Clone)]
pub struct Messages<'m> {
    rest: &'m [u8],
}

impl<'m> Messages<'m> {
    /// Those of a frame. `None`: it is none of messages.
    #[must_use]
    pub fn of(frame: &'m [u8]) -> Option<Self> {
        let rest = frame.strip_prefix(&[MESSAGES])?;
        Some(Self { rest })
    }

    fn take(&mut self, count: usize) -> Option<&'m [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn message(&mut self) -> Option<FromUser<'m>> {
        let mut head = Numbers(self.take(FROM_USER_BYTES)?);
        let from = Sent {
            number: head.take_of(4)? as u32,
            virtual_user: head.take_of(4)? as u32,
        };
        let (kind, flag) = (head.take_of(1)?, head.take_of(1)? != 0);
        let (number, ranges) = (head.take_of(2)? as u16, head.take_of(2)? as usize);
        let target = head.take_of(2)? as usize;
        let (headers, body) = (head.take_of(4)? as usize, head.take_of(4)? as usize);
        let (took_ns, value) = (head.take_of(8)?, head.take_of(8)?);
        let expected = self.take(ranges * RANGE_BYTES)?;
        let (target, headers, body) = (self.take(target)?, self.take(headers)?, self.take(body)?);
        let wish = match kind {
            0 => Wish::Request {
                number,
                expected: expected.chunks_exact(RANGE_BYTES).map(range_of).collect(),
                target,
                headers,
                body: flag.then_some(body),
            },
            1 => Wish::Sleep(value),
            2 => Wish::Check { number, passed: flag },
            3 if flag => Wish::End(None),
            3 => Wish::End(Some(std::str::from_utf8(headers).ok()?)),
            _ => return None,
        };
        Some(FromUser { from, took_ns, wish })
    }
}

impl<'m> Iterator for Messages<'m> {
    /// `None`: it can't be understood, nor what follows it.
    type Item = Option<FromUser<'m>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let message = self.message();
        if message.is_none() {
            self.rest = &[];
        }
        Some(message)
    }
}

/// Numbers that stand one behind the other.
struct Numbers<'n>(&'n [u8]);

impl Numbers<'_> {
    /// The next, of so many bytes.
    fn take_of(&mut self, bytes: usize) -> Option<u64> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(
            taken
                .iter()
                .rev()
                .fold(0, |number, byte| number << 8 | u64::from(*byte)),
        )
    }
}

fn range_of(bytes: &[u8]) -> StatusRange {
    StatusRange {
        first: u16::from_le_bytes([bytes[0], bytes[1]]),
        last: u16::from_le_bytes([bytes[2], bytes[3]]),
    }
}
