//! Values of journeys: none is sent that is not what its step was to have.

use crate::support::journeys::{call, extract, gets, lines, of, ok, repeat, run, set, variable};
use crate::support::sums::Sums;
use apibench_core::phase::Phase;
use apibench_core::plan::{OnFail, Plan};
use apibench_core::transport::KEPT_RESPONSE_BYTES;
use serde_json::json;

/// Sets a variable, then does the steps three times, whatever fails.
fn three_times(first: &str, steps: &[String]) -> Plan {
    let mut plan = of(&[first.to_owned(), repeat(&json!(3), &steps.join(","))], 1);
    plan.scenarios[0].defaults.on_fail = OnFail::Continue;
    plan
}

fn one(name: &str) -> String {
    set(name, &json!({"type": "constant", "value": 1}))
}

#[test]
fn where_a_response_lacks_a_value_the_one_before_is_not_sent() {
    let steps = [
        gets("login", &json!("/login")),
        extract(&json!({"type": "json", "path": ["token"]}), "token"),
        gets("me", &call("concat", &[json!("/me/"), variable("token")])),
    ];
    let mut round = 0;
    let ran = run(&three_times(&one("any"), &steps), move |_, request| {
        round += u32::from(request.starts_with("GET /login"));
        ok(if round == 2 { "{}" } else { r#"{"token":"a"}"# })
    });
    let wire = ["GET /login", "GET /me/a", "GET /login", "GET /login", "GET /me/a"];
    assert_eq!(lines(&ran.wire), wire);
    assert_eq!(ran.checks["extract token"], (2, 1));
    assert_eq!(ran.checks["values of me"], (0, 1));
}

#[test]
fn where_a_request_cannot_be_sent_no_value_of_an_earlier_response_is() {
    // One divided by 1, by 0 and by -1.
    let login = call("divide", &[json!(1), variable("round")]);
    let steps = [
        gets("login", &call("concat", &[json!("/login/"), login])),
        extract(&json!({"type": "json", "path": ["token"]}), "token"),
        gets("me", &call("concat", &[json!("/me/"), variable("token")])),
        set("round", &call("subtract", &[variable("round"), json!(1)])),
    ];
    let ran = run(&three_times(&one("round"), &steps), |_, _| ok(r#"{"token":"a"}"#));
    let wire = ["GET /login/1.0", "GET /me/a", "GET /login/-1.0", "GET /me/a"];
    assert_eq!(lines(&ran.wire), wire);
    assert_eq!(ran.checks["extract token"], (2, 1));
}

#[test]
fn where_a_value_cannot_be_worked_out_the_one_before_is_not_sent() {
    // The first time of itself: 1 less 1. Then there is no 1 divided by 0, nor anything that would follow from it.
    let steps = [
        set("item", &call("subtract", &[variable("left"), json!(1)])),
        gets("item", &call("concat", &[json!("/items/"), variable("item")])),
        set("left", &call("divide", &[json!(1), variable("item")])),
    ];
    let ran = run(&three_times(&one("left"), &steps), |_, _| ok(""));
    assert_eq!(lines(&ran.wire), ["GET /items/0"]);
    assert_eq!((ran.checks["set item"], ran.checks["set left"]), ((0, 2), (0, 3)));
}

#[test]
fn of_a_response_that_was_cut_nothing_is_sent_that_may_go_on() {
    let json_of = |name: &str| extract(&json!({"type": "json", "path": [name]}), name);
    let first_letter = call("slice", &[variable("body"), json!(0), json!(1)]);
    let steps = [
        gets("list", &json!("/list")),
        json_of("first"),
        json_of("second"),
        extract(&json!({"type": "body"}), "body"),
        gets("first", &call("concat", &[json!("/"), variable("first")])),
        gets("second", &call("concat", &[json!("/"), variable("second")])),
        gets("body", &call("concat", &[json!("/"), first_letter])),
    ];
    let mut plan = of(&steps, 1);
    plan.scenarios[0].defaults.on_fail = OnFail::Continue;
    // It is cut in the middle of the second number, whose beginnings are numbers too.
    let (filler, digits) = (" ".repeat(KEPT_RESPONSE_BYTES - 5_000), "7".repeat(10_000));
    let body = format!(r#"{{"first":1,{filler}"second":0.{digits}}}"#);
    let ran = run(&plan, move |_, _| ok(&body));
    assert_eq!(lines(&ran.wire), ["GET /list", "GET /1"]);
    let checks = ["extract first", "extract second", "extract body"].map(|name| ran.checks[name]);
    assert_eq!(checks, [(1, 0), (0, 1), (0, 1)]);
}

#[test]
fn a_text_that_doubles_over_and_over_ends_where_texts_do() {
    let twice = call("concat", &[variable("text"), variable("text")]);
    let steps = [
        one("text"),
        repeat(&json!(24), &set("text", &twice)),
        gets("a", &json!("/a")),
    ];
    let ran = run(&of(&steps, 2), |_, _| ok(""));
    assert_eq!(ran.wire.len(), 0);
    assert_eq!(ran.checks["set text"], (0, 2));
    assert_eq!(Sums::of(&ran.intervals, &[Phase::Main]).iterations_failed, 2);
}

#[test]
fn each_value_that_a_response_lacks_fails_its_own_check_and_the_iteration_once() {
    let json_of = |name: &str| extract(&json!({"type": "json", "path": [name]}), name);
    let steps = [
        gets("a", &json!("/a")),
        json_of("no"),
        json_of("id"),
        json_of("neither"),
        gets("b", &call("concat", &[json!("/b/"), variable("id")])),
    ];
    for (on_fail, wire) in [
        (OnFail::EndIteration, &["GET /a"][..]),
        (OnFail::Continue, &["GET /a", "GET /b/5"]),
    ] {
        let mut plan = of(&steps, 1);
        plan.scenarios[0].defaults.on_fail = on_fail;
        let ran = run(&plan, |_, _| ok(r#"{"id":5}"#));
        assert_eq!(lines(&ran.wire), wire);
        let checks = ["extract no", "extract id", "extract neither"].map(|name| ran.checks[name]);
        assert_eq!(checks, [(0, 1), (1, 0), (0, 1)]);
        assert_eq!(Sums::of(&ran.intervals, &[Phase::Main]).iterations_failed, 1);
    }
}
