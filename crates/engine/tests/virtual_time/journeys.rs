//! Journeys: what is taken out of a response goes into the next request, and what has no value is never sent.

use crate::support::journeys::{call, check, extract, gets, lines, of, ok, repeat, run, sends, set, variable, when};
use crate::support::plans::{closed, plan};
use crate::support::sums::Sums;
use crate::support::{MS, S};
use apibench_core::fake_target::{Arrived, End};
use apibench_core::phase::Phase;
use apibench_core::plan::OnFail;
use serde_json::{Value, json};

#[test]
fn what_a_response_holds_goes_into_the_next_request() {
    let json_of = |path: Value| json!({"type": "json", "path": path});
    let steps = [
        gets("list", &json!("/items")),
        extract(&json_of(json!(["items", 1, "id"])), "id"),
        extract(&json_of(json!(["token"])), "token"),
        extract(&json!({"type": "header", "name": "x-id"}), "head"),
        extract(&json!({"type": "status"}), "status"),
        sends(
            "buy",
            &call(
                "concat",
                &[json!("/items/"), variable("id"), json!("?h="), variable("head")],
            ),
            &call("concat", &[json!("Bearer "), variable("token")]),
            &call(
                "concat",
                &[
                    json!("{\"name\":"),
                    call("json_encoded", &[variable("token")]),
                    json!("}"),
                ],
            ),
        ),
    ];
    let ran = run(&of(&steps, 2), |_, _| {
        ok(r#"{"items":[{"id":1},{"id":27}],"token":"a\"é"}"#)
    });
    assert_eq!(
        lines(&ran.wire),
        [
            "GET /items",
            "POST /items/27?h=h-1",
            "GET /items",
            "POST /items/27?h=h-1"
        ]
    );
    let bought = &ran.wire[1];
    assert!(bought.contains("\r\nX-Own: Bearer a\"é\r\n"), "{bought}");
    assert!(
        bought.ends_with("\r\nContent-Length: 16\r\nX-Own: Bearer a\"é\r\n\r\n{\"name\":\"a\\\"é\"}"),
        "{bought}"
    );
    assert_eq!(ran.checks["extract id"], (2, 0));
    assert_eq!(Sums::of(&ran.intervals, &[Phase::Main]).iterations_ok, 2);
}

#[test]
fn what_is_not_in_a_response_fails_its_check_and_ends_the_iteration() {
    let steps = [
        gets("list", &json!("/items")),
        extract(&json!({"type": "json", "path": ["id"]}), "id"),
        gets("item", &call("concat", &[json!("/items/"), variable("id")])),
    ];
    let mut count = 0;
    let answers = move |_: &Arrived<'_>, request: &str| {
        if request.starts_with("GET /items/") {
            return ok("");
        }
        count += 1;
        if count % 2 == 0 { ok("{}") } else { ok(r#"{"id":5}"#) }
    };
    let ran = run(&of(&steps, 4), answers);
    assert_eq!(
        lines(&ran.wire),
        [
            "GET /items",
            "GET /items/5",
            "GET /items",
            "GET /items",
            "GET /items/5",
            "GET /items"
        ]
    );
    let sums = Sums::of(&ran.intervals, &[Phase::Main]);
    // No request has failed: each was answered as its step expects.
    assert_eq!((sums.iterations_ok, sums.iterations_failed, sums.failed), (2, 2, 0));
    assert_eq!(ran.checks["extract id"], (2, 2));
}

#[test]
fn an_iteration_never_sees_what_another_has_taken() {
    // In a scenario that goes on after a failure the second iteration would send the first one's token.
    let steps = [
        gets("login", &json!("/login")),
        extract(&json!({"type": "json", "path": ["token"]}), "token"),
        gets("me", &call("concat", &[json!("/me/"), variable("token")])),
    ];
    let mut plan = of(&steps, 2);
    plan.scenarios[0].defaults.on_fail = OnFail::Continue;
    let mut first = true;
    let ran = run(&plan, move |_, request| {
        if request.starts_with("GET /login") && !std::mem::take(&mut first) {
            return ok("{}");
        }
        ok(r#"{"token":"secret"}"#)
    });
    assert_eq!(lines(&ran.wire), ["GET /login", "GET /me/secret", "GET /login"]);
    assert_eq!(
        ran.checks["values of me"],
        (0, 1),
        "the half-filled request is counted, and not sent"
    );
}

#[test]
fn conditions_choose_and_repeats_count() {
    let steps = [
        set("left", &json!({"type": "constant", "value": 3})),
        repeat(
            &call("add", &[variable("left"), json!(1)]),
            &[
                gets("a", &call("concat", &[json!("/a/"), variable("left")])),
                when(
                    &call("greater", &[variable("left"), json!(1)]),
                    &gets("many", &json!("/many")),
                    &gets("few", &json!("/few")),
                ),
                set("left", &call("subtract", &[variable("left"), json!(1)])),
            ]
            .join(","),
        ),
        check("all gone", &call("equal", &[variable("left"), json!(-1)])),
        repeat(&json!(0), &gets("never", &json!("/never"))),
        when(
            &call("less", &[variable("left"), json!(0)]),
            &gets("end", &json!("/end")),
            "",
        ),
    ];
    let ran = run(&of(&steps, 1), |_, _| ok(""));
    assert_eq!(
        lines(&ran.wire),
        [
            "GET /a/3",
            "GET /many",
            "GET /a/2",
            "GET /many",
            "GET /a/1",
            "GET /few",
            "GET /a/0",
            "GET /few",
            "GET /end"
        ]
    );
    assert_eq!(ran.checks["all gone"], (1, 0));
}

#[test]
fn a_check_counts_and_changes_nothing() {
    let steps = [
        gets("a", &json!("/a")),
        extract(&json!({"type": "json", "path": ["n"]}), "n"),
        check("small", &call("less", &[variable("n"), json!(2)])),
        check("no number at all", &call("less", &[variable("n"), json!("2")])),
        gets("b", &json!("/b")),
    ];
    let mut n = 0;
    let ran = run(&of(&steps, 4), move |_, request| {
        n += u32::from(request.starts_with("GET /a"));
        ok(&format!(r#"{{"n":{n}}}"#))
    });
    assert_eq!(ran.wire.len(), 8);
    assert_eq!(ran.checks["small"], (1, 3));
    assert_eq!(ran.checks["no number at all"], (0, 4));
    let sums = Sums::of(&ran.intervals, &[Phase::Main]);
    assert_eq!((sums.iterations_ok, sums.failed), (4, 0));
}

#[test]
fn the_same_seed_draws_the_same_values_for_each_iteration() {
    let steps = [gets(
        "random",
        &call(
            "concat",
            &[
                json!("/"),
                call("random_integer", &[json!(1), json!(1_000_000)]),
                json!("/"),
                call("random_uuid", &[]),
            ],
        ),
    )];
    let drawn = |seed| {
        let load = closed(2, None, Some(10));
        let ran = run(&plan(seed, 0, S, &[(steps.join(","), load)]), |_, _| ok(""));
        let mut wire: Vec<String> = lines(&ran.wire).iter().map(|line| (*line).to_owned()).collect();
        wire.sort();
        wire
    };
    let first = drawn(7);
    assert_eq!(first, drawn(7));
    assert_ne!(first, drawn(8));
    let mut distinct = first.clone();
    distinct.dedup();
    assert_eq!(distinct.len(), first.len());
}

#[test]
fn a_retry_sends_the_very_same_bytes() {
    let steps = [gets("random", &call("concat", &[json!("/"), call("random_uuid", &[])]))];
    let mut count = 0;
    let ran = run(&of(&steps, 3), move |_, _| {
        count += 1;
        if count == 2 {
            // On a connection that had carried one: it is sent once more.
            return End::Fail {
                after_ns: MS,
                failure: apibench_core::failure::Failure::TcpClosed,
            }
            .into();
        }
        ok("")
    });
    let sent = lines(&ran.wire);
    assert_eq!(sent.len(), 4);
    assert_eq!(sent[1], sent[2]);
    assert!(sent[0] != sent[1] && sent[1] != sent[3]);
    assert_eq!(Sums::of(&ran.intervals, &[Phase::Main]).stale_retries, 1);
}
