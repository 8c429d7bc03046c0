//! Iterations that take no time at all: nothing is sent in them, or nothing could be.

use std::cell::Cell;
use std::rc::Rc;

use crate::support::journeys::{call, gets, lines, of, ok, repeat, run, set, when};
use crate::support::plans::{PATIENT, closed, open, plan, request, think};
use crate::support::runs::{measure, prompt};
use crate::support::sums::{Sums, check_equations};
use crate::support::{BARRIER, MS, S};
use apibench_core::clock::{Clock as _, ManualClock};
use apibench_core::phase::Phase;
use apibench_core::plan::OnFail;
use serde_json::json;

/// Steps that send nothing: what is looked for never holds.
fn silent() -> String {
    when(&call("less", &[json!(1), json!(0)]), &request("a"), "")
}

/// A request that has no value for its path.
fn broken() -> String {
    let nothing = call("divide", &[json!(1), json!(0)]);
    gets("a", &call("concat", &[json!("/"), nothing]))
}

#[test]
fn iterations_that_take_no_time_neither_hang_the_loop_nor_overflow_its_stack() {
    let ran = run(&of(&[silent()], 20_000), |_, _| ok(""));
    assert_eq!(Sums::of(&ran.intervals, &[Phase::Main]).iterations_ok, 20_000);
    let ran = run(&of(&[broken()], 20_000), |_, _| ok(""));
    let sums = Sums::of(&ran.intervals, &[Phase::Main]);
    assert_eq!((sums.iterations_failed, sums.started), (20_000, 0));
    assert_eq!(ran.checks["values of a"], (0, 20_000));
    // Likewise where arrivals wait for the only virtual user.
    for step in [silent(), broken()] {
        let load = open(20_000, "constant", "queue", 1, S, PATIENT);
        let ran = run(&plan(1, 0, S, &[(step, load)]), |_, _| ok(""));
        assert_eq!(Sums::of(&ran.intervals, &[Phase::Main]).iterations_started, 20_000);
    }
    // Nor do requests that cannot be rendered, one behind the other, in an iteration that goes on all the same.
    let mut plan = of(&[repeat(&json!(50_000), &broken()), gets("end", &json!("/end"))], 1);
    plan.scenarios[0].defaults.on_fail = OnFail::Continue;
    let ran = run(&plan, |_, _| ok(""));
    assert_eq!(lines(&ran.wire), ["GET /end"]);
    assert_eq!(ran.checks["values of a"], (0, 50_000));
    let busy = repeat(&json!(100_000), &set("x", &json!({"type": "constant", "value": 1})));
    let ran = run(&of(&[busy, gets("a", &json!("/a"))], 2), |_, _| ok(""));
    assert_eq!(ran.wire.len(), 2);
}

#[test]
fn a_closed_load_of_such_iterations_has_its_warm_up_and_its_end() {
    // A pause of nothing takes as little time.
    for steps in [silent(), broken(), think(0, 0) + "," + &silent()] {
        let plan = plan(1, 100 * MS, 5 * S, &[(steps, closed(2, Some(S), None))]);
        let clock = ManualClock::at(BARRIER);
        let moving = clock.clone();
        let intervals = measure(&plan, &clock, prompt(&clock, MS), |_, _| moving.advance(10 * MS));
        check_equations(&intervals);
        assert!(clock.now_ns() < BARRIER + 1_200 * MS, "no drain is waited for");
        let ended = |phase| {
            let sums = Sums::of(&intervals, &[phase]);
            assert_eq!(sums.iterations_unfinished, 0);
            sums.iterations_ok + sums.iterations_failed
        };
        let (warmup, main) = (ended(Phase::Warmup), ended(Phase::Main));
        assert!(warmup > 0 && main > 0, "{warmup} and {main}");
    }
}

#[test]
fn who_has_just_ended_such_an_iteration_takes_the_next_and_nothing_is_dropped() {
    for steps in [silent(), broken()] {
        let plan = plan(1, 0, S, &[(steps, open(1_000, "constant", "drop", 1, S, PATIENT))]);
        let clock = ManualClock::at(BARRIER);
        // 300 are due when the loop is there again.
        let target = prompt(&clock, MS).with_naps([(BARRIER + 200 * MS, 300 * MS)]);
        let intervals = measure(&plan, &clock, target, |_, _| {});
        check_equations(&intervals);
        let sums = Sums::of(&intervals, &[Phase::Main]);
        assert_eq!(
            (sums.iterations_ok + sums.iterations_failed, sums.dropped()),
            (1_000, 0)
        );
    }
}

#[test]
fn thousands_of_such_iterations_that_are_due_leave_others_their_turn() {
    let plan = plan(1, 0, S, &[(silent(), open(20_000, "constant", "queue", 1, S, PATIENT))]);
    let clock = ManualClock::at(BARRIER);
    // 10,000 are due when the loop is there again.
    let target = prompt(&clock, MS).with_naps([(BARRIER + 100 * MS, 500 * MS)]);
    let (there, turns) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let counted = Rc::clone(&turns);
    let intervals = measure(&plan, &clock, target, move |now_ns, _| {
        if there.get() == 0 && now_ns >= 600 * MS {
            there.set(now_ns);
        }
        counted.set(counted.get() + u32::from(there.get() == now_ns));
    });
    check_equations(&intervals);
    assert!(turns.get() >= 9, "{}", turns.get());
}
