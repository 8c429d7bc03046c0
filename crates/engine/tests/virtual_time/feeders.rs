//! Feeders in the loop: who gets which row, and what happens when there is none.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use crate::support::plans::{PATIENT, closed, open, plan, request, think};
use crate::support::runs::{Sealed, drive, measure};
use crate::support::sums::{Sums, check_equations};
use crate::support::{BARRIER, MS, S};
use apibench_core::clock::ManualClock;
use apibench_core::fake_target::{FakeHost, FakeTarget, Reply};
use apibench_core::feeder::{Feeder, RowFormat, RowOrder, WhenDry};
use apibench_core::phase::Phase;
use apibench_core::plan::Plan;
use apibench_core::segment::Share;
use apibench_engine::program::Program;
use apibench_histogram::interval::Interval;
use proptest::prelude::*;
use serde_json::{Value, json};

const FEED: &str = r#"{"type":"feed","feeder":"users","to":"user","source":null}"#;

/// Sends a column of the row that was taken last.
fn sends(column: &str) -> String {
    let mut step: Value = serde_json::from_str(&request("r")).unwrap();
    step["path"] = json!({"type": "call", "function": "concat", "arguments": [
        {"type": "constant", "value": "/"},
        {"type": "call", "function": "member", "arguments": [
            {"type": "variable", "name": "user"}, {"type": "constant", "value": column}]}]});
    step.to_string()
}

fn fed(scenarios: &[(String, String)], text: &str, order: RowOrder, when_dry: WhenDry) -> Plan {
    let mut plan = plan(1, 0, S, scenarios);
    let feeder = Feeder {
        format: RowFormat::Csv,
        path: None,
        text: Some(text.to_owned()),
        columns: Vec::new(),
        delimiter: ",".to_owned(),
        order,
        when_dry,
    };
    plan.feeders.insert("users".to_owned(), feeder);
    plan
}

/// What came over the wire, and what was measured.
fn run(plan: &Plan) -> (Vec<String>, Vec<Interval>) {
    let (clock, wire) = (ManualClock::at(BARRIER), Rc::new(RefCell::new(Vec::new())));
    let noted = Rc::clone(&wire);
    let target = FakeTarget::new(clock.clone(), vec![FakeHost::ONE_EACH], move |arrived| {
        let request = String::from_utf8(arrived.bytes.to_vec()).unwrap();
        noted.borrow_mut().push(request.split(' ').nth(1).unwrap().to_owned());
        Reply::response(MS, 200, "", "")
    });
    let intervals = measure(plan, &clock, target, |_, _| {});
    check_equations(&intervals);
    (wire.take(), intervals)
}

fn users(count: usize) -> String {
    let rows: Vec<String> = (0..count).map(|row| format!("u{row},\"p, {row}\"")).collect();
    format!("name,password\n{}\n", rows.join("\n"))
}

#[test]
fn each_iteration_sends_the_row_that_it_took() {
    let steps = [
        FEED.to_owned(),
        sends("name"),
        sends("password"),
        FEED.to_owned(),
        sends("name"),
    ]
    .join(",");
    let plan = fed(
        &[(steps, closed(1, None, Some(2)))],
        &users(3),
        RowOrder::Sequential,
        WhenDry::Recycle,
    );
    let (wire, _) = run(&plan);
    assert_eq!(wire, ["/u0", "/p,%200", "/u1", "/u2", "/p,%202", "/u0"]);
}

#[test]
fn who_needs_a_row_stops_when_there_is_none_and_all_of_them_were_used_once() {
    let steps = [FEED.to_owned(), sends("name")].join(",");
    let load = closed(4, Some(10 * S), None);
    let plan = fed(&[(steps, load)], &users(50), RowOrder::Unique, WhenDry::Stop);
    let (mut wire, intervals) = run(&plan);
    wire.sort();
    let mut expected: Vec<String> = (0..50).map(|row| format!("/u{row}")).collect();
    expected.sort();
    assert_eq!(wire, expected);
    assert!(intervals.len() <= 2, "it ends when nobody has anything left to do");
    let sums = Sums::of(&intervals, &[Phase::Main]);
    assert_eq!((sums.iterations_started, sums.iterations_ok), (50, 50));
}

#[test]
fn who_finds_no_row_in_mid_iteration_is_cut_off_there() {
    let steps = [FEED.to_owned(), sends("name"), FEED.to_owned(), sends("name")].join(",");
    let plan = fed(
        &[(steps, closed(1, Some(S), None))],
        &users(3),
        RowOrder::Unique,
        WhenDry::Stop,
    );
    let (wire, intervals) = run(&plan);
    assert_eq!(wire, ["/u0", "/u1", "/u2"]);
    let sums = Sums::of(&intervals, &[Phase::Main]);
    assert_eq!((sums.iterations_ok, sums.iterations_unfinished), (1, 1));
}

#[test]
fn who_finds_no_row_fails_by_that_name_and_sends_no_row_of_before() {
    let steps = [FEED.to_owned(), sends("name")].join(",");
    let load = open(10, "constant", "queue", 5, S, PATIENT);
    let plan = fed(&[(steps, load)], &users(4), RowOrder::Unique, WhenDry::Fail);
    let (wire, intervals) = run(&plan);
    assert_eq!(wire, ["/u0", "/u1", "/u2", "/u3"]);
    let sums = Sums::of(&intervals, &[Phase::Main]);
    assert_eq!((sums.iterations_ok, sums.iterations_failed), (4, 6));
    let checks = &Program::compile(&plan).unwrap().scenarios[0].checks;
    let failed: u64 = intervals
        .iter()
        .flat_map(|interval| interval.scenarios.values())
        .flat_map(|counts| counts.checks.iter())
        .filter(|(number, _)| checks[number.0 as usize] == "feed users")
        .map(|(_, count)| count.failed)
        .sum();
    assert_eq!(failed, 6);
}

#[test]
fn an_open_load_ends_where_its_rows_do_and_the_arrival_that_found_none_is_told() {
    let steps = [FEED.to_owned(), sends("name")].join(",");
    let load = open(100, "constant", "grow", 50, 10 * S, PATIENT);
    let plan = fed(&[(steps, load)], &users(50), RowOrder::Unique, WhenDry::Stop);
    let (mut wire, intervals) = run(&plan);
    wire.sort();
    let mut expected: Vec<String> = (0..50).map(|row| format!("/u{row}")).collect();
    expected.sort();
    assert_eq!(wire, expected);
    let sums = Sums::of(&intervals, &[Phase::Main]);
    assert_eq!((sums.offered, sums.iterations_ok, sums.dropped_dry), (51, 50, 1));
    assert_eq!(sums.dropped(), 1);
    assert_eq!(
        intervals.last().unwrap().end_ns,
        505 * MS,
        "number 51 was the last to be due"
    );
}

#[test]
fn what_waits_when_the_last_row_goes_out_is_dropped_for_want_of_one_and_by_no_cap() {
    let steps = [FEED.to_owned(), sends("name"), think(100 * MS, 100 * MS)].join(",");
    let load = open(100, "constant", "queue", 1, 10 * S, PATIENT);
    let plan = fed(&[(steps, load)], &users(5), RowOrder::Sequential, WhenDry::Stop);
    let (wire, intervals) = run(&plan);
    assert_eq!(wire, ["/u0", "/u1", "/u2", "/u3", "/u4"]);
    let sums = Sums::of(&intervals, &[Phase::Main]);
    // The fifth began 404 ms behind the first, at 5 ms; what was due by then waits.
    assert_eq!((sums.iterations_ok, sums.dropped_dry, sums.dropped()), (5, 36, 36));
    assert_eq!(sums.offered, 41);
    let headline: u64 = intervals
        .iter()
        .flat_map(|interval| interval.series.values())
        .map(|counts| counts.response.censored())
        .sum();
    assert_eq!(headline, 0, "they waited for no target");
}

#[test]
fn who_finds_no_row_before_anything_was_sent_has_never_begun() {
    let steps = [
        FEED.to_owned(),
        FEED.to_owned(),
        sends("name"),
        FEED.to_owned(),
        sends("name"),
    ]
    .join(",");
    let load = open(10, "constant", "grow", 5, 10 * S, PATIENT);
    // The second takes the last row and finds no other.
    let (wire, intervals) = run(&fed(
        &[(steps.clone(), load.clone())],
        &users(4),
        RowOrder::Unique,
        WhenDry::Stop,
    ));
    assert_eq!(wire, ["/u1", "/u2"]);
    let sums = Sums::of(&intervals, &[Phase::Main]);
    assert_eq!((sums.offered, sums.iterations_started, sums.dropped_dry), (2, 1, 1));
    // Here it has sent something by then.
    let (wire, intervals) = run(&fed(&[(steps, load)], &users(5), RowOrder::Unique, WhenDry::Stop));
    assert_eq!(wire, ["/u1", "/u2", "/u4"]);
    let sums = Sums::of(&intervals, &[Phase::Main]);
    assert_eq!(
        (sums.iterations_ok, sums.iterations_unfinished, sums.dropped_dry),
        (1, 1, 1)
    );
    assert_eq!(sums.offered, 3);
}

#[test]
fn rows_that_run_out_in_the_warm_up_leave_nothing_due_behind_it() {
    let steps = [FEED.to_owned(), sends("name")].join(",");
    let load = open(100, "constant", "grow", 50, 10 * S, PATIENT);
    let mut plan = fed(&[(steps, load)], &users(5), RowOrder::Unique, WhenDry::Stop);
    plan.warmup_ns = S;
    let (wire, intervals) = run(&plan);
    assert_eq!(wire.len(), 5);
    assert_eq!(Sums::of(&intervals, &[Phase::Warmup]).dropped_dry, 1);
    assert_eq!(Sums::of(&intervals, &[Phase::Main]), Sums::default());
}

#[test]
fn a_load_that_needs_no_row_goes_on_beside_one_that_has_run_dry() {
    let steps = [FEED.to_owned(), sends("name")].join(",");
    let loads = [
        open(10, "constant", "grow", 5, 3 * S, PATIENT),
        open(10, "constant", "grow", 5, 2 * S, PATIENT),
    ];
    let scenarios = [(steps, loads[0].clone()), (request("other"), loads[1].clone())];
    let (wire, intervals) = run(&fed(&scenarios, &users(3), RowOrder::Unique, WhenDry::Stop));
    assert_eq!(wire.iter().filter(|target| *target == "/").count(), 20);
    assert_eq!(wire.len(), 23);
    assert!(intervals.last().unwrap().end_ns < 2 * S);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn each_share_stops_where_its_own_rows_end_and_together_they_send_each_once(
        weights in prop::collection::vec(0_u64..100, 1..5),
        rows in 1_usize..120,
        poisson: bool,
        max_vus in 1_u64..6,
    ) {
        prop_assume!(weights.iter().any(|weight| *weight > 0));
        let steps = [FEED.to_owned(), sends("name"), think(MS, 200 * MS)].join(",");
        let load = open(200, if poisson { "poisson" } else { "constant" }, "queue", max_vus, 20 * S, PATIENT);
        let plan = fed(&[(steps, load)], &users(rows), RowOrder::Unique, WhenDry::Stop);
        let mut all = Vec::new();
        for share in Share::whole().split(&weights) {
            let (clock, sealed) = (ManualClock::at(BARRIER), Sealed::default());
            let wire = Rc::new(RefCell::new(Vec::new()));
            let noted = Rc::clone(&wire);
            let target = FakeTarget::new(clock.clone(), vec![FakeHost::ONE_EACH], move |arrived| {
                noted.borrow_mut().push(arrived.bytes.to_vec());
                Reply::response(MS, 200, "", "")
            });
            drive(&plan, &share, &clock, target, sealed.recorder(&plan), |_, _| {});
            let intervals = sealed.take();
            check_equations(&intervals);
            let sums = Sums::of(&intervals, &[Phase::Main]);
            // A cap of nobody sends nothing, and keeps its rows.
            if share.portion(max_vus) > 0 {
                prop_assert_eq!(sums.iterations_ok, share.owned_below(rows as u64));
                prop_assert_eq!(sums.dropped(), sums.dropped_dry);
                prop_assert!(sums.dropped_dry > 0 || sums.offered == sums.iterations_ok);
                all.extend(wire.take());
            }
        }
        let distinct: BTreeSet<_> = all.iter().collect();
        prop_assert_eq!(distinct.len(), all.len());
    }
}

#[test]
fn a_column_that_is_not_there_is_refused_before_anything_is_sent() {
    let steps = [FEED.to_owned(), sends("nmae")].join(",");
    let plan = fed(
        &[(steps, closed(1, None, Some(1)))],
        &users(1),
        RowOrder::Random,
        WhenDry::Recycle,
    );
    let faults = apibench_engine::feeder::open(&plan, &Program::compile(&plan).unwrap()).unwrap_err();
    let expected = (
        "users".to_owned(),
        "there is no column `nmae`; there are name, password".to_owned(),
    );
    assert_eq!(faults, [expected]);
}
