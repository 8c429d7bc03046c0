//! The transport seam: how the loop has requests sent and hears what became of them.
//!
//! The seam is a pull: the loop asks [`Transport::next`] for one event at a time and may submit the next
//! request before it asks again. A callback would borrow the transport while the loop needs it to send.
//!
//! Protocols differ in what lies between a virtual user and a wire, so the seam promises little:
//!
//! - A virtual user sends through a *channel* and may have several exchanges in flight on it (HTTP/2).
//! - Channels may share connections (a shared pool, HTTP/2 streams); that is the transport's business.
//!   An exchange that finds no connection or stream free waits inside the transport, and
//!   [`Event::Started`] says for how long: that was connection wait.
//! - One exchange may yield many samples of several kinds before it ends ([`Event::Sample`]: the messages of
//!   a WebSocket, the frames of a stream).

use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;

use crate::failure::Failure;

/// Most that is kept of a response.
pub const KEPT_RESPONSE_BYTES: usize = 1024 * 1024;

/// An exchange in flight. The loop chooses the number, unique among those in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExchangeId(pub u32);

/// What a virtual user sends through to one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelId(pub u32);

/// A host of the plan, by its place in the compiled program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostIndex(pub u16);

/// One request as it goes out. Borrowed: whoever cannot send it at once keeps a copy of what is left.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// The bytes of the request, head and body.
    pub bytes: &'a [u8],
    /// The response has no body whatever it says (HEAD).
    pub head_request: bool,
    /// The loop wants to know where a redirect leads.
    pub keep_location: bool,
    /// The loop wants to know the cookies that the response sets.
    pub keep_cookies: bool,
    /// The loop wants to look into the response, by [`Transport::response`].
    pub keep_response: bool,
    /// A connection that was used before must not carry it: it is the retry of a request that met a
    /// connection which the peer had closed.
    pub fresh_connection: bool,
    /// It says that it is the last on its connection (RFC 9112 §9.6): whatever the response says, none follows.
    pub closes: bool,
}

/// What opening the connection took, for the exchange that paid for it. All in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Opening {
    /// Looking up the name; 0 where the address was known.
    pub dns_ns: u64,
    /// From the call of `connect` to the established connection.
    pub connect_ns: u64,
    /// The TLS handshake; 0 on plain connections.
    pub tls_ns: u64,
    /// All of it, with waiting for a turn to open.
    pub total_ns: u64,
}

/// What became of an exchange at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Submission {
    /// Its first byte went to the kernel at `started_ns`, on a connection that was open and free.
    Started {
        /// Stamped just before the send.
        started_ns: u64,
    },
    /// It waits for a connection, a stream or an opening; [`Event::Started`] or [`Event::Ended`] follows.
    Waiting,
}

/// Something that happened to an exchange.
#[derive(Debug)]
pub enum Event {
    /// An exchange that was [`Submission::Waiting`] has started.
    Started {
        /// Which.
        exchange: ExchangeId,
        /// When its first byte went to the kernel.
        started_ns: u64,
        /// How long it waited, from its submission, until a connection or stream was free for it or the
        /// opening of one began.
        waited_ns: u64,
        /// What the opening took, if this exchange paid for one.
        opening: Option<Opening>,
    },
    /// A message of a longer exchange: a sample of its own, of its own kind.
    Sample {
        /// Which exchange it belongs to. The exchange goes on.
        exchange: ExchangeId,
        /// The plan's number for the kind of sample.
        kind: u8,
        /// When it was sent or began to be waited for.
        started_ns: u64,
        /// When its last byte was read.
        ended_ns: u64,
        /// Bytes received for it.
        received_bytes: u64,
    },
    /// The exchange is over; its number is free again.
    Ended {
        /// Which.
        exchange: ExchangeId,
        /// How it went.
        outcome: Outcome,
    },
}

impl Event {
    /// Which exchange it is about.
    #[must_use]
    pub fn exchange(&self) -> ExchangeId {
        match self {
            Self::Started { exchange, .. } | Self::Sample { exchange, .. } | Self::Ended { exchange, .. } => *exchange,
        }
    }
}

/// How an exchange ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// HTTP status, 0 if no response head came.
    pub status: u16,
    /// Why it is incomplete. A complete response has none, whatever its status: what the status means is
    /// decided by the step's `expect`.
    pub failure: Option<Failure>,
    /// When the first byte of the response was read; `ended_ns` if none was.
    pub first_byte_ns: u64,
    /// When its last byte was read, or when it failed.
    pub ended_ns: u64,
    /// When the last wait returned before the bytes were read. `ended_ns` less this is an upper bound of the
    /// receive lag: how long they may have lain in the kernel because we were busy.
    pub readable_ns: u64,
    /// Bytes handed to the kernel for it.
    pub sent_bytes: u64,
    /// Bytes of the response, head and body, as they came over the wire (after TLS).
    pub received_bytes: u64,
    /// It failed as a request does that met a connection which the peer had already closed: the connection
    /// had been used before, and not one byte of a response came.
    pub stale: bool,
    /// Where a redirect leads, if asked for.
    pub location: Option<Box<str>>,
    /// The values of its `Set-Cookie` fields, each with a line end behind it, if asked for.
    pub cookies: Vec<u8>,
    /// If it failed before its first byte went out: how long it waited, from its submission, until the opening of a
    /// connection began for it. 0 otherwise.
    pub waited_ns: u64,
}

/// What is kept of a response: head and body as they came, without TLS, up to [`KEPT_RESPONSE_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeptResponse<'r> {
    /// From its first byte on.
    pub bytes: &'r [u8],
    /// There was more than is kept of any.
    pub cut: bool,
    /// Where the body begins, if it stands there as it is. `None`: it is in chunks or coded, or nobody knows, and the head
    /// says it.
    pub plain_body_at: Option<usize>,
}

/// Takes what was told of an exchange out of those events that nobody has heard yet; returns its start, if that is
/// among them.
pub fn forget_told(told: &mut VecDeque<Event>, exchange: ExchangeId) -> Option<Event> {
    let start = |event: &Event| event.exchange() == exchange && matches!(event, Event::Started { .. });
    let started = told.iter().position(start).and_then(|place| told.remove(place));
    told.retain(|event| event.exchange() != exchange);
    started
}

/// What a transport has done since it was made. Every figure only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TransportCounters {
    /// Calls that waited for readiness, with or without sleeping.
    pub waits: u64,
    /// Calls that handed bytes to the kernel.
    pub sends: u64,
    /// Calls that took bytes from the kernel.
    pub receives: u64,
    /// Connections opened, or begun to be opened.
    pub connections_opened: u64,
    /// Exchanges that went out on a connection which had carried one before.
    pub connections_reused: u64,
    /// Connections that the peer closed or reset.
    pub closed_by_peer: u64,
    /// Connections that we closed.
    pub closed_by_us: u64,
}

impl TransportCounters {
    /// What has been done since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            waits: self.waits - earlier.waits,
            sends: self.sends - earlier.sends,
            receives: self.receives - earlier.receives,
            connections_opened: self.connections_opened - earlier.connections_opened,
            connections_reused: self.connections_reused - earlier.connections_reused,
            closed_by_peer: self.closed_by_peer - earlier.closed_by_peer,
            closed_by_us: self.closed_by_us - earlier.closed_by_us,
        }
    }

    /// Adds what another transport has done, maybe by the word of another machine.
    pub fn add(&mut self, other: &Self) {
        self.waits = self.waits.saturating_add(other.waits);
        self.sends = self.sends.saturating_add(other.sends);
        self.receives = self.receives.saturating_add(other.receives);
        self.connections_opened = self.connections_opened.saturating_add(other.connections_opened);
        self.connections_reused = self.connections_reused.saturating_add(other.connections_reused);
        self.closed_by_peer = self.closed_by_peer.saturating_add(other.closed_by_peer);
        self.closed_by_us = self.closed_by_us.saturating_add(other.closed_by_us);
    }
}

/// Carries exchanges. One per thread; nothing in it is shared.
pub trait Transport {
    /// A way to `host` for one virtual user. Costs no I/O: connections are opened when first needed.
    fn open_channel(&mut self, host: HostIndex) -> ChannelId;

    /// The virtual user is gone: its own connections close. Nothing may be in flight on the channel.
    fn close_channel(&mut self, channel: ChannelId);

    /// Sends `request`, or has it wait.
    fn submit(&mut self, exchange: ExchangeId, channel: ChannelId, request: Outgoing<'_>) -> Submission;

    /// Gives an exchange up, in flight or waiting. Nothing more is heard of it, not even an end. If its first byte has gone
    /// out and nobody has heard of it, that [`Event::Started`] is returned: the target may have it.
    fn cancel(&mut self, exchange: ExchangeId) -> Option<Event>;

    /// Has a sleep end when a stream that is none of the transport's own has become readable or writable, or has come to its
    /// end, for as long as that is open. Nothing is told of it: whoever owns it looks behind each wait.
    ///
    /// # Errors
    /// What the kernel says.
    fn watch(&mut self, stream: RawFd) -> io::Result<()>;

    /// Sleeps until something may have happened, at most until `until_ns`, and returns the time when the
    /// sleep was over. At once if events are already there or `until_ns` has passed.
    fn wait(&mut self, until_ns: u64) -> u64;

    /// Of which exchange [`Transport::next`] will probably tell, for those who want to fetch what they know of it. A hint:
    /// nothing may depend on it.
    fn coming(&self) -> Option<ExchangeId> {
        None
    }

    /// The next thing that happened, in order. `None`: nothing more without a [`Transport::wait`].
    fn next(&mut self) -> Option<Event>;

    /// The response whose end has just been told by [`Transport::next`], if it was asked for. Gone with the next call of
    /// anything that changes the transport.
    fn response(&self) -> KeptResponse<'_>;

    /// What it has done so far.
    fn counters(&self) -> TransportCounters;

    /// Where the connection leads that carries the exchange, is being opened for it, or carried it last: known until
    /// its number is used again. `None`: it has met none.
    fn address_of(&self, exchange: ExchangeId) -> Option<Arc<str>>;

    /// How many connections were opened to each address of `host`, in the order of its addresses.
    fn connections_by_address(&self, host: HostIndex) -> &[u64];
}
