//! One connection and the exchange it carries.

use apibench_core::failure::Failure;

use crate::decoder::Decoder;
use crate::host::Timeouts;
use crate::kept::Kept;
use crate::sys::Stream;

/// No connection, no exchange, no neighbour: the end of an intrusive list.
pub const NONE: u32 = u32::MAX;

/// How long the peer has to close a connection that was to be the last of: longer than any round trip.
pub const LEAVING_NS: u64 = 1_000_000_000;

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The place is free.
    Free,
    /// It waits for its turn to be opened: only so many open at once, lest they overflow the backlog of the
    /// target and measure its SYN retries.
    Queued,
    /// `connect` has been called.
    Opening,
    /// Connected; the TLS handshake is going on.
    Handshaking,
    /// Open; nothing in flight.
    Idle,
    /// An exchange is in flight.
    Busy,
    /// It carries no more, has left its pool, and waits a while for the peer to close it. Who closes first keeps the
    /// port for a minute.
    Leaving,
}

/// A connection. What every request touches comes first, in this order, so that it lies in four cache lines: with
/// thousands of connections each line is a miss, and a miss costs as much as parsing does.
#[repr(C, align(64))]
pub struct Connection {
    pub stream: Option<Stream>,
    pub tls: Option<Box<rustls::ClientConnection>>,
    /// Part of the token that the socket is registered with: an event of a socket that has been closed since
    /// carries an older number.
    pub generation: u32,
    /// The exchange that is in flight or pays for the opening.
    pub exchange: u32,
    pub pool: u32,
    /// How many exchanges it has completed.
    pub served: u32,
    pub host: u16,
    pub address: u16,
    pub state: State,
    /// Its exchange is its last: the request says so.
    pub closes: bool,
    /// Its response is to be kept.
    pub keeps: bool,
    /// It has had its share of this turn and is in the transport's list of those to be read on.
    pub unread: bool,
    /// The peer will send no more. Told with one event, and kept for those who read later.
    pub finished: bool,
    /// Why a send broke. Only an answer that is whole by its own framing counts then.
    pub broken: Option<Failure>,
    pub started_ns: u64,
    pub first_byte_ns: u64,
    pub last_read_ns: u64,
    pub sent_bytes: u64,
    pub received_bytes: u64,
    pub decoder: Decoder,
    /// The moment of the deadline entry that counts; later entries of the heap are void.
    pub deadline_at_ns: u64,
    /// Not to be reused from here on: a little before the peer said that it closes idle connections.
    pub idle_until_ns: u64,
    /// Neighbours among the idle connections of its pool.
    pub idle_before: u32,
    pub idle_after: u32,
    /// What has not fitted into the kernel yet, and from where on: of the request while it is busy, of the handshake
    /// while that goes on, and otherwise nothing.
    pub unsent: Vec<u8>,
    pub unsent_from: usize,
    /// What has come so far of a response that is to be kept and does not come in one piece.
    pub kept: Kept,
    /// When its exchange was submitted, when `connect` was called, and when it had connected.
    pub opening_began_ns: u64,
    pub connect_began_ns: u64,
    pub connect_ended_ns: u64,
}

impl Connection {
    /// A free place.
    pub fn free() -> Self {
        Self {
            stream: None,
            tls: None,
            state: State::Free,
            closes: false,
            keeps: false,
            unread: false,
            finished: false,
            broken: None,
            generation: 0,
            exchange: NONE,
            pool: NONE,
            served: 0,
            decoder: Decoder::new(),
            started_ns: 0,
            first_byte_ns: 0,
            last_read_ns: 0,
            sent_bytes: 0,
            received_bytes: 0,
            deadline_at_ns: u64::MAX,
            idle_until_ns: u64::MAX,
            unsent: Vec::new(),
            unsent_from: 0,
            kept: Kept::default(),
            opening_began_ns: 0,
            connect_began_ns: 0,
            connect_ended_ns: 0,
            host: 0,
            address: 0,
            idle_before: NONE,
            idle_after: NONE,
        }
    }

    /// The token of the connection that now stands at `index`.
    pub fn token(&self, index: u32) -> u64 {
        u64::from(self.generation) << 32 | u64::from(index)
    }

    /// When to give up what the connection is about, and under which name.
    pub fn deadline(&self, timeouts: &Timeouts) -> (u64, Failure) {
        match self.state {
            State::Free | State::Queued | State::Idle => (u64::MAX, Failure::Timeout),
            State::Leaving => (self.last_read_ns.saturating_add(LEAVING_NS), Failure::TcpClosed),
            State::Opening | State::Handshaking => (
                self.connect_began_ns.saturating_add(timeouts.connect_ns),
                Failure::TimeoutConnect,
            ),
            State::Busy => {
                let total = (self.started_ns.saturating_add(timeouts.total_ns), Failure::Timeout);
                let silence = if self.first_byte_ns == 0 {
                    (
                        self.started_ns.saturating_add(timeouts.first_byte_ns),
                        Failure::TimeoutFirstByte,
                    )
                } else {
                    (self.last_read_ns.saturating_add(timeouts.idle_ns), Failure::TimeoutIdle)
                };
                if silence.0 < total.0 { silence } else { total }
            }
        }
    }

    /// Whether all of the request is in the kernel's hands.
    pub fn all_sent(&self) -> bool {
        self.unsent_from == self.unsent.len()
    }
}

/// The place of the connection that a token was made for.
#[inline]
pub fn place_of(token: u64) -> u32 {
    (token & u64::from(u32::MAX)) as u32
}

/// The connection that a token was made for, if it still stands.
pub fn resolve(connections: &[Connection], token: u64) -> Option<u32> {
    let index = place_of(token);
    let connection = connections.get(index as usize)?;
    (u64::from(connection.generation) == token >> 32 && connection.state != State::Free).then_some(index)
}
