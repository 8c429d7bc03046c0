//! Requests on their way out: one `send` each, and what becomes of those that do not fit.

use std::io;

use apibench_core::clock::Clock;
use apibench_core::failure::Failure;
use apibench_core::transport::{Event, ExchangeId, Opening, Outgoing};

use crate::connection::State;
use crate::decoder::Expected;
use crate::sys::failure_of_open;
use crate::tls;

use super::Http1;

impl<C: Clock> Http1<C> {
    /// Sends on a connection that is open and carries nothing. `None`: the end of the exchange has been told, or the
    /// lease has run out. Then the connection carries it unsent until it is cancelled.
    #[inline]
    pub(super) fn send_on(&mut self, index: u32, exchange: u32, request: &Outgoing<'_>) -> Option<u64> {
        let timeouts = self.hosts[self.connections[index as usize].host as usize]
            .profile
            .timeouts;
        let connection = &mut self.connections[index as usize];
        connection.state = State::Busy;
        connection.exchange = exchange;
        self.exchanges[exchange as usize].met = Some((connection.host, connection.address));
        connection.sent_bytes = 0;
        connection.received_bytes = 0;
        connection.first_byte_ns = 0;
        connection.closes = request.closes;
        connection.keeps = request.keep_response;
        if request.keep_response {
            connection.kept.clear();
        }
        connection.decoder.start(Expected {
            head_request: request.head_request,
            keep_location: request.keep_location,
            keep_cookies: request.keep_cookies,
        });
        if connection.served > 0 {
            self.counters.connections_reused += 1;
        }
        let bytes = match &mut connection.tls {
            None => request.bytes,
            Some(session) => {
                tls::seal(session, request.bytes, &mut self.sealed);
                &self.sealed
            }
        };
        let started_ns = self.clock.now_ns();
        if !self.lease.allows(started_ns) {
            // Nothing to wait for: no timeout runs.
            connection.started_ns = u64::MAX;
            self.exchanges[exchange as usize].connection = index;
            return None;
        }
        self.counters.sends += 1;
        connection.started_ns = started_ns;
        connection.last_read_ns = started_ns;
        let sent = match connection.stream.as_ref().map(|stream| stream.send(bytes)) {
            Some(Ok(sent)) => sent,
            Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Some(Err(error)) => {
                let event = self.fail(index, failure_of_open(&error), started_ns);
                self.told.push_back(event);
                return None;
            }
            None => 0,
        };
        connection.sent_bytes = sent as u64;
        if sent < bytes.len() {
            connection.unsent.clear();
            connection.unsent.extend_from_slice(&bytes[sent..]);
            connection.unsent_from = 0;
        }
        let deadline_ns =
            started_ns.saturating_add(timeouts.total_ns.min(timeouts.first_byte_ns).min(timeouts.idle_ns));
        if deadline_ns < connection.deadline_at_ns {
            connection.deadline_at_ns = deadline_ns;
            self.deadlines.arm(deadline_ns, connection.token(index));
        }
        self.exchanges[exchange as usize].connection = index;
        Some(started_ns)
    }

    /// Sends the request that `exchange` has stored on a connection that has just become free or open.
    pub(super) fn send_stored(&mut self, index: u32, exchange: u32, waited_ns: u64, opening: Option<Opening>) {
        let Some(stored) = self.exchanges[exchange as usize].stored.take() else {
            return;
        };
        let request = Outgoing {
            bytes: &stored.bytes,
            head_request: stored.head_request,
            keep_location: stored.keep_location,
            keep_cookies: stored.keep_cookies,
            keep_response: stored.keep_response,
            fresh_connection: false,
            closes: stored.closes,
        };
        if let Some(started_ns) = self.send_on(index, exchange, &request) {
            let opening = opening.map(|opening| Opening {
                total_ns: started_ns - self.connections[index as usize].opening_began_ns,
                ..opening
            });
            self.told.push_back(Event::Started {
                exchange: ExchangeId(exchange),
                started_ns,
                waited_ns,
                opening,
            });
        }
    }

    /// Sends on what did not fit before.
    ///
    /// # Errors
    /// Why the send broke.
    pub(super) fn flush(&mut self, index: u32) -> Result<(), Failure> {
        let connection = &mut self.connections[index as usize];
        while !connection.all_sent() {
            if !self.lease.allows(self.clock.now_ns()) {
                return Ok(());
            }
            let Some(stream) = connection.stream.as_ref() else {
                return Ok(());
            };
            self.counters.sends += 1;
            match stream.send(&connection.unsent[connection.unsent_from..]) {
                Ok(sent) => {
                    connection.unsent_from += sent;
                    connection.sent_bytes += sent as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(failure_of_open(&error)),
            }
        }
        // Large bodies are rare; their buffers are not kept for the small requests that may follow.
        connection.unsent = Vec::new();
        connection.unsent_from = 0;
        Ok(())
    }
}
