//! One process of the pool: what goes out to it, what comes back, and how far ahead it is given calls.

use std::collections::VecDeque;
use std::os::fd::{OwnedFd, RawFd};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::frames::{Frames, Received};
use super::message::ToUser;

/// A process has as many calls before it as it will be at for so long: enough for it never to wait for the next one, and
/// few enough that none waits behind others while another process has nothing to do.
const AHEAD_NS: u64 = 1_000_000;
const MOST_AHEAD: u64 = 1_000;
/// And no more bytes of calls than that have not gone out, unless it is one call.
const MOST_BYTES: usize = 4 << 20;

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

impl Answer<'_> {
    /// Those of a frame. `None`: it is none of answers.
    #[must_use]
    pub fn all_of(frame: &[u8]) -> Option<Vec<Answer<'_>>> {
        serde_json::from_slice(frame).ok()
    }
}

/// A process, and its stream to this thread.
pub(super) struct Process {
    pub(super) number: u32,
    frames: Frames,
    /// What it has been given and not answered, in order.
    pub(super) sent: VecDeque<Sent>,
    /// The calls of this turn of the loop.
    calls: Vec<u8>,
    /// What its users are told in this turn of the loop.
    told: Vec<u8>,
    /// About, of the last ones.
    took_ns: u64,
    /// How many users have it as their home.
    pub(super) residents: usize,
    /// How many of them are in an iteration.
    pub(super) living: usize,
    /// It wants no more calls.
    pub(super) leaving: bool,
}

impl Process {
    pub(super) fn new(number: u32, stream: OwnedFd) -> Self {
        Self {
            number,
            frames: Frames::new(stream),
            sent: VecDeque::new(),
            calls: Vec::new(),
            told: Vec::new(),
            // One at first: nobody knows yet how long it takes.
            took_ns: AHEAD_NS,
            residents: 0,
            living: 0,
            leaving: false,
        }
    }

    pub(super) fn raw(&self) -> RawFd {
        self.frames.raw()
    }

    /// Whether it may be given another call.
    pub(super) fn has_room(&self) -> bool {
        let most = (AHEAD_NS / self.took_ns.max(1)).clamp(1, MOST_AHEAD);
        let bytes = self.frames.unsent() + self.calls.len();
        !self.leaving && (self.sent.len() as u64) < most && (bytes < MOST_BYTES || self.sent.is_empty())
    }

    /// Whether nothing of this load is left in it.
    pub(super) fn is_done(&self) -> bool {
        self.sent.is_empty() && self.living == 0
    }

    /// Gives it a call, which goes out with the next [`Self::flush`].
    pub(super) fn give(&mut self, sent: Sent, call: &[u8]) {
        self.calls.push(if self.calls.is_empty() { b'[' } else { b',' });
        self.calls.extend_from_slice(call);
        self.sent.push_back(sent);
    }

    /// Tells one of its users something, which goes out with the next [`Self::flush`].
    pub(super) fn tell(&mut self, message: &ToUser<'_>) {
        message.write(&mut self.told);
    }

    /// The call whose answer has come, which took so long.
    pub(super) fn answered(&mut self, took_ns: u64) -> Option<Sent> {
        self.took_ns = self.took_ns - self.took_ns / 8 + took_ns / 8;
        self.sent.pop_front()
    }

    /// Has go out what it was given and told, as far as the kernel takes it.
    pub(super) fn flush(&mut self) {
        if !self.calls.is_empty() {
            self.calls.push(b']');
            self.frames.put(&mut self.calls);
        }
        if !self.told.is_empty() {
            self.frames.put(&mut self.told);
        }
        self.frames.flush();
    }

    /// All that has come; `buffer` is scratch.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> Received {
        self.frames.receive(buffer)
    }

    /// Keeps what is left of it for the next time.
    pub(super) fn keep(&mut self, received: Received) {
        self.frames.keep(received);
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
