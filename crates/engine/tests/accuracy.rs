//! The percentiles of a target that freezes for a second in every ten, against a queue worked out by hand.
//!
//! The target serves one after the other, each in 0.8 of the time between two arrivals. What every arrival must
//! find is worked out without the loop: when it is due, when the one before it is done, where the freezes lie. The
//! loop has 100 connections, beyond which arrivals wait on our side; no figure may show where they waited.

mod support;

use apibench_core::clock::ManualClock;
use apibench_core::fake_target::{End, FakeHost, FakeTarget};
use apibench_core::phase::Phase;
use apibench_histogram::slowest::{SLOWEST_KEPT, Slowest};
use support::plans::{PATIENT, open, plan, request};
use support::runs::measure;
use support::sums::{Sums, check_equations, over_all};
use support::{BARRIER, S};

const LENGTH_S: u64 = 20;

/// When work of `work_ns` that begins at `at_ns` is done: in the first second of every ten nothing is.
fn done_ns(at_ns: u64, work_ns: u64) -> u64 {
    let thawed = |at_ns: u64| {
        if at_ns % (10 * S) < S {
            at_ns - at_ns % (10 * S) + S
        } else {
            at_ns
        }
    };
    let begun_ns = thawed(at_ns);
    let freeze_ns = begun_ns - begun_ns % (10 * S) + 10 * S;
    if begun_ns + work_ns <= freeze_ns {
        begun_ns + work_ns
    } else {
        freeze_ns + S + (begun_ns + work_ns - freeze_ns)
    }
}

/// The response times of a constant rate, sorted.
fn by_hand(rate: u64, work_ns: u64) -> Vec<u64> {
    let mut idle_from_ns = 0;
    let mut times: Vec<u64> = (0..rate * LENGTH_S)
        .map(|k| {
            let due_ns = (2 * k + 1) * S / (2 * rate);
            idle_from_ns = done_ns(idle_from_ns.max(due_ns), work_ns);
            idle_from_ns - due_ns
        })
        .collect();
    times.sort_unstable();
    times
}

fn quantiles_match(rate: u64) {
    let work_ns = 8 * S / (10 * rate);
    let expected = by_hand(rate, work_ns);
    let load = open(rate, "constant", "queue", 100, LENGTH_S * S, PATIENT);
    let plan = plan(1, 0, 10 * S, &[(request("a"), load)]);
    let clock = ManualClock::at(BARRIER);
    let mut idle_from_ns = 0;
    let target = FakeTarget::new(clock.clone(), vec![FakeHost::ONE_EACH], |arrived| {
        let now_ns = arrived.started_ns - BARRIER;
        idle_from_ns = done_ns(idle_from_ns.max(now_ns), work_ns);
        End::answer(idle_from_ns - now_ns, 200).into()
    });
    let intervals = measure(&plan, &clock, target, |_, _| {});
    check_equations(&intervals);
    assert_eq!(Sums::of(&intervals, &Phase::ALL).ok, expected.len() as u64);

    let response = over_all(&intervals, |counts| &counts.response);
    assert_eq!(
        response.sum_ns(),
        expected.iter().map(|time_ns| u128::from(*time_ns)).sum()
    );
    assert_eq!(response.max_ns(), expected.last().copied());
    for quantile in [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1.0] {
        let rank = ((quantile * expected.len() as f64).ceil() as usize).max(1);
        let (true_ns, recorded_ns) = (expected[rank - 1], response.quantile(quantile).unwrap());
        let error = recorded_ns.abs_diff(true_ns) as f64 / true_ns as f64;
        assert!(error <= 0.001, "{quantile} at {rate}/s: {recorded_ns} for {true_ns}");
    }
    let mut slowest = Slowest::default();
    intervals.iter().for_each(|interval| slowest.merge(&interval.slowest));
    let slowest: Vec<u64> = slowest.as_slice().iter().map(|slow| slow.response_ns).collect();
    let expected: Vec<u64> = expected.into_iter().rev().take(SLOWEST_KEPT).collect();
    assert_eq!(slowest, expected);
    // The stall is the target's: waits show it, and nothing of it is called our own lateness.
    assert_eq!(over_all(&intervals, |counts| &counts.schedule_lag).max_ns(), Some(0));
    assert!(over_all(&intervals, |counts| &counts.connection_wait).max_ns() > Some(S / 2));
    // Coordinated omission would say this: what each request took once it was sent. A fifth of them met the freeze,
    // and all but a handful would seem quick.
    let service = over_all(&intervals, |counts| &counts.service);
    assert!(service.quantile(0.9).unwrap() < response.quantile(0.9).unwrap() / 5);
}

#[test]
fn at_a_thousand_a_second_every_quantile_is_the_queues_own() {
    quantiles_match(1_000);
}

#[test]
fn at_five_thousand_a_second_every_quantile_is_the_queues_own() {
    quantiles_match(5_000);
}

#[test]
fn at_twenty_thousand_a_second_every_quantile_is_the_queues_own() {
    quantiles_match(20_000);
}
