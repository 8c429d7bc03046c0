//! The recorder behind the seam: counts and histograms of the present second, handed over when it is sealed.
//!
//! One per thread; nothing is shared while requests run. Sealing moves the whole second out and goes on with
//! empty counts that an earlier second left behind, so that in the steady state nothing is allocated.

use std::sync::{Arc, Mutex};

use apibench_core::phase::Phase;
use apibench_core::recorder::{
    CheckIndex, DriverCounters, DropReason, GroupIndex, IterationEnd, Pending, Recorder, RequestEnd, RequestStart,
    ScenarioIndex, SeriesIndex,
};
use apibench_core::slow::SlowRequest;
use apibench_core::transport::TransportCounters;

use crate::PagePool;
use crate::groups::GroupCounts;
use crate::interval::{Interval, ScenarioCounts, SeriesCounts};
use crate::slowest::SlowestSoFar;

/// Counts that were read and cleared, to be used again. Shared by those who record and those who read.
#[derive(Debug, Clone, Default)]
pub struct Spares {
    counts: Arc<Mutex<Vec<Box<SeriesCounts>>>>,
}

impl Spares {
    /// Most that are kept: 50 series in two phases on a few threads, and the interval that is being read.
    const KEPT: usize = 256;

    /// Takes an interval's counts back when it has been read.
    pub fn give_back(&self, interval: Interval) {
        let cleared: Vec<_> = interval
            .series
            .into_values()
            .map(|mut counts| {
                counts.clear();
                counts
            })
            .collect();
        if let Ok(mut spares) = self.counts.lock() {
            let room = Self::KEPT.saturating_sub(spares.len());
            spares.extend(cleared.into_iter().take(room));
        }
    }

    /// Never waits: who finds the lock taken makes new counts.
    fn take(&self, pool: &PagePool) -> Box<SeriesCounts> {
        let spare = self.counts.try_lock().ok().and_then(|mut spares| spares.pop());
        spare.unwrap_or_else(|| Box::new(SeriesCounts::new(pool)))
    }
}

/// Records one thread's events and hands over each sealed second.
pub struct IntervalRecorder<S: FnMut(Interval)> {
    sink: S,
    pool: PagePool,
    spares: Spares,
    start_ns: u64,
    /// As it stood at the last seal.
    transport: TransportCounters,
    /// By scenario, two phases each.
    scenarios: Vec<Option<ScenarioCounts>>,
    /// By series, two phases each.
    series: Vec<Option<Box<SeriesCounts>>>,
    /// By group, two phases each; as many as something has happened in.
    groups: Vec<Option<GroupCounts>>,
    slowest: SlowestSoFar,
}

impl<S: FnMut(Interval)> IntervalRecorder<S> {
    /// A recorder for so many scenarios and series. `sink` is called at each seal and must not wait.
    pub fn new(scenarios: usize, series: usize, pool: &PagePool, spares: &Spares, sink: S) -> Self {
        Self {
            sink,
            pool: pool.clone(),
            spares: spares.clone(),
            start_ns: 0,
            transport: TransportCounters::default(),
            scenarios: std::iter::repeat_with(|| None).take(scenarios * Phase::COUNT).collect(),
            series: std::iter::repeat_with(|| None).take(series * Phase::COUNT).collect(),
            groups: Vec::new(),
            slowest: SlowestSoFar::default(),
        }
    }

    #[inline]
    fn scenario(&mut self, scenario: ScenarioIndex, phase: Phase) -> &mut ScenarioCounts {
        let place = scenario.0 as usize * Phase::COUNT + phase as usize;
        self.scenarios[place].get_or_insert_with(|| ScenarioCounts::new(&self.pool))
    }

    #[inline]
    fn series(&mut self, series: SeriesIndex, phase: Phase) -> &mut SeriesCounts {
        let place = series.0 as usize * Phase::COUNT + phase as usize;
        self.series[place].get_or_insert_with(|| self.spares.take(&self.pool))
    }

    #[inline]
    fn group(&mut self, group: GroupIndex, phase: Phase) -> &mut GroupCounts {
        let place = group.0 as usize * Phase::COUNT + phase as usize;
        if place >= self.groups.len() {
            self.groups.resize_with(place + 1, || None);
        }
        self.groups[place].get_or_insert_with(|| GroupCounts::new(&self.pool))
    }
}

impl<S: FnMut(Interval)> Recorder for IntervalRecorder<S> {
    fn offered(&mut self, scenario: ScenarioIndex, phase: Phase, count: u64) {
        self.scenario(scenario, phase).offered += count;
    }

    fn dropped(
        &mut self,
        scenario: ScenarioIndex,
        phase: Phase,
        reason: DropReason,
        first: SeriesIndex,
        age_ns: u64,
        count: u64,
    ) {
        let counts = self.scenario(scenario, phase);
        match reason {
            DropReason::Cap => counts.dropped_cap += count,
            DropReason::Deadline => counts.dropped_deadline += count,
            DropReason::Dry => counts.dropped_dry += count,
            DropReason::Ended => {
                counts.dropped_ended += count;
                // Who waited in vain until the end felt at least that; to leave it out would flatter the target.
                counts.time.record_censored_n(age_ns, count);
                self.series(first, phase).response.record_censored_n(age_ns, count);
            }
        }
    }

    #[inline]
    fn iteration_started(&mut self, scenario: ScenarioIndex, phase: Phase) {
        self.scenario(scenario, phase).started += 1;
    }

    #[inline]
    fn iteration_ended(&mut self, scenario: ScenarioIndex, phase: Phase, end: IterationEnd, time_ns: u64) {
        let counts = self.scenario(scenario, phase);
        match end {
            IterationEnd::Ok => {
                counts.ok += 1;
                counts.time.record(time_ns);
            }
            IterationEnd::Failed => {
                // It broke off somewhere: as a time it would be the best of all.
                counts.failed += 1;
            }
            IterationEnd::TimedOut => {
                counts.failed += 1;
                counts.time.record_censored(time_ns);
            }
            IterationEnd::Unfinished => {
                counts.unfinished += 1;
                counts.time.record_censored(time_ns);
            }
        }
    }

    #[inline]
    fn checked(&mut self, scenario: ScenarioIndex, phase: Phase, check: CheckIndex, passed: bool) {
        self.scenario(scenario, phase).checks.count(check, passed);
    }

    #[inline]
    fn group_ended(&mut self, group: GroupIndex, phase: Phase, end: IterationEnd, time_ns: u64) {
        self.group(group, phase).count(end, time_ns);
    }

    fn group_pending(&mut self, group: GroupIndex, phase: Phase, age_ns: u64) {
        self.group(group, phase).pending.record(age_ns);
    }

    fn python_called(&mut self, scenario: ScenarioIndex, phase: Phase, wait_ns: u64, time_ns: u64) {
        let counts = self.scenario(scenario, phase);
        counts.python_wait.record(wait_ns);
        counts.python_time.record(time_ns);
    }

    fn python_given_up(&mut self, scenario: ScenarioIndex, phase: Phase, age_ns: u64, begun: bool) {
        let counts = self.scenario(scenario, phase);
        let times = if begun {
            &mut counts.python_time
        } else {
            &mut counts.python_wait
        };
        times.record_censored(age_ns);
    }

    #[inline]
    fn request_started(&mut self, start: &RequestStart) {
        let counts = self.series(start.series, start.phase);
        counts.started += 1;
        counts.schedule_lag.record(start.schedule_lag_ns);
        counts.connection_wait.record(start.connection_wait_ns);
        if let Some(opening) = start.opening {
            counts.connection_opening.record(opening.total_ns);
            counts.connect.record(opening.connect_ns);
            if opening.dns_ns > 0 {
                counts.dns.record(opening.dns_ns);
            }
            if opening.tls_ns > 0 {
                counts.tls.record(opening.tls_ns);
            }
        }
    }

    fn stale_retry(&mut self, series: SeriesIndex, phase: Phase) {
        self.series(series, phase).stale_retries += 1;
    }

    #[inline]
    fn request_ended(&mut self, end: &RequestEnd) {
        let counts = self.series(end.series, end.phase);
        counts.sent_bytes += end.sent_bytes;
        counts.received_bytes += end.received_bytes;
        if end.status != 0 {
            counts.count_status(end.status, 1);
        }
        match end.failure {
            None => {
                counts.ok += 1;
                counts.response.record(end.response_ns);
                counts.service.record(end.service_ns);
                counts.first_byte.record(end.first_byte_ns);
                counts.receive_lag.record(end.receive_lag_ns);
            }
            Some(failure) => {
                counts.failed += 1;
                counts.by_failure[failure as usize] += 1;
                if failure.is_censored() {
                    counts.response.record_censored(end.response_ns);
                    counts.service.record_censored(end.service_ns);
                } else {
                    counts.failed_time.record(end.response_ns);
                }
            }
        }
    }

    fn request_unfinished(&mut self, series: SeriesIndex, phase: Phase, response_ns: u64, service_ns: Option<u64>) {
        let counts = self.series(series, phase);
        counts.unfinished += 1;
        counts.response.record_censored(response_ns);
        if let Some(service_ns) = service_ns {
            counts.service.record_censored(service_ns);
        }
    }

    #[inline]
    fn is_slow(&self, phase: Phase, response_ns: u64) -> bool {
        phase == Phase::Main && self.slowest.has_room_for(response_ns)
    }

    fn slow(&mut self, request: SlowRequest) {
        self.slowest.insert(request);
    }

    fn pending(
        &mut self,
        scenario: ScenarioIndex,
        series: SeriesIndex,
        phase: Phase,
        pending: Pending,
        age_ns: u64,
        count: u64,
    ) {
        if pending == Pending::Waiting {
            self.scenario(scenario, phase).waiting += count;
        }
        let counts = self.series(series, phase);
        counts.pending.record_n(age_ns, count);
        match pending {
            Pending::Waiting => {}
            Pending::Opening => counts.opening += count,
            Pending::InFlight => counts.in_flight += count,
        }
    }

    fn seal(&mut self, end_ns: u64, transport: &TransportCounters, driver: &DriverCounters) {
        let done = transport.since(&self.transport);
        self.transport = *transport;
        let mut interval = Interval {
            start_ns: self.start_ns,
            end_ns,
            transport: done,
            driver: *driver,
            slowest: self.slowest.tell(),
            ..Interval::default()
        };
        for (place, counts) in self.scenarios.iter_mut().enumerate() {
            if let Some(counts) = counts.take() {
                let scenario = ScenarioIndex((place / Phase::COUNT) as u16);
                interval
                    .scenarios
                    .insert((scenario, Phase::ALL[place % Phase::COUNT]), counts);
            }
        }
        for (place, counts) in self.series.iter_mut().enumerate() {
            if let Some(counts) = counts.take() {
                let series = SeriesIndex((place / Phase::COUNT) as u16);
                interval
                    .series
                    .insert((series, Phase::ALL[place % Phase::COUNT]), counts);
            }
        }
        for (place, counts) in self.groups.iter_mut().enumerate() {
            if let Some(counts) = counts.take() {
                let group = GroupIndex((place / Phase::COUNT) as u16);
                interval
                    .groups
                    .insert((group, Phase::ALL[place % Phase::COUNT]), counts);
            }
        }
        self.start_ns = end_ns;
        (self.sink)(interval);
    }
}
