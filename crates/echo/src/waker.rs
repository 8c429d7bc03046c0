//! How another thread is told that there is something for it: connections that were dealt to it, or the end.

use std::io::{self, Write as _};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};

use apibench_http::sys::Stream;

/// What one thread is handed, and the socket that wakes it.
pub struct Waker {
    told: UnixStream,
    listening: UnixStream,
    dealt: Mutex<Vec<Stream>>,
}

impl Waker {
    /// # Errors
    /// If there are no descriptors left.
    pub fn new() -> io::Result<Self> {
        let (told, listening) = UnixStream::pair()?;
        told.set_nonblocking(true)?;
        listening.set_nonblocking(true)?;
        Ok(Self {
            told,
            listening,
            dealt: Mutex::default(),
        })
    }

    /// Becomes readable with each call of `wake`.
    pub fn raw(&self) -> RawFd {
        self.listening.as_raw_fd()
    }

    /// Ends the thread's wait. A full socket holds an edge already.
    pub fn wake(&self) {
        let _ = (&self.told).write(&[1]);
    }

    /// Hands a connection over.
    pub fn deal(&self, stream: Stream) {
        self.dealt.lock().unwrap_or_else(PoisonError::into_inner).push(stream);
        self.wake();
    }

    /// Takes what was handed over.
    pub fn take(&self) -> Vec<Stream> {
        let mut bytes = [0; 256];
        while matches!(io::Read::read(&mut &self.listening, &mut bytes), Ok(length) if length > 0) {}
        std::mem::take(&mut self.dealt.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
