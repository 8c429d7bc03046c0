//! The connections that one virtual user, or all of a thread, may use to one host.
//!
//! Idle connections and waiting exchanges are intrusive lists through the tables of both: a pool of 32 bytes
//! costs next to nothing where each of 10,000 virtual users has one.

use crate::connection::{Connection, NONE};

/// A pool. Two of them lie in a cache line. Idle connections are used again in the order in which they became idle, so that all are used:
/// a load balancer behind one address sees them all.
#[derive(Debug, Clone, Copy)]
#[repr(align(32))]
pub struct Pool {
    pub host: u16,
    /// How many connections there may be.
    pub limit: u32,
    /// How many there are, in whatever state.
    pub open: u32,
    idle_first: u32,
    idle_last: u32,
    waiting_first: u32,
    waiting_last: u32,
}

/// An exchange's place in a transport. It has a cache line of its own.
#[derive(Debug)]
#[repr(align(64))]
pub struct ExchangeSlot {
    /// The connection that carries it, or [`NONE`].
    pub connection: u32,
    /// The pool that it waits for, or [`NONE`].
    pub waits_for: u32,
    /// Host and place of the address that it has met, also after its end.
    pub met: Option<(u16, u16)>,
    waiting_before: u32,
    waiting_after: u32,
    /// When it was submitted, if it had to wait.
    pub submitted_ns: u64,
    /// Its request, while it waits.
    pub stored: Option<Box<Stored>>,
}

impl ExchangeSlot {
    /// Not in use.
    pub fn free() -> Self {
        Self {
            connection: NONE,
            waits_for: NONE,
            met: None,
            waiting_before: NONE,
            waiting_after: NONE,
            submitted_ns: 0,
            stored: None,
        }
    }
}

/// A request that could not be sent at once.
#[derive(Debug)]
pub struct Stored {
    pub bytes: Vec<u8>,
    pub head_request: bool,
    pub keep_location: bool,
    pub keep_cookies: bool,
    pub keep_response: bool,
    pub fresh_connection: bool,
    pub closes: bool,
}

impl Pool {
    /// An empty pool of at most `limit` connections to `host`.
    pub fn new(host: u16, limit: u32) -> Self {
        Self {
            host,
            limit,
            open: 0,
            idle_first: NONE,
            idle_last: NONE,
            waiting_first: NONE,
            waiting_last: NONE,
        }
    }

    /// A connection became idle.
    pub fn push_idle(&mut self, connections: &mut [Connection], index: u32) {
        connections[index as usize].idle_before = self.idle_last;
        connections[index as usize].idle_after = NONE;
        if self.idle_last == NONE {
            self.idle_first = index;
        } else {
            connections[self.idle_last as usize].idle_after = index;
        }
        self.idle_last = index;
    }

    /// The connection that has been idle for the longest time. It stays where it is.
    pub fn first_idle(&self) -> Option<u32> {
        (self.idle_first != NONE).then_some(self.idle_first)
    }

    /// An idle connection is idle no more.
    pub fn remove_idle(&mut self, connections: &mut [Connection], index: u32) {
        let Connection {
            idle_before: before,
            idle_after: after,
            ..
        } = connections[index as usize];
        if before == NONE {
            self.idle_first = after;
        } else {
            connections[before as usize].idle_after = after;
        }
        if after == NONE {
            self.idle_last = before;
        } else {
            connections[after as usize].idle_before = before;
        }
    }

    /// An exchange waits for a connection, behind those that wait already.
    pub fn push_waiting(&mut self, exchanges: &mut [ExchangeSlot], exchange: u32) {
        exchanges[exchange as usize].waiting_before = self.waiting_last;
        exchanges[exchange as usize].waiting_after = NONE;
        if self.waiting_last == NONE {
            self.waiting_first = exchange;
        } else {
            exchanges[self.waiting_last as usize].waiting_after = exchange;
        }
        self.waiting_last = exchange;
    }

    /// The exchange that has waited for the longest time. It stays where it is.
    pub fn first_waiting(&self) -> Option<u32> {
        (self.waiting_first != NONE).then_some(self.waiting_first)
    }

    /// The exchange that has waited for the longest time.
    pub fn pop_waiting(&mut self, exchanges: &mut [ExchangeSlot]) -> Option<u32> {
        let exchange = self.waiting_first;
        if exchange == NONE {
            return None;
        }
        self.remove_waiting(exchanges, exchange);
        Some(exchange)
    }

    /// An exchange waits no more.
    pub fn remove_waiting(&mut self, exchanges: &mut [ExchangeSlot], exchange: u32) {
        let slot = &exchanges[exchange as usize];
        let (before, after) = (slot.waiting_before, slot.waiting_after);
        if before == NONE {
            self.waiting_first = after;
        } else {
            exchanges[before as usize].waiting_after = after;
        }
        if after == NONE {
            self.waiting_last = before;
        } else {
            exchanges[after as usize].waiting_before = before;
        }
    }
}
