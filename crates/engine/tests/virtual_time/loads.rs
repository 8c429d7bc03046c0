//! What each load means, with figures that can be checked by hand.

use crate::support::plans::{PATIENT, closed, open, plan, request, think};
use crate::support::runs::{Sealed, drive, measure, numbered, stop_at};
use crate::support::sums::{Sums, check_equations};
use crate::support::{BARRIER, MS, S};
use apibench_core::clock::ManualClock;
use apibench_core::failure::Failure;
use apibench_core::fake_target::End;
use apibench_core::phase::Phase;
use apibench_core::plan::Plan;
use apibench_core::segment::Share;
use apibench_engine::control::{Command, Control};
use apibench_histogram::interval::Interval;

fn one(load: String) -> Vec<(String, String)> {
    vec![(request("a"), load)]
}

/// Runs a whole plan before a target with so many connections; `between` is called after every turn.
fn run_until(
    plan: &Plan,
    connections: u32,
    answer: impl FnMut(u64) -> End,
    between: impl FnMut(u64, &Control),
) -> Vec<Interval> {
    let clock = ManualClock::at(BARRIER);
    measure(plan, &clock, numbered(&clock, connections, answer), between)
}

fn run(plan: &Plan, connections: u32, answer: impl FnMut(u64) -> End) -> Vec<Interval> {
    run_until(plan, connections, answer, |_, _| {})
}

fn main_sums(intervals: &[Interval]) -> Sums {
    Sums::of(intervals, &[Phase::Main])
}

fn quantile(intervals: &[Interval], name: &str, quantile: f64) -> u64 {
    let mut total = apibench_histogram::Histogram::default();
    for counts in intervals.iter().flat_map(|interval| interval.series.values()) {
        let (_, histogram) = counts
            .histograms()
            .into_iter()
            .find(|(known, _)| *known == name)
            .unwrap();
        total.merge(histogram);
    }
    total.quantile(quantile).unwrap()
}

#[test]
fn a_constant_rate_offers_exactly_its_rate_times_its_length_and_starts_nothing_early() {
    for (rate, duration_ns, expected) in [
        (1_000, 3 * S, 3_000),
        (7, S / 2, 4),
        (3, S / 2, 2),
        (1, S / 2, 1),
        (333, 1_001 * MS, 333),
    ] {
        let plan = plan(1, 0, S, &one(open(rate, "constant", "grow", 100, duration_ns, PATIENT)));
        let intervals = run(&plan, 100, |_| End::answer(MS, 200));
        check_equations(&intervals);
        assert_eq!(main_sums(&intervals).offered, expected, "{rate}/s for {duration_ns} ns");
        assert_eq!(main_sums(&intervals).ok, expected);
    }
}

#[test]
fn a_stall_is_charged_to_response_time_and_not_to_service_time() {
    // One connection, 100/s, each served in 1 ms, but number 20 takes 500 ms. Number 20 is due at 205 ms and done at
    // 705 ms; number k of those behind it is done at 705 + (k - 20) ms, so 55 of them take longer than 10 ms.
    let plan = plan(1, 0, S, &one(open(100, "constant", "queue", 1, S, PATIENT)));
    let intervals = run(&plan, 1, |number| {
        End::answer(if number == 20 { 500 * MS } else { MS }, 200)
    });
    check_equations(&intervals);
    let slow = |name: &str| {
        let mut slow = 0;
        for counts in intervals.iter().flat_map(|interval| interval.series.values()) {
            let (_, histogram) = counts
                .histograms()
                .into_iter()
                .find(|(known, _)| *known == name)
                .unwrap();
            slow += histogram
                .cells()
                .filter(|(cell, _)| apibench_histogram::layout::lowest_equivalent(*cell) > 10 * MS)
                .map(|(_, count)| count)
                .sum::<u64>();
        }
        slow
    };
    assert_eq!(slow("service_time"), 1);
    // Due at 10 k + 5 ms, done at 705 + (k - 20) ms: 680 - 9 k > 10 for k <= 74.
    assert_eq!(slow("response_time"), 55);
    // They waited for the connection; our loop was not late.
    assert_eq!(slow("connection_wait"), 54);
    assert_eq!(quantile(&intervals, "schedule_lag", 1.0), 0);
}

#[test]
fn when_all_are_busy_a_queue_waits_a_pool_grows_and_a_drop_drops() {
    // 10 requests in a second, each taking 350 ms: three and a half at once.
    let results = ["queue", "grow", "drop"].map(|when_busy| {
        let most = if when_busy == "grow" { 100 } else { 2 };
        let plan = plan(1, 0, 10 * S, &one(open(10, "constant", when_busy, most, S, PATIENT)));
        let intervals = run(&plan, 1_000, |_| End::answer(350 * MS, 200));
        check_equations(&intervals);
        (main_sums(&intervals), quantile(&intervals, "connection_wait", 1.0))
    });
    assert_eq!(
        (results[0].0.ok, results[0].0.dropped(), results[0].1 > 0),
        (10, 0, true)
    );
    assert_eq!((results[1].0.ok, results[1].0.dropped(), results[1].1), (10, 0, 0));
    // Started at 50 and 150 ms, again at 450 and 550, and at 850 and 950: six.
    assert_eq!((results[2].0.ok, results[2].0.dropped_cap, results[2].1), (6, 4, 0));
}

#[test]
fn what_has_waited_too_long_is_dropped_by_that_name_and_never_sent() {
    let rest = r#""max_waiting":null,"max_wait_ns":100000000"#;
    let plan = plan(1, 0, 10 * S, &one(open(10, "constant", "queue", 1, S, rest)));
    let intervals = run(&plan, 1, |_| End::answer(400 * MS, 200));
    check_equations(&intervals);
    let sums = main_sums(&intervals);
    assert_eq!((sums.dropped_deadline, sums.ok), (7, 3));
}

#[test]
fn a_closed_load_of_iterations_gives_each_virtual_user_its_share() {
    let plan = plan(1, 0, S, &one(closed(3, None, Some(10))));
    let intervals = run(&plan, 3, |_| End::answer(MS, 200));
    check_equations(&intervals);
    let sums = main_sums(&intervals);
    assert_eq!((sums.offered, sums.ok), (10, 10));
    assert_eq!(intervals.last().unwrap().end_ns, 4 * MS);
}

#[test]
fn the_warm_up_is_counted_apart_by_intended_time() {
    let plan = plan(
        1,
        1_500 * MS,
        S,
        &one(open(10, "constant", "grow", 100, 2 * S, PATIENT)),
    );
    let intervals = run(&plan, 100, |_| End::answer(300 * MS, 200));
    check_equations(&intervals);
    assert_eq!(Sums::of(&intervals, &[Phase::Warmup]).ok, 15);
    assert_eq!(main_sums(&intervals).ok, 20);
    let ends: Vec<u64> = intervals.iter().map(|interval| interval.end_ns / MS).collect();
    // Warm-up to 1.5 s, two seconds, and what was in flight ends 250 ms after the last arrival at 3.45 s.
    assert_eq!(ends, [500, 1_500, 2_500, 3_500, 3_750]);
}

#[test]
fn after_a_stop_nothing_more_is_sent_and_what_waits_is_dropped() {
    let plan = plan(1, 0, 10 * S, &one(open(100, "constant", "queue", 2, 10 * S, PATIENT)));
    let intervals = run_until(&plan, 2, |_| End::answer(100 * MS, 200), stop_at(S, Command::Stop));
    check_equations(&intervals);
    let sums = main_sums(&intervals);
    // Two connections, ten a second each: 20 or so in the first second, and those in flight end well.
    assert!((18..=22).contains(&sums.ok), "{sums:?}");
    assert_eq!(sums.unfinished, 0);
    assert!(sums.dropped_ended > 70);
    assert!(intervals.last().unwrap().end_ns < 1_200 * MS);
}

#[test]
fn an_abort_waits_for_nothing_and_the_cut_off_stay_as_lower_bounds() {
    let plan = plan(1, 0, 10 * S, &one(closed(5, Some(10 * S), None)));
    let intervals = run_until(&plan, 5, |_| End::Silence, stop_at(2 * S, Command::Abort));
    check_equations(&intervals);
    let sums = main_sums(&intervals);
    assert_eq!((sums.ok, sums.unfinished, sums.iterations_unfinished), (0, 5, 5));
    let censored: u64 = intervals
        .iter()
        .flat_map(|interval| interval.series.values())
        .map(|counts| counts.response.censored())
        .sum();
    assert_eq!(censored, 5);
}

#[test]
fn a_frozen_target_shows_in_the_second_in_which_it_freezes() {
    let plan = plan(1, 0, 0, &one(open(10, "constant", "queue", 2, 3 * S, PATIENT)));
    let intervals = run(&plan, 2, |_| End::Silence);
    check_equations(&intervals);
    let second = &intervals[1];
    let pending: u64 = second.series.values().map(|counts| counts.pending.count()).sum();
    // Twenty were due by then: two in flight, eighteen waiting.
    assert_eq!(pending, 20);
    assert_eq!(
        second.series.values().next().unwrap().pending.max_ns(),
        Some(2 * S - 50 * MS)
    );
}

#[test]
fn a_stale_connection_costs_another_attempt_of_the_same_request() {
    let plan = plan(1, 0, S, &one(closed(1, None, Some(3))));
    let intervals = run(&plan, 1, |number| match number {
        1 => End::Fail {
            after_ns: MS,
            failure: Failure::TcpClosed,
        },
        _ => End::answer(MS, 200),
    });
    check_equations(&intervals);
    let sums = main_sums(&intervals);
    assert_eq!((sums.started, sums.ok, sums.stale_retries), (3, 3, 1));
}

#[test]
fn the_same_seed_gives_the_same_pauses_on_one_thread_and_on_four() {
    let steps = [request("a"), think(0, 50 * MS), request("b")].join(",");
    let scenarios = vec![(steps, closed(12, None, Some(60)))];
    let plan = plan(42, 0, 10 * S, &scenarios);
    let times = |parts: usize| {
        let mut total = apibench_histogram::Histogram::default();
        for share in Share::whole().split(&vec![1; parts]) {
            let (clock, sealed) = (ManualClock::at(BARRIER), Sealed::default());
            let target = numbered(&clock, 100, |_| End::answer(MS, 200));
            drive(&plan, &share, &clock, target, sealed.recorder(&plan), |_, _| {});
            for interval in sealed.take() {
                for counts in interval.scenarios.values() {
                    total.merge(&counts.time);
                }
            }
        }
        total
    };
    let alone = times(1);
    assert_eq!(alone.count(), 60);
    assert_eq!(times(2), alone);
    assert_eq!(times(4), alone);
}
