//! The end of an exchange, and what becomes of its connection.

use apibench_core::clock::Clock;
use apibench_core::failure::Failure;
use apibench_core::transport::{Event, ExchangeId, Outcome};

use crate::connection::{LEAVING_NS, NONE, State};
use crate::kept::Kept;

use super::{Http1, LEAVING_LIMIT};

impl<C: Clock> Http1<C> {
    /// The response is complete. The connection goes back to its pool if it can carry another: if the response
    /// was all that came (`exact`) and the peer has not `finished` sending.
    #[inline]
    pub(super) fn complete(&mut self, index: u32, now_ns: u64, exact: bool, finished: bool) -> Event {
        let readable_ns = self.readable_ns;
        let connection = &mut self.connections[index as usize];
        let exchange = connection.exchange;
        let outcome = Outcome {
            status: connection.decoder.status(),
            failure: None,
            first_byte_ns: connection.first_byte_ns,
            ended_ns: now_ns,
            readable_ns,
            sent_bytes: connection.sent_bytes,
            received_bytes: connection.received_bytes,
            stale: false,
            location: connection.decoder.location(),
            cookies: connection.decoder.cookies(),
            waited_ns: 0,
        };
        connection.served += 1;
        connection.exchange = NONE;
        self.exchanges[exchange as usize].connection = NONE;
        // What is left of a request would be taken for the next one; and nobody waits for a goodbye to half of one.
        let clean = exact && !finished && connection.all_sent();
        let keeps = connection.decoder.keep_alive() && !connection.closes;
        if clean && keeps {
            connection.idle_until_ns = match connection.decoder.keep_alive_timeout_s() {
                // Half a second early: the peer's clock started when it sent, and its close takes time to come.
                Some(seconds) => now_ns + (u64::from(seconds) * 1_000_000_000).saturating_sub(500_000_000),
                None => u64::MAX,
            };
            self.release(index, now_ns);
        } else if clean && self.leaving < LEAVING_LIMIT {
            self.leave(index, now_ns);
        } else {
            self.close(index, finished);
        }
        Event::Ended {
            exchange: ExchangeId(exchange),
            outcome,
        }
    }

    /// A connection is free: the exchange that waits longest takes it, or it becomes idle.
    #[inline]
    pub(super) fn release(&mut self, index: u32, now_ns: u64) {
        let pool = &self.pools[self.connections[index as usize].pool as usize];
        let stored = pool.first_waiting().map(|first| &self.exchanges[first as usize].stored);
        if stored.is_some_and(|stored| stored.as_ref().is_some_and(|stored| stored.fresh_connection)) {
            // It has met a closed connection already; this one makes room for one that has carried nothing.
            self.close(index, false);
            return;
        }
        let connection = &mut self.connections[index as usize];
        connection.state = State::Idle;
        let pool = &mut self.pools[connection.pool as usize];
        if let Some(exchange) = pool.pop_waiting(&mut self.exchanges) {
            self.exchanges[exchange as usize].waits_for = NONE;
            let waited_ns = now_ns - self.exchanges[exchange as usize].submitted_ns;
            self.send_stored(index, exchange, waited_ns, None);
        } else {
            pool.push_idle(&mut self.connections, index);
        }
    }

    /// The exchange on this connection failed; the connection closes.
    pub(super) fn fail(&mut self, index: u32, failure: Failure, now_ns: u64) -> Event {
        let connection = &mut self.connections[index as usize];
        let exchange = connection.exchange;
        let answered = connection.decoder.started();
        let busy = connection.state == State::Busy;
        let outcome = Outcome {
            status: 0,
            failure: Some(failure),
            first_byte_ns: if busy && answered && connection.first_byte_ns != 0 {
                connection.first_byte_ns
            } else {
                now_ns
            },
            ended_ns: now_ns,
            readable_ns: self.readable_ns.min(now_ns),
            sent_bytes: connection.sent_bytes,
            received_bytes: connection.received_bytes,
            stale: busy
                && connection.served > 0
                // Of the response, that is: over TLS the peer's goodbye is bytes too.
                && connection.first_byte_ns == 0
                && matches!(failure, Failure::TcpReset | Failure::TcpClosed),
            location: None,
            cookies: Vec::new(),
            waited_ns: if busy {
                0
            } else {
                connection.opening_began_ns - self.exchanges[exchange as usize].submitted_ns
            },
        };
        self.exchanges[exchange as usize].connection = NONE;
        self.exchanges[exchange as usize].stored = None;
        self.connections[index as usize].exchange = NONE;
        self.close(index, matches!(failure, Failure::TcpReset | Failure::TcpClosed));
        Event::Ended {
            exchange: ExchangeId(exchange),
            outcome,
        }
    }

    /// As [`Self::fail`], where nobody waits for the event right now.
    pub(super) fn fail_and_tell(&mut self, index: u32, failure: Failure, now_ns: u64) {
        let event = self.fail(index, failure, now_ns);
        self.told.push_back(event);
    }

    /// One side has said that this connection carries no more: the peer may close it first.
    fn leave(&mut self, index: u32, now_ns: u64) {
        let connection = &mut self.connections[index as usize];
        let token = connection.token(index);
        let pool = connection.pool;
        connection.state = State::Leaving;
        connection.last_read_ns = now_ns;
        connection.deadline_at_ns = now_ns + LEAVING_NS;
        self.deadlines.arm(connection.deadline_at_ns, token);
        self.leaving += 1;
        self.make_room(pool);
    }

    /// A connection has left its pool. If an exchange waits for one, another is queued in its place: to connect right
    /// here could fail and close again, as deep as there are exchanges that wait.
    fn make_room(&mut self, pool: u32) {
        self.pools[pool as usize].open -= 1;
        if let Some(exchange) = self.pools[pool as usize].pop_waiting(&mut self.exchanges) {
            self.exchanges[exchange as usize].waits_for = NONE;
            let now_ns = self.clock.now_ns();
            self.queue_opening(pool, exchange, now_ns);
        }
    }

    /// Closes a connection.
    pub(super) fn close(&mut self, index: u32, by_peer: bool) {
        let connection = &mut self.connections[index as usize];
        let pool = connection.pool;
        let was = connection.state;
        connection.stream = None;
        connection.tls = None;
        connection.state = State::Free;
        connection.generation = connection.generation.wrapping_add(1);
        connection.exchange = NONE;
        connection.unsent = Vec::new();
        connection.unsent_from = 0;
        connection.kept = Kept::default();
        match (was, by_peer) {
            // Its turn to be opened had not come.
            (State::Queued, _) => {}
            (_, true) => self.counters.closed_by_peer += 1,
            (_, false) => self.counters.closed_by_us += 1,
        }
        if was == State::Idle {
            self.pools[pool as usize].remove_idle(&mut self.connections, index);
        }
        self.free_connections.push(index);
        if matches!(was, State::Opening | State::Handshaking) {
            self.opening -= 1;
        }
        if was == State::Leaving {
            self.leaving -= 1;
        } else {
            self.make_room(pool);
        }
    }
}
