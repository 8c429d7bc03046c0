//! Frames to and from a process: the length of each in four bytes, the lowest first, and then so many.

use std::os::fd::{OwnedFd, RawFd};

use apibench_http::sys::Stream;

/// Of a frame: its length.
const HEAD_BYTES: usize = 4;
/// Longest frame that is read: more than a thousand values of a usual size, and several of the longest.
const MAX_FRAME_BYTES: usize = 64 << 20;

/// A stream of them.
pub(super) struct Frames {
    stream: Stream,
    /// Whole frames, of which the first bytes have gone out.
    out: Vec<u8>,
    gone_out: usize,
    /// Of a frame that has not come whole.
    received: Vec<u8>,
}

impl Frames {
    pub(super) fn new(stream: OwnedFd) -> Self {
        Self {
            stream: Stream::from(stream),
            out: Vec::new(),
            gone_out: 0,
            received: Vec::new(),
        }
    }

    pub(super) fn raw(&self) -> RawFd {
        self.stream.raw()
    }

    /// How much has not gone out.
    pub(super) fn unsent(&self) -> usize {
        self.out.len() - self.gone_out
    }

    /// Has a frame go out with the next [`Self::flush`], and empties it.
    pub(super) fn put(&mut self, frame: &mut Vec<u8>) {
        self.out.extend_from_slice(&(frame.len() as u32).to_le_bytes());
        self.out.append(frame);
    }

    /// Has go out what the kernel takes. That nobody reads it any more is seen when it is looked at.
    pub(super) fn flush(&mut self) {
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
        self.at = self.bytes.len();
    }

    /// Where the next frame stands. `None`: no further one has come whole.
    pub fn next_frame(&mut self) -> Option<std::ops::Range<usize>> {
        let rest = &self.bytes[self.at..];
        let (head, rest) = rest.split_at_checked(HEAD_BYTES)?;
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        if length > MAX_FRAME_BYTES {
            self.distrust();
            return None;
        }
        rest.get(..length)?;
        let from = self.at + HEAD_BYTES;
        self.at = from + length;
        Some(from..self.at)
    }

    /// The bytes of a frame.
    #[must_use]
    pub fn frame(&self, place: std::ops::Range<usize>) -> &[u8] {
        &self.bytes[place]
    }
}
