//! Scenarios beside one another: what one of them does must never keep another from starting what is due.

use crate::support::plans::{PATIENT, closed, open, plan, request, think};
use crate::support::runs::{measure, prompt};
use crate::support::sums::{Sums, check_equations, over_all};
use crate::support::{BARRIER, MS, S};
use apibench_core::clock::ManualClock;
use apibench_core::fake_target::{End, FakeHost, FakeTarget};
use apibench_core::phase::Phase;
use apibench_engine::control::Command;
use proptest::prelude::*;

#[test]
fn an_arrival_counted_at_a_seal_starts_although_another_scenario_ends_in_that_moment() {
    // Two closed virtual users are answered at 450 ms. The first goes on, and sending takes until 1,050 ms. The answer
    // of the second is read then: the second that ended at 1 s is sealed, and the arrival of 500 ms counted as one that
    // waits. The second has no more to do. Nothing more will fall due, and the arrival must start all the same.
    let plan = plan(
        1,
        0,
        60 * S,
        &[
            (request("a"), open(1, "constant", "grow", 10, S, PATIENT)),
            (request("b"), closed(2, Some(10 * S), Some(3))),
        ],
    );
    let clock = ManualClock::at(BARRIER);
    let (shared, mut sent) = (clock.clone(), 0);
    let target = FakeTarget::new(clock.clone(), vec![FakeHost::ONE_EACH], move |_| {
        sent += 1;
        if sent == 3 {
            shared.advance(600 * MS);
        }
        End::answer(450 * MS, 200).into()
    });
    let intervals = measure(&plan, &clock, target, |_, _| {});
    check_equations(&intervals);
    assert_eq!(Sums::of(&intervals, &Phase::ALL).ok, 4);
    assert_eq!(
        intervals.last().unwrap().end_ns,
        1_500 * MS,
        "nobody waited for the end of the drain"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn nobody_waits_while_somebody_is_free_and_nothing_is_left_for_the_drain(
        seed: u64,
        rates in prop::collection::vec(1_u64..60, 1..4),
        iterations in prop::collection::vec(1_u64..30, 0..3),
        submission_ms in 0_u64..40,
        service_ms in 1_u64..100,
    ) {
        let mut scenarios: Vec<_> = rates
            .iter()
            .map(|rate| (request("a"), open(*rate, "poisson", "grow", 100_000, 3 * S, PATIENT)))
            .collect();
        for count in &iterations {
            scenarios.insert(scenarios.len() / 2, (request("b"), closed(1, Some(10 * S), Some(*count))));
        }
        let plan = plan(seed, 0, 1_000 * S, &scenarios);
        let clock = ManualClock::at(BARRIER);
        let target = FakeTarget::new(clock.clone(), vec![FakeHost::ONE_EACH], |_| End::answer(service_ms * MS, 200).into())
            .with_submissions_of(submission_ms * MS);
        let intervals = measure(&plan, &clock, target, |_, _| {});
        check_equations(&intervals);
        let sums = Sums::of(&intervals, &Phase::ALL);
        prop_assert_eq!(sums.offered, sums.ok);
        // All submissions one after the other, and the last answer: a run that goes on longer has slept over one.
        let busy_ns = sums.ok * submission_ms * MS + (sums.ok + 2) * service_ms * MS;
        prop_assert!(intervals.last().unwrap().end_ns <= 3 * S + busy_ns + S);
        let wait = over_all(&intervals, |counts| &counts.connection_wait).max_ns();
        prop_assert!(wait.unwrap_or(0) == 0, "a virtual user was free all the time: {:?}", wait);
    }
}

#[test]
fn an_iteration_that_takes_no_time_does_not_keep_the_loop_from_its_stop() {
    // All iterations but the first only think, for no time at all: time stands still while they go round.
    let never = format!(
        r#"{{"type":"pick","by":"turn","source":null,
        "cases":[{{"weight":1,"steps":[{}]}},{{"weight":18446744073709551614,"steps":[{}]}}]}}"#,
        request("once"),
        think(0, 0)
    );
    let plan = plan(1, 0, S, &[(never, closed(1, Some(S), None))]);
    let clock = ManualClock::at(BARRIER);
    let mut turns = 0;
    let intervals = measure(&plan, &clock, prompt(&clock, MS), |_, control| {
        turns += 1;
        if turns == 50 {
            control.command(Command::Abort);
        }
    });
    check_equations(&intervals);
    assert!(Sums::of(&intervals, &Phase::ALL).iterations_started > 50);
}
