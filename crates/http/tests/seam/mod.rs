//! What every transport must do, whatever it speaks: one suite, run over each of them.
//!
//! A [`Harness`] makes a transport and a peer that obeys the path of a request: `/answer` is answered at once,
//! `/hold` when the harness lets go, `/close` meets a closed connection, `/last` is answered and the connection closed.

pub mod checks;
pub mod fake;
pub mod loopback;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apibench_core::failure::Failure;
use apibench_core::transport::{
    ChannelId, Event, ExchangeId, HostIndex, Outcome, Outgoing, Submission, Transport, TransportCounters,
};

/// Who owns connections, and how many.
#[derive(Debug, Clone, Copy)]
pub enum Limit {
    Each(u32),
    Shared(u32),
}

/// A transport and its peer.
pub trait Harness {
    type Transport: Transport;
    fn new(limit: Limit) -> Self;
    fn transport(&mut self) -> &mut Self::Transport;
    fn now_ns(&self) -> u64;
    /// The peer answers what it holds, and holds nothing from now on.
    fn let_go(&mut self);
    /// Returns when the peer has sent so many answers.
    fn await_answers(&mut self, count: usize);
}

/// What is known of an exchange.
#[derive(Debug, Default)]
struct Known {
    submitted_ns: u64,
    started_ns: Option<u64>,
}

/// Submits, listens, and holds every event against what the seam promises.
pub struct Watch<H: Harness> {
    pub harness: H,
    in_flight: BTreeMap<u32, Known>,
    cancelled: BTreeSet<u32>,
    pub ended: Vec<(ExchangeId, Outcome)>,
    pub started: Vec<ExchangeId>,
    pub waited_ns: BTreeMap<u32, u64>,
    next: u32,
    counters: TransportCounters,
    pub closed: u64,
}

impl<H: Harness> Watch<H> {
    pub fn new(limit: Limit) -> Self {
        Self {
            harness: H::new(limit),
            in_flight: BTreeMap::new(),
            cancelled: BTreeSet::new(),
            ended: Vec::new(),
            started: Vec::new(),
            waited_ns: BTreeMap::new(),
            next: 0,
            counters: TransportCounters::default(),
            closed: 0,
        }
    }

    pub fn channel(&mut self) -> ChannelId {
        self.harness.transport().open_channel(HostIndex(0))
    }

    pub fn submit(&mut self, channel: ChannelId, path: &str) -> ExchangeId {
        self.submit_as(channel, path, false, false)
    }

    pub fn submit_fresh(&mut self, channel: ChannelId, path: &str) -> ExchangeId {
        self.submit_as(channel, path, true, false)
    }

    pub fn submit_last(&mut self, channel: ChannelId, path: &str) -> ExchangeId {
        self.submit_as(channel, path, false, true)
    }

    fn submit_as(&mut self, channel: ChannelId, path: &str, fresh_connection: bool, closes: bool) -> ExchangeId {
        let id = ExchangeId(self.next);
        self.next += 1;
        let bytes = format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
        let submitted_ns = self.harness.now_ns();
        let request = Outgoing {
            bytes: bytes.as_bytes(),
            head_request: false,
            keep_location: false,
            keep_cookies: false,
            keep_response: false,
            fresh_connection,
            closes,
        };
        let submission = self.harness.transport().submit(id, channel, request);
        let mut known = Known {
            submitted_ns,
            started_ns: None,
        };
        if let Submission::Started { started_ns } = submission {
            assert!(started_ns >= submitted_ns && started_ns <= self.harness.now_ns());
            known.started_ns = Some(started_ns);
            self.started.push(id);
        }
        self.in_flight.insert(id.0, known);
        id
    }

    pub fn cancel(&mut self, id: ExchangeId) {
        let start = self.harness.transport().cancel(id);
        let untold = !self.started.contains(&id);
        assert!(start.is_none_or(|start| untold && matches!(start, Event::Started { exchange, .. } if exchange == id)));
        self.in_flight.remove(&id.0);
        self.cancelled.insert(id.0);
    }

    pub fn address_of(&mut self, id: ExchangeId) -> Option<Arc<str>> {
        self.harness.transport().address_of(id)
    }

    pub fn has_started(&self, id: ExchangeId) -> bool {
        self.started.contains(&id)
    }

    pub fn outcome(&self, id: ExchangeId) -> &Outcome {
        let found = self.ended.iter().find(|(ended, _)| *ended == id);
        &found.unwrap_or_else(|| panic!("{id:?} has not ended")).1
    }

    /// Takes one event, if there is one.
    pub fn take(&mut self) -> bool {
        let Some(event) = self.harness.transport().next() else {
            return false;
        };
        let (id, now_ns) = (event.exchange(), self.harness.now_ns());
        assert!(
            !self.cancelled.contains(&id.0),
            "{id:?} was cancelled, and then: {event:?}"
        );
        let known = self.in_flight.get_mut(&id.0);
        let known = known.unwrap_or_else(|| panic!("{id:?} is not in flight, and then: {event:?}"));
        match event {
            Event::Started {
                started_ns,
                waited_ns,
                opening,
                ..
            } => {
                assert_eq!(known.started_ns, None, "{id:?} starts once");
                assert!(started_ns >= known.submitted_ns && started_ns <= now_ns);
                let explained_ns = waited_ns + opening.map_or(0, |opening| opening.total_ns);
                assert!(
                    explained_ns <= started_ns - known.submitted_ns,
                    "a wait within the time it took"
                );
                known.started_ns = Some(started_ns);
                self.waited_ns.insert(id.0, waited_ns);
                self.started.push(id);
            }
            Event::Sample { ended_ns, .. } => {
                assert!(known.started_ns.is_some_and(|started_ns| started_ns <= ended_ns));
            }
            Event::Ended { outcome, .. } => {
                let begun_ns = known.started_ns.unwrap_or(known.submitted_ns);
                assert!(begun_ns <= outcome.first_byte_ns, "{outcome:?} began at {begun_ns}");
                assert!(outcome.first_byte_ns <= outcome.ended_ns && outcome.ended_ns <= now_ns);
                assert!(outcome.readable_ns <= outcome.ended_ns);
                assert!(outcome.failure.is_some() || (known.started_ns.is_some() && outcome.status != 0));
                self.in_flight.remove(&id.0);
                self.ended.push((id, outcome));
            }
        }
        true
    }

    /// Listens until `done`, at most for so many waits of 10 ms that a fault is certain.
    pub fn listen(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        for _ in 0..1_000 {
            while self.take() {}
            self.check_counters();
            if done(self) {
                return;
            }
            self.wait(10_000_000);
        }
        panic!("{what}: not within 1,000 waits; {} in flight", self.in_flight.len());
    }

    /// Listens until everything has ended.
    pub fn finish(&mut self) {
        self.listen("all end", |watch| watch.in_flight.is_empty());
        assert!(!self.take());
    }

    pub fn wait(&mut self, at_most_ns: u64) -> u64 {
        let before_ns = self.harness.now_ns();
        let returned_ns = self.harness.transport().wait(before_ns + at_most_ns);
        assert!(returned_ns >= before_ns && returned_ns <= self.harness.now_ns());
        returned_ns
    }

    pub fn counters(&mut self) -> TransportCounters {
        self.harness.transport().counters()
    }

    fn check_counters(&mut self) {
        let counters = self.counters();
        // `since` subtracts, and panics below 0: every figure only grows.
        let _ = counters.since(&self.counters);
        self.counters = counters;
        self.closed = counters.closed_by_peer + counters.closed_by_us;
        assert!(
            counters.closed_by_peer + counters.closed_by_us <= counters.connections_opened,
            "{counters:?}"
        );
        assert!(counters.sends >= self.started.len() as u64, "{counters:?}");
        let opened: u64 = self
            .harness
            .transport()
            .connections_by_address(HostIndex(0))
            .iter()
            .sum();
        assert_eq!(opened, counters.connections_opened);
    }

    /// Whether an exchange ended as one does that met a closed connection.
    pub fn met_a_closed_connection(&self, id: ExchangeId) -> bool {
        matches!(self.outcome(id).failure, Some(Failure::TcpClosed | Failure::TcpReset))
    }
}
