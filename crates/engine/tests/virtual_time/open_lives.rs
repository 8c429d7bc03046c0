//! What virtual users of open loads do once, and that what is due waits for it in full view.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::support::journeys::{call, gets, set, variable};
use crate::support::plans::{PATIENT, closed, open, plan, think};
use crate::support::runs::{Sealed, drive, measure, numbered, prompt, stop_at};
use crate::support::sums::{Sums, check_equations};
use crate::support::{BARRIER, MS, S};
use apibench_core::clock::ManualClock;
use apibench_core::failure::Failure;
use apibench_core::fake_target::{End, FakeHost, FakeTarget, Reply};
use apibench_core::phase::Phase;
use apibench_core::plan::Plan;
use apibench_core::recorder::{ScenarioIndex, SeriesIndex};
use apibench_core::schedule::random::{draw, uniform};
use apibench_core::segment::Share;
use apibench_engine::control::{Command, Control};
use apibench_engine::driver::Driver;
use apibench_engine::program::Program;
use apibench_engine::revision::Inbox;
use apibench_engine::share;
use apibench_histogram::Histogram;
use apibench_histogram::interval::{Interval, SeriesCounts};
use proptest::prelude::*;
use serde_json::json;

/// Those of the plans of this file, by the order in which their requests stand.
const IN: SeriesIndex = SeriesIndex(0);
const PAGE: SeriesIndex = SeriesIndex(1);
const OUT: SeriesIndex = SeriesIndex(2);

fn step(text: &str) -> apibench_core::step::Step {
    serde_json::from_str(text).unwrap()
}

/// Logs in, asks for a page whose number is drawn, and logs out.
fn planned(load: String) -> Plan {
    let number = call("random_integer", &[json!(1), json!(1_000_000)]);
    let page = gets("page", &call("concat", &[json!("/page/"), number.clone()]));
    let mut plan = plan(1, 0, S, &[(page, load)]);
    plan.scenarios[0].on_start = vec![step(&gets("in", &call("concat", &[json!("/in/"), number])))];
    plan.scenarios[0].on_stop = vec![step(&gets("out", &json!("/out")))];
    plan
}

/// What went over the wire and when, in milliseconds.
type Wire = Vec<(u64, String)>;

/// A target that says how long a request takes and what comes of it, by what it asks for and how often that was asked.
fn run_share(
    plan: &Plan,
    share: &Share,
    mut answer: impl FnMut(&str, usize) -> (u64, u16) + 'static,
    between: impl FnMut(u64, &Control),
) -> (Wire, Vec<Interval>) {
    let (clock, wire, sealed) = (
        ManualClock::at(BARRIER),
        Rc::new(RefCell::new(Wire::new())),
        Sealed::default(),
    );
    let noted = Rc::clone(&wire);
    let target = FakeTarget::new(clock.clone(), vec![FakeHost::ONE_EACH], move |arrived| {
        let text = String::from_utf8(arrived.bytes.to_vec()).unwrap();
        let path = text.split(' ').nth(1).unwrap().to_owned();
        let what = path.split('/').nth(1).unwrap().to_owned();
        let before = noted
            .borrow()
            .iter()
            .filter(|(_, other): &&(u64, String)| other.split('/').nth(1) == Some(&*what))
            .count();
        noted.borrow_mut().push(((arrived.started_ns - BARRIER) / MS, path));
        let (ms, status) = answer(&what, before);
        Reply::response(ms * MS, status, "", "")
    });
    drive(plan, share, &clock, target, sealed.recorder(plan), between);
    let intervals = sealed.take();
    check_equations(&intervals);
    (wire.take(), intervals)
}

fn run(plan: &Plan, answer: impl FnMut(&str, usize) -> (u64, u16) + 'static) -> (Wire, Vec<Interval>) {
    run_share(plan, &Share::whole(), answer, |_, _| {})
}

fn count(wire: &Wire, what: &str) -> usize {
    wire.iter()
        .filter(|(_, path)| path.split('/').nth(1) == Some(what))
        .count()
}

fn of_series(intervals: &[Interval], series: SeriesIndex, of: impl Fn(&SeriesCounts) -> &Histogram) -> Histogram {
    let mut total = Histogram::default();
    for counts in intervals
        .iter()
        .filter_map(|interval| interval.series.get(&(series, Phase::Main)))
    {
        total.merge(of(counts));
    }
    total
}

fn log_in_takes(ms: u64) -> impl FnMut(&str, usize) -> (u64, u16) {
    move |what, _| (if what == "in" { ms } else { 1 }, 200)
}

#[test]
fn as_many_log_in_as_are_needed_at_once_and_each_once() {
    let (wire, intervals) = run(
        &planned(open(100, "constant", "grow", 500, S, PATIENT)),
        log_in_takes(95),
    );
    // Ten were due, from 5 to 95 ms, before the first was free again at 101 ms.
    assert_eq!(
        (count(&wire, "in"), count(&wire, "page"), count(&wire, "out")),
        (10, 100, 10)
    );
    let last_page = wire.iter().rposition(|(_, path)| path.starts_with("/page")).unwrap();
    assert_eq!(wire.len() - last_page, 11, "they log out behind all that was due");
    let sums = Sums::of(&intervals, &[Phase::Main]);
    assert_eq!(
        (sums.offered, sums.iterations_started, sums.iterations_ok),
        (100, 100, 100)
    );
    assert_eq!(sums.started, 120);
}

#[test]
fn an_arrival_waits_for_its_virtual_user_from_when_it_was_due() {
    let (_, intervals) = run(
        &planned(open(100, "constant", "grow", 500, S, PATIENT)),
        log_in_takes(95),
    );
    let response = of_series(&intervals, PAGE, |counts| &counts.response);
    assert_eq!(
        (response.count(), response.max_ns(), response.min_ns()),
        (100, Some(96 * MS), Some(MS))
    );
    let waits = of_series(&intervals, PAGE, |counts| &counts.connection_wait);
    assert_eq!(
        (waits.sum_ns(), waits.max_ns()),
        (10 * u128::from(95 * MS), Some(95 * MS))
    );
    let service = of_series(&intervals, PAGE, |counts| &counts.service);
    assert_eq!(service.max_ns(), Some(MS));
    let log_in = of_series(&intervals, IN, |counts| &counts.response);
    assert_eq!(
        (log_in.count(), log_in.min_ns(), log_in.max_ns()),
        (10, Some(95 * MS), Some(95 * MS))
    );
    let late = crate::support::sums::over_all(&intervals, |counts| &counts.schedule_lag);
    assert_eq!(late.max_ns(), Some(0), "nothing of it is held against the loop");
}

#[test]
fn what_waits_for_a_log_in_is_told_as_waiting_and_the_log_in_as_in_flight() {
    let (_, intervals) = run(
        &planned(open(10, "constant", "grow", 500, 3 * S, PATIENT)),
        log_in_takes(1_500),
    );
    let first = &intervals[0];
    let scenario = &first.scenarios[&(ScenarioIndex(0), Phase::Main)];
    assert_eq!((scenario.offered, scenario.started, scenario.waiting), (10, 0, 10));
    assert_eq!(first.series[&(IN, Phase::Main)].in_flight, 10);
    let ages = &first.series[&(PAGE, Phase::Main)].pending;
    assert_eq!((ages.count(), ages.max_ns()), (10, Some(950 * MS)));
}

#[test]
fn a_cap_is_a_cap_of_log_ins_too() {
    let queue = planned(open(100, "constant", "queue", 3, S, PATIENT));
    let (wire, intervals) = run(&queue, log_in_takes(200));
    assert_eq!(
        (count(&wire, "in"), count(&wire, "page"), count(&wire, "out")),
        (3, 100, 3)
    );
    let waits = of_series(&intervals, PAGE, |counts| &counts.connection_wait);
    // The fourth was due at 35 ms, and the first was free at 206.
    assert!(waits.count() == 100 && waits.max_ns() == Some(200 * MS));
    let drop = planned(open(100, "constant", "drop", 3, S, PATIENT));
    let (wire, intervals) = run(&drop, log_in_takes(200));
    let sums = Sums::of(&intervals, &[Phase::Main]);
    // Due from 35 to 205 ms: nobody was free for them.
    assert_eq!((sums.dropped_cap, sums.iterations_ok, sums.offered), (18, 82, 100));
    assert_eq!(count(&wire, "in"), 3);
}

#[test]
fn an_arrival_whose_user_cannot_log_in_has_failed_and_the_next_logs_in_anew() {
    let plan = planned(open(10, "constant", "queue", 1, S, PATIENT));
    let (wire, intervals) = run(&plan, |what, before| {
        (1, if what == "in" && before < 3 { 500 } else { 200 })
    });
    assert_eq!(
        (count(&wire, "in"), count(&wire, "page"), count(&wire, "out")),
        (4, 7, 1)
    );
    let sums = Sums::of(&intervals, &[Phase::Main]);
    assert_eq!(
        (sums.iterations_started, sums.iterations_failed, sums.iterations_ok),
        (10, 3, 7)
    );
    let (wire, intervals) = run(&plan, |what, _| (1, if what == "in" { 500 } else { 200 }));
    assert_eq!(
        (count(&wire, "in"), count(&wire, "page"), count(&wire, "out")),
        (10, 0, 0)
    );
    assert_eq!(Sums::of(&intervals, &[Phase::Main]).iterations_failed, 10);
}

#[test]
fn what_still_waits_for_a_log_in_at_the_end_never_began() {
    let (wire, intervals) = run(
        &planned(open(10, "constant", "grow", 50, S, PATIENT)),
        log_in_takes(5_000),
    );
    let sums = Sums::of(&intervals, &[Phase::Main]);
    assert_eq!((sums.iterations_started, sums.dropped_ended), (0, 10));
    assert_eq!((sums.started, sums.unfinished, wire.len()), (10, 10, 10));
    let headline = of_series(&intervals, PAGE, |counts| &counts.response);
    assert_eq!((headline.censored(), headline.max_ns()), (10, Some(1_950 * MS)));
}

#[test]
fn behind_a_stop_nobody_logs_out_and_what_waits_is_given_up() {
    let plan = planned(open(100, "constant", "grow", 500, S, PATIENT));
    for (at_ns, pages) in [(50 * MS, 0), (500 * MS, 50)] {
        let (wire, intervals) = run_share(&plan, &Share::whole(), log_in_takes(95), stop_at(at_ns, Command::Stop));
        assert_eq!(count(&wire, "out"), 0);
        assert!(count(&wire, "page").abs_diff(pages) <= 1, "{}", count(&wire, "page"));
        let sums = Sums::of(&intervals, &[Phase::Main]);
        assert_eq!(sums.offered, sums.iterations_ok + sums.dropped_ended);
    }
}

#[test]
fn the_same_iterations_are_asked_for_whoever_has_to_log_in_for_them() {
    let pages = |plan: &Plan, share: &Share| -> Vec<String> {
        let (wire, _) = run_share(plan, share, log_in_takes(300), |_, _| {});
        let pages = wire.into_iter().map(|(_, path)| path);
        pages.filter(|path| path.starts_with("/page")).collect()
    };
    let sorted = |mut pages: Vec<String>| {
        pages.sort();
        pages
    };
    let grow = planned(open(50, "poisson", "grow", 500, S, PATIENT));
    let queue = planned(open(50, "poisson", "queue", 4, S, PATIENT));
    let all = sorted(pages(&grow, &Share::whole()));
    assert!(all.len() > 30);
    assert_eq!(sorted(pages(&queue, &Share::whole())), all);
    let parts = Share::whole().split(&[3, 1, 2]);
    assert_eq!(
        sorted(parts.iter().flat_map(|share| pages(&grow, share)).collect()),
        all
    );
}

#[test]
fn a_share_of_a_run_that_may_still_get_something_to_do_logs_out_at_the_planned_end() {
    let plan = planned(open(10, "constant", "queue", 2, S, PATIENT));
    for (leased, out_ms) in [(false, 951), (true, 1_000)] {
        let (clock, sealed, first) = (
            ManualClock::at(BARRIER),
            Sealed::default(),
            Rc::new(RefCell::new(Vec::new())),
        );
        let noted = Rc::clone(&first);
        let target = FakeTarget::new(clock.clone(), vec![FakeHost::ONE_EACH], move |arrived| {
            if arrived.bytes.starts_with(b"GET /out") {
                noted.borrow_mut().push((arrived.started_ns - BARRIER) / MS);
            }
            End::answer(MS, 200).into()
        });
        let program = Arc::new(Program::compile(&plan).unwrap());
        let scenarios = share::scenarios(&plan, &Share::whole(), BARRIER).unwrap();
        let recorder = sealed.recorder(&plan);
        let driver = Driver::new(
            program,
            scenarios,
            target,
            recorder,
            clock,
            BARRIER,
            Arc::new(Control::default()),
        );
        driver.hearing(leased.then(Arc::<Inbox>::default)).run();
        check_equations(&sealed.take());
        // One of them is free before that, and waits for no more than it has to.
        assert_eq!(first.take(), if leased { vec![out_ms; 2] } else { vec![950, out_ms] });
    }
}

#[test]
fn who_does_something_behind_its_last_iteration_need_do_nothing_before_the_first() {
    for load in [open(10, "constant", "queue", 2, S, PATIENT), closed(2, None, Some(10))] {
        let mut plan = planned(load);
        plan.scenarios[0].on_start.clear();
        let (wire, _) = run(&plan, log_in_takes(1));
        assert_eq!((count(&wire, "page"), count(&wire, "out")), (10, 2));
    }
}

#[test]
fn what_was_set_before_the_iterations_lasts_in_all_of_them_and_what_they_set_does_not() {
    let own = call("concat", &[json!("/page/"), variable("me")]);
    let steps = [
        gets("page", &own),
        set("other", &json!({"type": "constant", "value": 1})),
    ];
    let mut plan = plan(
        1,
        0,
        S,
        &[(steps.join(","), open(20, "constant", "queue", 2, S, PATIENT))],
    );
    let number = call("random_integer", &[json!(1), json!(1_000_000)]);
    plan.scenarios[0].on_start = vec![step(&set("me", &number))];
    let (wire, _) = run(&plan, log_in_takes(1));
    let mut known: Vec<_> = wire.iter().map(|(_, path)| path.clone()).collect();
    known.sort();
    known.dedup();
    assert_eq!((wire.len(), known.len()), (20, 2));
}

#[test]
fn thousands_whose_lives_take_no_time_neither_hang_the_loop_nor_overflow_its_stack() {
    let one = json!({"type": "constant", "value": 1});
    let nothing =
        crate::support::journeys::when(&call("less", &[json!(1), json!(0)]), &gets("page", &json!("/page")), "");
    let mut plan = plan(
        1,
        0,
        S,
        &[(nothing, open(20_000, "constant", "queue", 10_000, S, PATIENT))],
    );
    plan.scenarios[0].on_start = vec![step(&set("me", &one))];
    plan.scenarios[0].on_stop = vec![step(&set("me", &one))];
    let clock = ManualClock::at(BARRIER);
    let target = prompt(&clock, MS).with_naps([(BARRIER + 100 * MS, 700 * MS)]);
    let intervals = measure(&plan, &clock, target, |_, _| {});
    check_equations(&intervals);
    assert_eq!(Sums::of(&intervals, &[Phase::Main]).iterations_ok, 20_000);
}

fn pauses(of: &[u64]) -> Vec<String> {
    of.iter().map(|ms| think(0, ms * MS)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn every_equation_holds_whatever_comes_of_their_lives(
        seed: u64,
        open_model: bool,
        rate in 1_u64..200,
        when_busy in prop::sample::select(vec!["queue", "grow", "drop"]),
        max_vus in 1_u64..20,
        duration_ms in 1_u64..2_500,
        drain_ms in 0_u64..2_000,
        warmup_ms in prop_oneof![Just(0_u64), 1_u64..1_500],
        pause_ms in prop::collection::vec(0_u64..400, 3),
        slowest_ms in 1_u64..900,
        connections in 1_u32..20,
        faults in 0_u64..60,
        goes_on: bool,
        stop in prop::option::of((0_u64..4_000, any::<bool>())),
    ) {
        let load = if open_model {
            open(rate, "poisson", when_busy, max_vus, duration_ms * MS, PATIENT)
        } else {
            closed(max_vus, Some(duration_ms * MS), None)
        };
        let thinks = pauses(&pause_ms);
        let mut plan = planned(load);
        plan.warmup_ns = warmup_ms * MS;
        plan.drain_ns = drain_ms * MS;
        let scenario = &mut plan.scenarios[0];
        scenario.on_start.insert(0, step(&thinks[0]));
        scenario.on_start.push(step(&thinks[1]));
        scenario.steps.push(step(&thinks[2]));
        scenario.on_stop.insert(0, step(&thinks[0]));
        if goes_on {
            scenario.defaults.on_fail = apibench_core::plan::OnFail::Continue;
        }
        let (at_ms, abort) = stop.unwrap_or((u64::MAX / MS, false));
        let command = if abort { Command::Abort } else { Command::Stop };
        let clock = ManualClock::at(BARRIER);
        let target = numbered(&clock, connections, move |number| {
            let roll = |which| draw(seed, which, number, 0, 0);
            let after_ns = uniform(roll(0), slowest_ms * MS) + 1;
            match uniform(roll(1), 100) {
                mood if mood >= faults => End::answer(after_ns, 200),
                0..2 => End::Silence,
                2..8 => End::Cut { after_ns, failure: Failure::TcpReset, stale: false },
                8..14 => End::Cut { after_ns, failure: Failure::TcpClosed, stale: true },
                14..20 => End::Cut { after_ns, failure: Failure::Timeout, stale: false },
                _ => End::answer(after_ns, 503),
            }
        });
        let intervals = measure(&plan, &clock, target, stop_at(at_ms.saturating_mul(MS), command));
        check_equations(&intervals);
        let sums = Sums::of(&intervals, &[Phase::Main, Phase::Warmup]);
        let pages: u64 = intervals
            .iter()
            .flat_map(|interval| Phase::ALL.map(|phase| interval.series.get(&(PAGE, phase)).map_or(0, |counts| counts.started)))
            .sum();
        prop_assert!(pages <= sums.iterations_started, "no log-in is counted as an iteration's request");
    }
}

#[test]
fn the_series_of_this_file_stand_where_it_says() {
    let names: Vec<String> = Program::compile(&planned(closed(1, None, Some(1))))
        .unwrap()
        .series
        .into_iter()
        .map(|series| series.step)
        .collect();
    assert_eq!(
        [IN, PAGE, OUT].map(|series| &*names[usize::from(series.0)]),
        ["in", "page", "out"]
    );
}
