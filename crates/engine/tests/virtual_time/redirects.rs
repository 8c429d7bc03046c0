//! What follows a redirect: which method, whether the body goes with it, which headers, and where it is counted.

use std::cell::RefCell;
use std::rc::Rc;

use crate::support::plans::{closed, plan, request};
use crate::support::runs::measure;
use crate::support::sums::check_equations;
use crate::support::{BARRIER, MS, S};
use apibench_core::clock::ManualClock;
use apibench_core::failure::Failure;
use apibench_core::fake_target::{End, FakeHost, FakeTarget};
use apibench_core::plan::Plan;
use apibench_histogram::interval::Interval;

/// One iteration of one request with headers that belong to it and headers that belong to its body.
fn asking(method: &str, body: bool, redirects: u32) -> Plan {
    let body = if body {
        r#"{"text":"hello","base64":null}"#
    } else {
        "null"
    };
    let headers = r#"[["Authorization","Bearer it"],["Cookie","a=b"],["Content-Type","text/plain"],
        ["content-language","en"],["Digest","sha-256=x"],["Last-Modified","now"],["X-Own","1"]]"#;
    let step = request("a")
        .replace(r#""method":"GET""#, &format!(r#""method":"{method}""#))
        .replace(r#""headers":[]"#, &format!(r#""headers":{headers}"#))
        .replace(r#""body":null"#, &format!(r#""body":{body}"#));
    let mut plan = plan(1, 0, S, &[(step, closed(1, None, Some(1)))]);
    plan.hosts.get_mut("h").unwrap().redirects = redirects;
    plan
}

/// A redirect.
fn leading(status: u16, location: &str) -> End {
    End::Answer {
        after_ns: MS,
        status,
        received_bytes: 100,
        location: Some(location.into()),
        keeps: true,
    }
}

/// What goes over the wire to a target that answers as told, one after the other, and 200 from then on.
fn told(plan: &Plan, answers: Vec<End>) -> (Vec<String>, Vec<Interval>) {
    let (clock, wire) = (ManualClock::at(BARRIER), Rc::new(RefCell::new(Vec::new())));
    let (noted, mut answers) = (Rc::clone(&wire), answers.into_iter());
    let target = FakeTarget::new(clock.clone(), vec![FakeHost::ONE_EACH], move |arrived| {
        noted
            .borrow_mut()
            .push(String::from_utf8(arrived.bytes.to_vec()).unwrap());
        answers.next().unwrap_or_else(|| End::answer(MS, 200)).into()
    });
    let intervals = measure(plan, &clock, target, |_, _| {});
    check_equations(&intervals);
    (wire.take(), intervals)
}

#[test]
fn the_method_and_the_body_of_what_follows_are_those_of_the_standard_and_of_every_client() {
    // Method and status, and what follows: RFC 9110 §15.4, and what browsers do and curl does with `-L`.
    const STATUSES: [u16; 5] = [301, 302, 303, 307, 308];
    let table = [
        ("GET", ["GET"; 5]),
        ("HEAD", ["HEAD"; 5]),
        ("POST", ["GET", "GET", "GET", "POST", "POST"]),
        ("PUT", ["PUT", "PUT", "GET", "PUT", "PUT"]),
        ("PATCH", ["PATCH", "PATCH", "GET", "PATCH", "PATCH"]),
        ("DELETE", ["DELETE", "DELETE", "GET", "DELETE", "DELETE"]),
        ("OPTIONS", ["OPTIONS", "OPTIONS", "GET", "OPTIONS", "OPTIONS"]),
    ];
    for (method, follows) in table {
        for (status, expected) in STATUSES.into_iter().zip(follows) {
            for body in [false, true] {
                let (wire, _) = told(&asking(method, body, 1), vec![leading(status, "/next")]);
                let case = format!("{method} {status}, body: {body}");
                assert_eq!(wire.len(), 2, "{case}");
                let first = wire[0].strip_prefix(&format!("{method} / HTTP/1.1\r\n")).expect(&case);
                let second = wire[1]
                    .strip_prefix(&format!("{expected} /next HTTP/1.1\r\n"))
                    .expect(&case);
                // One that stays what it was stays whole; a GET that was asked for by 303 never has a body.
                let turned = expected != method || (status == 303 && method == "GET");
                if !turned {
                    assert_eq!(second, first, "{case}");
                    continue;
                }
                let gone = [
                    "Content-Type",
                    "content-language",
                    "Content-Length",
                    "Digest",
                    "Last-Modified",
                ];
                let kept: String = first
                    .split_inclusive("\r\n")
                    .filter(|line| *line != "hello" && !gone.iter().any(|name| line.starts_with(&format!("{name}:"))))
                    .collect();
                assert_eq!(second, kept, "{case}");
                assert!(second.contains("Authorization: Bearer it\r\n") && second.ends_with("X-Own: 1\r\n\r\n"));
            }
        }
    }
}

#[test]
fn a_request_that_has_turned_into_a_get_stays_one() {
    let answers = vec![leading(302, "/a"), leading(307, "b"), leading(308, "/c?d=e")];
    let (wire, _) = told(&asking("POST", true, 5), answers);
    let lines: Vec<&str> = wire.iter().map(|request| request.lines().next().unwrap()).collect();
    assert_eq!(
        lines,
        [
            "POST / HTTP/1.1",
            "GET /a HTTP/1.1",
            "GET /b HTTP/1.1",
            "GET /c?d=e HTTP/1.1"
        ]
    );
    assert!(wire[1..].iter().all(|request| !request.contains("hello")));
}

#[test]
fn nothing_of_a_request_goes_to_another_origin_and_that_it_was_to_is_an_error_of_its_own() {
    for location in [
        "http://elsewhere.test/",
        "https://127.0.0.1:1/",
        "http://127.0.0.1:2/",
        "//elsewhere.test/",
    ] {
        let (wire, intervals) = told(&asking("GET", false, 5), vec![leading(302, location)]);
        assert_eq!(wire.len(), 1, "{location}: no cookie, no authorization, nothing");
        let failed = intervals.iter().flat_map(|interval| interval.series.values());
        let elsewhere: u64 = failed
            .map(|counts| counts.by_failure[Failure::RedirectElsewhere as usize])
            .sum();
        assert_eq!(elsewhere, 1, "{location}");
    }
}

#[test]
fn a_get_that_a_redirect_has_made_may_be_sent_again_and_a_post_may_not() {
    for (status, expected) in [(303, 3), (307, 2)] {
        let stale = End::Cut {
            after_ns: MS,
            failure: Failure::TcpClosed,
            stale: true,
        };
        let (wire, intervals) = told(&asking("POST", true, 5), vec![leading(status, "/next"), stale]);
        assert_eq!(wire.len(), expected, "{status}");
        let retries = intervals.iter().flat_map(|interval| interval.series.values());
        let retries: u64 = retries.map(|counts| counts.stale_retries).sum();
        assert_eq!(retries, expected as u64 - 2);
    }
}
