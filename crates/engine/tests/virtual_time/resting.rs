//! Virtual users of closed loads who send nothing: they rest longer and longer, and all that they do is counted.

use crate::support::journeys::{call, gets, set, when};
use crate::support::plans::{closed, plan, request, think};
use crate::support::runs::{measure, prompt};
use crate::support::sums::{Sums, check_equations};
use crate::support::{BARRIER, MS, S};
use apibench_core::clock::ManualClock;
use apibench_core::feeder::{Feeder, RowFormat, RowOrder, WhenDry};
use apibench_core::phase::Phase;
use apibench_core::plan::Plan;
use apibench_histogram::interval::Interval;
use serde_json::json;

/// Steps that send nothing: what is looked for never holds.
fn silent() -> String {
    when(&call("less", &[json!(1), json!(0)]), &request("a"), "")
}

/// A request that has no value for its path.
fn broken() -> String {
    let nothing = call("divide", &[json!(1), json!(0)]);
    gets("broken", &call("concat", &[json!("/"), nothing]))
}

/// Goes one way so often, and then another once.
fn in_turn(often: &str, times: u64, once: &str) -> String {
    format!(
        r#"{{"type":"pick","by":"turn","source":null,"cases":[{{"weight":{times},"steps":[{often}]}},
        {{"weight":1,"steps":[{once}]}}]}}"#
    )
}

fn run(plan: &Plan) -> Vec<Interval> {
    let clock = ManualClock::at(BARRIER);
    let intervals = measure(plan, &clock, prompt(&clock, MS), |_, _| {});
    check_equations(&intervals);
    intervals
}

#[test]
fn behind_the_last_row_each_virtual_user_fails_once_a_second_and_not_a_million_times() {
    let feed = r#"{"type":"feed","feeder":"users","to":"user","source":null}"#;
    let mut plan = plan(
        1,
        0,
        S,
        &[([feed, &request("a")].join(","), closed(3, Some(100 * S), None))],
    );
    let rows: Vec<String> = (0..30).map(|row| row.to_string()).collect();
    let feeder = Feeder {
        format: RowFormat::Csv,
        path: None,
        text: Some(format!("n\n{}\n", rows.join("\n"))),
        columns: Vec::new(),
        delimiter: ",".to_owned(),
        order: RowOrder::Unique,
        when_dry: WhenDry::Fail,
    };
    plan.feeders.insert("users".to_owned(), feeder);
    let intervals = run(&plan);
    let sums = Sums::of(&intervals, &[Phase::Main]);
    // The rows last for 10 ms. Then they rest for 1, 2, 4 … 512 ms, 1,023 in all, and from then on for a second each time.
    assert_eq!((sums.iterations_ok, sums.iterations_failed), (30, 3 * (11 + 98)));
    let failed = |interval: &Interval| Sums::of([interval], &[Phase::Main]).iterations_failed;
    assert!(intervals[2..100].iter().all(|interval| failed(interval) == 3));
    assert_eq!(intervals.last().unwrap().end_ns, 100 * S, "nobody rests beyond the end");
}

#[test]
fn who_sends_something_has_no_rest_to_make_up_for() {
    let intervals = run(&plan(
        1,
        0,
        S,
        &[(in_turn(&broken(), 1, &request("a")), closed(1, Some(S), None))],
    ));
    let sums = Sums::of(&intervals, &[Phase::Main]);
    // A millisecond for the answer, and one from the failure on.
    assert_eq!((sums.iterations_failed, sums.started), (500, 500));
}

#[test]
fn a_scenario_that_does_nothing_most_of_the_time_is_none_the_slower_for_it() {
    let steps = in_turn(&silent(), 900, &request("a"));
    let sums = Sums::of(
        &run(&plan(1, 0, S, &[(steps, closed(2, Some(100 * MS), None))])),
        &[Phase::Main],
    );
    assert_eq!(sums.started, 200);
    let sums = Sums::of(
        &run(&plan(1, 0, S, &[(silent(), closed(2, Some(10 * S), None))])),
        &[Phase::Main],
    );
    assert_eq!(
        sums.iterations_ok,
        2 * (1_000 + 11 + 8),
        "one that never does anything is"
    );
}

#[test]
fn the_rest_counts_from_where_the_iteration_began() {
    // It takes 40 ms to fail: the rest is longer from the 7th on, 64 ms.
    let steps = [think(40 * MS, 40 * MS), broken()].join(",");
    let sums = Sums::of(
        &run(&plan(1, 0, S, &[(steps, closed(1, Some(240 * MS), None))])),
        &[Phase::Main],
    );
    assert_eq!(sums.iterations_failed, 6);
    let steps = [think(40 * MS, 40 * MS), broken()].join(",");
    let sums = Sums::of(
        &run(&plan(1, 0, S, &[(steps, closed(1, Some(10 * S), None))])),
        &[Phase::Main],
    );
    // 6 of 40 ms, then 64, 128, 256, 512 ms and a second each.
    assert_eq!(sums.iterations_failed, 6 + 4 + 9);
}

#[test]
fn iterations_that_pause_and_send_nothing_go_on_as_they_say() {
    let steps = [
        think(MS, MS),
        set("x", &json!({"type": "constant", "value": 1})),
        silent(),
    ]
    .join(",");
    let sums = Sums::of(
        &run(&plan(1, 0, S, &[(steps, closed(1, Some(5 * S), None))])),
        &[Phase::Main],
    );
    assert_eq!(sums.iterations_ok, 5_000);
}

#[test]
fn a_load_of_so_many_iterations_has_them_all_at_once() {
    let intervals = run(&plan(1, 0, S, &[(broken(), closed(2, Some(10 * S), Some(5_000)))]));
    assert_eq!(Sums::of(&intervals, &[Phase::Main]).iterations_failed, 5_000);
    assert!(intervals.last().unwrap().end_ns < MS);
}
