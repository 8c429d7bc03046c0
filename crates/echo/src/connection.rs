//! One connection of a client, and what it is at.

use std::io::{self, Read as _, Write as _};
use std::os::fd::BorrowedFd;

use apibench_http::sys::Stream;
use rustls::{HandshakeKind, ServerConnection};

use crate::counts::Counts;
use crate::reply::{Ending, Reply};
use crate::request_body::RequestBody;
use crate::response_body::ResponseBody;

/// Input that may wait while an answer is under way; then the client has to wait, as TCP has it.
const WAITING_BYTES: usize = 128 * 1024;

/// What a connection is at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// It waits for a head.
    Idle,
    /// It reads a body.
    Body(RequestBody),
    /// An answer waits for its time.
    Held,
    /// It waits for the counts of all threads.
    Counting,
    /// An answer is sent.
    Sending,
    /// Nothing is ever answered on it again.
    Stalled,
    /// Our side is closed, and the client's is read until it closes too.
    Lingering,
}

/// A connection. Its buffers keep their room from one request to the next.
pub struct Connection {
    pub stream: Stream,
    pub tls: Option<Box<ServerConnection>>,
    pub generation: u32,
    pub stage: Stage,
    /// What has been read, and how much of it has been used.
    pub input: Vec<u8>,
    pub taken: usize,
    /// The head of the request whose body is being read.
    pub head: Vec<u8>,
    /// Whether that body is to be sent back.
    pub keeps_body: bool,
    /// The content of the answer, if it is at hand.
    pub content: Vec<u8>,
    /// The answer, and its bytes before they are handed to `output` or to TLS.
    pub reply: Reply,
    pub reply_bytes: Vec<u8>,
    /// What is to be sent next, and how much of it has been.
    pub output: Vec<u8>,
    pub sent: usize,
    /// When the request had come, and when its answer is due.
    pub received_ns: u64,
    pub due_ns: u64,
    /// When it is to be woken; 0: never.
    pub timer_ns: u64,
    /// When the last piece of a paced body was due.
    pub piece_ns: u64,
    /// The client sends no more.
    pub finished: bool,
    /// There may be something to read that nobody will tell of again.
    pub unread: bool,
    /// It has its turn again without being told.
    pub queued: bool,
    /// The TLS handshake was counted.
    pub shaken: bool,
    /// What is being sent is in no count.
    pub uncounted: bool,
    /// TLS was told that this is the end.
    pub farewell: bool,
}

impl Connection {
    /// A connection that has just been accepted.
    pub fn new(stream: Stream, mut tls: Option<Box<ServerConnection>>, generation: u32) -> Self {
        if let Some(tls) = &mut tls {
            // What goes in at a time is bounded here.
            tls.set_buffer_limit(None);
        }
        Self {
            stream,
            tls,
            generation,
            stage: Stage::Idle,
            input: Vec::new(),
            taken: 0,
            head: Vec::new(),
            keeps_body: false,
            content: Vec::new(),
            reply: Reply {
                status: 200,
                ending: Ending::KeepAlive,
                fault: None,
                body: ResponseBody::NONE,
            },
            reply_bytes: Vec::new(),
            output: Vec::new(),
            sent: 0,
            received_ns: 0,
            due_ns: 0,
            timer_ns: 0,
            piece_ns: 0,
            finished: false,
            unread: false,
            queued: false,
            shaken: false,
            uncounted: false,
            farewell: false,
        }
    }

    /// Whether something is still to be sent, now.
    pub fn has_output(&self) -> bool {
        self.sent < self.output.len()
    }

    /// Whether so much waits that no more is read.
    pub fn is_full(&self) -> bool {
        self.input.len() - self.taken >= WAITING_BYTES
    }

    /// Whether nothing can come of it any more.
    pub fn is_over(&self) -> bool {
        let waits_for_nothing = match self.stage {
            Stage::Idle | Stage::Body(_) => !self.unread && !self.has_output(),
            Stage::Stalled | Stage::Lingering => true,
            Stage::Held | Stage::Counting | Stage::Sending => false,
        };
        self.finished && waits_for_nothing
    }

    /// Takes received bytes in, out of TLS if need be.
    ///
    /// # Errors
    /// If they are no TLS; what there is to say about it is ready to be sent.
    pub fn take_in(&mut self, mut received: &[u8], counts: &mut Counts) -> Result<(), rustls::Error> {
        if self.taken > 0 {
            self.input.drain(..self.taken);
            self.taken = 0;
        }
        let Some(tls) = &mut self.tls else {
            self.input.extend_from_slice(received);
            return Ok(());
        };
        while !received.is_empty() {
            // From memory: fails only where nothing more is taken.
            if tls.read_tls(&mut received).is_err() {
                break;
            }
            let state = tls.process_new_packets()?;
            let from = self.input.len();
            self.input.resize(from + state.plaintext_bytes_to_read(), 0);
            let length = tls.reader().read(&mut self.input[from..]).unwrap_or(0);
            self.input.truncate(from + length);
            if state.peer_has_closed() {
                self.finished = true;
                break;
            }
        }
        if !self.shaken && !tls.is_handshaking() {
            self.shaken = true;
            counts.handshakes += 1;
            counts.resumed += u64::from(tls.handshake_kind() == Some(HandshakeKind::Resumed));
        }
        Ok(())
    }

    /// Hands the answer's bytes on: to TLS, or to be sent as they are.
    pub fn hand_on(&mut self) {
        if let Some(tls) = &mut self.tls {
            // Into memory, without a limit: cannot fail.
            let _ = tls.writer().write_all(&self.reply_bytes);
            self.reply_bytes.clear();
        } else if self.output.is_empty() {
            std::mem::swap(&mut self.output, &mut self.reply_bytes);
        } else {
            self.output.extend_from_slice(&self.reply_bytes);
            self.reply_bytes.clear();
        }
    }

    /// Has TLS put into `output` what it wants sent.
    pub fn seal(&mut self) {
        if let Some(tls) = &mut self.tls {
            while tls.wants_write() {
                // Into memory: cannot fail.
                let _ = tls.write_tls(&mut self.output);
            }
        }
    }

    /// Closes our side only.
    pub fn close_our_side(&self) -> io::Result<()> {
        // SAFETY: the stream owns the descriptor and outlives the borrow.
        let descriptor = unsafe { BorrowedFd::borrow_raw(self.stream.raw()) };
        socket2::SockRef::from(&descriptor).shutdown(std::net::Shutdown::Write)
    }
}
