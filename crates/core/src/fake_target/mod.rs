//! A fake behind the [`Transport`] seam: a whole target on virtual time, with connections. No I/O, no threads, no
//! randomness.
//!
//! What a request meets is programmed: a function sees each request as it starts and says what will come back,
//! and when. The rest is as in a real transport: connections are opened (which takes time), carry so many streams,
//! belong to one channel or to all, are found closed when they are used again; who finds no stream free waits in
//! line. Everything is stamped when the loop takes it, not when it was due, so a loop that is late is late here too.

mod connections;
mod in_flight;
mod reply;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;

use crate::clock::{Clock, ManualClock};
use crate::transport::{
    ChannelId, Event, ExchangeId, HostIndex, KEPT_RESPONSE_BYTES, KeptResponse, Opening, Outcome, Outgoing, Submission,
    Transport, TransportCounters, forget_told,
};

use self::connections::Connections;
use self::in_flight::{InFlight, nothing};
pub use self::reply::{Arrived, End, FakeHost, Ownership, Reply, Sample};

/// Where an exchange stands.
#[derive(Debug)]
enum Place {
    /// In the line of its pool.
    Waiting,
    /// Pays for the opening of a connection.
    Opening { connection: usize, began_ns: u64 },
    /// Its first byte is out.
    Started(InFlight),
}

/// An exchange that has not ended.
#[derive(Debug)]
struct Exchange {
    id: ExchangeId,
    pool: usize,
    channel: ChannelId,
    submitted_ns: u64,
    bytes: Box<[u8]>,
    keep_location: bool,
    keep_cookies: bool,
    keep_response: bool,
    fresh_connection: bool,
    closes: bool,
    place: Place,
}

/// What a target answers to a request that has arrived.
type Answer<'a> = Box<dyn FnMut(&Arrived<'_>) -> Reply + 'a>;

/// A transport on virtual time, to a target that `answer` describes. It is one type for all targets, so that the loop
/// before it is compiled once.
pub struct FakeTarget<'a> {
    clock: ManualClock,
    answer: Answer<'a>,
    connections: Connections,
    /// By the number of their submission, because the loop's own numbers are used again.
    exchanges: BTreeMap<u64, Exchange>,
    submissions: u64,
    /// What happens next: when, and to which submission. Those of submissions that are gone are void.
    upcoming: BinaryHeap<Reverse<(u64, u64)>>,
    told: VecDeque<Event>,
    /// Submissions that the target holds until it is told to let go.
    held: Vec<u64>,
    /// Naps of the loop still to come: when, and for how long.
    naps: VecDeque<(u64, u64)>,
    /// Time that a submission takes.
    submission_ns: u64,
    /// When the last wait returned; nothing that became ready later is known before the next.
    readable_ns: u64,
    /// The host that each exchange has met, also after its end.
    met: BTreeMap<ExchangeId, HostIndex>,
    /// The response whose end was told last, if it was asked for.
    response: Vec<u8>,
    counters: TransportCounters,
}

impl<'a> FakeTarget<'a> {
    /// A transport to `hosts` on `clock`. `answer` is asked once for each request that starts.
    pub fn new(clock: ManualClock, hosts: Vec<FakeHost>, answer: impl FnMut(&Arrived<'_>) -> Reply + 'a) -> Self {
        Self {
            readable_ns: clock.now_ns(),
            clock,
            answer: Box::new(answer),
            connections: Connections::new(hosts),
            exchanges: BTreeMap::new(),
            submissions: 0,
            upcoming: BinaryHeap::new(),
            told: VecDeque::new(),
            held: Vec::new(),
            naps: VecDeque::new(),
            submission_ns: 0,
            met: BTreeMap::new(),
            response: Vec::new(),
            counters: TransportCounters::default(),
        }
    }

    /// Each submission takes so long, as rendering and the call to the kernel do: stamps taken one after the other
    /// then differ.
    #[must_use]
    pub fn with_submissions_of(mut self, submission_ns: u64) -> Self {
        self.submission_ns = submission_ns;
        self
    }

    /// The loop is kept from its processor: the first wait that would return at or after the moment returns so
    /// much later. In the order of time: `(when, how much)`.
    #[must_use]
    pub fn with_naps(mut self, naps: impl IntoIterator<Item = (u64, u64)>) -> Self {
        self.naps = naps.into_iter().collect();
        self
    }

    /// Everything that the target holds ([`End::Held`]) is answered now.
    pub fn release_held(&mut self) {
        let now_ns = self.clock.now_ns();
        for number in std::mem::take(&mut self.held) {
            let Some(exchange) = self.exchanges.get_mut(&number) else {
                continue;
            };
            if let Place::Started(flight) = &mut exchange.place {
                flight.end = End::answer(now_ns - flight.started_ns, 200);
                self.upcoming.push(Reverse((now_ns, number)));
            }
        }
    }

    /// Exchanges that have been submitted and have neither ended nor been cancelled.
    #[must_use]
    pub fn unended(&self) -> usize {
        self.exchanges.len()
    }

    fn number_of(&self, id: ExchangeId) -> Option<u64> {
        self.exchanges
            .iter()
            .find_map(|(number, exchange)| (exchange.id == id).then_some(*number))
    }

    /// The first byte goes out on a connection with a free stream.
    fn start(&mut self, number: u64, connection: usize) -> Option<u64> {
        let exchange = self.exchanges.get_mut(&number)?;
        let started_ns = self.clock.now_ns();
        let served = self.connections.take_stream(connection);
        self.met.insert(exchange.id, self.connections.host_of(connection));
        self.counters.sends += 1;
        self.counters.connections_reused += u64::from(served > 0);
        let reply = (self.answer)(&Arrived {
            exchange: exchange.id,
            channel: exchange.channel,
            host: self.connections.host_of(connection),
            connection,
            served,
            bytes: &exchange.bytes,
            fresh_connection: exchange.fresh_connection,
            started_ns,
        });
        let flight = InFlight {
            connection,
            started_ns,
            sent_bytes: exchange.bytes.len() as u64,
            keep_location: exchange.keep_location,
            keep_cookies: exchange.keep_cookies,
            response: if exchange.keep_response || exchange.keep_cookies {
                reply.response
            } else {
                Vec::new()
            },
            reused: served > 0,
            samples: reply.samples.into(),
            end: reply.end,
        };
        match flight.next_ns() {
            Some(at_ns) => self.upcoming.push(Reverse((at_ns, number))),
            None if matches!(flight.end, End::Held) => self.held.push(number),
            None => {}
        }
        exchange.place = Place::Started(flight);
        Some(started_ns)
    }

    /// A new connection, which the exchange pays for.
    fn open(&mut self, number: u64) {
        let Some(exchange) = self.exchanges.get_mut(&number) else {
            return;
        };
        let began_ns = self.clock.now_ns();
        let connection = self.connections.open(exchange.pool);
        self.met.insert(exchange.id, self.connections.host_of(connection));
        self.counters.connections_opened += 1;
        exchange.place = Place::Opening { connection, began_ns };
        let ready_ns = began_ns + self.connections.opening_ns(connection);
        self.upcoming.push(Reverse((ready_ns, number)));
    }

    /// Serves the line of a pool, the longest waiting first, as long as there is room.
    fn serve_line(&mut self, pool: usize) {
        while let Some(number) = self.connections.first_in_line(pool) {
            let Some(exchange) = self.exchanges.get(&number) else {
                return;
            };
            let (fresh, submitted_ns, id) = (exchange.fresh_connection, exchange.submitted_ns, exchange.id);
            if let Some(connection) = self.connections.free_stream(pool, fresh) {
                self.connections.leave_line(pool, number);
                if let Some(started_ns) = self.start(number, connection) {
                    self.told.push_back(Event::Started {
                        exchange: id,
                        started_ns,
                        waited_ns: started_ns - submitted_ns,
                        opening: None,
                    });
                }
            } else if self.make_room(pool, fresh) {
                self.connections.leave_line(pool, number);
                self.open(number);
            } else {
                return;
            }
        }
    }

    /// Whether another connection may be opened. For a request that needs a fresh one an idle one is closed.
    fn make_room(&mut self, pool: usize, fresh: bool) -> bool {
        if self.connections.has_room(pool) {
            return true;
        }
        let idle = self.connections.idle(pool).filter(|_| fresh);
        let Some(connection) = idle else { return false };
        self.connections.close(connection);
        self.counters.closed_by_us += 1;
        true
    }

    /// What has come for a submission. `None`: nothing that the loop hears of.
    fn happen(&mut self, number: u64) -> Option<Event> {
        let now_ns = self.clock.now_ns();
        let exchange = self.exchanges.get_mut(&number)?;
        let (id, submitted_ns) = (exchange.id, exchange.submitted_ns);
        self.counters.receives += 1;
        match &mut exchange.place {
            Place::Waiting => None,
            Place::Opening { connection, began_ns } => {
                let (connection, began_ns) = (*connection, *began_ns);
                if let Some(failure) = self.connections.refusal(connection) {
                    return Some(self.end(
                        number,
                        Outcome {
                            failure: Some(failure),
                            waited_ns: began_ns - submitted_ns,
                            ..nothing(now_ns)
                        },
                    ));
                }
                self.connections.opened(connection);
                let pool = exchange.pool;
                let started_ns = self.start(number, connection)?;
                // Its other streams are for those in line.
                self.serve_line(pool);
                Some(Event::Started {
                    exchange: id,
                    started_ns,
                    waited_ns: began_ns - submitted_ns,
                    opening: Some(Opening {
                        dns_ns: 0,
                        connect_ns: now_ns - began_ns,
                        tls_ns: 0,
                        total_ns: started_ns - began_ns,
                    }),
                })
            }
            Place::Started(flight) => {
                if let Some(sample) = flight.samples.pop_front() {
                    if let Some(at_ns) = flight.next_ns() {
                        self.upcoming.push(Reverse((at_ns, number)));
                    }
                    return Some(Event::Sample {
                        exchange: id,
                        kind: sample.kind,
                        started_ns: flight.started_ns,
                        ended_ns: now_ns,
                        received_bytes: sample.received_bytes,
                    });
                }
                let outcome = flight.outcome(now_ns, self.readable_ns);
                self.response = std::mem::take(&mut flight.response);
                Some(self.end(number, outcome))
            }
        }
    }

    /// The exchange is over; its stream is free, or its connection closed.
    fn end(&mut self, number: u64, outcome: Outcome) -> Event {
        let Some(exchange) = self.exchanges.remove(&number) else {
            unreachable!("only exchanges that stand in the table end")
        };
        let (connection, keeps) = match &exchange.place {
            Place::Started(flight) => {
                let kept = matches!(flight.end, End::Answer { keeps: true, .. });
                (flight.connection, kept && !exchange.closes)
            }
            Place::Opening { connection, .. } => (*connection, false),
            Place::Waiting => unreachable!("what waits has met nobody who could end it"),
        };
        self.connections.free_stream_of(connection);
        if !keeps && self.connections.close(connection) {
            self.counters.closed_by_peer += 1;
        }
        self.serve_line(exchange.pool);
        Event::Ended {
            exchange: exchange.id,
            outcome,
        }
    }
}

impl Transport for FakeTarget<'_> {
    /// Nothing real happens while virtual time is slept away.
    fn watch(&mut self, _stream: RawFd) -> io::Result<()> {
        Ok(())
    }

    fn open_channel(&mut self, host: HostIndex) -> ChannelId {
        ChannelId(self.connections.open_channel(host) as u32)
    }

    /// # Panics
    /// If something is in flight on the channel: the seam forbids it.
    fn close_channel(&mut self, channel: ChannelId) {
        let in_flight = self.exchanges.values().any(|exchange| exchange.channel == channel);
        assert!(!in_flight, "{channel:?} closes with exchanges in flight");
        for connection in self.connections.close_channel(channel.0 as usize) {
            self.connections.close(connection);
            self.counters.closed_by_us += 1;
        }
    }

    /// # Panics
    /// If the number is in use: the seam forbids it.
    fn submit(&mut self, exchange: ExchangeId, channel: ChannelId, request: Outgoing<'_>) -> Submission {
        assert!(self.number_of(exchange).is_none(), "{exchange:?} is in flight already");
        self.clock.advance(self.submission_ns);
        let number = self.submissions;
        self.submissions += 1;
        self.met.remove(&exchange);
        let pool = self.connections.pool_of(channel.0 as usize);
        self.exchanges.insert(
            number,
            Exchange {
                id: exchange,
                pool,
                channel,
                submitted_ns: self.clock.now_ns(),
                bytes: request.bytes.into(),
                keep_location: request.keep_location,
                keep_cookies: request.keep_cookies,
                keep_response: request.keep_response,
                fresh_connection: request.fresh_connection,
                closes: request.closes,
                place: Place::Waiting,
            },
        );
        if let Some(connection) = self.connections.free_stream(pool, request.fresh_connection)
            && let Some(started_ns) = self.start(number, connection)
        {
            return Submission::Started { started_ns };
        }
        if self.make_room(pool, request.fresh_connection) {
            self.open(number);
        } else {
            self.connections.join_line(pool, number);
        }
        Submission::Waiting
    }

    fn cancel(&mut self, exchange: ExchangeId) -> Option<Event> {
        let number = self.number_of(exchange)?;
        let cancelled = self.exchanges.remove(&number)?;
        let started = forget_told(&mut self.told, exchange);
        self.held.retain(|held| *held != number);
        match cancelled.place {
            Place::Waiting => self.connections.leave_line(cancelled.pool, number),
            Place::Opening { connection, .. } | Place::Started(InFlight { connection, .. }) => {
                self.connections.free_stream_of(connection);
                // A connection of one stream carries half a response now; one of many goes on with the others.
                if self.connections.streams_of(connection) == 1 && self.connections.close(connection) {
                    self.counters.closed_by_us += 1;
                }
                self.serve_line(cancelled.pool);
            }
        }
        started
    }

    fn wait(&mut self, until_ns: u64) -> u64 {
        self.counters.waits += 1;
        while let Some(Reverse((_, number))) = self.upcoming.peek() {
            if self.exchanges.contains_key(number) {
                break;
            }
            self.upcoming.pop();
        }
        if self.told.is_empty() {
            let next_ns = self.upcoming.peek().map_or(u64::MAX, |Reverse((at_ns, _))| *at_ns);
            self.clock.advance_to(until_ns.min(next_ns));
        }
        while let Some((at_ns, nap_ns)) = self.naps.front().copied()
            && at_ns <= self.clock.now_ns()
        {
            self.naps.pop_front();
            self.clock.advance(nap_ns);
        }
        self.readable_ns = self.clock.now_ns();
        self.readable_ns
    }

    fn next(&mut self) -> Option<Event> {
        if let Some(event) = self.told.pop_front() {
            return Some(event);
        }
        while let Some(Reverse((at_ns, number))) = self.upcoming.peek().copied() {
            if at_ns > self.readable_ns {
                return None;
            }
            self.upcoming.pop();
            if let Some(event) = self.happen(number) {
                return Some(event);
            }
        }
        None
    }

    fn response(&self) -> KeptResponse<'_> {
        KeptResponse {
            bytes: &self.response[..self.response.len().min(KEPT_RESPONSE_BYTES)],
            cut: self.response.len() > KEPT_RESPONSE_BYTES,
            plain_body_at: None,
        }
    }

    fn counters(&self) -> TransportCounters {
        self.counters
    }

    fn address_of(&self, exchange: ExchangeId) -> Option<Arc<str>> {
        let host = self.met.get(&exchange)?;
        Some(format!("host-{}", host.0).into())
    }

    fn connections_by_address(&self, host: HostIndex) -> &[u64] {
        self.connections.by_address(host)
    }
}
