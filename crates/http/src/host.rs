//! What a transport must know of a host to open connections to it.

use crate::sys::Address;
use crate::tls::TlsProfile;

/// Who owns the connections to a host, and how many there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connections {
    /// Each virtual user has its own, so many at the most.
    PerVu(u32),
    /// All virtual users of a thread share so many.
    Shared(u32),
}

/// Timeouts of a host, each in nanoseconds; `u64::MAX` for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// From the call of `connect` until the connection is usable, TLS included.
    pub connect_ns: u64,
    /// From the first byte sent to the first byte received.
    pub first_byte_ns: u64,
    /// Between two reads of one response.
    pub idle_ns: u64,
    /// From the first byte sent to the last byte received.
    pub total_ns: u64,
}

impl Timeouts {
    /// Waits for ever.
    pub const NONE: Self = Self {
        connect_ns: u64::MAX,
        first_byte_ns: u64::MAX,
        idle_ns: u64::MAX,
        total_ns: u64::MAX,
    };
}

/// A host as the transport sees it: the name has been looked up already, off the event loop.
#[derive(Debug, Clone)]
pub struct HostProfile {
    /// Where it lives; at least one. Connections are dealt to all of them in turn.
    pub addresses: Vec<Address>,
    /// At which of the addresses this thread begins, so that threads do not all begin at the first.
    pub first_address: usize,
    /// Who owns the connections.
    pub connections: Connections,
    /// When to give up.
    pub timeouts: Timeouts,
    /// How to speak TLS with it; `None` for plain HTTP.
    pub tls: Option<TlsProfile>,
}
