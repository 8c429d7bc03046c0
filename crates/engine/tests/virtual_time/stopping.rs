//! A stop stops: nothing is sent after it, whatever was on its way, and nothing that was due is forgotten.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::support::plans::{PATIENT, closed, open, plan, request, think};
use crate::support::runs::{measure, stop_at};
use crate::support::sums::{Sums, check_equations};
use crate::support::{BARRIER, MS, S};
use apibench_core::clock::ManualClock;
use apibench_core::failure::Failure;
use apibench_core::fake_target::{End, FakeHost, FakeTarget, Ownership};
use apibench_core::phase::Phase;
use apibench_engine::control::Command;
use proptest::prelude::*;

/// When the loop heard of the command, after the barrier, and when each request was sent.
#[derive(Default)]
struct Seen {
    stopped_ns: Cell<Option<u64>>,
    sent_ns: RefCell<Vec<u64>>,
}

impl Seen {
    fn sent_after_the_stop(&self) -> usize {
        let Some(stopped_ns) = self.stopped_ns.get() else {
            return 0;
        };
        self.sent_ns
            .borrow()
            .iter()
            .filter(|sent_ns| **sent_ns > stopped_ns)
            .count()
    }
}

fn host(ownership: Ownership, opening_ns: u64) -> FakeHost {
    FakeHost {
        ownership,
        streams: 1,
        opening_ns,
        refusal: None,
    }
}

/// Stops at `at_ns` and notes when.
fn noting(seen: &Rc<Seen>, at_ns: u64, command: Command) -> impl FnMut(u64, &apibench_engine::control::Control) {
    let seen = Rc::clone(seen);
    let mut stop = stop_at(at_ns, command);
    move |now_ns, control| {
        stop(now_ns, control);
        if now_ns >= at_ns && seen.stopped_ns.get().is_none() {
            seen.stopped_ns.set(Some(now_ns));
        }
    }
}

#[test]
fn who_waits_in_line_for_a_connection_when_the_run_is_stopped_is_never_sent() {
    // Ten virtual users share one connection that serves each in 100 ms: nine always wait in the transport.
    let plan = plan(1, 0, 10 * S, &[(request("a"), closed(10, Some(10 * S), None))]);
    let (clock, seen) = (ManualClock::at(BARRIER), Rc::new(Seen::default()));
    let noted = Rc::clone(&seen);
    let target = FakeTarget::new(clock.clone(), vec![host(Ownership::Shared(1), 0)], move |arrived| {
        noted.sent_ns.borrow_mut().push(arrived.started_ns - BARRIER);
        End::answer(100 * MS, 200).into()
    });
    let intervals = measure(&plan, &clock, target, noting(&seen, S, Command::Stop));
    check_equations(&intervals);
    assert_eq!(seen.sent_after_the_stop(), 0);
    let sums = Sums::of(&intervals, &Phase::ALL);
    assert_eq!((sums.unfinished, sums.iterations_unfinished), (9, 9));
    assert!(
        intervals.last().unwrap().end_ns <= 1_200 * MS,
        "what was in flight has ended"
    );
}

#[test]
fn who_waits_for_an_opening_when_the_run_is_stopped_is_never_sent() {
    let plan = plan(1, 0, 10 * S, &[(request("a"), closed(3, Some(10 * S), None))]);
    let (clock, seen) = (ManualClock::at(BARRIER), Rc::new(Seen::default()));
    let noted = Rc::clone(&seen);
    let target = FakeTarget::new(clock.clone(), vec![host(Ownership::PerChannel(1), S)], move |arrived| {
        noted.sent_ns.borrow_mut().push(arrived.started_ns);
        End::answer(MS, 200).into()
    });
    let intervals = measure(&plan, &clock, target, noting(&seen, 500 * MS, Command::Stop));
    check_equations(&intervals);
    assert!(seen.sent_ns.borrow().is_empty());
    assert_eq!(Sums::of(&intervals, &Phase::ALL).unfinished, 3);
}

/// A choice between cases, each of these steps.
fn pick(by: &str, cases: &[String]) -> String {
    let cases: Vec<String> = cases
        .iter()
        .map(|steps| format!(r#"{{"weight":1,"steps":[{steps}]}}"#))
        .collect();
    format!(
        r#"{{"type":"pick","by":"{by}","cases":[{}],"source":null}}"#,
        cases.join(",")
    )
}

#[test]
fn a_choice_reached_after_the_stop_leaves_its_iteration_unfinished_and_one_that_was_done_is_ok() {
    for by in ["weight", "turn"] {
        let cases = [
            vec![request("b")],
            vec![think(MS, MS)],
            vec![request("b"), pick(by, &[think(MS, MS), request("c")])],
        ];
        for cases in cases {
            // Chosen before the stop, its last step is in flight; or reached after it, with all of its steps still to do.
            for (steps, done) in [
                (pick(by, &[request("a"), request("a")]), true),
                ([request("a"), pick(by, &cases)].join(","), false),
            ] {
                let plan = plan(1, 0, 10 * S, &[(steps, closed(4, Some(10 * S), None))]);
                let (clock, seen) = (ManualClock::at(BARRIER), Rc::new(Seen::default()));
                let noted = Rc::clone(&seen);
                let ownership = Ownership::PerChannel(1);
                let target = FakeTarget::new(clock.clone(), vec![host(ownership, 0)], move |arrived| {
                    noted.sent_ns.borrow_mut().push(arrived.started_ns - BARRIER);
                    End::answer(500 * MS, 200).into()
                });
                let intervals = measure(&plan, &clock, target, noting(&seen, 300 * MS, Command::Stop));
                check_equations(&intervals);
                assert_eq!(*seen.sent_ns.borrow(), [0; 4], "{by}: nothing behind the stop");
                let sums = Sums::of(&intervals, &Phase::ALL);
                assert_eq!((sums.ok, sums.unfinished), (4, 0), "{by}: what was in flight ends");
                let iterations = (sums.iterations_ok, sums.iterations_unfinished);
                assert_eq!(iterations, if done { (4, 0) } else { (0, 4) }, "{by}");
                assert_eq!(
                    intervals.last().unwrap().end_ns,
                    500 * MS,
                    "{by}: and nobody pauses to the end"
                );
            }
        }
    }
}

#[test]
fn what_is_cut_off_at_the_end_of_the_drain_makes_no_room_for_others() {
    // Five share a connection of two streams that never answers: two are in flight, three wait, to the end.
    let plan = plan(1, 0, S, &[(request("a"), closed(5, Some(S), None))]);
    let (clock, sent) = (ManualClock::at(BARRIER), Rc::new(Cell::new(0)));
    let noted = Rc::clone(&sent);
    let streams = FakeHost {
        streams: 2,
        ..host(Ownership::Shared(1), 0)
    };
    let target = FakeTarget::new(clock.clone(), vec![streams], move |_| {
        noted.set(noted.get() + 1);
        End::Silence.into()
    });
    let intervals = measure(&plan, &clock, target, |_, _| {});
    check_equations(&intervals);
    assert_eq!((sent.get(), Sums::of(&intervals, &Phase::ALL).unfinished), (2, 5));
    assert_eq!(intervals.last().unwrap().end_ns, 2 * S);
}

#[test]
fn a_stale_connection_found_after_the_stop_is_not_tried_again() {
    let plan = plan(1, 0, 10 * S, &[(request("a"), closed(1, Some(10 * S), None))]);
    let (clock, seen) = (ManualClock::at(BARRIER), Rc::new(Seen::default()));
    let noted = Rc::clone(&seen);
    let target = FakeTarget::new(clock.clone(), vec![host(Ownership::PerChannel(1), 0)], move |arrived| {
        noted.sent_ns.borrow_mut().push(arrived.started_ns - BARRIER);
        let failure = Failure::TcpClosed;
        if arrived.served == 0 {
            End::answer(100 * MS, 200).into()
        } else {
            End::Fail {
                after_ns: 400 * MS,
                failure,
            }
            .into()
        }
    });
    let intervals = measure(&plan, &clock, target, noting(&seen, 300 * MS, Command::Stop));
    check_equations(&intervals);
    assert_eq!(seen.sent_after_the_stop(), 0);
    let sums = Sums::of(&intervals, &Phase::ALL);
    assert_eq!(
        (sums.started, sums.ok, sums.unfinished, sums.stale_retries),
        (2, 1, 1, 0)
    );
}

#[test]
fn what_fell_due_while_the_loop_slept_is_offered_and_dropped_when_it_wakes_to_a_stop() {
    // 100/s; the loop is kept away from 196 ms to 696 ms, and finds a stop: 70 were due, and 20 of them sent.
    let plan = plan(
        1,
        0,
        S,
        &[(request("a"), open(100, "constant", "grow", 100, 10 * S, PATIENT))],
    );
    let clock = ManualClock::at(BARRIER);
    let target = FakeTarget::new(clock.clone(), vec![FakeHost::ONE_EACH], |_| End::answer(MS, 200).into())
        .with_naps([(BARRIER + 196 * MS, 500 * MS)]);
    // Commanded while it sleeps.
    let intervals = measure(&plan, &clock, target, stop_at(195 * MS, Command::Stop));
    check_equations(&intervals);
    let sums = Sums::of(&intervals, &Phase::ALL);
    assert_eq!(
        (sums.offered, sums.iterations_started, sums.dropped_ended),
        (70, 20, 50)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn nothing_is_sent_after_a_stop_or_an_abort_whatever_the_plan_and_the_target(
        model in 0_u8..2,
        vus in 1_u64..20,
        shared in any::<bool>(),
        connections in 1_u32..6,
        opening_ms in 0_u64..200,
        service_ms in 1_u64..400,
        stale_in in 2_u64..6,
        think_ms in 0_u64..100,
        nap_ms in 0_u64..1_500,
        stop_ms in 0_u64..3_000,
        abort in any::<bool>(),
    ) {
        let load = if model == 0 { closed(vus, Some(3 * S), None) } else { open(200, "poisson", "queue", vus, 3 * S, PATIENT) };
        let steps = [request("a"), think(0, think_ms * MS), request("b")].join(",");
        let plan = plan(stop_ms, 0, 2 * S, &[(steps, load)]);
        let (clock, seen) = (ManualClock::at(BARRIER), Rc::new(Seen::default()));
        let noted = Rc::clone(&seen);
        let ownership = if shared { Ownership::Shared(connections) } else { Ownership::PerChannel(1) };
        let target = FakeTarget::new(clock.clone(), vec![host(ownership, opening_ms * MS)], move |arrived| {
            noted.sent_ns.borrow_mut().push(arrived.started_ns - BARRIER);
            if arrived.served % stale_in == stale_in - 1 {
                return End::Fail { after_ns: MS, failure: Failure::TcpClosed }.into();
            }
            End::answer(service_ms * MS, 200).into()
        })
        .with_naps([(BARRIER + 700 * MS, nap_ms * MS)]);
        let command = if abort { Command::Abort } else { Command::Stop };
        let intervals = measure(&plan, &clock, target, noting(&seen, stop_ms * MS, command));
        check_equations(&intervals);
        prop_assert_eq!(seen.sent_after_the_stop(), 0);
        if let (true, Some(stopped_ns)) = (abort, seen.stopped_ns.get()) {
            let end_ns = intervals.last().unwrap().end_ns;
            prop_assert!(end_ns <= stopped_ns + 20 * MS + nap_ms * MS, "an abort waits for nothing: {} {}", end_ns, stopped_ns);
        }
    }
}
