//! One process of the pool: what goes out to it, what comes back, and how far ahead it is given calls.

use std::collections::VecDeque;
use std::os::fd::{OwnedFd, RawFd};

use apibench_http::sys::Stream;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A process has as many calls before it as it will be at for so long: enough for it never to wait for the next one, and
/// few enough that none waits behind others while another process has nothing to do.
const AHEAD_NS: u64 = 1_000_000;
const MOST_AHEAD: u64 = 1_000;
/// And no more bytes of calls than that have not gone out, unless it is one call.
const MOST_BYTES: usize = 4 << 20;
/// Of a frame: its length.
const HEAD_BYTES: usize = 4;
/// Longest frame that is read: more than a thousand values of a usual size, and several of the longest.
const MAX_FRAME_BYTES: usize = 64 << 20;

/// A call that a virtual user waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// Who.
    pub virtual_user: u32,
    /// Which of its thread's calls.
    pub number: u32,
}

/// What a call came to.
#[derive(Debug, Deserialize)]
pub struct Answer<'a>(
    /// How long the function took, in nanoseconds.
    pub u64,
    /// Its value.
    #[serde(borrow)]
    pub &'a RawValue,
    /// Why it failed.
    #[serde(default)]
    pub Option<String>,
);

/// A process, and its stream to this thread.
pub(super) struct Process {
    pub(super) number: u32,
    stream: Stream,
    /// What it has been given and not answered, in order.
    pub(super) sent: VecDeque<Sent>,
    /// The calls of this turn of the loop.
    frame: Vec<u8>,
    /// Whole frames, of which the first bytes have gone out.
    out: Vec<u8>,
    gone_out: usize,
    /// Of a frame that has not come whole.
    received: Vec<u8>,
    /// About, of the last ones.
    took_ns: u64,
    /// It wants no more calls.
    pub(super) leaving: bool,
}

impl Process {
    pub(super) fn new(number: u32, stream: OwnedFd) -> Self {
        Self {
            number,
            stream: Stream::from(stream),
            sent: VecDeque::new(),
            frame: Vec::new(),
            out: Vec::new(),
            gone_out: 0,
            received: Vec::new(),
            // One at first: nobody knows yet how long it takes.
            took_ns: AHEAD_NS,
            leaving: false,
        }
    }

    pub(super) fn raw(&self) -> RawFd {
        self.stream.raw()
    }

    /// Whether it may be given another call.
    pub(super) fn has_room(&self) -> bool {
        let most = (AHEAD_NS / self.took_ns.max(1)).clamp(1, MOST_AHEAD);
        let bytes = self.out.len() - self.gone_out + self.frame.len();
        !self.leaving && (self.sent.len() as u64) < most && (bytes < MOST_BYTES || self.sent.is_empty())
    }

    /// Gives it a call, which goes out with the next [`Self::flush`].
    pub(super) fn give(&mut self, sent: Sent, call: &[u8]) {
        self.frame.push(if self.frame.is_empty() { b'[' } else { b',' });
        self.frame.extend_from_slice(call);
        self.sent.push_back(sent);
    }

    /// The call whose answer has come, which took so long.
    pub(super) fn answered(&mut self, took_ns: u64) -> Option<Sent> {
        self.took_ns = self.took_ns - self.took_ns / 8 + took_ns / 8;
        self.sent.pop_front()
    }

    /// Has go out what the kernel takes. That nobody reads it any more is seen when it is looked at.
    pub(super) fn flush(&mut self) {
        if !self.frame.is_empty() {
            self.frame.push(b']');
            self.out.extend_from_slice(&(self.frame.len() as u32).to_le_bytes());
            self.out.append(&mut self.frame);
        }
        while self.gone_out < self.out.len() {
            match self.stream.send(&self.out[self.gone_out..]) {
                Ok(sent) => self.gone_out += sent,
                Err(_) => return,
            }
        }
        self.out.clear();
        self.gone_out = 0;
    }

    /// All that has come; `buffer` is scratch.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> Received {
        let mut bytes = std::mem::take(&mut self.received);
        let over = loop {
            match self.stream.receive(buffer) {
                Ok(0) => break true,
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
                Err(error) => break error.kind() != std::io::ErrorKind::WouldBlock,
            }
        };
        Received { bytes, at: 0, over }
    }

    /// Keeps what is left of it for the next time.
    pub(super) fn keep(&mut self, mut received: Received) {
        received.bytes.drain(..received.at);
        self.received = received.bytes;
    }
}

/// What has come of a process.
pub struct Received {
    bytes: Vec<u8>,
    at: usize,
    over: bool,
}

impl Received {
    /// Whether nothing will come behind it: the process has gone, or says what it can't.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Nothing behind it is to be believed.
    pub fn distrust(&mut self) {
        self.over = true;
    }

    /// The answers of the next frame; none at all of one that is empty. `None`: no further one has come whole.
    pub fn answers(&mut self) -> Option<Vec<Answer<'_>>> {
        let rest = &self.bytes[self.at..];
        let (head, rest) = rest.split_at_checked(HEAD_BYTES)?;
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        if length > MAX_FRAME_BYTES {
            self.over = true;
            return None;
        }
        let frame = rest.get(..length)?;
        self.at += HEAD_BYTES + length;
        if frame.is_empty() {
            return Some(Vec::new());
        }
        let answers = serde_json::from_slice(frame).ok();
        self.over |= answers.is_none();
        answers
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn large_calls_are_not_piled_up_before_a_process_that_does_not_read() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        let mut process = Process::new(1, OwnedFd::from(theirs));
        let (call, mut calls) = (vec![b' '; 1 << 20], 0);
        // As quick as any.
        process.took_ns = 1;
        while process.has_room() {
            let number = calls;
            process.give(
                Sent {
                    virtual_user: 0,
                    number,
                },
                &call,
            );
            process.flush();
            calls += 1;
        }
        assert!((4..8).contains(&calls), "{calls}");
        drop(ours);
    }
}
