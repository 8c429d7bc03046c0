//! The common start: nothing of what was done before it is part of the load, and nobody catches up with one that has passed.

use std::sync::Arc;

use crate::support::plans::{PATIENT, closed, open, plan, request};
use crate::support::runs::Sealed;
use crate::support::sums::{Sums, check_equations, over_all};
use crate::support::{BARRIER, MS, S};
use apibench_core::clock::{Clock as _, ManualClock};
use apibench_core::fake_target::{End, FakeHost, FakeTarget};
use apibench_core::plan::Plan;
use apibench_core::segment::Share;
use apibench_engine::barrier::{self, Passed};
use apibench_engine::control::{Command, Control};
use apibench_engine::driver::Driver;
use apibench_engine::load::Scenarios;
use apibench_engine::options::{Options, Tells};
use apibench_engine::program::Program;
use apibench_engine::run::{PrepareError, Prepared, now_ns};
use apibench_engine::share;
use apibench_histogram::interval::Interval;

/// An open and a closed load, with a warm-up: 20 + 40 arrivals, and one virtual user for 3 s.
fn both() -> Plan {
    let scenarios = [
        (request("a"), open(20, "poisson", "grow", 100, 2 * S, PATIENT)),
        (request("b"), closed(1, Some(2 * S), None)),
    ];
    plan(7, S, S, &scenarios)
}

/// The loads of two threads, which took 20 s to work out.
fn worked_out(plan: &Plan, share: &Share, clock: &ManualClock) -> Vec<Scenarios> {
    let parts = share.split(&[1, 1]);
    let loads = parts.iter().map(|part| share::scenarios(plan, part, 0).unwrap());
    let loads = loads.collect();
    clock.advance(20 * S);
    loads
}

/// When requests are sent, after the barrier, and the intervals of one thread.
fn run(plan: &Plan, load: Scenarios, barrier_ns: u64, clock: &ManualClock) -> (Vec<u64>, Vec<Interval>) {
    let (sealed, mut sent) = (Sealed::default(), Vec::new());
    let target = FakeTarget::new(clock.clone(), vec![FakeHost::ONE_EACH], |arrived| {
        sent.push(arrived.started_ns - barrier_ns);
        End::answer(10 * MS, 200).into()
    });
    let (program, control) = (Arc::new(Program::compile(plan).unwrap()), Arc::default());
    let mut driver = Driver::new(
        program,
        load,
        target,
        sealed.recorder(plan),
        clock.clone(),
        barrier_ns,
        control,
    );
    driver.run();
    drop(driver);
    (sent, sealed.take())
}

#[test]
fn a_load_that_took_long_to_work_out_begins_behind_that_and_has_nothing_to_catch_up_with() {
    let plan = both();
    let times = [Some(BARRIER + 30 * S), None].map(|asked_ns| {
        let clock = ManualClock::at(BARRIER);
        let mut loads = worked_out(&plan, &Share::whole(), &clock);
        let barrier_ns = barrier::set(&mut loads, asked_ns, &clock).unwrap();
        assert!(barrier_ns > clock.now_ns(), "it lies ahead when all is ready");
        let mut sent = Vec::new();
        for load in loads {
            let (times, intervals) = run(&plan, load, barrier_ns, &ManualClock::at(barrier_ns - MS));
            check_equations(&intervals);
            assert_eq!(over_all(&intervals, |counts| &counts.schedule_lag).max_ns(), Some(0));
            sent.extend(times);
        }
        sent.sort_unstable();
        sent
    });
    assert_eq!(times[0], times[1], "the same load, from whatever moment on");
    assert!(times[0].len() > 60);
}

#[test]
fn a_moment_that_has_passed_is_refused_and_the_load_has_not_begun() {
    let clock = ManualClock::at(BARRIER);
    let plan = both();
    let mut loads = worked_out(&plan, &Share::whole(), &clock);
    let now_ns = clock.now_ns();
    assert_eq!(barrier::set(&mut loads, Some(now_ns - 1), &clock), Err(Passed));
    // Nothing was moved by it: another moment can be asked for.
    assert_eq!(barrier::set(&mut loads, Some(now_ns), &clock), Ok(now_ns));
    let first = loads.iter().map(Scenarios::next_due_ns).min();
    assert_eq!(first, Some(now_ns), "the virtual user that begins with the warm-up");
}

#[test]
fn who_has_nothing_to_do_may_join_what_began_before() {
    let clock = ManualClock::at(BARRIER);
    let plan = both();
    let mut loads = worked_out(&plan, &Share::new(Vec::new()), &clock);
    assert_eq!(barrier::set(&mut loads, Some(BARRIER), &clock), Ok(BARRIER));
}

#[test]
fn a_run_whose_moment_has_passed_starts_no_thread_and_connects_to_nobody() {
    let options = Options {
        threads: 2,
        pin: Vec::new(),
        spin_ns: 0,
        guarded: false,
        tells: Tells::Nothing,
        segment: 0,
        allowed: Vec::new(),
    };
    let mut plan = both();
    plan.hosts.get_mut("h").unwrap().timeouts.connect_ns = S;
    let prepared = Prepared::new(plan).unwrap();
    let passed_ns = Some(now_ns() - S);
    let refused = prepared.start(&options, passed_ns, &Share::whole(), None, Vec::new());
    assert!(matches!(refused, Err(PrepareError::Late)));
    // A spare, which is to get its part by a change, joins all the same.
    let spare = prepared.start(&options, passed_ns, &Share::new(Vec::new()), None, Vec::new());
    assert!(spare.unwrap().join().is_ok());
}

#[test]
fn a_stop_and_an_abort_are_heard_before_a_barrier_that_is_far_ahead() {
    const AHEAD: u64 = 900 * S;
    let plan = both();
    for command in [Command::Stop, Command::Abort] {
        let clock = ManualClock::at(BARRIER - AHEAD);
        let (sealed, control) = (Sealed::default(), Arc::new(Control::default()));
        let target = FakeTarget::new(clock.clone(), vec![FakeHost::ONE_EACH], |_| {
            panic!("something was sent")
        });
        let mut driver = Driver::new(
            Arc::new(Program::compile(&plan).unwrap()),
            share::scenarios(&plan, &Share::whole(), BARRIER).unwrap(),
            target,
            sealed.recorder(&plan),
            clock.clone(),
            BARRIER,
            Arc::clone(&control),
        );
        // Half of it later somebody changes their mind.
        while clock.now_ns() < BARRIER - AHEAD / 2 {
            assert!(driver.turn());
        }
        control.command(command);
        let told_ns = clock.now_ns();
        driver.run();
        assert!(clock.now_ns() <= told_ns + 20 * MS, "it ends at the next look");
        assert_eq!(driver.connections_by_address(1), [[0]]);
        let intervals = sealed.take();
        check_equations(&intervals);
        let sums = Sums::of(&intervals, &apibench_core::phase::Phase::ALL);
        assert_eq!(sums, Sums::default(), "nothing fell due");
        assert!(intervals.iter().all(|interval| interval.end_ns == 0));
    }
}
