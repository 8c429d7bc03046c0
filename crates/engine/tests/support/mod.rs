//! What the tests of the loop share: plans as text, runs on virtual time, and the sums of their intervals.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::sync::{Arc, Mutex};

use apibench_core::clock::ManualClock;
use apibench_core::fake_transport::{FakeTransport, Service};
use apibench_core::phase::Phase;
use apibench_core::plan::Plan;
use apibench_core::segment::Share;
use apibench_engine::control::{Command, Control};
use apibench_engine::driver::Driver;
use apibench_engine::program::Program;
use apibench_engine::share;
use apibench_histogram::PagePool;
use apibench_histogram::interval::Interval;
use apibench_histogram::recorder::{IntervalRecorder, Spares};

pub const S: u64 = 1_000_000_000;
pub const MS: u64 = 1_000_000;
/// Where virtual time begins: not at 0, so that a moment mistaken for a duration shows.
pub const BARRIER: u64 = 1_000 * S;

/// A plan of one scenario for each `(steps, load)`.
pub fn plan(seed: u64, warmup_ns: u64, drain_ns: u64, scenarios: &[(String, String)]) -> Plan {
    let scenarios: Vec<String> = scenarios
        .iter()
        .enumerate()
        .map(|(number, (steps, load))| {
            format!(
                r#"{{"name":"s{number}","start_ns":0,"after":null,"defaults":{{"headers":[],"cookies":null,"on_fail":"end_iteration"}},
                "on_start":[],"steps":[{steps}],"on_stop":[],"load":{load}}}"#
            )
        })
        .collect();
    let text = format!(
        r#"{{"version":1,"name":"test","seed":{seed},"warmup_ns":{warmup_ns},"drain_ns":{drain_ns},
        "hosts":{{"h":{{"base_url":"http://127.0.0.1:1","http":"auto","tls":{{"verify":true,"ca_file":null,"server_name":null}},
        "timeouts":{{"connect_ns":1,"first_byte_ns":null,"idle_ns":null,"total_ns":1}},"proxy":null,
        "resolve":{{"family":"any","addresses":[],"connect_to":[],"unix_socket":null}},
        "connections":{{"type":"per_vu","count":1}},"keepalive":true,"redirects":0}}}},
        "feeders":[],"setup":null,"teardown":null,"scenarios":[{}],"thresholds":[]}}"#,
        scenarios.join(",")
    );
    Plan::from_json(&text).expect("the test's own plan")
}

pub fn request(name: &str) -> String {
    format!(
        r#"{{"type":"request","host":"h","method":"GET","path":"/","name":"{name}","headers":[],"body":null,
        "expect":{{"status":[{{"first":100,"last":399}}]}},"timeout_ns":null,"source":null}}"#
    )
}

pub fn think(min_ns: u64, max_ns: u64) -> String {
    format!(r#"{{"type":"think","constant_ns":null,"uniform":{{"min_ns":{min_ns},"max_ns":{max_ns}}},"source":null}}"#)
}

pub fn closed(vus: u64, duration_ns: Option<u64>, iterations: Option<u64>) -> String {
    format!(
        r#"{{"model":"closed","vus":{vus},"stages":[],"ends":{}}}"#,
        ends(duration_ns, iterations)
    )
}

/// An open load at a constant rate per second.
pub fn open(rate: u64, arrivals: &str, when_busy: &str, max_vus: u64, duration_ns: u64, rest: &str) -> String {
    format!(
        r#"{{"model":"open","rate":{{"count":{rate},"per_ns":{S}}},"stages":[],"arrivals":"{arrivals}","when_busy":"{when_busy}",
        "max_vus":{max_vus},{rest},"ends":{}}}"#,
        ends(Some(duration_ns), None)
    )
}

/// Nothing may wait too long, and any number may wait.
pub const PATIENT: &str = r#""max_waiting":null,"max_wait_ns":null"#;

fn ends(duration_ns: Option<u64>, iterations: Option<u64>) -> String {
    let number = |value: Option<u64>| value.map_or("null".to_owned(), |value| value.to_string());
    format!(
        r#"{{"duration_ns":{},"iterations":{}}}"#,
        number(duration_ns),
        number(iterations)
    )
}

/// Runs a share of a plan on virtual time; `between` is called after every turn with the time after the barrier.
pub fn run_share(
    plan: &Plan,
    share: &Share,
    streams: usize,
    serve: impl FnMut(u64) -> Service,
    mut between: impl FnMut(u64, &Control),
) -> Vec<Interval> {
    let clock = ManualClock::at(BARRIER);
    let sealed = Arc::new(Mutex::new(Vec::new()));
    let program = Arc::new(Program::compile(plan).expect("the test's own plan"));
    let sink = Arc::clone(&sealed);
    let recorder = IntervalRecorder::new(
        program.scenarios.len(),
        program.series.len(),
        &PagePool::new(),
        &Spares::default(),
        move |interval| sink.lock().unwrap().push(interval),
    );
    let scenarios = share::scenarios(plan, share, BARRIER).expect("the test's own plan");
    let control = Arc::new(Control::default());
    let transport = FakeTransport::new(clock.clone(), streams, serve);
    let mut driver = Driver::new(
        program,
        scenarios,
        transport,
        recorder,
        clock.clone(),
        BARRIER,
        Arc::clone(&control),
    );
    while driver.turn() {
        use apibench_core::clock::Clock as _;
        between(clock.now_ns() - BARRIER, &control);
    }
    drop(driver);
    Arc::into_inner(sealed)
        .expect("the driver is gone")
        .into_inner()
        .unwrap()
}

/// Runs a whole plan on virtual time.
pub fn run(plan: &Plan, streams: usize, serve: impl FnMut(u64) -> Service) -> Vec<Interval> {
    run_share(plan, &Share::whole(), streams, serve, |_, _| {})
}

/// Stops a run at a moment.
pub fn stop_at(at_ns: u64, command: Command) -> impl FnMut(u64, &Control) {
    move |now_ns, control| {
        if now_ns >= at_ns {
            control.command(command);
        }
    }
}

/// Sums over intervals, of one phase or of both.
#[derive(Debug, Default, PartialEq, Eq, Clone)]
pub struct Sums {
    pub offered: u64,
    pub iterations_started: u64,
    pub iterations_ok: u64,
    pub iterations_failed: u64,
    pub iterations_unfinished: u64,
    pub dropped_cap: u64,
    pub dropped_deadline: u64,
    pub dropped_ended: u64,
    pub started: u64,
    pub ok: u64,
    pub failed: u64,
    pub unfinished: u64,
    pub stale_retries: u64,
}

impl Sums {
    pub fn of<'a>(intervals: impl IntoIterator<Item = &'a Interval>, phases: &[Phase]) -> Self {
        let mut sums = Self::default();
        for interval in intervals {
            for ((_, phase), counts) in &interval.scenarios {
                if phases.contains(phase) {
                    sums.offered += counts.offered;
                    sums.iterations_started += counts.started;
                    sums.iterations_ok += counts.ok;
                    sums.iterations_failed += counts.failed;
                    sums.iterations_unfinished += counts.unfinished;
                    sums.dropped_cap += counts.dropped_cap;
                    sums.dropped_deadline += counts.dropped_deadline;
                    sums.dropped_ended += counts.dropped_ended;
                }
            }
            for ((_, phase), counts) in &interval.series {
                if phases.contains(phase) {
                    sums.started += counts.started;
                    sums.ok += counts.ok;
                    sums.failed += counts.failed;
                    sums.unfinished += counts.unfinished;
                    sums.stale_retries += counts.stale_retries;
                }
            }
        }
        sums
    }

    pub fn dropped(&self) -> u64 {
        self.dropped_cap + self.dropped_deadline + self.dropped_ended
    }
}

/// The equations that every run must satisfy, interval by interval and as a whole. What was waiting and in flight
/// at each seal was counted by a walk over what was really there, so the sums are held against something.
pub fn check_equations(intervals: &[Interval]) {
    let (mut waiting, mut in_flight, mut opening) = (0_i128, 0_i128, 0_i128);
    let mut end_ns = 0;
    for interval in intervals {
        assert_eq!(interval.start_ns, end_ns, "intervals follow one another without a gap");
        end_ns = interval.end_ns;
        let sums = Sums::of([interval], &Phase::ALL);
        waiting += i128::from(sums.offered) - i128::from(sums.iterations_started) - i128::from(sums.dropped());
        let waits: u64 = interval.scenarios.values().map(|counts| counts.waiting).sum();
        assert_eq!(
            waiting,
            i128::from(waits),
            "offered = started + dropped + waiting, at {end_ns}"
        );
        let open: u64 = interval.series.values().map(|counts| counts.opening).sum();
        in_flight += i128::from(sums.started) - i128::from(sums.ok + sums.failed + sums.unfinished);
        let flying: u64 = interval.series.values().map(|counts| counts.in_flight).sum();
        assert_eq!(
            in_flight,
            i128::from(flying),
            "in_flight' = in_flight + started - ended, at {end_ns}"
        );
        opening = i128::from(open);
        for counts in interval.series.values() {
            assert_eq!(
                counts.by_failure.iter().sum::<u64>(),
                counts.failed,
                "by_error sums to failed"
            );
            let censored = counts.response.censored();
            assert!(counts.response.count() >= counts.ok && censored <= counts.response.count());
        }
    }
    assert_eq!((waiting, in_flight, opening), (0, 0, 0), "nothing is left over");
    let sums = Sums::of(intervals, &Phase::ALL);
    assert_eq!(sums.offered, sums.iterations_started + sums.dropped());
    assert_eq!(
        sums.iterations_started,
        sums.iterations_ok + sums.iterations_failed + sums.iterations_unfinished
    );
    assert_eq!(sums.started, sums.ok + sums.failed + sums.unfinished);
    let responses: u64 = intervals
        .iter()
        .flat_map(|interval| interval.series.values())
        .map(|counts| counts.response.count())
        .sum();
    let censored: u64 = intervals
        .iter()
        .flat_map(|interval| interval.series.values())
        .map(|counts| counts.response.censored())
        .sum();
    assert_eq!(
        responses,
        sums.ok + censored,
        "the headline holds ok and lower bounds, and nothing else"
    );
}
