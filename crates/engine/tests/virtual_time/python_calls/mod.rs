//! Calls of Python: what a process answers goes to whom it was for, and what waits for it is nobody's service time.

mod histories;
mod process;
mod users;

use std::cell::RefCell;
use std::io::{ErrorKind, Read as _, Write as _};
use std::rc::Rc;
use std::sync::Arc;

use crate::support::journeys::{call, extract, gets, lines, of, ok, repeat, variable};
use crate::support::plans::{PATIENT, closed, open};
use crate::support::runs::Sealed;
use crate::support::sums::{Sums, check_equations};
use crate::support::{BARRIER, MS, S};
use apibench_core::clock::{Clock as _, ManualClock};
use apibench_core::fake_target::{Arrived, FakeHost, FakeTarget, Reply};
use apibench_core::phase::Phase;
use apibench_core::plan::{OnFail, Plan};
use apibench_core::segment::Share;
use apibench_engine::control::{Command, Control};
use apibench_engine::driver::Driver;
use apibench_engine::program::Program;
use apibench_engine::python::{Arrivals, Failure, Pool};
use apibench_engine::share;
use apibench_histogram::interval::Interval;
use process::Process;
use serde_json::{Value, json};

fn python(function: &str, arguments: &[Value], to: &str) -> String {
    let arguments = arguments.iter().map(|each| match each {
        Value::Object(_) => each.clone(),
        constant => json!({"type": "constant", "value": constant}),
    });
    let arguments: Vec<Value> = arguments.collect();
    json!({"type": "python", "function": function, "arguments": arguments, "to": to, "source": null}).to_string()
}

struct Ran {
    intervals: Vec<Interval>,
    /// What was sent, in order.
    wire: Vec<String>,
    failures: Vec<Failure>,
    program: Arc<Program>,
}

impl Ran {
    fn check(&self, name: &str) -> (u64, u64) {
        let number = self.program.scenarios[0]
            .checks
            .iter()
            .position(|each| each == name)
            .unwrap();
        let (mut passed, mut failed) = (0, 0);
        for counts in self.intervals.iter().flat_map(|interval| interval.scenarios.values()) {
            for (_, count) in counts.checks.iter().filter(|(check, _)| check.0 as usize == number) {
                passed += count.passed;
                failed += count.failed;
            }
        }
        (passed, failed)
    }

    fn sums(&self) -> Sums {
        Sums::of(&self.intervals, &[Phase::Main])
    }

    fn reasons(&self) -> Vec<(&str, u64)> {
        self.failures.iter().map(|each| (&*each.reason, each.count)).collect()
    }
}

/// Runs a plan; `between` is called after every turn with the time after the barrier.
fn run(plan: &Plan, arrivals: &Arc<Arrivals>, body: &'static str, between: impl FnMut(u64, &Control)) -> Ran {
    run_with(plan, arrivals, ok(body), between)
}

fn run_with(plan: &Plan, arrivals: &Arc<Arrivals>, reply: Reply, mut between: impl FnMut(u64, &Control)) -> Ran {
    let clock = ManualClock::at(BARRIER);
    let wire = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&wire);
    let target = FakeTarget::new(
        clock.clone(),
        vec![FakeHost::ONE_EACH],
        move |arrived: &Arrived<'_>| -> Reply {
            seen.borrow_mut()
                .push(String::from_utf8_lossy(arrived.bytes).into_owned());
            reply.clone()
        },
    );
    let sealed = Sealed::default();
    let program = Arc::new(Program::compile(plan).unwrap());
    let control = Arc::new(Control::default());
    let mut driver = Driver::new(
        Arc::clone(&program),
        share::scenarios(plan, &Share::whole(), BARRIER).unwrap(),
        target,
        sealed.recorder(plan),
        clock.clone(),
        BARRIER,
        Arc::clone(&control),
    )
    .calling(Some(Pool::new(Arc::clone(arrivals))));
    while driver.turn() {
        between(clock.now_ns() - BARRIER, &control);
    }
    let failures = driver.python_account().failures().to_vec();
    drop(driver);
    let intervals = sealed.take();
    check_equations(&intervals);
    Ran {
        intervals,
        wire: wire.take(),
        failures,
        program,
    }
}

#[test]
fn what_a_function_makes_of_values_goes_into_the_next_request() {
    let steps = [
        gets("list", &json!("/items")),
        python("sign", &[json!("a\"é"), json!(7), Value::Null, json!(true)], "proof"),
        gets("item", &call("concat", &[json!("/items/"), variable("proof")])),
    ];
    let arrivals = Arc::default();
    let mut process = Process::arriving(&arrivals, 1);
    let ran = run(&of(&steps, 2), &arrivals, "{}", |_, _| {
        for _ in process.hear() {
            process.say(&json!([[5_000, "s1"]]));
        }
    });
    assert_eq!(
        lines(&ran.wire),
        ["GET /items", "GET /items/s1", "GET /items", "GET /items/s1"]
    );
    assert_eq!(process.calls, vec![(0, json!(["a\"é", 7, null, true])); 2]);
    assert_eq!(ran.check("python sign"), (2, 0));
    assert_eq!(ran.sums().iterations_ok, 2);
}

#[test]
fn a_call_that_raises_fails_its_own_iteration_by_its_reason() {
    let steps = [
        python("sign", &[], "proof"),
        gets("item", &call("concat", &[json!("/"), variable("proof")])),
    ];
    let arrivals = Arc::default();
    let mut process = Process::arriving(&arrivals, 1);
    let mut count = 0;
    let ran = run(&of(&steps, 4), &arrivals, "{}", |_, _| {
        for _ in process.hear() {
            count += 1;
            let raised = json!([[1, null, "ValueError: no key"]]);
            process.say(&if count % 2 == 0 { raised } else { json!([[1, count]]) });
        }
    });
    assert_eq!(lines(&ran.wire), ["GET /1", "GET /3"]);
    assert_eq!((ran.sums().iterations_ok, ran.sums().iterations_failed), (2, 2));
    assert_eq!(ran.sums().failed, 0, "no request has failed");
    assert_eq!(ran.reasons(), [("ValueError: no key", 2)]);
    assert_eq!(ran.check("python sign"), (2, 2));
}

#[test]
fn no_value_of_an_iteration_is_sent_in_another_where_the_call_failed() {
    let steps = [
        python("sign", &[], "proof"),
        gets("item", &call("concat", &[json!("/"), variable("proof")])),
    ];
    let mut plan = of(&steps, 2);
    plan.scenarios[0].defaults.on_fail = OnFail::Continue;
    let arrivals = Arc::default();
    let mut process = Process::arriving(&arrivals, 1);
    let mut first = true;
    let ran = run(&plan, &arrivals, "{}", |_, _| {
        for _ in process.hear() {
            let raised = json!([[1, null, "ValueError"]]);
            process.say(&if std::mem::take(&mut first) {
                json!([[1, "mine"]])
            } else {
                raised
            });
        }
    });
    assert_eq!(lines(&ran.wire), ["GET /mine"]);
}

#[test]
fn values_that_no_variable_can_hold_fail_their_call() {
    let steps = [python("make", &[], "made"), gets("item", &json!("/"))];
    let long = format!("\"{}\"", "x".repeat(9 << 20));
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let answers = [
        "9223372036854775808",
        &long,
        &deep,
        "[1,{\"a\":2}]",
        "9223372036854775807",
        "1e3",
    ];
    let arrivals = Arc::default();
    let mut process = Process::arriving(&arrivals, 1);
    process.stream.as_ref().unwrap().set_nonblocking(false).unwrap();
    let mut answers = answers.iter();
    let mut waits: Option<Vec<u8>> = None;
    let ran = run(&of(&steps, 6), &arrivals, "{}", |_, _| {
        process.stream.as_ref().unwrap().set_nonblocking(true).unwrap();
        let calls = process.hear();
        for _ in calls {
            let body = format!("[[1,{}]]", answers.next().unwrap());
            let mut frame = (body.len() as u32).to_le_bytes().to_vec();
            frame.extend_from_slice(body.as_bytes());
            waits = Some(frame);
        }
        // As much as the socket takes; the rest when the loop has read it.
        if let Some(frame) = &mut waits {
            match process.stream.as_mut().unwrap().write(frame) {
                Ok(count) if count == frame.len() => waits = None,
                Ok(count) => {
                    frame.drain(..count);
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
    });
    assert_eq!((ran.sums().iterations_ok, ran.sums().iterations_failed), (3, 3));
    assert_eq!(ran.failures.len(), 3);
}

#[test]
fn a_full_pool_parks_who_calls_and_that_is_python_wait_and_in_no_time_of_a_request() {
    // Three users, one process that takes 100 ms for each: it is given one at a time.
    let steps = [python("slow", &[], "made"), gets("item", &json!("/"))];
    let mut plan = of(&steps, 3);
    plan.scenarios[0].load = serde_json::from_str(&closed(3, None, Some(3))).unwrap();
    let arrivals = Arc::default();
    let mut process = Process::arriving(&arrivals, 1);
    let (mut began_ns, mut most) = (None, 0);
    let ran = run(&plan, &arrivals, "{}", |now_ns, _| {
        let calls = process.hear();
        most = most.max(calls.len());
        if !calls.is_empty() {
            began_ns = Some(now_ns);
        }
        if began_ns.is_some_and(|began_ns| now_ns >= began_ns + 100 * MS) {
            began_ns = None;
            process.say(&json!([[100 * MS, 1]]));
        }
    });
    assert_eq!(most, 1, "nothing waits in a process that is at something else");
    let counts = ran.intervals.iter().flat_map(|each| each.scenarios.values());
    let (mut waited_ns, mut took_ns) = (0, 0);
    for counts in counts {
        waited_ns = waited_ns.max(counts.python_wait.max_ns().unwrap_or(0));
        took_ns = took_ns.max(counts.python_time.max_ns().unwrap_or(0));
    }
    assert!((200 * MS..300 * MS).contains(&waited_ns), "{waited_ns}");
    assert_eq!(took_ns, 100 * MS);
    for counts in ran.intervals.iter().flat_map(|each| each.series.values()) {
        let most_ns = |histogram: &apibench_histogram::Histogram| histogram.max_ns().unwrap_or(0);
        assert!(most_ns(&counts.service) < 50 * MS && most_ns(&counts.response) < 50 * MS);
        assert!(most_ns(&counts.schedule_lag) < 50 * MS);
    }
    assert_eq!(ran.sums().iterations_ok, 3);
}

#[test]
fn an_arrival_that_waited_for_a_virtual_user_before_its_call_shows_that_in_its_response_time() {
    // Ten a second for one user, whose request takes 300 ms: the third arrival waits for 400 ms.
    let steps = [python("sign", &[], "proof"), gets("item", &json!("/slow"))];
    let mut plan = of(&steps, 1);
    let load = open(10, "constant", "queue", 1, 300 * MS, PATIENT);
    plan.scenarios[0].load = serde_json::from_str(&load).unwrap();
    plan.drain_ns = 10 * S;
    let arrivals = Arc::default();
    let mut process = Process::arriving(&arrivals, 1);
    let ran = run_with(&plan, &arrivals, Reply::response(300 * MS, 200, "", "{}"), |_, _| {
        for _ in process.hear() {
            process.say(&json!([[1, 1]]));
        }
    });
    assert_eq!(ran.sums().iterations_ok, 3);
    let longest = |of: fn(&apibench_histogram::interval::SeriesCounts) -> &apibench_histogram::Histogram| {
        let counts = ran.intervals.iter().flat_map(|each| each.series.values());
        counts.filter_map(|counts| of(counts).max_ns()).max().unwrap()
    };
    assert!(longest(|counts| &counts.response) >= 680 * MS);
    assert!(longest(|counts| &counts.service) < 400 * MS);
    let counts = ran.intervals.iter().flat_map(|each| each.scenarios.values());
    assert!(counts.filter_map(|counts| counts.python_wait.max_ns()).max().unwrap() < 100 * MS);
}

#[test]
fn who_has_waited_longer_is_served_first_whoever_calls_meanwhile() {
    // One process, one call at a time: who has just been answered calls again, behind all others.
    let steps = [python("slow", &[variable("me")], "made"), gets("item", &json!("/"))];
    let me = crate::support::journeys::set("me", &call("random_integer", &[json!(1), json!(1_000_000_000)]));
    let again = python("slow", &[variable("me")], "again");
    let mut plan = of(&[me, steps[0].clone(), again, steps[1].clone()], 3);
    plan.scenarios[0].load = serde_json::from_str(&closed(3, None, Some(3))).unwrap();
    let arrivals = Arc::default();
    let mut process = Process::arriving(&arrivals, 1);
    let mut began_ns = None;
    let ran = run(&plan, &arrivals, "{}", |now_ns, _| {
        if !process.hear().is_empty() {
            began_ns = Some(now_ns);
        }
        if began_ns.is_some_and(|began_ns| now_ns >= began_ns + 100 * MS) {
            began_ns = None;
            process.say(&json!([[100 * MS, 1]]));
        }
    });
    let who: Vec<&Value> = process.calls.iter().map(|(_, arguments)| &arguments[0]).collect();
    assert_eq!(who.len(), 6);
    assert_eq!(who[..3], who[3..]);
    assert_eq!(ran.sums().iterations_ok, 3);
}

#[test]
fn the_calls_of_a_process_that_dies_fail_by_the_reason_that_was_told_and_another_takes_its_place() {
    let steps = [python("sign", &[], "proof"), gets("item", &json!("/"))];
    let arrivals: Arc<Arrivals> = Arc::default();
    let mut process = Process::arriving(&arrivals, 7);
    let mut number = 7;
    let ran = run(&of(&steps, 4), &arrivals, "{}", |_, _| {
        for _ in process.hear() {
            match number {
                7 => {
                    arrivals.ends(7, "TimeoutError: it took too long");
                    process.die();
                    process = Process::arriving(&arrivals, 8);
                }
                8 => {
                    process.die();
                    process = Process::arriving(&arrivals, 9);
                }
                _ => process.say(&json!([[1, 1]])),
            }
            number += 1;
        }
    });
    assert_eq!((ran.sums().iterations_ok, ran.sums().iterations_failed), (2, 2));
    assert_eq!(
        ran.reasons(),
        [("TimeoutError: it took too long", 1), ("its process died", 1)]
    );
}

#[test]
fn where_no_process_comes_any_more_calls_fail_and_nothing_hangs() {
    let steps = [
        repeat(&json!(3), &python("sign", &[], "proof")),
        gets("item", &json!("/")),
    ];
    for on_fail in [OnFail::EndIteration, OnFail::Continue] {
        let mut plan = of(&steps, 5);
        plan.scenarios[0].defaults.on_fail = on_fail;
        let arrivals: Arc<Arrivals> = Arc::default();
        arrivals.are_over("RuntimeError: all died");
        let ran = run(&plan, &arrivals, "{}", |_, _| {});
        assert_eq!(ran.sums().iterations_failed, 5);
        let calls = if on_fail == OnFail::Continue { 15 } else { 5 };
        assert_eq!(ran.reasons(), [("RuntimeError: all died", calls)]);
    }
}

#[test]
fn a_process_that_wants_no_more_calls_is_let_go_behind_its_present_ones() {
    let steps = [python("sign", &[], "proof"), gets("item", &json!("/"))];
    let arrivals: Arc<Arrivals> = Arc::default();
    let mut first = Process::arriving(&arrivals, 1);
    let mut second: Option<Process> = None;
    let mut closed_by_them = false;
    let ran = run(&of(&steps, 3), &arrivals, "{}", |_, _| {
        for _ in first.hear() {
            // It leaves before it has answered.
            first.write(b"");
            first.say(&json!([[1, 1]]));
        }
        if second.is_none() && !first.calls.is_empty() {
            closed_by_them = matches!(first.stream.as_mut().unwrap().read(&mut [0; 16]), Ok(0));
            if closed_by_them {
                second = Some(Process::arriving(&arrivals, 2));
            }
        }
        if let Some(second) = &mut second {
            for _ in second.hear() {
                second.say(&json!([[1, 2]]));
            }
        }
    });
    assert!(closed_by_them);
    assert_eq!(ran.sums().iterations_ok, 3);
    assert_eq!((first.calls.len(), second.unwrap().calls.len()), (1, 2));
}

#[test]
fn a_process_that_answers_what_nobody_asked_is_not_believed_any_more() {
    let steps = [python("sign", &[], "proof"), gets("item", &json!("/"))];
    for nonsense in ["[[1,1],[1,2]]", "{", "[[\"1\",1]]", "[[1]]"] {
        let arrivals: Arc<Arrivals> = Arc::default();
        let mut process = Process::arriving(&arrivals, 1);
        let mut good: Option<Process> = None;
        let ran = run(&of(&steps, 2), &arrivals, "{}", |_, _| {
            if let Some(good) = &mut good {
                for _ in good.hear() {
                    good.say(&json!([[1, 1]]));
                }
            } else if !process.hear().is_empty() {
                process.write(nonsense.as_bytes());
                good = Some(Process::arriving(&arrivals, 2));
            }
        });
        let sums = ran.sums();
        assert_eq!(sums.iterations_ok + sums.iterations_failed, 2, "{nonsense}");
        assert!(sums.iterations_ok >= 1, "{nonsense}");
    }
}

#[test]
fn a_late_answer_is_for_nobody_and_what_was_given_up_is_unfinished() {
    let steps = [python("sign", &[], "proof"), gets("item", &json!("/"))];
    let mut plan = of(&steps, 1);
    plan.scenarios[0].load = serde_json::from_str(&closed(2, Some(S), None)).unwrap();
    plan.drain_ns = 100 * MS;
    let arrivals: Arc<Arrivals> = Arc::default();
    let mut process = Process::arriving(&arrivals, 1);
    let mut answered = false;
    let ran = run(&plan, &arrivals, "{}", |now_ns, control| {
        process.hear();
        if now_ns >= 500 * MS && !answered {
            // At once with the stop, which is heard first.
            control.command(Command::Stop);
            process.say(&json!([[1, "late"]]));
            answered = true;
        }
    });
    let sums = ran.sums();
    assert_eq!((sums.iterations_started, sums.iterations_unfinished), (2, 2));
    assert!(ran.wire.is_empty(), "nothing is sent behind a stop");
    let times = |of: fn(&apibench_histogram::interval::ScenarioCounts) -> u64| -> u64 {
        ran.intervals
            .iter()
            .flat_map(|each| each.scenarios.values())
            .map(of)
            .sum()
    };
    assert_eq!(
        times(|counts| counts.python_time.censored()),
        1,
        "one was with the process"
    );
    assert_eq!(times(|counts| counts.python_wait.censored()), 1, "one was parked");
}

#[test]
fn json_of_a_target_that_would_change_the_calls_of_others_is_no_argument() {
    let steps = [
        gets("list", &json!("/items")),
        extract(&json!({"type": "json", "path": ["a"]}), "a"),
        python("sign", &[variable("a")], "proof"),
    ];
    for body in [r#"{"a":{"b":]],[0,["c":1}}"#, r#"{"a":[{]}"#, r#"{"a":{]],[1,[{}}"#] {
        let arrivals: Arc<Arrivals> = Arc::default();
        let mut process = Process::arriving(&arrivals, 1);
        let ran = run(&of(&steps, 1), &arrivals, body, |_, _| {
            for _ in process.hear() {
                process.say(&json!([[1, 1]]));
            }
        });
        assert_eq!(process.calls, [], "{body}");
        assert_eq!(ran.sums().iterations_failed, 1, "{body}");
    }
}
