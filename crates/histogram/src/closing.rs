//! What is worked out about intervals after they were measured: parts of them, and the closing of a dead worker's books.

use std::collections::BTreeSet;

use apibench_core::phase::Phase;
use apibench_core::recorder::ScenarioIndex;

use crate::PagePool;
use crate::groups::GroupCounts;
use crate::histogram::{Histogram, MAX_COUNT};
use crate::interval::{Interval, ScenarioCounts, SeriesCounts};

/// Whether histograms can hold others too, each that of its place.
fn have_room(own: &[(&str, &Histogram)], more: &[(&str, &Histogram)]) -> bool {
    own.iter().zip(more).all(|((_, own), (_, more))| fits(own, more))
}

fn fits(own: &Histogram, more: &Histogram) -> bool {
    own.count().saturating_add(more.count()) <= MAX_COUNT
}

impl Interval {
    /// Whether nothing has been put into it.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.end_ns == 0
            && self.cpu_ns == 0
            && self.transport == Default::default()
            && self.driver == Default::default()
            && self.scenarios.is_empty()
            && self.series.is_empty()
            && self.groups.is_empty()
            && self.slowest.as_slice().is_empty()
    }

    /// Whether its histograms can hold those of `other` too. They always can, unless somebody sends nonsense.
    #[must_use]
    pub fn has_room_for(&self, other: &Self) -> bool {
        let scenarios = other.scenarios.iter().all(|(key, counts)| {
            let own = self.scenarios.get(key);
            own.is_none_or(|own| have_room(&own.histograms(), &counts.histograms()))
        });
        let series = other.series.iter().all(|(key, counts)| {
            let own = self.series.get(key);
            own.is_none_or(|own| have_room(&own.histograms(), &counts.histograms()))
        });
        let groups = other.groups.iter().all(|(key, counts)| {
            self.groups.get(key).is_none_or(|own| {
                let mut pairs = own.histograms().into_iter().zip(counts.histograms());
                pairs.all(|(own, more)| fits(own, more))
            })
        });
        scenarios && series && groups
    }

    /// Forgets what was waiting, opening or in flight at its end: that does not add up over time.
    pub fn clear_pending(&mut self) {
        for counts in self.scenarios.values_mut() {
            counts.waiting = 0;
        }
        for counts in self.series.values_mut() {
            counts.in_flight = 0;
            counts.opening = 0;
            counts.pending.clear();
        }
        for counts in self.groups.values_mut() {
            counts.pending.clear();
        }
    }

    /// The same stretch, with these series of it and nothing else: what the generator did, iterations and groups of steps
    /// are of no series.
    #[must_use]
    pub fn only(&self, series: &BTreeSet<u16>, pool: &PagePool) -> Self {
        let mut part = Self {
            start_ns: self.start_ns,
            end_ns: self.end_ns,
            slowest: self.slowest.only(|request| series.contains(&request.series.0)),
            ..Self::default()
        };
        for (key, counts) in self.series.iter().filter(|((number, _), _)| series.contains(&number.0)) {
            part.series.insert(*key, Box::new(counts.copy(pool)));
        }
        part
    }

    /// The interval without length after the last of a worker that died: all that was in flight or opening has become
    /// unfinished, as have the groups of steps that somebody was in, and what `iterations` tells of scenarios.
    ///
    /// The ages in `pending`, at the death, are lower bounds of response times. Among them are those that waited for a
    /// virtual user, as in a run that ends while they wait. Of service times and of iterations no age is known.
    #[must_use]
    pub fn unfinished_of_pending(&self, iterations: &[(ScenarioIndex, Phase, u64)], pool: &PagePool) -> Self {
        let mut closing = Self {
            start_ns: self.end_ns,
            end_ns: self.end_ns,
            ..Self::default()
        };
        for (key, pending) in &self.series {
            if pending.in_flight + pending.opening == 0 && pending.pending.is_empty() {
                continue;
            }
            let mut counts = Box::new(SeriesCounts::new(pool));
            // Given up before its first byte went out, a request counts as started all the same.
            counts.started = pending.opening;
            counts.unfinished = pending.in_flight.saturating_add(pending.opening);
            counts.response.merge_as_censored(&pending.pending);
            closing.series.insert(*key, counts);
        }
        for (key, pending) in self.groups.iter().filter(|(_, counts)| !counts.pending.is_empty()) {
            let mut counts = GroupCounts::new(pool);
            counts.unfinished = pending.pending.count();
            counts.time.merge_as_censored(&pending.pending);
            closing.groups.insert(*key, counts);
        }
        for (scenario, phase, count) in iterations.iter().filter(|(_, _, count)| *count > 0) {
            closing.scenario_mut(*scenario, *phase, pool).unfinished += count;
        }
        closing
    }

    /// Counts iterations as lost; `unreported` of them their worker had not even counted as offered.
    pub fn add_lost(&mut self, scenario: ScenarioIndex, phase: Phase, count: u64, unreported: u64, pool: &PagePool) {
        let counts = self.scenario_mut(scenario, phase, pool);
        counts.lost = counts.lost.saturating_add(count);
        counts.offered = counts.offered.saturating_add(unreported);
    }

    fn scenario_mut(&mut self, scenario: ScenarioIndex, phase: Phase, pool: &PagePool) -> &mut ScenarioCounts {
        let counts = self.scenarios.entry((scenario, phase));
        counts.or_insert_with(|| ScenarioCounts::new(pool))
    }
}
