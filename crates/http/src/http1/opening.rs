//! Connections on their way to being open: queued, connecting, shaking hands.

use std::io;

use apibench_core::clock::Clock;
use apibench_core::failure::Failure;
use apibench_core::transport::Opening;

use crate::connection::{Connection, State, resolve};
use crate::sys::{Stream, failure_of};
use crate::tls::{self, TlsProfile};

use super::Http1;

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
        connection.opening_began_ns = now_ns;
        self.queued.push_back(connection.token(index));
        self.exchanges[exchange as usize].connection = index;
    }

    fn connect(&mut self, index: u32) {
        let now_ns = self.clock.now_ns();
        let connection = &mut self.connections[index as usize];
        let host = &mut self.hosts[connection.host as usize];
        let place = host.next_address % host.profile.addresses.len();
        host.next_address = place + 1;
        // The address itself is looked at, each time: names, redirects and look-ups can lead anywhere.
        if self.guard.denies(&host.profile.addresses[place]).is_some() {
            self.fail_and_tell(index, Failure::TargetDenied, now_ns);
            return;
        }
        host.by_address[place] += 1;
        self.counters.connections_opened += 1;
        self.opening += 1;
        connection.state = State::Opening;
        connection.address = place as u16;
        connection.connect_began_ns = now_ns;
        let token = connection.token(index);
        let opened = Stream::connect(&host.profile.addresses[place])
            .and_then(|stream| self.epoll.add(stream.raw(), token).map(|()| stream));
        match opened {
            Ok(stream) => {
                connection.stream = Some(stream);
                connection.deadline_at_ns = now_ns.saturating_add(host.profile.timeouts.connect_ns);
                self.deadlines.arm(connection.deadline_at_ns, token);
            }
            Err(error) => {
                let failure = failure_of(&error);
                self.exhausted |= failure == Failure::LocalDescriptors;
                self.fail_and_tell(index, failure, now_ns);
            }
        }
    }

    /// The socket of an opening connection became ready: it is connected, or has failed.
    pub(super) fn opened(&mut self, index: u32) {
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
    pub(super) fn handshake(&mut self, index: u32, readable: bool) {
        let connection = &mut self.connections[index as usize];
        let (Some(session), Some(stream)) = (&mut connection.tls, &connection.stream) else {
            return;
        };
        let mut failure = None;
        while readable && session.is_handshaking() && failure.is_none() {
            self.counters.receives += 1;
            failure = match stream.receive(&mut self.buffer) {
                Ok(0) => Some(Failure::TcpClosed),
                Ok(length) => feed_all(session, &self.buffer[..length]).err(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => Some(failure_of(&error)),
            };
        }
        // Also after a failure: the alert tells the peer why.
        tls::seal(session, &[], &mut self.sealed);
        if !self.sealed.is_empty() {
            connection.unsent.extend_from_slice(&self.sealed);
        }
        let done = !session.is_handshaking();
        let agreed = tls::agreed(session);
        if let Some(event) = self.flush(index) {
            self.told.push_back(event);
            return;
        }
        let now_ns = self.clock.now_ns();
        match failure {
            Some(failure) => self.fail_and_tell(index, failure, now_ns),
            None if done && !agreed => self.fail_and_tell(index, Failure::TlsAlpn, now_ns),
            None if done => self.established(index, now_ns),
            None => {}
        }
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
        while self.opening < self.opening_limit && !self.exhausted {
            let Some(token) = self.queued.pop_front() else { return };
            if !self.lease.allows(self.clock.now_ns()) {
                self.queued.push_front(token);
                return;
            }
            if let Some(index) = resolve(&self.connections, token) {
                self.connect(index);
            }
        }
    }
}

/// Hands over everything: during a handshake no application data comes that would have to be read in between.
fn feed_all(session: &mut rustls::ClientConnection, mut received: &[u8]) -> Result<(), Failure> {
    while !received.is_empty() {
        tls::feed(session, &mut received)?;
    }
    Ok(())
}
