//! Steps with values as text, and what came of them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use apibench_core::clock::ManualClock;
use apibench_core::fake_target::{Arrived, FakeHost, FakeTarget, Reply};
use apibench_core::plan::Plan;
use apibench_engine::program::Program;
use apibench_histogram::interval::Interval;
use serde_json::{Value, json};

use super::plans::{closed, plan, request};
use super::runs::measure;
use super::sums::check_equations;
use super::{BARRIER, MS, S};

pub fn variable(name: &str) -> Value {
    json!({"type": "variable", "name": name})
}

pub fn call(function: &str, arguments: &[Value]) -> Value {
    let arguments = arguments.iter().map(|each| match each {
        Value::Object(_) => each.clone(),
        constant => json!({"type": "constant", "value": constant}),
    });
    json!({"type": "call", "function": function, "arguments": arguments.collect::<Vec<_>>()})
}

/// A request whose path, header and body are late or not.
pub fn sends(name: &str, path: &Value, header: &Value, body: &Value) -> String {
    let mut step: Value = serde_json::from_str(&request(name)).unwrap();
    step["path"] = path.clone();
    step["headers"] = json!([["X-Own", header]]);
    step["body"] = json!({"text": body, "base64": null});
    step["method"] = json!("POST");
    step.to_string()
}

pub fn gets(name: &str, path: &Value) -> String {
    let mut step: Value = serde_json::from_str(&request(name)).unwrap();
    step["path"] = path.clone();
    step.to_string()
}

pub fn extract(of: &Value, to: &str) -> String {
    json!({"type": "extract", "of": of, "to": to, "source": null}).to_string()
}

pub fn set(to: &str, value: &Value) -> String {
    json!({"type": "set", "to": to, "value": value, "source": null}).to_string()
}

pub fn check(name: &str, condition: &Value) -> String {
    json!({"type": "check", "name": name, "condition": condition, "source": null}).to_string()
}

pub fn when(condition: &Value, steps: &str, otherwise: &str) -> String {
    format!(r#"{{"type":"when","condition":{condition},"steps":[{steps}],"otherwise":[{otherwise}],"source":null}}"#)
}

pub fn repeat(times: &Value, steps: &str) -> String {
    let times = match times {
        Value::Object(_) => times.clone(),
        constant => json!({"type": "constant", "value": constant}),
    };
    format!(r#"{{"type":"repeat","times":{times},"steps":[{steps}],"source":null}}"#)
}

/// What came of a plan.
pub struct Ran {
    /// What came over the wire, in order.
    pub wire: Vec<String>,
    pub intervals: Vec<Interval>,
    /// By name: how often each check passed and failed.
    pub checks: BTreeMap<String, (u64, u64)>,
}

pub fn run(plan: &Plan, mut answer: impl FnMut(&Arrived<'_>, &str) -> Reply + 'static) -> Ran {
    let (clock, wire) = (ManualClock::at(BARRIER), Rc::new(RefCell::new(Vec::new())));
    let noted = Rc::clone(&wire);
    let target = FakeTarget::new(clock.clone(), vec![FakeHost::ONE_EACH], move |arrived| {
        let request = String::from_utf8(arrived.bytes.to_vec()).unwrap();
        let reply = answer(arrived, &request);
        noted.borrow_mut().push(request);
        reply
    });
    let intervals = measure(plan, &clock, target, |_, _| {});
    check_equations(&intervals);
    let names = &Program::compile(plan).unwrap().scenarios[0].checks;
    let mut checks = BTreeMap::new();
    for counts in intervals.iter().flat_map(|interval| interval.scenarios.values()) {
        for (number, count) in counts.checks.iter() {
            let entry: &mut (u64, u64) = checks.entry(names[number.0 as usize].clone()).or_default();
            entry.0 += count.passed;
            entry.1 += count.failed;
        }
    }
    Ran {
        wire: wire.take(),
        intervals,
        checks,
    }
}

pub fn of(steps: &[String], iterations: u64) -> Plan {
    plan(1, 0, S, &[(steps.join(","), closed(1, None, Some(iterations)))])
}

pub fn lines(wire: &[String]) -> Vec<&str> {
    wire.iter()
        .map(|request| request.split(" HTTP").next().unwrap())
        .collect()
}

pub fn ok(body: &str) -> Reply {
    Reply::response(MS, 200, "X-Id: h-1\r\n", body)
}
