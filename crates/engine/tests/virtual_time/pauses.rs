//! Pauses that end while the loop is elsewhere: what follows on them is late through our own fault, and what ended with them
//! ended when they did.

use std::cell::RefCell;
use std::rc::Rc;

use crate::support::plans::{PATIENT, closed, open, plan, request, think};
use crate::support::runs::measure;
use crate::support::sums::{Sums, check_equations, over_all};
use crate::support::{BARRIER, MS, S};
use apibench_core::clock::ManualClock;
use apibench_core::fake_target::{End, FakeHost, FakeTarget};
use apibench_core::phase::Phase;
use apibench_core::plan::Plan;
use apibench_histogram::interval::Interval;

fn pace(period_ns: u64) -> String {
    format!(r#"{{"type":"pace","period_ns":{period_ns},"source":null}}"#)
}

/// When requests start, each answered in 1 ms, and what is measured, of a loop that is away for a while.
fn run(plan: &Plan, nap: (u64, u64)) -> (Vec<u64>, Vec<Interval>) {
    let (clock, sent) = (ManualClock::at(BARRIER), Rc::new(RefCell::new(Vec::new())));
    let noted = Rc::clone(&sent);
    let target = FakeTarget::new(clock.clone(), vec![FakeHost::ONE_EACH], move |arrived| {
        noted.borrow_mut().push(arrived.started_ns - BARRIER);
        End::answer(MS, 200).into()
    })
    .with_naps([(BARRIER + nap.0, nap.1)]);
    let intervals = measure(plan, &clock, target, |_, _| {});
    check_equations(&intervals);
    (sent.take(), intervals)
}

#[test]
fn a_request_behind_a_pause_that_ended_unseen_is_late_by_our_fault_and_served_no_longer() {
    for pause in [think(100 * MS, 100 * MS), pace(101 * MS)] {
        let steps = [request("a"), pause, request("b")].join(",");
        let plan = plan(1, 0, S, &[(steps, closed(1, None, Some(1)))]);
        // Ready for the second request at 101 ms; the loop is away from 90 ms on.
        let (sent, intervals) = run(&plan, (90 * MS, 500 * MS));
        let late_ns = sent[1] - 101 * MS;
        assert!(late_ns >= 489 * MS, "{late_ns}");
        let sum = |of: fn(&apibench_histogram::interval::SeriesCounts) -> &apibench_histogram::Histogram| {
            over_all(&intervals, of).sum_ns()
        };
        assert_eq!(sum(|counts| &counts.schedule_lag), u128::from(late_ns));
        assert_eq!(sum(|counts| &counts.connection_wait), 0);
        assert_eq!(sum(|counts| &counts.service), u128::from(2 * MS));
        assert_eq!(sum(|counts| &counts.response), u128::from(2 * MS + late_ns));
    }
}

#[test]
fn an_iteration_that_ended_with_a_pause_ends_in_the_second_of_the_pauses_end_and_takes_no_longer() {
    for pause in [think(299 * MS, 299 * MS), pace(300 * MS)] {
        let steps = [request("a"), pause].join(",");
        let plan = plan(1, 0, S, &[(steps, closed(1, Some(4 * S), None))]);
        // One begins every 300 ms; the pause of the fourth ends at 1.2 s, while the loop is away.
        let (sent, intervals) = run(&plan, (1_100 * MS, 2_000 * MS));
        assert_eq!(sent[..4], [0, 300 * MS, 600 * MS, 900 * MS]);
        let ended: Vec<u64> = intervals
            .iter()
            .map(|interval| Sums::of([interval], &Phase::ALL).iterations_ok)
            .collect();
        assert_eq!(ended[..3], [3, 1, 0], "the third second saw none");
        let seconds = intervals[..3].iter().flat_map(|interval| interval.scenarios.values());
        assert!(
            seconds
                .clone()
                .all(|counts| counts.time.max_ns().is_none_or(|time_ns| time_ns == 300 * MS))
        );
        // The next was ready when the pause was over, and is late by the rest.
        let lag = over_all(&intervals, |counts| &counts.schedule_lag);
        assert_eq!(lag.sum_ns(), u128::from(sent[4] - 1_200 * MS));
        assert_eq!(over_all(&intervals, |counts| &counts.service).max_ns(), Some(MS));
    }
}

#[test]
fn who_waits_for_a_virtual_user_that_pauses_waits_to_the_end_of_the_pause_and_is_late_from_then_on() {
    // Due at 50 and 150 ms on one virtual user; the first iteration lasts to 350 ms, and the loop is away from 300 ms on.
    let load = open(10, "constant", "queue", 1, S / 5, PATIENT);
    let plan = plan(1, 0, 2 * S, &[([request("a"), pace(300 * MS)].join(","), load)]);
    let (sent, intervals) = run(&plan, (300 * MS, 500 * MS));
    assert!(sent[1] >= 800 * MS);
    let wait = over_all(&intervals, |counts| &counts.connection_wait);
    assert_eq!(wait.sum_ns(), u128::from(200 * MS));
    let lag = over_all(&intervals, |counts| &counts.schedule_lag);
    assert_eq!(lag.sum_ns(), u128::from(sent[1] - 350 * MS));
    assert_eq!(over_all(&intervals, |counts| &counts.service).max_ns(), Some(MS));
}
