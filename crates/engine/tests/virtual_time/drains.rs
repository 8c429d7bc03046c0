//! Each scenario has a drain of its own, behind its own end; one that ends only after its iterations has none.

use crate::support::plans::{PATIENT, closed, open, plan, request, think};
use crate::support::runs::measure;
use crate::support::sums::check_equations;
use crate::support::{BARRIER, MS, S};
use apibench_core::clock::ManualClock;
use apibench_core::fake_target::{End, FakeHost, FakeTarget};
use apibench_core::phase::Phase;
use apibench_core::recorder::ScenarioIndex;
use apibench_histogram::interval::{Interval, ScenarioCounts};
use proptest::prelude::*;

/// A target that tells the scenarios apart, by a step's own path, and says what comes back to each.
fn telling<'a>(clock: &ManualClock, mut answer: impl FnMut(usize, u64) -> End + 'a) -> FakeTarget<'a> {
    FakeTarget::new(clock.clone(), vec![FakeHost::ONE_EACH], move |arrived| {
        let scenario = usize::from(arrived.bytes.starts_with(b"GET /1 "));
        answer(scenario, arrived.started_ns - BARRIER).into()
    })
}

/// The step by which [`telling`] knows a scenario.
fn step(scenario: u16) -> String {
    request("a").replace(r#""path":"/""#, &format!(r#""path":"/{scenario}""#))
}

/// What was counted of a scenario, and in which second.
fn of_scenario(intervals: &[Interval], scenario: u16) -> impl Iterator<Item = (u64, &ScenarioCounts)> {
    let key = (ScenarioIndex(scenario), Phase::Main);
    intervals
        .iter()
        .filter_map(move |interval| Some((interval.end_ns, interval.scenarios.get(&key)?)))
}

fn sum(intervals: &[Interval], scenario: u16, of: impl Fn(&ScenarioCounts) -> u64) -> u64 {
    of_scenario(intervals, scenario).map(|(_, counts)| of(counts)).sum()
}

/// The end of the second in which iterations of a scenario were cut off or dropped at the end, and how many.
fn given_up(intervals: &[Interval], scenario: u16) -> Vec<(u64, u64)> {
    of_scenario(intervals, scenario)
        .map(|(end_ns, counts)| (end_ns / MS, counts.unfinished + counts.dropped_ended))
        .filter(|(_, count)| *count > 0)
        .collect()
}

/// Thirty iterations of 100 ms by one virtual user: three seconds, as the target answers.
fn thirty() -> (String, String) {
    (step(1), closed(1, None, Some(30)))
}

#[test]
fn what_is_in_flight_of_a_scenario_with_an_end_is_cut_off_behind_it_though_another_goes_on_without_one() {
    let scenarios = [(step(0), closed(2, Some(S), None)), thirty()];
    let plan = plan(1, 0, 500 * MS, &scenarios);
    let clock = ManualClock::at(BARRIER);
    let target = telling(&clock, |scenario, _| match scenario {
        0 => End::Silence,
        _ => End::answer(100 * MS, 200),
    });
    let intervals = measure(&plan, &clock, target, |_, _| {});
    check_equations(&intervals);
    assert_eq!(given_up(&intervals, 0), [(2_000, 2)]);
    let times = of_scenario(&intervals, 0).filter_map(|(_, counts)| counts.time.max_ns());
    assert_eq!(times.max(), Some(1_500 * MS), "cut off when its own drain was over");
    assert_eq!(sum(&intervals, 1, |counts| counts.ok), 30);
    assert_eq!(intervals.last().unwrap().end_ns, 3 * S);
}

#[test]
fn what_waits_or_pauses_ends_with_the_drain_of_its_scenario() {
    // 10/s on one virtual user that takes 350 ms: at 1.5 s number 4 is in flight and five wait.
    let waiting = open(10, "constant", "queue", 1, S, PATIENT);
    let pausing = closed(3, Some(S), None);
    for (steps, load, unfinished, dropped) in [
        (step(0), waiting, 1, 5),
        ([step(0), think(10 * S, 10 * S)].join(","), pausing, 3, 0),
    ] {
        let plan = plan(1, 0, 500 * MS, &[(steps, load), thirty()]);
        let clock = ManualClock::at(BARRIER);
        let target = telling(&clock, |scenario, _| End::answer([350, 100][scenario] * MS, 200));
        let intervals = measure(&plan, &clock, target, |_, _| {});
        check_equations(&intervals);
        assert_eq!(given_up(&intervals, 0), [(2_000, unfinished + dropped)]);
        assert_eq!(sum(&intervals, 0, |counts| counts.unfinished), unfinished);
        assert_eq!(sum(&intervals, 1, |counts| counts.ok), 30);
    }
}

#[test]
fn who_ends_only_after_its_iterations_has_no_drain_and_is_awaited() {
    let scenarios = [(step(0), closed(1, Some(S), None)), (step(1), closed(1, None, Some(2)))];
    let plan = plan(1, 0, 500 * MS, &scenarios);
    let clock = ManualClock::at(BARRIER);
    let target = telling(&clock, |scenario, _| End::answer([100, 20_000][scenario] * MS, 200));
    let intervals = measure(&plan, &clock, target, |_, _| {});
    check_equations(&intervals);
    assert_eq!(sum(&intervals, 0, |counts| counts.ok), 10);
    assert_eq!(sum(&intervals, 1, |counts| counts.ok), 2);
    assert_eq!(intervals.last().unwrap().end_ns, 40 * S);
}

#[test]
fn scenarios_with_ends_of_their_own_each_have_their_drain_behind_it() {
    let scenarios = [
        (step(0), closed(1, Some(S), None)),
        (step(1), closed(1, Some(3 * S), None)),
    ];
    let plan = plan(1, 0, 500 * MS, &scenarios);
    let clock = ManualClock::at(BARRIER);
    let intervals = measure(&plan, &clock, telling(&clock, |_, _| End::Silence), |_, _| {});
    check_equations(&intervals);
    assert_eq!(given_up(&intervals, 0), [(2_000, 1)]);
    assert_eq!(given_up(&intervals, 1), [(3_500, 1)]);
}

#[test]
fn a_late_loop_reads_what_came_before_it_cuts_off_and_sends_nothing_behind_the_drain() {
    // The answers of 1.2 s lie there when the loop comes back at 1.8 s; the drain was over at 1.5 s.
    let scenarios = [
        ([step(0), step(0)].join(","), closed(3, Some(S), None)),
        (step(1), closed(1, None, Some(30))),
    ];
    let plan = plan(1, 0, 500 * MS, &scenarios);
    let clock = ManualClock::at(BARRIER);
    let mut sent = Vec::new();
    let target = telling(&clock, |scenario, at_ns| {
        if scenario == 0 {
            sent.push(at_ns);
        }
        End::answer([1_200, 100][scenario] * MS, 200)
    })
    .with_naps([(BARRIER + 1_150 * MS, 650 * MS)]);
    let intervals = measure(&plan, &clock, target, |_, _| {});
    check_equations(&intervals);
    assert_eq!(sent, [0, 0, 0]);
    let answered: u64 = intervals
        .iter()
        .flat_map(|interval| interval.series.values())
        .map(|counts| counts.ok)
        .sum();
    assert_eq!(answered, 33);
    assert_eq!(
        sum(&intervals, 0, |counts| counts.unfinished),
        3,
        "each had a request left"
    );
    assert_eq!(sum(&intervals, 1, |counts| counts.ok), 30);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn nothing_of_a_scenario_is_sent_behind_its_drain_and_every_equation_holds(
        closed_model: bool,
        vus in 1_u64..10,
        end_ms in 1_u64..3_000,
        drain_ms in 0_u64..2_000,
        service_ms in 1_u64..900,
        think_ms in 0_u64..500,
        nap_ms in 0_u64..1_500,
        iterations in 1_u64..60,
    ) {
        let load = if closed_model {
            closed(vus, Some(end_ms * MS), None)
        } else {
            open(40, "poisson", "queue", vus, end_ms * MS, PATIENT)
        };
        let steps = [step(0), think(0, think_ms * MS), step(0)].join(",");
        let plan = plan(end_ms, 0, drain_ms * MS, &[(steps, load), (step(1), closed(1, None, Some(iterations)))]);
        let (clock, mut last_ns) = (ManualClock::at(BARRIER), 0);
        let target = telling(&clock, |scenario, at_ns| {
            if scenario == 0 {
                last_ns = at_ns;
            }
            End::answer([service_ms, 100][scenario] * MS, 200)
        })
        .with_naps([(BARRIER + 700 * MS, nap_ms * MS)]);
        let intervals = measure(&plan, &clock, target, |_, _| {});
        check_equations(&intervals);
        prop_assert!(last_ns < (end_ms + drain_ms) * MS || last_ns == 0, "{last_ns}");
        prop_assert_eq!(sum(&intervals, 1, |counts| counts.ok), iterations);
    }
}
