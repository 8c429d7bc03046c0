//! The percentiles of a target that freezes for a second in every ten, against a queue worked out by hand.
//!
//! The target has one server for all, or one for each connection, and is busy for 0.8 of the time while it is not frozen.
//! The loop has 100 connections, beyond which arrivals wait on our side; no figure may show where they waited.

mod queue;

use std::collections::HashMap;

use crate::support::plans::{PATIENT, open, plan, request};
use crate::support::runs::measure;
use crate::support::sums::{Sums, check_equations, over_all};
use crate::support::{BARRIER, S};
use apibench_core::clock::ManualClock;
use apibench_core::fake_target::{End, FakeHost, FakeTarget};
use apibench_core::phase::Phase;
use queue::{done_ns, even, random, response_times};

const LENGTH_S: u64 = 20;
const CONNECTIONS: u64 = 100;
const SEED: u64 = 1;

/// A target, and how work is spread over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Served {
    /// One after the other, whichever connection it came on.
    ByOne,
    /// Each connection by a server of its own.
    ByEach,
}

fn quantiles_match(rate: u64, arrivals: &str, served: Served) {
    let servers = if served == Served::ByOne { 1 } else { CONNECTIONS };
    let work_ns = servers * 8 * S / (10 * rate);
    let due_ns = match arrivals {
        "constant" => even(rate, LENGTH_S),
        _ => random(rate, LENGTH_S, SEED),
    };
    let expected = response_times(&due_ns, servers as usize, work_ns);

    let load = open(rate, arrivals, "queue", CONNECTIONS, LENGTH_S * S, PATIENT);
    let plan = plan(SEED, 0, 10 * S, &[(request("a"), load)]);
    let clock = ManualClock::at(BARRIER);
    let mut idle_from_ns = HashMap::new();
    let target = FakeTarget::new(clock.clone(), vec![FakeHost::ONE_EACH], |arrived| {
        let now_ns = arrived.started_ns - BARRIER;
        let server = if served == Served::ByOne { 0 } else { arrived.connection };
        let idle_from_ns: &mut u64 = idle_from_ns.entry(server).or_default();
        *idle_from_ns = done_ns(now_ns.max(*idle_from_ns), work_ns);
        End::answer(*idle_from_ns - now_ns, 200).into()
    });
    let intervals = measure(&plan, &clock, target, |_, _| {});
    check_equations(&intervals);
    let case = format!("{arrivals} {rate}/s, served {served:?}");
    assert_eq!(Sums::of(&intervals, &Phase::ALL).ok, expected.len() as u64, "{case}");

    let response = over_all(&intervals, |counts| &counts.response);
    if arrivals == "constant" {
        assert_eq!(
            response.sum_ns(),
            expected.iter().map(|time_ns| u128::from(*time_ns)).sum(),
            "{case}"
        );
        assert_eq!(response.max_ns(), expected.last().copied(), "{case}");
    }
    for quantile in [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1.0] {
        let rank = ((quantile * expected.len() as f64).ceil() as usize).max(1);
        let (true_ns, recorded_ns) = (expected[rank - 1], response.quantile(quantile).unwrap());
        let error = recorded_ns.abs_diff(true_ns) as f64 / true_ns as f64;
        assert!(error <= 0.001, "{case}, {quantile}: {recorded_ns} for {true_ns}");
    }
    // The stall is the target's: waits show it, and nothing of it is called our own lateness.
    assert_eq!(
        over_all(&intervals, |counts| &counts.schedule_lag).max_ns(),
        Some(0),
        "{case}"
    );
    assert!(
        over_all(&intervals, |counts| &counts.connection_wait).max_ns() > Some(S / 2),
        "{case}"
    );
    // Coordinated omission would say this: what each request took once it was sent. A fifth of them met the freeze,
    // and all but a handful would seem quick.
    let service = over_all(&intervals, |counts| &counts.service);
    assert!(
        service.quantile(0.9).unwrap() < response.quantile(0.9).unwrap() / 5,
        "{case}"
    );
}

fn every_way(rate: u64) {
    for arrivals in ["constant", "poisson"] {
        for served in [Served::ByOne, Served::ByEach] {
            quantiles_match(rate, arrivals, served);
        }
    }
}

#[test]
fn at_a_thousand_a_second_every_quantile_is_the_queues_own() {
    every_way(1_000);
}

#[test]
fn at_five_thousand_a_second_every_quantile_is_the_queues_own() {
    every_way(5_000);
}

#[test]
fn at_twenty_thousand_a_second_every_quantile_is_the_queues_own() {
    every_way(20_000);
}
