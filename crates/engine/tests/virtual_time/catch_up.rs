//! Behind schedule, a bounded load starts no faster than the plan allows, and never loses its schedule.

use crate::support::plans::{PATIENT, open, plan, request};
use crate::support::runs::{measure, prompt};
use crate::support::sums::check_equations;
use crate::support::{BARRIER, MS, S};
use apibench_core::clock::ManualClock;
use apibench_core::fake_target::{End, FakeHost, FakeTarget};
use apibench_core::plan::{Load, Plan};

/// When requests started after the barrier, 100/s for 2 s, with a loop that is away from 505 to 1,005 ms.
fn starts(max_catchup: Option<u64>, service_ns: u64, vus: u64) -> Vec<u64> {
    let mut plan: Plan = plan(
        1,
        0,
        S,
        &[(request("a"), open(100, "constant", "queue", vus, 2 * S, PATIENT))],
    );
    if let Load::Open { max_catchup: most, .. } = &mut plan.scenarios[0].load {
        *most = max_catchup;
    }
    let clock = ManualClock::at(BARRIER);
    let mut starts = Vec::new();
    let target = FakeTarget::new(clock.clone(), vec![FakeHost::ONE_EACH], |arrived| {
        starts.push(arrived.started_ns - BARRIER);
        End::answer(service_ns, 200).into()
    })
    .with_naps([(BARRIER + 505 * MS, 500 * MS)]);
    let intervals = measure(&plan, &clock, target, |_, _| {});
    check_equations(&intervals);
    starts
}

#[test]
fn without_a_bound_all_that_are_late_start_at_once() {
    let starts = starts(None, MS, 1_000);
    assert_eq!(starts.iter().filter(|at| **at == 1_005 * MS).count(), 51);
}

#[test]
fn with_a_bound_they_start_at_that_multiple_of_the_rate_until_the_schedule_is_reached() {
    let starts = starts(Some(4), MS, 1_000);
    assert_eq!(starts.len(), 200, "nothing is lost by it");
    let away = starts
        .iter()
        .position(|at| *at == 1_005 * MS)
        .expect("the first after the nap");
    // Late by 500 ms, and 7.5 ms nearer with each: 67 steps of 2.5 ms.
    for (number, pair) in starts[away..].windows(2).enumerate() {
        let step_ns = pair[1] - pair[0];
        match number {
            0..66 => assert_eq!(step_ns, 2_500_000, "step {number}"),
            66 => assert!((2_500_000..=10 * MS).contains(&step_ns), "step {number}: {step_ns}"),
            _ => assert_eq!(step_ns, 10 * MS, "step {number}"),
        }
    }
}

#[test]
fn what_the_bound_still_holds_back_at_the_end_is_told_as_unstarted() {
    // 100/s for 1 s and no drain, away from 305 to 905 ms.
    let mut plan: Plan = plan(
        1,
        0,
        0,
        &[(request("a"), open(100, "constant", "grow", 1_000, S, PATIENT))],
    );
    if let Load::Open { max_catchup, .. } = &mut plan.scenarios[0].load {
        *max_catchup = Some(2);
    }
    let clock = ManualClock::at(BARRIER);
    let target = prompt(&clock, MS).with_naps([(BARRIER + 305 * MS, 600 * MS)]);
    let intervals = measure(&plan, &clock, target, |_, _| {});
    check_equations(&intervals);
    let unstarted: u64 = intervals.iter().map(|interval| interval.driver.unstarted).sum();
    let dropped: u64 = intervals
        .iter()
        .flat_map(|interval| interval.scenarios.values())
        .map(|counts| counts.dropped_ended)
        .sum();
    assert_eq!(unstarted, dropped);
    // 70 are due from 305 ms on; one starts at 905 ms, and one every 5 ms after that, until before the end.
    assert_eq!(unstarted, 70 - 19);
}

#[test]
fn a_bound_never_starts_anything_before_it_is_due_and_holds_while_connections_are_scarce() {
    // Two virtual users of 8 ms each can do 250/s; twice the rate is 200/s.
    let starts = starts(Some(2), 8 * MS, 2);
    assert_eq!(starts.len(), 200);
    for (number, at) in starts.iter().enumerate() {
        assert!(
            *at >= 5 * MS + number as u64 * 10 * MS,
            "the {number}th started at {at}"
        );
    }
    assert!(starts.windows(2).all(|pair| pair[1] - pair[0] >= 5 * MS), "{starts:?}");
}
