//! The fake behind the transport seam: on virtual time, with answers that a test chooses.
//!
//! It does what real transports do and will do: several exchanges in flight on one channel, several channels over a
//! bounded number of streams with a queue before them, exchanges that yield samples before they end, stale
//! connections, failures, and targets that never answer.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};

use crate::clock::{Clock, ManualClock};
use crate::failure::Failure;
use crate::transport::{
    ChannelId, Event, ExchangeId, HostIndex, Outcome, Outgoing, Submission, Transport, TransportCounters,
};

/// How the target serves one exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// From started to ended; `None`: it never ends.
    pub takes_ns: Option<u64>,
    /// How it fails, if it does.
    pub failure: Option<Failure>,
    /// The status of its response.
    pub status: u16,
    /// It met a connection that the peer had closed.
    pub stale: bool,
    /// Samples on the way: kind, and when after its start.
    pub samples: Vec<(u8, u64)>,
}

impl Service {
    /// Ok, after `takes_ns`.
    #[must_use]
    pub fn ok(takes_ns: u64) -> Self {
        Self {
            takes_ns: Some(takes_ns),
            failure: None,
            status: 200,
            stale: false,
            samples: Vec::new(),
        }
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Sample(u8),
    End,
}

/// A transport on virtual time.
pub struct FakeTransport<F: FnMut(u64) -> Service> {
    clock: ManualClock,
    /// Asked for the n-th exchange that starts, from 0.
    serve: F,
    /// How many exchanges may be in flight at once, over all channels; the others wait in order.
    streams: usize,
    upcoming: BinaryHeap<Reverse<(u64, u64, u32, What)>>,
    in_flight: HashMap<u32, (u64, Service)>,
    waiting: VecDeque<(u32, u64)>,
    told: VecDeque<Event>,
    order: u64,
    channels: u32,
    started: u64,
    counters: TransportCounters,
    opened: [u64; 1],
}

impl<F: FnMut(u64) -> Service> FakeTransport<F> {
    /// A transport over so many streams, whose exchanges `serve` decides on.
    pub fn new(clock: ManualClock, streams: usize, serve: F) -> Self {
        Self {
            clock,
            serve,
            streams,
            upcoming: BinaryHeap::new(),
            in_flight: HashMap::new(),
            waiting: VecDeque::new(),
            told: VecDeque::new(),
            order: 0,
            channels: 0,
            started: 0,
            counters: TransportCounters::default(),
            opened: [0],
        }
    }

    fn start(&mut self, exchange: u32) -> u64 {
        let now_ns = self.clock.now_ns();
        let service = (self.serve)(self.started);
        self.started += 1;
        self.counters.sends += 1;
        for (kind, after_ns) in &service.samples {
            self.plan(now_ns + after_ns, exchange, What::Sample(*kind));
        }
        if let Some(takes_ns) = service.takes_ns {
            self.plan(now_ns + takes_ns, exchange, What::End);
        }
        self.in_flight.insert(exchange, (now_ns, service));
        now_ns
    }

    fn plan(&mut self, at_ns: u64, exchange: u32, what: What) {
        self.order += 1;
        self.upcoming.push(Reverse((at_ns, self.order, exchange, what)));
    }

    /// A stream is free: who has waited longest gets it.
    fn pass_on(&mut self) {
        while self.in_flight.len() < self.streams {
            let Some((exchange, submitted_ns)) = self.waiting.pop_front() else {
                return;
            };
            let started_ns = self.start(exchange);
            let waited_ns = started_ns - submitted_ns;
            self.told.push_back(Event::Started {
                exchange: ExchangeId(exchange),
                started_ns,
                waited_ns,
                opening: None,
            });
        }
    }

    fn happen(&mut self, at_ns: u64, exchange: u32, what: &What) {
        let Some((started_ns, service)) = self.in_flight.get(&exchange).cloned() else {
            return;
        };
        let id = ExchangeId(exchange);
        match what {
            What::Sample(kind) => {
                self.told.push_back(Event::Sample {
                    exchange: id,
                    kind: *kind,
                    started_ns,
                    ended_ns: at_ns,
                    received_bytes: 1,
                });
            }
            What::End => {
                self.in_flight.remove(&exchange);
                self.counters.receives += 1;
                let outcome = Outcome {
                    status: if service.failure.is_some() { 0 } else { service.status },
                    failure: service.failure,
                    first_byte_ns: at_ns,
                    ended_ns: at_ns,
                    readable_ns: at_ns,
                    sent_bytes: 10,
                    received_bytes: 20,
                    stale: service.stale,
                    location: None,
                };
                self.told.push_back(Event::Ended { exchange: id, outcome });
                self.pass_on();
            }
        }
    }
}

impl<F: FnMut(u64) -> Service> Transport for FakeTransport<F> {
    fn open_channel(&mut self, _host: HostIndex) -> ChannelId {
        self.channels += 1;
        self.opened[0] += 1;
        ChannelId(self.channels - 1)
    }

    fn close_channel(&mut self, _channel: ChannelId) {
        self.counters.closed_by_us += 1;
    }

    fn submit(&mut self, exchange: ExchangeId, _channel: ChannelId, _request: Outgoing<'_>) -> Submission {
        if self.in_flight.len() < self.streams {
            return Submission::Started {
                started_ns: self.start(exchange.0),
            };
        }
        self.waiting.push_back((exchange.0, self.clock.now_ns()));
        Submission::Waiting
    }

    fn cancel(&mut self, exchange: ExchangeId) {
        self.in_flight.remove(&exchange.0);
        self.waiting.retain(|(waiting, _)| *waiting != exchange.0);
        self.upcoming
            .retain(|Reverse((_, _, planned, _))| *planned != exchange.0);
        self.told.retain(|event| event.exchange() != exchange);
        self.pass_on();
    }

    fn wait(&mut self, until_ns: u64) -> u64 {
        self.counters.waits += 1;
        if self.told.is_empty() {
            let next_ns = self.upcoming.peek().map_or(u64::MAX, |Reverse((at_ns, ..))| *at_ns);
            self.clock.advance_to(next_ns.min(until_ns));
        }
        self.clock.now_ns()
    }

    fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.told.pop_front() {
                return Some(event);
            }
            let now_ns = self.clock.now_ns();
            if self.upcoming.peek().is_none_or(|Reverse((at_ns, ..))| *at_ns > now_ns) {
                return None;
            }
            let Reverse((at_ns, _, exchange, what)) = self.upcoming.pop()?;
            // Read when the loop got round to it, not when it came.
            self.happen(now_ns.max(at_ns), exchange, &what);
        }
    }

    fn counters(&self) -> TransportCounters {
        self.counters
    }

    fn connections_by_address(&self, _host: HostIndex) -> &[u64] {
        &self.opened
    }
}
