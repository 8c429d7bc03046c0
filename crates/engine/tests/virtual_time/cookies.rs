//! Cookies in the loop: a virtual user sends what responses have set, and nobody else does.

use std::cell::RefCell;
use std::rc::Rc;

use crate::support::plans::{closed, plan, request};
use crate::support::runs::measure;
use crate::support::sums::check_equations;
use crate::support::{BARRIER, MS, S};
use apibench_core::clock::ManualClock;
use apibench_core::fake_target::{End, FakeHost, FakeTarget, Reply};
use apibench_core::plan::{Cookies, Plan};

fn asks(path: &str) -> String {
    request(path).replace(r#""path":"/""#, &format!(r#""path":"{path}""#))
}

fn planned(steps: &[String], vus: u64, iterations: u64, cookies: Cookies) -> Plan {
    let mut plan = plan(1, 0, S, &[(steps.join(","), closed(vus, None, Some(iterations)))]);
    plan.scenarios[0].defaults.cookies = cookies;
    plan
}

/// Each request that went out: its target and its cookies.
fn sent(plan: &Plan, mut answer: impl FnMut(&str) -> Reply + 'static) -> Vec<(String, Option<String>)> {
    let (clock, wire) = (ManualClock::at(BARRIER), Rc::new(RefCell::new(Vec::new())));
    let noted = Rc::clone(&wire);
    let target = FakeTarget::new(clock.clone(), vec![FakeHost::ONE_EACH], move |arrived| {
        let text = String::from_utf8(arrived.bytes.to_vec()).unwrap();
        let target = text.split(' ').nth(1).unwrap().to_owned();
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("Cookie: ")).collect();
        assert!(lines.len() <= 1, "{text}");
        noted
            .borrow_mut()
            .push((target.clone(), lines.first().map(|line| line[8..].to_owned())));
        answer(&target)
    });
    check_equations(&measure(plan, &clock, target, |_, _| {}));
    wire.take()
}

fn told(sent: &[(String, Option<String>)]) -> Vec<(&str, &str)> {
    sent.iter()
        .map(|(target, cookies)| (&**target, cookies.as_deref().unwrap_or("-")))
        .collect()
}

fn setting(cookies: &[&str]) -> Reply {
    let head: String = cookies
        .iter()
        .map(|cookie| format!("set-cookie: {cookie}\r\n"))
        .collect();
    Reply::response(MS, 200, &head, "")
}

#[test]
fn what_a_response_sets_goes_with_what_follows_for_as_long_as_the_plan_says() {
    for (cookies, second) in [
        (Cookies::Keep, "sid=1; q=2"),
        (Cookies::Iteration, "-"),
        (Cookies::Off, "-"),
    ] {
        let plan = planned(&[asks("/in"), asks("/page")], 1, 2, cookies);
        let sent = sent(&plan, |target| {
            if target == "/in" {
                setting(&["sid=1; Path=/", "q=2"])
            } else {
                setting(&[])
            }
        });
        let within = if cookies == Cookies::Off { "-" } else { "sid=1; q=2" };
        assert_eq!(
            told(&sent),
            [("/in", "-"), ("/page", within), ("/in", second), ("/page", within)]
        );
    }
}

#[test]
fn each_virtual_user_has_its_own() {
    let plan = planned(&[asks("/in"), asks("/page")], 5, 10, Cookies::Keep);
    let mut number = 0;
    let sent = sent(&plan, move |target| {
        number += 1;
        if target == "/in" {
            setting(&[&format!("sid={number}; Path=/")])
        } else {
            setting(&[])
        }
    });
    let pages: Vec<&String> = sent
        .iter()
        .filter_map(|(target, cookies)| cookies.as_ref().filter(|_| target == "/page"))
        .collect();
    let distinct: std::collections::BTreeSet<_> = pages.iter().collect();
    assert_eq!((pages.len(), distinct.len()), (10, 10));
}

#[test]
fn a_redirect_that_sets_one_leads_to_a_request_that_sends_it() {
    let mut plan = planned(&[asks("/login"), asks("/page")], 1, 1, Cookies::Keep);
    plan.hosts.get_mut("h").unwrap().redirects = 5;
    let sent = sent(&plan, |target| {
        let leading = |to: &str, set: &str| Reply {
            end: End::Answer {
                after_ns: MS,
                status: 302,
                received_bytes: 100,
                location: Some(to.into()),
                keeps: true,
            },
            response: format!("HTTP/1.1 302 Found\r\nSet-Cookie: {set}\r\n\r\n").into_bytes(),
            samples: Vec::new(),
        };
        match target {
            "/login" => leading("/home", "sid=1"),
            "/home" => leading("/shop/start", "sid=2; Path=/shop"),
            _ => setting(&[]),
        }
    });
    assert_eq!(
        told(&sent),
        [
            ("/login", "-"),
            ("/home", "sid=1"),
            ("/shop/start", "sid=2; sid=1"),
            ("/page", "sid=1")
        ]
    );
}

#[test]
fn a_request_that_says_its_cookies_itself_is_sent_as_it_is() {
    let own = asks("/own").replace(r#""headers":[]"#, r#""headers":[["Cookie","mine=1"]]"#);
    let plan = planned(&[asks("/in"), own], 1, 1, Cookies::Keep);
    let sent = sent(&plan, |_| setting(&["sid=1"]));
    assert_eq!(told(&sent), [("/in", "-"), ("/own", "mine=1")]);
}

#[test]
fn late_requests_take_them_too_and_bodies_stay_whole() {
    let late = asks("/late").replace(
        r#""path":"/late""#,
        r#""path":{"type":"call","function":"concat","arguments":[{"type":"constant","value":"/late/"},
        {"type":"call","function":"random_integer","arguments":[{"type":"constant","value":7},{"type":"constant","value":7}]}]}"#,
    );
    let plan = planned(&[asks("/in"), late], 1, 1, Cookies::Keep);
    let sent = sent(&plan, |_| setting(&["sid=1"]));
    assert_eq!(told(&sent), [("/in", "-"), ("/late/7", "sid=1")]);
}
