//! Groups of steps: counted and timed as a whole, whatever stands in them and however they are left.

use crate::support::plans::{PATIENT, closed, open, plan, request, think};
use crate::support::runs::{measure, stop_at};
use crate::support::sums::{Sums, check_equations};
use crate::support::{BARRIER, MS, S};
use apibench_core::clock::ManualClock;
use apibench_core::fake_target::{End, FakeHost, FakeTarget, Reply};
use apibench_core::phase::Phase;
use apibench_core::plan::{OnFail, Plan};
use apibench_engine::control::{Command, Control};
use apibench_engine::groups::MAX_DEPTH;
use apibench_engine::program::Program;
use apibench_histogram::groups::GroupCounts;
use apibench_histogram::interval::Interval;
use apibench_histogram::{Histogram, PagePool};
use proptest::prelude::*;
use serde_json::{Value, json};

const TOOK: u64 = 10 * MS;

fn asks(name: &str) -> Value {
    let mut step: Value = serde_json::from_str(&request(name)).unwrap();
    step["path"] = json!(format!("/{name}"));
    step
}

fn pauses(pause_ns: u64) -> Value {
    serde_json::from_str(&think(pause_ns, pause_ns)).unwrap()
}

fn group(name: &str, steps: &[Value]) -> Value {
    json!({"type": "group", "name": name, "steps": steps, "source": null})
}

fn repeat(times: u64, steps: &[Value]) -> Value {
    json!({"type": "repeat", "times": {"type": "constant", "value": times}, "steps": steps, "source": null})
}

fn leave() -> Value {
    json!({"type": "leave", "source": null})
}

fn end() -> Value {
    json!({"type": "end", "source": null})
}

fn planned(steps: &[Value], load: String) -> Plan {
    let steps: Vec<String> = steps.iter().map(ToString::to_string).collect();
    plan(1, 0, S, &[(steps.join(","), load)])
}

/// Runs a plan before a target that answers everything after 10 ms: `/fails` with 500, `/hangs` never.
fn run(plan: &Plan, between: impl FnMut(u64, &Control)) -> Vec<Interval> {
    let clock = ManualClock::at(BARRIER);
    let target = FakeTarget::new(clock.clone(), vec![FakeHost::ONE_EACH], |arrived| {
        let text = String::from_utf8(arrived.bytes.to_vec()).unwrap();
        match text.split(' ').nth(1).unwrap() {
            "/fails" => End::answer(TOOK, 500).into(),
            "/hangs" => End::Held.into(),
            "/times_out" => End::Fail {
                after_ns: TOOK,
                failure: apibench_core::failure::Failure::Timeout,
            }
            .into(),
            _ => Reply::from(End::answer(TOOK, 200)),
        }
    });
    let intervals = measure(plan, &clock, target, between);
    check_equations(&intervals);
    intervals
}

/// All passes through a group, by its number.
fn passes(intervals: &[Interval], number: u16) -> GroupCounts {
    let mut total = Interval::default();
    for interval in intervals {
        let mut one = Interval::default();
        one.merge_from(interval, &PagePool::new());
        one.clear_pending();
        total.merge(one);
    }
    let mut groups = total.groups.into_iter();
    let found = groups.find(|((group, _), _)| group.0 == number);
    found.map(|(_, counts)| counts).unwrap_or_default()
}

fn counts(group: &GroupCounts) -> (u64, u64, u64) {
    (group.ok, group.failed, group.unfinished)
}

fn times(group: &GroupCounts) -> (u64, Option<u64>, Option<u64>) {
    (group.time.count(), group.time.min_ns(), group.time.max_ns())
}

#[test]
fn a_group_takes_as_long_as_its_steps_and_pauses_are_no_time_of_it() {
    let inside = [asks("a"), pauses(S), asks("b"), pauses(S)];
    let plan = planned(&[asks("before"), group("both", &inside)], closed(1, None, Some(3)));
    let intervals = run(&plan, |_, _| {});
    let both = passes(&intervals, 0);
    assert_eq!(counts(&both), (3, 0, 0));
    assert_eq!(times(&both), (3, Some(2 * TOOK), Some(2 * TOOK)));
    let sums = Sums::of(&intervals, &[Phase::Main]);
    assert_eq!(
        (sums.started, sums.ok),
        (9, 9),
        "what is counted of requests knows nothing of groups"
    );
}

#[test]
fn the_wait_of_an_open_iteration_for_its_virtual_user_is_time_of_the_group_that_it_begins_with() {
    let load = open(100, "constant", "queue", 1, S, PATIENT);
    let intervals = run(&planned(&[group("g", &[asks("a"), asks("b")])], load), |_, _| {});
    let waited = passes(&intervals, 0);
    let queued = 2 * TOOK * 49;
    assert!(
        waited.time.max_ns().unwrap() > queued / 2,
        "they wait longer and longer"
    );
}

#[test]
fn groups_stand_in_groups_and_each_is_counted_under_its_own_name() {
    let inner = group("inner", &[asks("b")]);
    let plan = planned(
        &[group("outer", &[asks("a"), inner.clone(), inner])],
        closed(2, None, Some(4)),
    );
    let intervals = run(&plan, |_, _| {});
    assert_eq!(times(&passes(&intervals, 0)), (4, Some(3 * TOOK), Some(3 * TOOK)));
    assert_eq!(times(&passes(&intervals, 1)), (8, Some(TOOK), Some(TOOK)));
}

#[test]
fn a_group_that_its_iteration_ends_in_has_failed_and_so_have_those_around_it() {
    let inner = group("inner", &[asks("fails"), asks("never")]);
    let plan = planned(&[group("outer", &[asks("a"), inner])], closed(1, None, Some(5)));
    let intervals = run(&plan, |_, _| {});
    for number in 0..2 {
        let failed = passes(&intervals, number);
        assert_eq!(counts(&failed), (0, 5, 0));
        assert_eq!(times(&failed), (0, None, None), "as a time it would be the best of all");
    }
}

#[test]
fn of_one_in_which_a_request_timed_out_a_lower_bound_is_known() {
    let plan = planned(&[group("g", &[asks("a"), asks("times_out")])], closed(1, None, Some(2)));
    let failed = passes(&run(&plan, |_, _| {}), 0);
    assert_eq!(counts(&failed), (0, 2, 0));
    assert_eq!((failed.time.count(), failed.time.censored()), (2, 2));
}

#[test]
fn where_failures_end_nothing_a_group_fails_only_by_what_is_in_it() {
    let steps = [
        group("bad", &[asks("fails"), group("good inside", &[asks("a")])]),
        group("good", &[asks("b")]),
    ];
    let mut plan = planned(&steps, closed(1, None, Some(3)));
    plan.scenarios[0].defaults.on_fail = OnFail::Continue;
    let intervals = run(&plan, |_, _| {});
    assert_eq!(counts(&passes(&intervals, 0)), (0, 3, 0));
    assert_eq!(counts(&passes(&intervals, 1)), (3, 0, 0));
    assert_eq!(counts(&passes(&intervals, 2)), (3, 0, 0));
    let sums = Sums::of(&intervals, &[Phase::Main]);
    assert_eq!(
        (sums.iterations_ok, sums.iterations_failed),
        (0, 3),
        "the iteration has failed all the same"
    );
}

#[test]
fn a_group_that_is_left_with_its_loop_or_its_iteration_is_over_there() {
    let body = [
        group("g", &[asks("a"), group("h", &[asks("b"), leave()])]),
        asks("never"),
    ];
    let steps = [repeat(3, &body), group("last", &[asks("c"), end()]), asks("never")];
    let intervals = run(&planned(&steps, closed(1, None, Some(2))), |_, _| {});
    for (number, took_ns) in [(0, 2 * TOOK), (1, TOOK), (2, TOOK)] {
        let left = passes(&intervals, number);
        assert_eq!(counts(&left), (2, 0, 0));
        assert_eq!(times(&left), (2, Some(took_ns), Some(took_ns)));
    }
    let sums = Sums::of(&intervals, &[Phase::Main]);
    assert_eq!((sums.ok, sums.iterations_ok), (6, 2));
}

#[test]
fn what_goes_on_in_a_group_is_told_at_each_seal_and_is_unfinished_at_the_end() {
    let plan = planned(&[group("g", &[asks("a"), asks("hangs")])], closed(2, Some(3 * S), None));
    let intervals = run(&plan, |_, _| {});
    let ages: Vec<(u64, Option<u64>)> = intervals
        .iter()
        .flat_map(|interval| interval.groups.values())
        .map(|counts| (counts.pending.count(), counts.pending.min_ns()))
        .collect();
    assert_eq!(&ages[..3], &[(2, Some(S)), (2, Some(2 * S)), (2, Some(3 * S))]);
    let cut = passes(&intervals, 0);
    assert_eq!((counts(&cut), cut.time.censored()), ((0, 0, 2), 2));
    assert_eq!(cut.time.min_ns(), Some(4 * S), "their age at the end of the drain");
}

#[test]
fn behind_a_stop_a_group_that_is_left_with_the_answer_has_ended() {
    let plan = planned(&[group("g", &[asks("a")]), asks("b")], closed(1, Some(10 * S), None));
    // Heard while the answer to the first request of an iteration is under way.
    let intervals = run(&plan, stop_at(S + TOOK + TOOK / 2, Command::Stop));
    assert_eq!(counts(&passes(&intervals, 0)), (52, 0, 0));
    let sums = Sums::of(&intervals, &[Phase::Main]);
    assert_eq!((sums.iterations_ok, sums.iterations_unfinished), (51, 1));
}

#[test]
fn the_books_of_a_worker_that_died_close_its_groups_as_unfinished() {
    let plan = planned(&[group("g", &[asks("hangs")])], closed(3, Some(2 * S), None));
    let intervals = run(&plan, |_, _| {});
    let closing = intervals[0].unfinished_of_pending(&[], &PagePool::new());
    let group = closing.groups.values().next().unwrap();
    assert_eq!((counts(group), group.time.censored()), ((0, 0, 3), 3));
    assert!(group.pending.is_empty());
}

#[test]
fn too_many_groups_within_one_another_are_refused() {
    let mut steps = asks("a");
    for depth in 0..MAX_DEPTH {
        steps = group(&format!("g{depth}"), &[steps]);
    }
    let deepest = planned(std::slice::from_ref(&steps), closed(1, None, Some(1)));
    assert_eq!(Program::compile(&deepest).unwrap().groups.len(), MAX_DEPTH);
    let deeper = planned(&[group("one more", &[steps])], closed(1, None, Some(1)));
    assert!(Program::compile(&deeper).is_err());
}

/// Steps that groups stand among, and how often each group is passed through, worked out by hand.
fn steps(depth: u32) -> impl Strategy<Value = Vec<Value>> {
    let leaf = prop_oneof![Just(asks("a")), (0..2 * S).prop_map(pauses), Just(asks("fails"))];
    let step = leaf.prop_recursive(depth, 24, 4, |inner| {
        prop_oneof![
            (0_u8..4, prop::collection::vec(inner.clone(), 1..4))
                .prop_map(|(name, steps)| group(&format!("g{name}"), &steps)),
            (0_u64..3, prop::collection::vec(inner, 1..4)).prop_map(|(times, steps)| repeat(times, &steps)),
        ]
    });
    prop::collection::vec(step, 1..4).prop_map(|mut steps| {
        steps.insert(0, asks("a"));
        steps
    })
}

/// Does steps: adds to `found` what each group comes to, and returns whether something failed and the time that it took.
fn by_hand(steps: &[Value], found: &mut Vec<(String, bool, u64)>) -> (bool, u64) {
    let (mut failed, mut took_ns) = (false, 0);
    for step in steps {
        match step["type"].as_str().unwrap() {
            "request" => {
                failed |= step["name"] == "fails";
                took_ns += TOOK;
            }
            "repeat" => {
                for _ in 0..step["times"]["value"].as_u64().unwrap() {
                    let (inner_failed, inner_ns) = by_hand(step["steps"].as_array().unwrap(), found);
                    failed |= inner_failed;
                    took_ns += inner_ns;
                }
            }
            "group" => {
                let (inner_failed, inner_ns) = by_hand(step["steps"].as_array().unwrap(), found);
                found.push((step["name"].as_str().unwrap().to_owned(), inner_failed, inner_ns));
                failed |= inner_failed;
                took_ns += inner_ns;
            }
            _ => {}
        }
    }
    (failed, took_ns)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn each_group_is_counted_and_timed_as_if_it_were_done_by_hand(steps in steps(4)) {
        let mut plan = planned(&steps, closed(1, None, Some(2)));
        plan.scenarios[0].defaults.on_fail = OnFail::Continue;
        let mut expected = Vec::new();
        by_hand(&steps, &mut expected);
        let program = Program::compile(&plan).unwrap();
        let intervals = run(&plan, |_, _| {});
        for (number, known) in (0_u16..).zip(&program.groups) {
            let own: Vec<_> = expected.iter().filter(|(name, ..)| *name == known.name).collect();
            let ok: Vec<u64> = own.iter().filter(|(_, failed, _)| !failed).map(|(.., ns)| *ns).collect();
            let found = passes(&intervals, number);
            prop_assert_eq!(counts(&found), (2 * ok.len() as u64, 2 * (own.len() - ok.len()) as u64, 0));
            let mut times = Histogram::default();
            ok.iter().for_each(|ns| times.record_n(*ns, 2));
            prop_assert_eq!(found.time, times);
        }
    }
}
