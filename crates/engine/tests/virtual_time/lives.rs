//! What virtual users do once: before their iterations and behind the last, and that it is no iteration.

use std::cell::RefCell;
use std::rc::Rc;

use crate::support::plans::{closed, plan, request};
use crate::support::runs::measure;
use crate::support::sums::{Sums, check_equations};
use crate::support::{BARRIER, MS, S};
use apibench_core::clock::ManualClock;
use apibench_core::fake_target::{FakeHost, FakeTarget, Reply};
use apibench_core::phase::Phase;
use apibench_core::plan::{OnFail, Plan};
use apibench_engine::control::{Command, Control};
use apibench_histogram::interval::Interval;
use serde_json::{Value, json};

fn asks(path: &Value) -> Value {
    let mut step: Value = serde_json::from_str(&request("r")).unwrap();
    step["path"] = path.clone();
    step
}

fn late(before: &str, name: &str) -> Value {
    json!({"type": "call", "function": "concat", "arguments": [
        {"type": "constant", "value": before}, {"type": "variable", "name": name}]})
}

/// Logs in, and takes an id out of the answer; sends it in each iteration, and behind the last.
fn planned(load: String) -> Plan {
    let mut plan = plan(1, 0, S, &[(asks(&late("/page/", "id")).to_string(), load)]);
    let step = |value: Value| serde_json::from_value(value).unwrap();
    let take = json!({"type": "extract", "of": {"type": "json", "path": ["id"]}, "to": "id", "source": null});
    plan.scenarios[0].on_start = vec![step(asks(&json!("/in"))), step(take)];
    plan.scenarios[0].on_stop = vec![step(asks(&late("/out/", "id")))];
    plan
}

/// What went over the wire, and what was measured. The answer to each `/in` has another id; every `failing`-th is a 500.
fn run(plan: &Plan, failing: usize, between: impl FnMut(u64, &Control)) -> (Vec<String>, Vec<Interval>) {
    let (clock, wire) = (ManualClock::at(BARRIER), Rc::new(RefCell::new(Vec::new())));
    let noted = Rc::clone(&wire);
    let mut number = 0;
    let target = FakeTarget::new(clock.clone(), vec![FakeHost::ONE_EACH], move |arrived| {
        let text = String::from_utf8(arrived.bytes.to_vec()).unwrap();
        let target = text.split(' ').nth(1).unwrap().to_owned();
        noted.borrow_mut().push(target.clone());
        if target != "/in" {
            return Reply::response(MS, 200, "", "");
        }
        number += 1;
        let status = if failing > 0 && number % failing == 0 { 500 } else { 200 };
        Reply::response(MS, status, "", &format!("{{\"id\": {number}}}"))
    });
    let intervals = measure(plan, &clock, target, between);
    check_equations(&intervals);
    (wire.take(), intervals)
}

#[test]
fn it_is_done_once_by_each_and_what_it_has_set_lasts() {
    let (wire, intervals) = run(&planned(closed(2, None, Some(6))), 0, |_, _| {});
    let mut sorted = wire.clone();
    sorted.sort();
    let expected = [
        "/in", "/in", "/out/1", "/out/2", "/page/1", "/page/1", "/page/1", "/page/2", "/page/2", "/page/2",
    ];
    assert_eq!(sorted, expected);
    for id in ["1", "2"] {
        let last = wire
            .iter()
            .rposition(|target| *target == format!("/page/{id}"))
            .unwrap();
        assert!(wire.iter().position(|target| *target == format!("/out/{id}")).unwrap() > last);
    }
    let sums = Sums::of(&intervals, &[Phase::Main]);
    assert_eq!((sums.offered, sums.iterations_started, sums.iterations_ok), (6, 6, 6));
    assert_eq!((sums.started, sums.ok), (10, 10));
}

#[test]
fn who_fails_before_its_iterations_begins_anew_and_that_is_an_iteration_which_failed() {
    let (wire, all) = run(&planned(closed(1, None, Some(4))), 3, |_, _| {});
    assert_eq!(wire, ["/in", "/page/1", "/page/1", "/page/1", "/page/1", "/out/1"]);
    let (wire, some) = run(&planned(closed(2, None, Some(4))), 2, |_, _| {});
    let mut sorted = wire.clone();
    sorted.sort();
    let expected = ["/in", "/in", "/in", "/out/1", "/out/3", "/page/1", "/page/1", "/page/3"];
    assert_eq!(sorted, expected);
    let (wire, none) = run(&planned(closed(1, None, Some(3))), 1, |_, _| {});
    assert_eq!(wire, ["/in", "/in", "/in"]);
    for (intervals, expected) in [(all, (4, 0)), (some, (3, 1)), (none, (0, 3))] {
        let sums = Sums::of(&intervals, &[Phase::Main]);
        assert_eq!((sums.iterations_ok, sums.iterations_failed), expected);
    }
}

#[test]
fn where_failures_end_nothing_what_follows_is_done_all_the_same() {
    let mut plan = planned(closed(1, None, Some(1)));
    plan.scenarios[0].defaults.on_fail = OnFail::Continue;
    let (wire, _) = run(&plan, 1, |_, _| {});
    assert_eq!(wire, ["/in", "/page/1", "/out/1"]);
}

#[test]
fn with_a_duration_it_comes_behind_the_last_iteration_and_within_the_drain() {
    let (wire, intervals) = run(&planned(closed(3, Some(S / 10), None)), 0, |_, _| {});
    assert_eq!(wire.iter().filter(|target| target.starts_with("/in")).count(), 3);
    assert_eq!(wire.iter().filter(|target| target.starts_with("/out/")).count(), 3);
    assert!(wire[wire.len() - 3..].iter().all(|target| target.starts_with("/out/")));
    let sums = Sums::of(&intervals, &[Phase::Main]);
    assert_eq!(sums.started, sums.iterations_started + 6);
    assert_eq!(sums.iterations_started, sums.iterations_ok);
}

#[test]
fn behind_a_stop_nothing_more_is_sent() {
    let (wire, _) = run(&planned(closed(2, Some(S), None)), 0, |at_ns, control| {
        if at_ns >= 50 * MS {
            control.command(Command::Stop);
        }
    });
    assert!(
        wire.len() > 10 && wire.iter().all(|target| !target.starts_with("/out/")),
        "{wire:?}"
    );
}
