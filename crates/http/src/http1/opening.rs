//! Connections on their way to being open: queued, connecting, shaking hands.

use std::io;

use apibench_core::clock::Clock;
use apibench_core::failure::Failure;
use apibench_core::transport::Opening;

use crate::connection::{Connection, State, resolve};
use crate::sys::{Stream, failure_of};
use crate::tls::{self, TlsProfile};

use super::Http1;

/// When to try again to connect to a host whose backlog is full.
const FULL_NS: u64 = 1_000_000;

impl<C: Clock> Http1<C> {
    /// A new connection for `exchange`, which pays for it; it is opened when its turn comes.
    pub(super) fn queue_opening(&mut self, pool: u32, exchange: u32, now_ns: u64) {
        let index = self.free_connections.pop().unwrap_or_else(|| {
            self.connections.push(Connection::free());
            (self.connections.len() - 1) as u32
        });
        let host = self.pools[pool as usize].host;
        self.pools[pool as usize].open += 1;
        let connection = &mut self.connections[index as usize];
        connection.state = State::Queued;
        connection.host = host;
        connection.pool = pool;
        connection.exchange = exchange;
        connection.served = 0;
        connection.sent_bytes = 0;
        connection.received_bytes = 0;
        connection.deadline_at_ns = u64::MAX;
        connection.idle_until_ns = u64::MAX;
        connection.connect_began_ns = 0;
        connection.unread = false;
        connection.finished = false;
        connection.broken = None;
        connection.opening_began_ns = now_ns;
        self.queued.push_back(connection.token(index));
        self.exchanges[exchange as usize].connection = index;
    }

    fn connect(&mut self, index: u32, now_ns: u64) {
        let connection = &mut self.connections[index as usize];
        let host = &mut self.hosts[connection.host as usize];
        let place = host.next_address % host.profile.addresses.len();
        let token = connection.token(index);
        if connection.connect_began_ns == 0 {
            connection.connect_began_ns = now_ns;
        }
        let patient = now_ns
            < connection
                .connect_began_ns
                .saturating_add(host.profile.timeouts.connect_ns);
        if patient && now_ns < host.full_until_ns {
            self.parked.push_back(token);
            return;
        }
        // The address itself is looked at, each time: names, redirects and look-ups can lead anywhere.
        if self.guard.denies(&host.profile.addresses[place]).is_some() {
            host.next_address = place + 1;
            self.fail_and_tell(index, Failure::TargetDenied, now_ns);
            return;
        }
        let opened = Stream::connect(&host.profile.addresses[place])
            .and_then(|stream| self.epoll.add(stream.raw(), token).map(|()| stream));
        let full = opened
            .as_ref()
            .is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        if full && patient {
            host.full_until_ns = now_ns + FULL_NS;
            self.parked_until_ns = host.full_until_ns;
            self.parked.push_back(token);
            // Void as a deadline, it ends the wait.
            self.deadlines.arm(host.full_until_ns, token);
            return;
        }
        host.next_address = place + 1;
        host.by_address[place] += 1;
        self.counters.connections_opened += 1;
        self.opening += 1;
        connection.state = State::Opening;
        connection.address = place as u16;
        self.exchanges[connection.exchange as usize].met = Some((connection.host, connection.address));
        match opened {
            Ok(stream) => {
                connection.stream = Some(stream);
                let (deadline_ns, _) = connection.deadline(&host.profile.timeouts);
                connection.deadline_at_ns = deadline_ns;
                self.deadlines.arm(connection.deadline_at_ns, token);
            }
            Err(error) => {
                let failure = if full {
                    Failure::TimeoutConnect
                } else {
                    failure_of(&error)
                };
                self.exhausted |= failure == Failure::LocalDescriptors;
                self.fail_and_tell(index, failure, now_ns);
            }
        }
    }

    /// The socket of a connection that is being opened became ready.
    pub(super) fn take_opening_on(&mut self, index: u32, token: u64, readable: bool, finished: bool) {
        let spoke = readable && self.connections[index as usize].state == State::Opening;
        match self.connections[index as usize].state {
            State::Opening => self.opened(index),
            _ => self.handshake(index, readable),
        }
        // If the request has gone out, nothing will tell again what was told with this event: that the peer spoke
        // first, or has ended.
        if (spoke || finished)
            && resolve(&self.connections, token).is_some()
            && self.connections[index as usize].state == State::Busy
            && let Some(event) = self.read(index, finished)
        {
            self.told.push_back(event);
        }
    }

    /// The socket of an opening connection became ready: it is connected, or has failed.
    fn opened(&mut self, index: u32) {
        let connection = &mut self.connections[index as usize];
        let Some(connected) = connection.stream.as_ref().and_then(Stream::connected) else {
            return;
        };
        let now_ns = self.clock.now_ns();
        if let Err(error) = connected {
            self.fail_and_tell(index, failure_of(&error), now_ns);
            return;
        }
        connection.connect_ended_ns = now_ns;
        match self.hosts[connection.host as usize]
            .profile
            .tls
            .as_ref()
            .map(TlsProfile::session)
        {
            None => self.established(index, now_ns),
            Some(Err(failure)) => self.fail_and_tell(index, failure, now_ns),
            Some(Ok(session)) => {
                connection.tls = Some(session);
                connection.state = State::Handshaking;
                self.handshake(index, true);
            }
        }
    }

    /// Takes a TLS handshake on. `readable`: the peer may have said something.
    fn handshake(&mut self, index: u32, readable: bool) {
        let mut failure = if readable { self.hear(index) } else { None };
        let connection = &mut self.connections[index as usize];
        let Some(session) = &mut connection.tls else {
            return;
        };
        // Also after a failure: the alert tells the peer why.
        tls::seal(session, &[], &mut self.sealed);
        if !self.sealed.is_empty() {
            connection.unsent.extend_from_slice(&self.sealed);
        }
        let done = !session.is_handshaking();
        let agreed = tls::agreed(session);
        if let Err(broken) = self.flush(index)
            && failure.is_none()
        {
            // The peer may have said why before it went.
            let said = self.hear(index).filter(|said| *said != Failure::TcpClosed);
            failure = said.or(Some(broken));
        }
        let now_ns = self.clock.now_ns();
        match failure {
            Some(failure) => self.fail_and_tell(index, failure, now_ns),
            None if done && !agreed => self.fail_and_tell(index, Failure::TlsAlpn, now_ns),
            None if done => self.established(index, now_ns),
            None => {}
        }
    }

    /// Takes what the peer says in a handshake. `None`: it may go on.
    fn hear(&mut self, index: u32) -> Option<Failure> {
        let connection = &mut self.connections[index as usize];
        let (session, stream) = (connection.tls.as_mut()?, connection.stream.as_ref()?);
        while session.is_handshaking() {
            self.counters.receives += 1;
            match stream.receive(&mut self.buffer) {
                Ok(0) => return Some(Failure::TcpClosed),
                Ok(length) => {
                    if let Err(failure) = feed_all(session, &self.buffer[..length]) {
                        return Some(failure);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) => return Some(failure_of(&error)),
            }
        }
        None
    }

    /// The connection can carry requests; the one that paid for it goes out.
    fn established(&mut self, index: u32, now_ns: u64) {
        self.opening -= 1;
        let connection = &mut self.connections[index as usize];
        connection.state = State::Idle;
        let exchange = connection.exchange;
        let waited_ns = connection.opening_began_ns - self.exchanges[exchange as usize].submitted_ns;
        let opening = Opening {
            dns_ns: 0,
            connect_ns: connection.connect_ended_ns - connection.connect_began_ns,
            tls_ns: now_ns - connection.connect_ended_ns,
            total_ns: 0,
        };
        self.send_stored(index, exchange, waited_ns, Some(opening));
    }

    /// Opens the connections whose turn has come. Called where nothing else is under way.
    pub(super) fn open_queued(&mut self) {
        if !self.parked.is_empty() && self.clock.now_ns() >= self.parked_until_ns {
            while let Some(token) = self.parked.pop_back() {
                self.queued.push_front(token);
            }
        }
        while self.opening < self.opening_limit && !self.exhausted {
            let Some(token) = self.queued.pop_front() else { return };
            let now_ns = self.clock.now_ns();
            if !self.lease.allows(now_ns) {
                self.queued.push_front(token);
                return;
            }
            if let Some(index) = resolve(&self.connections, token) {
                self.connect(index, now_ns);
            }
        }
    }
}

/// Hands over everything: during a handshake no application data comes that would have to be read in between.
fn feed_all(session: &mut rustls::ClientConnection, mut received: &[u8]) -> Result<(), Failure> {
    while !received.is_empty() {
        if tls::feed(session, &mut received)? == 0 {
            // It has said goodbye, and whatever follows that is for nobody.
            return Err(Failure::TcpClosed);
        }
    }
    Ok(())
}
