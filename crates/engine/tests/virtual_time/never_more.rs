//! Never more than asked: at no moment have more iterations started than were due by then, and what is offered is
//! exactly what the rate says.

use crate::support::plans::{PATIENT, open, plan, request};
use crate::support::runs::{Sealed, drive, measure, prompt};
use crate::support::sums::{Sums, check_equations};
use crate::support::{BARRIER, MS, S};
use apibench_core::clock::{Clock as _, ManualClock};
use apibench_core::fake_target::{End, FakeHost, FakeTarget, Ownership};
use apibench_core::phase::Phase;
use apibench_core::plan::{Arrivals, Load, Plan, Rate, RateStage};
use apibench_core::recorder::{
    CheckIndex, DriverCounters, DropReason, GroupIndex, IterationEnd, Pending, Recorder, RequestEnd, RequestStart,
    ScenarioIndex, SeriesIndex,
};
use apibench_core::schedule::random::{draw, open_unit};
use apibench_core::schedule::rate_profile::RateProfile;
use apibench_core::schedule::{Extent, OpenSchedule, Schedule as _};
use apibench_core::segment::Share;
use apibench_core::slow::SlowRequest;
use apibench_core::transport::TransportCounters;
use proptest::prelude::*;

/// Passes everything on, and holds each start and each offer against the moments at which iterations are due.
struct Watched<R> {
    inner: R,
    clock: ManualClock,
    due_ns: Vec<u64>,
    started: usize,
    offered: usize,
}

impl<R> Watched<R> {
    fn due_by_now(&self) -> usize {
        let now_ns = self.clock.now_ns() - BARRIER;
        self.due_ns.partition_point(|due_ns| *due_ns <= now_ns)
    }
}

impl<R: Recorder> Recorder for Watched<R> {
    fn offered(&mut self, scenario: ScenarioIndex, phase: Phase, count: u64) {
        self.offered += count as usize;
        assert!(self.offered <= self.due_by_now(), "offered before it was due");
        self.inner.offered(scenario, phase, count);
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
        self.inner.dropped(scenario, phase, reason, first, age_ns, count);
    }
    fn iteration_started(&mut self, scenario: ScenarioIndex, phase: Phase) {
        self.started += 1;
        assert!(self.started <= self.due_by_now(), "more have started than were due");
        self.inner.iteration_started(scenario, phase);
    }
    fn iteration_ended(&mut self, scenario: ScenarioIndex, phase: Phase, end: IterationEnd, time_ns: u64) {
        self.inner.iteration_ended(scenario, phase, end, time_ns);
    }
    fn checked(&mut self, scenario: ScenarioIndex, phase: Phase, check: CheckIndex, passed: bool) {
        self.inner.checked(scenario, phase, check, passed);
    }
    fn group_ended(&mut self, group: GroupIndex, phase: Phase, end: IterationEnd, time_ns: u64) {
        self.inner.group_ended(group, phase, end, time_ns);
    }
    fn group_pending(&mut self, group: GroupIndex, phase: Phase, age_ns: u64) {
        self.inner.group_pending(group, phase, age_ns);
    }
    fn python_called(&mut self, scenario: ScenarioIndex, phase: Phase, wait_ns: u64, time_ns: u64) {
        self.inner.python_called(scenario, phase, wait_ns, time_ns);
    }
    fn python_given_up(&mut self, scenario: ScenarioIndex, phase: Phase, age_ns: u64, begun: bool) {
        self.inner.python_given_up(scenario, phase, age_ns, begun);
    }
    fn request_started(&mut self, start: &RequestStart) {
        self.inner.request_started(start);
    }
    fn stale_retry(&mut self, series: SeriesIndex, phase: Phase) {
        self.inner.stale_retry(series, phase);
    }
    fn request_ended(&mut self, end: &RequestEnd) {
        self.inner.request_ended(end);
    }
    fn request_unfinished(&mut self, series: SeriesIndex, phase: Phase, response_ns: u64, service_ns: Option<u64>) {
        self.inner.request_unfinished(series, phase, response_ns, service_ns);
    }
    fn is_slow(&self, phase: Phase, response_ns: u64) -> bool {
        self.inner.is_slow(phase, response_ns)
    }
    fn slow(&mut self, request: SlowRequest) {
        self.inner.slow(request);
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
        self.inner.pending(scenario, series, phase, pending, age_ns, count);
    }
    fn seal(&mut self, end_ns: u64, transport: &TransportCounters, driver: &DriverCounters) {
        self.inner.seal(end_ns, transport, driver);
    }
}

fn with_stages(mut plan: Plan, rates: &[(u64, u64)]) -> Plan {
    let Load::Open { stages, ends, .. } = &mut plan.scenarios[0].load else {
        unreachable!("these plans are open")
    };
    *stages = rates
        .iter()
        .map(|(duration_ns, count)| RateStage {
            duration_ns: *duration_ns,
            rate: Rate {
                count: *count,
                per_ns: S,
            },
        })
        .collect();
    ends.duration_ns = Some(rates.iter().map(|(duration_ns, _)| duration_ns).sum::<u64>().max(1));
    plan
}

/// The moments after the barrier at which the iterations of a plan of one open scenario without warm-up are due.
fn due_ns(plan: &Plan) -> Vec<u64> {
    let Load::Open {
        rate,
        stages,
        arrivals,
        ends,
        ..
    } = &plan.scenarios[0].load
    else {
        unreachable!("these plans are open")
    };
    let profile = RateProfile::new(*rate, stages, ends.duration_ns.unwrap()).unwrap();
    let seed = draw(plan.seed, 0, 0, 0, 0);
    let extent = Extent::new(&profile, *arrivals, seed, None).unwrap();
    let mut schedule = OpenSchedule::new(profile, seed, &Share::whole(), &extent);
    std::iter::from_fn(|| schedule.next())
        .map(|arrival| arrival.intended_ns)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_more_have_ever_started_than_were_due_and_all_that_were_due_are_offered(
        seed: u64,
        poisson in any::<bool>(),
        when_busy in prop::sample::select(vec!["queue", "grow", "drop"]),
        max_vus in 1_u64..40,
        rates in prop::collection::vec((1_u64..1_500, 0_u64..400), 1..4),
        service_ms in 1_u64..300,
        shared in prop::option::of(1_u32..10),
        submission_ns in 0_u64..2 * MS,
        naps in prop::collection::vec((0_u64..3_000, 0_u64..1_500), 0..4),
    ) {
        let law = if poisson { "poisson" } else { "constant" };
        let stages: Vec<(u64, u64)> = rates.iter().map(|(length_ms, rate)| (length_ms * MS, *rate)).collect();
        let plan = plan(seed, 0, 60 * S, &[(request("a"), open(100, law, when_busy, max_vus, S, PATIENT))]);
        let plan = with_stages(plan, &stages);
        let clock = ManualClock::at(BARRIER);
        let ownership = shared.map_or(Ownership::PerChannel(1), Ownership::Shared);
        let host = FakeHost { ownership, ..FakeHost::ONE_EACH };
        let mut naps: Vec<(u64, u64)> = naps.iter().map(|(at_ms, ms)| (BARRIER + at_ms * MS, ms * MS)).collect();
        naps.sort_unstable();
        let target = FakeTarget::new(clock.clone(), vec![host], |_| End::answer(service_ms * MS, 200).into())
            .with_submissions_of(submission_ns)
            .with_naps(naps);
        let sealed = Sealed::default();
        let due_ns = due_ns(&plan);
        let offered = due_ns.len() as u64;
        let recorder = Watched { inner: sealed.recorder(&plan), clock: clock.clone(), due_ns, started: 0, offered: 0 };
        drive(&plan, &Share::whole(), &clock, target, recorder, |_, _| {});
        let intervals = sealed.take();
        check_equations(&intervals);
        prop_assert_eq!(Sums::of(&intervals, &Phase::ALL).offered, offered);
    }

    #[test]
    fn a_constant_rate_offers_its_rate_times_its_length_rounded_half_up(
        rate in 1_u64..2_000, per_s in 1_u64..100, duration_ms in 1_u64..3_000,
    ) {
        let mut plan = plan(1, 0, 0, &[(request("a"), open(rate, "constant", "drop", 1, duration_ms * MS, PATIENT))]);
        let Load::Open { rate: level, .. } = &mut plan.scenarios[0].load else { unreachable!("it is open") };
        level.per_ns = per_s * S;
        let clock = ManualClock::at(BARRIER);
        let intervals = measure(&plan, &clock, prompt(&clock, MS), |_, _| {});
        let expected = (2 * rate * duration_ms + per_s * 1_000) / (2 * per_s * 1_000);
        prop_assert_eq!(Sums::of(&intervals, &Phase::ALL).offered, expected);
    }
}

#[test]
fn stages_offer_the_area_under_them() {
    // From 100/s up to 300/s in a second, held for a second, down to 0 in two: 200 + 300 + 300.
    let stages = [(S, 300), (S, 300), (2 * S, 0)];
    let plan = with_stages(
        plan(
            1,
            0,
            S,
            &[(request("a"), open(100, "constant", "grow", 500, S, PATIENT))],
        ),
        &stages,
    );
    let clock = ManualClock::at(BARRIER);
    let intervals = measure(&plan, &clock, prompt(&clock, MS), |_, _| {});
    let offered: Vec<u64> = intervals[..4]
        .iter()
        .map(|interval| Sums::of([interval], &Phase::ALL).offered)
        .collect();
    assert_eq!(offered, [200, 300, 225, 75]);
}

#[test]
fn poisson_offers_exactly_the_count_of_an_independent_reference_of_the_same_seed() {
    // The law told plainly: 1,024 slots, each with a 1,024th of the rate and exponential gaps from its own stream.
    for seed in [1, 42, 20_261_124] {
        let (rate, duration_ns) = (700_u64, 3 * S);
        let scenario_seed = draw(seed, 0, 0, 0, 0);
        let end = i128::from(rate * duration_ns / S) << 40;
        let mut expected = 0;
        for slot in 0..1_024 {
            let mut sum = 0_i128;
            for number in 0.. {
                let gap = -libm::log(open_unit(draw(scenario_seed, 1_024, slot, number, 0)));
                sum += (gap * (1_u64 << 40) as f64) as i128 * 1_024;
                if sum >= end {
                    break;
                }
                expected += 1;
            }
        }
        let plan = plan(
            seed,
            0,
            S,
            &[(request("a"), open(rate, "poisson", "grow", 500, duration_ns, PATIENT))],
        );
        let Load::Open { arrivals, .. } = &plan.scenarios[0].load else {
            unreachable!("it is open")
        };
        assert_eq!(*arrivals, Arrivals::Poisson);
        let clock = ManualClock::at(BARRIER);
        let intervals = measure(&plan, &clock, prompt(&clock, MS), |_, _| {});
        assert_eq!(Sums::of(&intervals, &Phase::ALL).offered, expected, "seed {seed}");
    }
}
