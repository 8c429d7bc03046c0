//! HTTP/1.1 on raw epoll: the transport behind every plain request.
//!
//! In the steady state a request costs one `send` and one `recv`. Sockets are registered once, for edges, and
//! read until a read comes back short; there is one receive buffer for the whole thread, and the bytes of a
//! response that came whole are looked at where they lie.
//!
//! Invariants: an exchange is in exactly one of three places (carried by a connection, waiting in a pool,
//! waiting for its connection to be opened) until its end has been told; a connection carries at most one
//! exchange; every end is told exactly once, and nothing is told of an exchange that was cancelled.

mod ending;
mod opening;
mod reading;
mod sending;

use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;

use apibench_core::clock::Clock;
use apibench_core::lease::Lease;
use apibench_core::prefetch::prefetch;
use apibench_core::transport::{
    ChannelId, Event, ExchangeId, HostIndex, KeptResponse, Outgoing, Submission, Transport, TransportCounters,
    forget_told,
};

use crate::connection::{Connection, NONE, State, place_of, resolve};
use crate::deadline::Deadlines;
use crate::decoder::KnownHead;
use crate::guard::Guard;
use crate::host::{Connections, HostProfile};
use crate::kept::Whole;
use crate::pool::{ExchangeSlot, Pool, Stored};
use crate::sleeper::Sleeper;
use crate::sys::{Epoll, FINISHED, READABLE, Ready, WRITABLE};

/// Events taken in one wait: more would delay the last of them by all the others' handling.
const EVENTS_PER_WAIT: usize = 256;
/// Receive buffer of the thread: the size of a large read, yet small enough to stay in the second-level cache.
const BUFFER_BYTES: usize = 64 * 1024;
/// How many events ahead a connection is fetched into the cache, and how many of its lines: all that an ordinary request
/// touches.
const FETCHED_AHEAD: usize = 4;
const FETCHED_LINES: usize = 4;
/// Connections that wait at once for their peer to close them; descriptors beside those that the plan asks for.
pub const LEAVING_LIMIT: u32 = 32;
/// Token of streams that are none of ours: no connection ever has its place.
const WATCHED: u64 = u64::MAX;

struct Host {
    profile: HostProfile,
    /// Its addresses as text, in their order.
    names: Vec<Arc<str>>,
    next_address: usize,
    by_address: Vec<u64>,
    /// Not to be connected to before: its backlog was full, and nothing tells when it is not.
    full_until_ns: u64,
    /// The pool that all channels share, if connections are shared.
    shared_pool: u32,
}

/// The HTTP/1.1 transport of one thread.
pub struct Http1<C: Clock> {
    clock: C,
    epoll: Epoll,
    hosts: Vec<Host>,
    pools: Vec<Pool>,
    free_pools: Vec<u32>,
    connections: Vec<Connection>,
    free_connections: Vec<u32>,
    exchanges: Vec<ExchangeSlot>,
    deadlines: Deadlines,
    /// Tokens of connections that wait for their turn to be opened.
    queued: VecDeque<u64>,
    /// Tokens of those whose turn came while the backlog of their host was full, and when they get another.
    parked: VecDeque<u64>,
    parked_until_ns: u64,
    opening: u32,
    opening_limit: u32,
    /// The process has no descriptors left: every further opening would fail like the first.
    exhausted: bool,
    leaving: u32,
    /// Tokens of connections that have more to read than their budget, each once.
    unread: VecDeque<u64>,
    /// How many of `unread` are for this turn.
    resuming: usize,
    told: VecDeque<Event>,
    events: Box<[Ready]>,
    event_count: usize,
    event_next: usize,
    buffer: Box<[u8]>,
    /// The response whose end was told last, if it was asked for.
    response: Whole,
    known_head: KnownHead,
    /// What TLS made of a request, and of a response; empty on plain connections.
    sealed: Vec<u8>,
    opened: Box<[u8]>,
    readable_ns: u64,
    sleeper: Sleeper,
    lease: Lease,
    guard: Arc<Guard>,
    counters: TransportCounters,
}

impl<C: Clock> Http1<C> {
    /// A transport for the hosts of a program, in its order. The last `spin_ns` before the end of a wait are
    /// spent looking instead of sleeping, because a sleep ends late; 0 never spins. It opens at most `opening_limit`
    /// connections at once: what does not fit into a listener's backlog is tried again after a second, which would be
    /// measured as the target's slowness. After its `lease` it sends nothing and opens nothing, and it never connects to
    /// an address that `guard` denies.
    ///
    /// # Errors
    /// If the kernel gives no epoll instance.
    pub fn new(
        hosts: Vec<HostProfile>,
        clock: C,
        spin_ns: u64,
        opening_limit: u32,
        lease: Lease,
        guard: Arc<Guard>,
    ) -> io::Result<Self> {
        let mut pools = Vec::new();
        let any_tls = hosts.iter().any(|host| host.tls.is_some());
        let hosts = hosts
            .into_iter()
            .enumerate()
            .map(|(index, profile)| {
                let shared_pool = match profile.connections {
                    Connections::PerVu(_) => NONE,
                    Connections::Shared(limit) => {
                        pools.push(Pool::new(index as u16, limit));
                        (pools.len() - 1) as u32
                    }
                };
                Host {
                    names: profile.addresses.iter().map(|each| each.to_string().into()).collect(),
                    next_address: profile.first_address,
                    by_address: vec![0; profile.addresses.len()],
                    full_until_ns: 0,
                    profile,
                    shared_pool,
                }
            })
            .collect();
        Ok(Self {
            clock,
            epoll: Epoll::new()?,
            hosts,
            pools,
            free_pools: Vec::new(),
            connections: Vec::new(),
            free_connections: Vec::new(),
            exchanges: Vec::new(),
            deadlines: Deadlines::default(),
            queued: VecDeque::new(),
            parked: VecDeque::new(),
            parked_until_ns: 0,
            opening: 0,
            opening_limit,
            exhausted: false,
            leaving: 0,
            unread: VecDeque::new(),
            resuming: 0,
            told: VecDeque::new(),
            events: vec![Ready::NONE; EVENTS_PER_WAIT].into_boxed_slice(),
            event_count: 0,
            event_next: 0,
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            response: Whole::default(),
            known_head: KnownHead::default(),
            sealed: Vec::new(),
            opened: if any_tls {
                vec![0; BUFFER_BYTES].into_boxed_slice()
            } else {
                Box::default()
            },
            readable_ns: 0,
            sleeper: Sleeper::new(spin_ns),
            lease,
            guard,
            counters: TransportCounters::default(),
        })
    }

    /// One call that waits for events, at most `sleep_ns`.
    #[inline]
    fn look(&mut self, sleep_ns: u64) {
        self.counters.waits += 1;
        // An error here would mean that our own descriptor or array is bad: no state of the network causes it.
        self.event_count = self.epoll.wait(&mut self.events, sleep_ns).unwrap_or(0);
        for place in 0..FETCHED_AHEAD {
            self.fetch_connection(place);
        }
        self.readable_ns = self.clock.now_ns();
    }

    /// Has the connection fetched whose event stands at a place.
    #[inline]
    fn fetch_connection(&self, place: usize) {
        if let Some(ready) = self.events[..self.event_count].get(place) {
            prefetch(&self.connections, place_of(ready.token()) as usize, FETCHED_LINES);
        }
    }

    /// Looks at the connections whose deadline may have come.
    fn expire(&mut self, now_ns: u64) {
        while let Some((at_ns, token)) = self.deadlines.pop_due(now_ns) {
            let Some(index) = resolve(&self.connections, token) else {
                continue;
            };
            let connection = &mut self.connections[index as usize];
            if connection.deadline_at_ns != at_ns {
                continue;
            }
            connection.deadline_at_ns = u64::MAX;
            let timeouts = self.hosts[connection.host as usize].profile.timeouts;
            let (true_ns, failure) = connection.deadline(&timeouts);
            if true_ns <= now_ns && connection.state == State::Leaving {
                self.close(index, false);
            } else if true_ns <= now_ns {
                let event = self.fail(index, failure, now_ns);
                self.told.push_back(event);
            } else if true_ns != u64::MAX {
                connection.deadline_at_ns = true_ns;
                self.deadlines.arm(true_ns, token);
            }
        }
    }
}

impl<C: Clock> Transport for Http1<C> {
    fn watch(&mut self, stream: RawFd) -> io::Result<()> {
        self.epoll.add(stream, WATCHED)
    }

    fn open_channel(&mut self, host: HostIndex) -> ChannelId {
        let known = &self.hosts[host.0 as usize];
        let Connections::PerVu(limit) = known.profile.connections else {
            return ChannelId(known.shared_pool);
        };
        let pool = Pool::new(host.0, limit);
        if let Some(free) = self.free_pools.pop() {
            self.pools[free as usize] = pool;
            return ChannelId(free);
        }
        self.pools.push(pool);
        ChannelId((self.pools.len() - 1) as u32)
    }

    fn close_channel(&mut self, channel: ChannelId) {
        let host = self.pools[channel.0 as usize].host;
        if self.hosts[host as usize].shared_pool == channel.0 {
            return;
        }
        while let Some(index) = self.pools[channel.0 as usize].first_idle() {
            self.close(index, false);
        }
        self.free_pools.push(channel.0);
    }

    #[inline]
    fn submit(&mut self, exchange: ExchangeId, channel: ChannelId, request: Outgoing<'_>) -> Submission {
        if exchange.0 as usize >= self.exchanges.len() {
            self.exchanges.resize_with(exchange.0 as usize + 1, ExchangeSlot::free);
        }
        if !request.fresh_connection {
            while let Some(index) = self.pools[channel.0 as usize].first_idle() {
                if self.readable_ns >= self.connections[index as usize].idle_until_ns {
                    self.close(index, false);
                    continue;
                }
                self.pools[channel.0 as usize].remove_idle(&mut self.connections, index);
                return match self.send_on(index, exchange.0, &request) {
                    Some(started_ns) => Submission::Started { started_ns },
                    None => Submission::Waiting,
                };
            }
        }
        let now_ns = self.clock.now_ns();
        let slot = &mut self.exchanges[exchange.0 as usize];
        slot.submitted_ns = now_ns;
        slot.met = None;
        slot.stored = Some(Box::new(Stored {
            bytes: request.bytes.to_vec(),
            head_request: request.head_request,
            keep_location: request.keep_location,
            keep_cookies: request.keep_cookies,
            keep_response: request.keep_response,
            fresh_connection: request.fresh_connection,
            closes: request.closes,
        }));
        let pool = &self.pools[channel.0 as usize];
        if let (true, Some(idle)) = (request.fresh_connection && pool.open == pool.limit, pool.first_idle()) {
            // Makes room: nothing else would, because an idle connection has no end to wait for.
            self.close(idle, false);
        }
        let slot = &mut self.exchanges[exchange.0 as usize];
        let pool = &mut self.pools[channel.0 as usize];
        if pool.open < pool.limit {
            self.queue_opening(channel.0, exchange.0, now_ns);
            self.open_queued();
        } else {
            slot.waits_for = channel.0;
            pool.push_waiting(&mut self.exchanges, exchange.0);
        }
        Submission::Waiting
    }

    fn cancel(&mut self, exchange: ExchangeId) -> Option<Event> {
        let slot = self.exchanges.get_mut(exchange.0 as usize)?;
        slot.stored = None;
        let connection = std::mem::replace(&mut slot.connection, NONE);
        let pool = std::mem::replace(&mut slot.waits_for, NONE);
        if connection != NONE {
            self.close(connection, false);
        } else if pool != NONE {
            self.pools[pool as usize].remove_waiting(&mut self.exchanges, exchange.0);
        }
        forget_told(&mut self.told, exchange)
    }

    fn wait(&mut self, until_ns: u64) -> u64 {
        self.open_queued();
        self.resuming = self.unread.len();
        if self.event_next < self.event_count {
            // Not all were taken, and they are told once: to look again now would lose them.
            let now_ns = self.clock.now_ns();
            self.expire(now_ns);
            return now_ns;
        }
        self.event_next = 0;
        if self.told.is_empty() && self.resuming == 0 {
            let until_ns = until_ns.min(self.deadlines.next_ns());
            let mut before_ns = self.clock.now_ns();
            let mut sleep_ns = self.sleeper.begin(until_ns.saturating_sub(before_ns));
            loop {
                self.look(sleep_ns);
                if self.event_count > 0 {
                    break;
                }
                let left_ns = until_ns.saturating_sub(self.readable_ns);
                sleep_ns = self.sleeper.again(self.readable_ns - before_ns, left_ns);
                if left_ns == 0 {
                    break;
                }
                before_ns = self.readable_ns;
            }
        } else {
            self.look(0);
        }
        self.expire(self.readable_ns);
        self.readable_ns
    }

    #[inline]
    fn coming(&self) -> Option<ExchangeId> {
        let ready = self.events[..self.event_count].get(self.event_next)?;
        let connection = self.connections.get(place_of(ready.token()) as usize)?;
        // Whoever asks fetches what it knows of the exchange; this is what is known of it here.
        prefetch(&self.exchanges, connection.exchange as usize, 1);
        prefetch(&self.pools, connection.pool as usize, 1);
        (connection.exchange != NONE).then_some(ExchangeId(connection.exchange))
    }

    #[inline]
    fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.told.pop_front() {
                return Some(event);
            }
            let resumed = self.event_next == self.event_count;
            let (token, readable, writable, finished) = if self.event_next < self.event_count {
                let ready = self.events[self.event_next];
                self.event_next += 1;
                self.fetch_connection(self.event_next + FETCHED_AHEAD - 1);
                (
                    ready.token(),
                    ready.is(READABLE),
                    ready.is(WRITABLE),
                    ready.is(FINISHED),
                )
            } else if self.resuming > 0 {
                self.resuming -= 1;
                (self.unread.pop_front()?, true, false, false)
            } else {
                return None;
            };
            let Some(index) = resolve(&self.connections, token) else {
                continue;
            };
            let connection = &mut self.connections[index as usize];
            connection.finished |= finished;
            let finished = connection.finished;
            if matches!(connection.state, State::Opening | State::Handshaking) {
                self.take_opening_on(index, token, readable, finished);
                continue;
            }
            if resumed {
                connection.unread = false;
            }
            // What is in line to be read on gets one share in a turn, not one more for each event.
            let readable = readable && !connection.unread;
            if writable
                && connection.state == State::Busy
                && !connection.all_sent()
                && let Err(failure) = self.flush(index)
            {
                if let Some(event) = self.send_broke(index, failure) {
                    return Some(event);
                }
            } else if readable && let Some(event) = self.read(index, finished) {
                return Some(event);
            }
        }
    }

    fn response(&self) -> KeptResponse<'_> {
        self.response.response(&self.buffer)
    }

    fn counters(&self) -> TransportCounters {
        self.counters
    }

    fn address_of(&self, exchange: ExchangeId) -> Option<Arc<str>> {
        let (host, place) = self.exchanges.get(exchange.0 as usize)?.met?;
        self.hosts[host as usize].names.get(place as usize).cloned()
    }

    fn connections_by_address(&self, host: HostIndex) -> &[u64] {
        &self.hosts[host.0 as usize].by_address
    }
}
