//! The last moment of a run, a queue without a bound, what is counted of an iteration's time, and a change that has been
//! announced.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::support::plans::{PATIENT, open, plan, request};
use crate::support::runs::{Sealed, measure};
use crate::support::sums::check_equations;
use crate::support::{BARRIER, MS, S};
use apibench_core::clock::{Clock as _, ManualClock};
use apibench_core::fake_target::{End, FakeHost, FakeTarget};
use apibench_core::plan::Plan;
use apibench_core::segment::Share;
use apibench_engine::control::Control;
use apibench_engine::driver::Driver;
use apibench_engine::program::Program;
use apibench_engine::revision::Inbox;
use apibench_engine::share;
use apibench_histogram::interval::Interval;

/// Of the iterations of all seconds: offered, started, ok, failed, and dropped at the end.
fn iterations(intervals: &[Interval]) -> [u64; 5] {
    let mut total = [0; 5];
    for counts in intervals.iter().flat_map(|interval| interval.scenarios.values()) {
        let of_second = [
            counts.offered,
            counts.started,
            counts.ok,
            counts.failed,
            counts.dropped_ended,
        ];
        for (sum, count) in total.iter_mut().zip(of_second) {
            *sum += count;
        }
    }
    total
}

#[test]
fn nothing_is_sent_behind_the_end_of_the_drain_however_late_the_loop_is() {
    // 100/s for 1 s and a drain of 200 ms; the loop is away from 905 to 1,405 ms.
    let plan = plan(
        1,
        0,
        200 * MS,
        &[(request("a"), open(100, "constant", "queue", 10, S, PATIENT))],
    );
    let (clock, mut sent) = (ManualClock::at(BARRIER), Vec::new());
    let target = FakeTarget::new(clock.clone(), vec![FakeHost::ONE_EACH], |arrived| {
        sent.push(arrived.started_ns - BARRIER);
        End::answer(MS, 200).into()
    })
    .with_naps([(BARRIER + 905 * MS, 500 * MS)]);
    let intervals = measure(&plan, &clock, target, |_, _| {});
    check_equations(&intervals);
    assert!(sent.iter().all(|at| *at <= 905 * MS), "{:?}", sent.last());
    let [offered, started, ok, _, ended] = iterations(&intervals);
    assert_eq!((offered, started, ok), (100, sent.len() as u64, sent.len() as u64));
    assert_eq!(ended, 100 - started);
}

#[test]
fn a_queue_of_tens_of_thousands_gives_each_its_turn_and_its_true_time() {
    // 20,000/s for 1 s on one virtual user: the first answer takes 900 ms, every other one 20 µs.
    let count = 20_000_u64;
    let plan = plan(
        1,
        0,
        5 * S,
        &[(request("a"), open(count, "constant", "queue", 1, S, PATIENT))],
    );
    let (clock, mut served) = (ManualClock::at(BARRIER), 0);
    let target = FakeTarget::new(clock.clone(), vec![FakeHost::ONE_EACH], |_| {
        served += 1;
        End::answer(if served == 1 { 900 * MS } else { 20_000 }, 200).into()
    });
    let intervals = measure(&plan, &clock, target, |_, _| {});
    check_equations(&intervals);
    let [offered, started, ok, _, ended] = iterations(&intervals);
    assert_eq!((offered, started, ok, ended), (count, count, count, 0));
    // Beside it the same queue, worked out.
    let (mut free_ns, mut waited_ns) = (0, 0_u128);
    for number in 0..count {
        let due_ns = (2 * number + 1) * S / (2 * count);
        free_ns = due_ns.max(free_ns) + if number == 0 { 900 * MS } else { 20_000 };
        waited_ns += u128::from(free_ns - due_ns);
    }
    let times = intervals.iter().flat_map(|interval| interval.scenarios.values());
    let told_ns: u128 = times.map(|counts| counts.time.sum_ns()).sum();
    let difference = told_ns.abs_diff(waited_ns) as f64 / waited_ns as f64;
    assert!(difference < 0.001, "{told_ns} and {waited_ns}");
}

#[test]
fn an_iteration_that_failed_has_no_time_among_those_that_did_not() {
    let plan = plan(
        1,
        0,
        S,
        &[(request("a"), open(100, "constant", "grow", 100, S, PATIENT))],
    );
    let (clock, mut served) = (ManualClock::at(BARRIER), 0);
    let target = FakeTarget::new(clock.clone(), vec![FakeHost::ONE_EACH], |_| {
        served += 1;
        if served % 2 == 0 {
            End::answer(500 * MS, 500).into()
        } else {
            End::answer(MS, 200).into()
        }
    });
    let intervals = measure(&plan, &clock, target, |_, _| {});
    check_equations(&intervals);
    let [_, _, ok, failed, _] = iterations(&intervals);
    assert_eq!((ok, failed), (50, 50));
    let scenarios = || intervals.iter().flat_map(|interval| interval.scenarios.values());
    assert_eq!(scenarios().map(|counts| counts.time.count()).sum::<u64>(), ok);
    assert!(scenarios().all(|counts| counts.time.max_ns().is_none_or(|longest| longest < 10 * MS)));
}

/// When requests are sent of 100/s for 1 s, with a change of 500 ms that is announced and, after 800 ms, withdrawn.
fn announced(plan: &Plan) -> Vec<u64> {
    let (clock, seen) = (ManualClock::at(BARRIER), Rc::new(RefCell::new(Vec::new())));
    let sent = Rc::clone(&seen);
    let target = FakeTarget::new(clock.clone(), vec![FakeHost::ONE_EACH], move |arrived| {
        sent.borrow_mut().push(arrived.started_ns - BARRIER);
        End::answer(MS, 200).into()
    });
    let (sealed, inbox) = (Sealed::default(), Arc::new(Inbox::default()));
    inbox.announce(BARRIER + 500 * MS);
    let mut driver = Driver::new(
        Arc::new(Program::compile(plan).unwrap()),
        share::scenarios(plan, &Share::whole(), BARRIER).unwrap(),
        target,
        sealed.recorder(plan),
        clock.clone(),
        BARRIER,
        Arc::new(Control::default()),
    )
    .hearing(Some(Arc::clone(&inbox)));
    while driver.turn() {
        let at_ns = clock.now_ns() - BARRIER;
        if at_ns < 800 * MS {
            assert!(
                seen.borrow().iter().all(|at| *at < 500 * MS),
                "{:?}",
                seen.borrow().last()
            );
        } else {
            inbox.withdraw();
        }
    }
    let intervals = sealed.take();
    check_equations(&intervals);
    assert_eq!(iterations(&intervals)[..3], [100, 100, 100]);
    seen.take()
}

#[test]
fn what_falls_due_behind_an_announced_change_waits_until_it_is_settled() {
    let plan = plan(
        1,
        0,
        S,
        &[(request("a"), open(100, "constant", "grow", 100, S, PATIENT))],
    );
    let sent = announced(&plan);
    assert_eq!(sent.len(), 100);
    assert_eq!(sent.iter().filter(|at| **at < 500 * MS).count(), 50);
    assert!(sent.iter().filter(|at| **at >= 500 * MS).all(|at| *at >= 800 * MS));
}
