//! One sealed stretch of a run, a second as a rule: what was counted and timed in it.
//!
//! Intervals of the same stretch from several threads add up to one by [`Interval::merge`]. Nothing in it is an
//! average or a percentile.

use std::collections::BTreeMap;

use apibench_core::failure::Failure;
use apibench_core::phase::Phase;
use apibench_core::recorder::{DriverCounters, GroupIndex, ScenarioIndex, SeriesIndex};
use apibench_core::transport::TransportCounters;

use crate::checks::CheckCounts;
use crate::groups::GroupCounts;
use crate::slowest::Slowest;
use crate::{Histogram, PagePool};

/// What happened between two seals.
#[derive(Debug, Default)]
pub struct Interval {
    /// After the barrier.
    pub start_ns: u64,
    /// After the barrier; not before `start_ns`.
    pub end_ns: u64,
    /// What the transports did.
    pub transport: TransportCounters,
    /// What the loops failed to do. A gap of several threads is that of the worst.
    pub driver: DriverCounters,
    /// Processor time that the threads of the load used.
    pub cpu_ns: u64,
    /// Of those scenarios and phases in which anything happened.
    pub scenarios: BTreeMap<(ScenarioIndex, Phase), ScenarioCounts>,
    /// Of those series and phases in which anything happened.
    pub series: BTreeMap<(SeriesIndex, Phase), Box<SeriesCounts>>,
    /// Of those groups of steps and phases in which anything happened.
    pub groups: BTreeMap<(GroupIndex, Phase), GroupCounts>,
    /// Of those that ended in it and were intended after the warm-up.
    pub slowest: Slowest,
}

/// Iterations of one scenario and phase. Each falls into the interval of its own event.
#[derive(Debug, Default)]
pub struct ScenarioCounts {
    /// Fell due.
    pub offered: u64,
    /// Started.
    pub started: u64,
    /// Ended with every request ok.
    pub ok: u64,
    /// Ended with a failed request.
    pub failed: u64,
    /// Cut off by the end of the drain or a stop.
    pub unfinished: u64,
    /// Dropped because no virtual user was free and no more might wait.
    pub dropped_cap: u64,
    /// Dropped because they had waited too long.
    pub dropped_deadline: u64,
    /// Dropped because they still waited when the drain ended.
    pub dropped_ended: u64,
    /// Dropped because no row was left for them, where their load ended.
    pub dropped_dry: u64,
    /// Its worker died. An engine counts none: whoever adds up works them out from the plan.
    pub lost: u64,
    /// Due and not started at the end of the interval.
    pub waiting: u64,
    /// From intended to ended: ok ones, and lower bounds of those that timed out, were cut off or never started.
    pub time: Histogram,
    /// What its checks came to.
    pub checks: CheckCounts,
    /// What its virtual users waited for functions of Python, without the time that these took; lower bounds of those that
    /// no process had taken when their iterations were cut off.
    pub python_wait: Histogram,
    /// How long those functions took; lower bounds of those that came to no end of their own.
    pub python_time: Histogram,
}

/// Requests of one series and phase. Each falls into the interval of its own event.
#[derive(Debug)]
pub struct SeriesCounts {
    /// First byte handed to the kernel; or failed before that, or cut off before that after its iteration had started.
    pub started: u64,
    /// Complete, and as expected.
    pub ok: u64,
    /// Ended otherwise.
    pub failed: u64,
    /// Cut off by the end of the drain.
    pub unfinished: u64,
    /// Sent once more after a connection turned out to be closed.
    pub stale_retries: u64,
    /// Started and not ended at the end of the interval.
    pub in_flight: u64,
    /// Submitted and not started at the end of the interval.
    pub opening: u64,
    /// By HTTP status, of complete responses.
    pub by_status: Vec<(u16, u64)>,
    /// By [`Failure`]; adds up to `failed`, together with `by_new_name`.
    pub by_failure: [u64; Failure::COUNT],
    /// Under error names that only a newer engine knows, whose counts came over the wire. Empty in this engine's own.
    pub by_new_name: BTreeMap<Box<str>, u64>,
    /// Handed to the kernel.
    pub sent_bytes: u64,
    /// Taken from the kernel.
    pub received_bytes: u64,
    /// Ended less intended: ok ones, and lower bounds of those that timed out, were cut off or never started.
    pub response: Histogram,
    /// Ended less started, likewise; of those that timed out or were cut off while a connection of their own was being
    /// opened, their age since that began.
    pub service: Histogram,
    /// Ended less intended of the other failed ones.
    pub failed_time: Histogram,
    /// First byte received less started.
    pub first_byte: Histogram,
    /// Our loop was late.
    pub schedule_lag: Histogram,
    /// No virtual user, connection or stream was free.
    pub connection_wait: Histogram,
    /// A connection was opened: all of it.
    pub connection_opening: Histogram,
    /// Of that, the connecting.
    pub connect: Histogram,
    /// Of that, the look-up of the name.
    pub dns: Histogram,
    /// Of that, the TLS handshake.
    pub tls: Histogram,
    /// Readable to read.
    pub receive_lag: Histogram,
    /// The ages, at the end of the interval, of what was in flight or waited.
    pub pending: Histogram,
}

impl ScenarioCounts {
    /// Nothing yet.
    #[cold]
    #[must_use]
    pub fn new(pool: &PagePool) -> Self {
        Self {
            offered: 0,
            started: 0,
            ok: 0,
            failed: 0,
            unfinished: 0,
            dropped_cap: 0,
            dropped_deadline: 0,
            dropped_ended: 0,
            dropped_dry: 0,
            lost: 0,
            waiting: 0,
            time: Histogram::new(pool),
            checks: CheckCounts::default(),
            python_wait: Histogram::new(pool),
            python_time: Histogram::new(pool),
        }
    }

    /// Its histograms, each by the name under which results show it.
    #[must_use]
    pub fn histograms(&self) -> [(&'static str, &Histogram); 3] {
        [
            ("time", &self.time),
            ("python_wait", &self.python_wait),
            ("python_time", &self.python_time),
        ]
    }

    pub(crate) fn histograms_mut(&mut self) -> [&mut Histogram; 3] {
        [&mut self.time, &mut self.python_wait, &mut self.python_time]
    }

    fn merge(&mut self, other: &Self) {
        add(&mut self.offered, other.offered);
        add(&mut self.started, other.started);
        add(&mut self.ok, other.ok);
        add(&mut self.failed, other.failed);
        add(&mut self.unfinished, other.unfinished);
        add(&mut self.dropped_cap, other.dropped_cap);
        add(&mut self.dropped_deadline, other.dropped_deadline);
        add(&mut self.dropped_ended, other.dropped_ended);
        add(&mut self.dropped_dry, other.dropped_dry);
        add(&mut self.lost, other.lost);
        add(&mut self.waiting, other.waiting);
        for (own, (_, histogram)) in self.histograms_mut().into_iter().zip(other.histograms()) {
            own.merge(histogram);
        }
        self.checks.merge(&other.checks);
    }
}

impl SeriesCounts {
    /// Nothing yet.
    #[must_use]
    pub fn new(pool: &PagePool) -> Self {
        let histogram = || Histogram::new(pool);
        Self {
            started: 0,
            ok: 0,
            failed: 0,
            unfinished: 0,
            stale_retries: 0,
            in_flight: 0,
            opening: 0,
            by_status: Vec::with_capacity(8),
            by_failure: [0; Failure::COUNT],
            by_new_name: BTreeMap::new(),
            sent_bytes: 0,
            received_bytes: 0,
            response: histogram(),
            service: histogram(),
            failed_time: histogram(),
            first_byte: histogram(),
            schedule_lag: histogram(),
            connection_wait: histogram(),
            connection_opening: histogram(),
            connect: histogram(),
            dns: histogram(),
            tls: histogram(),
            receive_lag: histogram(),
            pending: histogram(),
        }
    }

    /// Its histograms, each by the name under which results show it.
    #[must_use]
    pub fn histograms(&self) -> [(&'static str, &Histogram); 12] {
        [
            ("response_time", &self.response),
            ("service_time", &self.service),
            ("failed_time", &self.failed_time),
            ("first_byte", &self.first_byte),
            ("schedule_lag", &self.schedule_lag),
            ("connection_wait", &self.connection_wait),
            ("connection_opening", &self.connection_opening),
            ("connect", &self.connect),
            ("dns", &self.dns),
            ("tls", &self.tls),
            ("receive_lag", &self.receive_lag),
            ("pending", &self.pending),
        ]
    }

    /// How many failed under each error name, of those under which any did, by name.
    #[must_use]
    pub fn errors(&self) -> BTreeMap<&str, u64> {
        let known = Failure::ALL.iter().zip(self.by_failure);
        let known = known.map(|(failure, count)| (failure.name(), count));
        let newer = self.by_new_name.iter().map(|(name, count)| (&**name, *count));
        known.chain(newer).filter(|(_, count)| *count > 0).collect()
    }

    pub(crate) fn histograms_mut(&mut self) -> [&mut Histogram; 12] {
        [
            &mut self.response,
            &mut self.service,
            &mut self.failed_time,
            &mut self.first_byte,
            &mut self.schedule_lag,
            &mut self.connection_wait,
            &mut self.connection_opening,
            &mut self.connect,
            &mut self.dns,
            &mut self.tls,
            &mut self.receive_lag,
            &mut self.pending,
        ]
    }

    /// One more response of this status. Few statuses occur, the common one first, so a search from the front
    /// costs less than a table.
    #[inline]
    pub(crate) fn count_status(&mut self, status: u16, count: u64) {
        match self.by_status.iter_mut().find(|(known, _)| *known == status) {
            Some((_, known)) => add(known, count),
            None => self.by_status.push((status, count)),
        }
    }

    /// The same counts, in pages of their own.
    pub(crate) fn copy(&self, pool: &PagePool) -> Self {
        let mut copy = Self::new(pool);
        copy.merge(self);
        copy
    }

    /// Back to nothing, keeping what is allocated. Its pages go back to their pool.
    pub fn clear(&mut self) {
        self.started = 0;
        self.ok = 0;
        self.failed = 0;
        self.unfinished = 0;
        self.stale_retries = 0;
        self.in_flight = 0;
        self.opening = 0;
        self.by_status.clear();
        self.by_failure = [0; Failure::COUNT];
        self.by_new_name.clear();
        self.sent_bytes = 0;
        self.received_bytes = 0;
        for histogram in self.histograms_mut() {
            histogram.clear();
        }
    }

    fn merge(&mut self, other: &Self) {
        add(&mut self.started, other.started);
        add(&mut self.ok, other.ok);
        add(&mut self.failed, other.failed);
        add(&mut self.unfinished, other.unfinished);
        add(&mut self.stale_retries, other.stale_retries);
        add(&mut self.in_flight, other.in_flight);
        add(&mut self.opening, other.opening);
        for (status, count) in &other.by_status {
            self.count_status(*status, *count);
        }
        for (own, count) in self.by_failure.iter_mut().zip(other.by_failure) {
            add(own, count);
        }
        for (name, count) in &other.by_new_name {
            add(self.by_new_name.entry(name.clone()).or_default(), *count);
        }
        add(&mut self.sent_bytes, other.sent_bytes);
        add(&mut self.received_bytes, other.received_bytes);
        for (own, (_, histogram)) in self.histograms_mut().into_iter().zip(other.histograms()) {
            own.merge(histogram);
        }
    }
}

impl Interval {
    /// Adds what another thread counted in the same stretch. What was waiting or in flight adds up too, so this
    /// is not for neighbours in time.
    pub fn merge(&mut self, other: Self) {
        self.merge_totals(&other);
        for (key, counts) in other.scenarios {
            match self.scenarios.get_mut(&key) {
                Some(own) => own.merge(&counts),
                None => {
                    self.scenarios.insert(key, counts);
                }
            }
        }
        for (key, counts) in other.series {
            match self.series.get_mut(&key) {
                Some(own) => own.merge(&counts),
                None => {
                    self.series.insert(key, counts);
                }
            }
        }
        for (key, counts) in other.groups {
            match self.groups.get_mut(&key) {
                Some(own) => own.merge(&counts),
                None => {
                    self.groups.insert(key, counts);
                }
            }
        }
    }

    /// The same, of an interval that somebody else still needs.
    pub fn merge_from(&mut self, other: &Self, pool: &PagePool) {
        self.merge_totals(other);
        for (key, counts) in &other.scenarios {
            let own = self.scenarios.entry(*key);
            own.or_insert_with(|| ScenarioCounts::new(pool)).merge(counts);
        }
        for (key, counts) in &other.series {
            let own = self.series.entry(*key);
            own.or_insert_with(|| Box::new(SeriesCounts::new(pool))).merge(counts);
        }
        for (key, counts) in &other.groups {
            let own = self.groups.entry(*key);
            own.or_insert_with(|| GroupCounts::new(pool)).merge(counts);
        }
    }

    fn merge_totals(&mut self, other: &Self) {
        self.start_ns = self.start_ns.min(other.start_ns);
        self.end_ns = self.end_ns.max(other.end_ns);
        self.transport.add(&other.transport);
        self.driver.longest_gap_ns = self.driver.longest_gap_ns.max(other.driver.longest_gap_ns);
        add(&mut self.driver.unstarted, other.driver.unstarted);
        add(&mut self.driver.unsent, other.driver.unsent);
        add(&mut self.cpu_ns, other.cpu_ns);
        self.slowest.merge(&other.slowest);
    }
}

/// What comes from other machines may be any number; a sum that does not fit shows as one that can't be true.
fn add(sum: &mut u64, more: u64) {
    *sum = sum.saturating_add(more);
}
