//! The sums of intervals, and the equations that they must satisfy.

use apibench_core::phase::Phase;
use apibench_histogram::Histogram;
use apibench_histogram::interval::{Interval, SeriesCounts};

/// One histogram over all intervals and series.
pub fn over_all(intervals: &[Interval], of: impl Fn(&SeriesCounts) -> &Histogram) -> Histogram {
    let mut total = Histogram::default();
    for counts in intervals.iter().flat_map(|interval| interval.series.values()) {
        total.merge(of(counts));
    }
    total
}

/// Sums over intervals, of one phase or of both.
#[derive(Debug, Default, PartialEq, Eq, Clone)]
pub struct Sums {
    pub offered: u64,
    pub iterations_started: u64,
    pub iterations_ok: u64,
    pub iterations_failed: u64,
    pub iterations_unfinished: u64,
    pub dropped_cap: u64,
    pub dropped_deadline: u64,
    pub dropped_ended: u64,
    pub dropped_dry: u64,
    pub started: u64,
    pub ok: u64,
    pub failed: u64,
    pub unfinished: u64,
    pub stale_retries: u64,
}

impl Sums {
    pub fn of<'a>(intervals: impl IntoIterator<Item = &'a Interval>, phases: &[Phase]) -> Self {
        let mut sums = Self::default();
        for interval in intervals {
            for ((_, phase), counts) in &interval.scenarios {
                if phases.contains(phase) {
                    sums.offered += counts.offered;
                    sums.iterations_started += counts.started;
                    sums.iterations_ok += counts.ok;
                    sums.iterations_failed += counts.failed;
                    sums.iterations_unfinished += counts.unfinished;
                    sums.dropped_cap += counts.dropped_cap;
                    sums.dropped_deadline += counts.dropped_deadline;
                    sums.dropped_ended += counts.dropped_ended;
                    sums.dropped_dry += counts.dropped_dry;
                }
            }
            for ((_, phase), counts) in &interval.series {
                if phases.contains(phase) {
                    sums.started += counts.started;
                    sums.ok += counts.ok;
                    sums.failed += counts.failed;
                    sums.unfinished += counts.unfinished;
                    sums.stale_retries += counts.stale_retries;
                }
            }
        }
        sums
    }

    pub fn dropped(&self) -> u64 {
        self.dropped_cap + self.dropped_deadline + self.dropped_ended + self.dropped_dry
    }
}

/// The equations that every run must satisfy, interval by interval and as a whole. What was waiting and in flight
/// at each seal was counted by a walk over what was really there, so the sums are held against something.
pub fn check_equations(intervals: &[Interval]) {
    let (mut waiting, mut in_flight, mut opening) = (0_i128, 0_i128, 0_i128);
    let mut end_ns = 0;
    for interval in intervals {
        assert_eq!(interval.start_ns, end_ns, "intervals follow one another without a gap");
        end_ns = interval.end_ns;
        let sums = Sums::of([interval], &Phase::ALL);
        waiting += i128::from(sums.offered) - i128::from(sums.iterations_started) - i128::from(sums.dropped());
        let waits: u64 = interval.scenarios.values().map(|counts| counts.waiting).sum();
        assert_eq!(
            waiting,
            i128::from(waits),
            "offered = started + dropped + waiting, at {end_ns}"
        );
        let open: u64 = interval.series.values().map(|counts| counts.opening).sum();
        in_flight += i128::from(sums.started) - i128::from(sums.ok + sums.failed + sums.unfinished);
        let flying: u64 = interval.series.values().map(|counts| counts.in_flight).sum();
        assert_eq!(
            in_flight,
            i128::from(flying),
            "in_flight' = in_flight + started - ended, at {end_ns}"
        );
        opening = i128::from(open);
        for counts in interval.series.values() {
            assert_eq!(
                counts.by_failure.iter().sum::<u64>(),
                counts.failed,
                "by_error sums to failed"
            );
            let censored = counts.response.censored();
            assert!(counts.response.count() >= counts.ok && censored <= counts.response.count());
        }
    }
    assert_eq!((waiting, in_flight, opening), (0, 0, 0), "nothing is left over");
    intervals.iter().for_each(check_slowest);
    let sums = Sums::of(intervals, &Phase::ALL);
    assert_eq!(sums.offered, sums.iterations_started + sums.dropped());
    assert_eq!(
        sums.iterations_started,
        sums.iterations_ok + sums.iterations_failed + sums.iterations_unfinished
    );
    assert_eq!(sums.started, sums.ok + sums.failed + sums.unfinished);
    let responses: u64 = intervals
        .iter()
        .flat_map(|interval| interval.series.values())
        .map(|counts| counts.response.count())
        .sum();
    let censored: u64 = intervals
        .iter()
        .flat_map(|interval| interval.series.values())
        .map(|counts| counts.response.censored())
        .sum();
    assert_eq!(
        responses,
        sums.ok + censored,
        "the headline holds ok and lower bounds, and nothing else"
    );
}

/// Of each of the slowest all of its time is explained, and it is one of those that the histograms hold.
fn check_slowest(interval: &Interval) {
    for slow in interval.slowest.as_slice() {
        if let Some(service_ns) = slow.service_ns {
            let opening_ns = slow.opening.map_or(0, |opening| opening.total_ns);
            let before_ns = slow.schedule_lag_ns + slow.connection_wait_ns + opening_ns;
            assert_eq!(slow.response_ns, before_ns + service_ns, "{slow:?}");
            assert!(
                slow.first_byte_ns
                    .is_none_or(|first_byte_ns| first_byte_ns <= service_ns)
            );
        }
        assert!(
            interval.start_ns <= slow.at_ns && slow.at_ns <= interval.end_ns,
            "{slow:?}"
        );
        let counts = &interval.series[&(slow.series, Phase::Main)];
        assert!(counts.response.max_ns() >= Some(slow.response_ns));
        let lower_bound = slow.unfinished || slow.error.is_some();
        assert!(if lower_bound {
            counts.response.censored() > 0
        } else {
            counts.ok > 0
        });
    }
}
