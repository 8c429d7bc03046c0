//! Responses on their way in: read until a read comes back short, looked at where they lie.

use std::io::{self, Read as _};

use apibench_core::clock::Clock;
use apibench_core::failure::Failure;
use apibench_core::transport::Event;

use crate::connection::State;
use crate::decoder::Progress;
use crate::sys::{Address, failure_of_open};
use crate::tls;

use super::Http1;

/// Body bytes to come from which on the kernel is asked to drop them rather than to copy them out.
const DROP_FROM_BYTES: u64 = 16 * 1024;
/// What one connection may read in a turn before the others get theirs.
const READ_BUDGET_BYTES: u64 = 1024 * 1024;

enum Discarded {
    Ended(Option<Event>),
    /// Nothing is there.
    Drained,
    /// What comes next is to be read, or the budget is spent.
    Onward,
}

enum Sealed {
    Ended(Option<Event>),
    /// The answer is: whether it was all that the peer said, and whether that included a goodbye.
    Complete {
        exact: bool,
        closing: bool,
    },
    Open,
}

impl<C: Clock> Http1<C> {
    /// Reads what is there. `finished`: the kernel says that the peer will send no more.
    #[inline]
    pub(super) fn read(&mut self, index: u32, finished: bool) -> Option<Event> {
        let mut budget = READ_BUDGET_BYTES;
        loop {
            let connection = &mut self.connections[index as usize];
            let stream = connection.stream.as_ref()?;
            self.counters.receives += 1;
            let length = match stream.receive(&mut self.buffer) {
                // Over TLS the end must be said by the peer itself: anybody on the way can close a connection.
                Ok(0) if connection.tls.is_some() => return self.broken(index, Failure::TcpClosed),
                Ok(0) => return self.end_of_stream(index),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return self.drained(index),
                Err(error) => return self.broken(index, failure_of_open(&error)),
            };
            let now_ns = self.clock.now_ns();
            if connection.tls.is_some() {
                match self.read_sealed(index, length, now_ns) {
                    Sealed::Ended(event) => return event,
                    Sealed::Complete { exact, closing } => {
                        let exact = exact && (length < self.buffer.len() || self.nothing_behind(index));
                        return Some(self.complete(index, now_ns, exact, finished || closing));
                    }
                    Sealed::Open if length < self.buffer.len() && !finished => return None,
                    Sealed::Open => {}
                }
                budget = budget.saturating_sub(length as u64);
                if budget == 0 {
                    return self.read_later(index, finished);
                }
                continue;
            }
            if connection.state != State::Busy {
                // Bytes that nobody asked for: whatever they are, no response may be mistaken for them.
                self.close(index, false);
                return None;
            }
            if connection.first_byte_ns == 0 {
                connection.first_byte_ns = now_ns;
            }
            connection.last_read_ns = now_ns;
            match connection
                .decoder
                .feed_known(&self.buffer[..length], &mut self.known_head)
            {
                Ok(Progress::Complete { consumed }) => {
                    connection.received_bytes += consumed as u64;
                    if connection.keeps {
                        let body_at = connection.decoder.plain_body_at();
                        connection
                            .kept
                            .complete_received(&self.buffer, consumed, body_at, &mut self.response);
                    }
                    let exact = consumed == length && (length < self.buffer.len() || self.nothing_behind(index));
                    return Some(self.complete(index, now_ns, exact, finished));
                }
                Ok(Progress::More { droppable }) => {
                    connection.received_bytes += length as u64;
                    if connection.keeps {
                        connection.kept.add(&self.buffer[..length]);
                    }
                    if droppable >= DROP_FROM_BYTES && !connection.keeps {
                        match self.discard(index, &mut budget) {
                            Discarded::Ended(event) => return event,
                            Discarded::Drained if !finished => return None,
                            Discarded::Drained | Discarded::Onward => {}
                        }
                    } else if length < self.buffer.len() && !finished {
                        return None;
                    }
                    budget = budget.saturating_sub(length as u64);
                    if budget == 0 {
                        return self.read_later(index, finished);
                    }
                }
                Err(_) => return Some(self.fail(index, Failure::HttpProtocol, now_ns)),
            }
        }
    }

    /// The budget of this turn is spent: the others get theirs first.
    fn read_later(&mut self, index: u32, finished: bool) -> Option<Event> {
        let connection = &mut self.connections[index as usize];
        connection.finished |= finished;
        if !std::mem::replace(&mut connection.unread, true) {
            self.unread.push_back(connection.token(index));
        }
        None
    }

    /// Whether an answer that filled the buffer to its last byte was all that came.
    #[cold]
    fn nothing_behind(&mut self, index: u32) -> bool {
        let Some(stream) = &self.connections[index as usize].stream else {
            return false;
        };
        self.counters.receives += 1;
        self.response.leave(&self.buffer);
        let received = stream.receive(&mut self.buffer);
        received.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Has the kernel drop body bytes of a known length that nobody will look at. All but the last: with that an
    /// ordinary read sees what lies behind it.
    fn discard(&mut self, index: u32, budget: &mut u64) -> Discarded {
        let connection = &mut self.connections[index as usize];
        let tcp = matches!(
            self.hosts[connection.host as usize].profile.addresses[connection.address as usize],
            Address::Tcp(_)
        );
        if !tcp {
            return Discarded::Onward;
        }
        while let Progress::More { droppable } = connection.decoder.dropped(0) {
            let asked = droppable.saturating_sub(1).min(*budget) as usize;
            let Some(stream) = connection.stream.as_ref().filter(|_| asked > 0) else {
                break;
            };
            self.counters.receives += 1;
            match stream.discard(asked) {
                Ok(0) => return Discarded::Ended(self.end_of_stream(index)),
                Ok(length) => {
                    connection.last_read_ns = self.clock.now_ns();
                    connection.received_bytes += length as u64;
                    connection.decoder.dropped(length as u64);
                    *budget -= length as u64;
                    if length < asked {
                        return Discarded::Drained;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Discarded::Drained,
                Err(error) => return Discarded::Ended(self.broken(index, failure_of_open(&error))),
            }
        }
        Discarded::Onward
    }

    /// Opens what came over TLS: `length` bytes in the buffer.
    fn read_sealed(&mut self, index: u32, length: usize, now_ns: u64) -> Sealed {
        let connection = &mut self.connections[index as usize];
        let Some(session) = &mut connection.tls else {
            return Sealed::Open;
        };
        connection.received_bytes += length as u64;
        connection.last_read_ns = now_ns;
        let mut received = &self.buffer[..length];
        let mut complete = false;
        let mut exact = true;
        let mut closing = false;
        while !received.is_empty() && !closing {
            if let Err(failure) = tls::feed(session, &mut received) {
                return Sealed::Ended(self.broken(index, failure));
            }
            // Session tickets and the like open to nothing.
            while let Ok(opened) = session.reader().read(&mut self.opened) {
                if opened == 0 {
                    closing = true;
                    break;
                }
                if connection.state != State::Busy {
                    self.close(index, false);
                    return Sealed::Ended(None);
                }
                if complete {
                    exact = false;
                    continue;
                }
                if connection.first_byte_ns == 0 {
                    connection.first_byte_ns = now_ns;
                }
                match connection
                    .decoder
                    .feed_known(&self.opened[..opened], &mut self.known_head)
                {
                    Ok(Progress::Complete { consumed }) => {
                        if connection.keeps {
                            let body_at = connection.decoder.plain_body_at();
                            connection
                                .kept
                                .complete(&self.opened[..consumed], body_at, &mut self.response);
                        }
                        complete = true;
                        exact = consumed == opened;
                    }
                    Ok(Progress::More { .. }) if connection.keeps => connection.kept.add(&self.opened[..opened]),
                    Ok(Progress::More { .. }) => {}
                    Err(_) => return Sealed::Ended(Some(self.fail(index, Failure::HttpProtocol, now_ns))),
                }
            }
        }
        if complete {
            return Sealed::Complete { exact, closing };
        }
        if closing {
            Sealed::Ended(self.end_of_stream(index))
        } else {
            Sealed::Open
        }
    }

    fn end_of_stream(&mut self, index: u32) -> Option<Event> {
        let connection = &mut self.connections[index as usize];
        if connection.state == State::Busy && connection.broken.is_none() && connection.decoder.end_of_stream().is_ok()
        {
            let now_ns = self.clock.now_ns();
            if connection.keeps {
                let body_at = connection.decoder.plain_body_at();
                connection.kept.complete(&[], body_at, &mut self.response);
            }
            return Some(self.complete(index, now_ns, true, true));
        }
        self.broken(index, Failure::TcpClosed)
    }

    /// The peer closed or reset the connection.
    fn broken(&mut self, index: u32, failure: Failure) -> Option<Event> {
        if matches!(self.connections[index as usize].state, State::Idle | State::Leaving) {
            self.close(index, true);
            return None;
        }
        let now_ns = self.clock.now_ns();
        let failure = self.connections[index as usize].broken.unwrap_or(failure);
        Some(self.fail(index, failure, now_ns))
    }

    /// A send broke. The answer may be there whole all the same: who does not want a body answers and resets.
    #[cold]
    pub(super) fn send_broke(&mut self, index: u32, failure: Failure) -> Option<Event> {
        let connection = &mut self.connections[index as usize];
        connection.unsent = Vec::new();
        connection.unsent_from = 0;
        connection.broken = Some(failure);
        connection.finished = true;
        self.read(index, true)
    }

    /// There is nothing to read, and after a send that broke nothing will come.
    fn drained(&mut self, index: u32) -> Option<Event> {
        let failure = self.connections[index as usize].broken?;
        self.broken(index, failure)
    }
}
