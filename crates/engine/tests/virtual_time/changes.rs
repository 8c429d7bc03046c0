//! A run that is changed while it goes on: whatever is handed from one share to another, every arrival of the plan
//! exists exactly once, at its own moment.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::support::plans::{PATIENT, closed, open, plan, request};
use crate::support::runs::Sealed;
use crate::support::sums::check_equations;
use crate::support::{BARRIER, MS, S};
use apibench_core::clock::{Clock as _, ManualClock};
use apibench_core::fake_target::{End, FakeHost, FakeTarget};
use apibench_core::plan::{Plan, Rate};
use apibench_core::segment::Share;
use apibench_engine::control::Control;
use apibench_engine::driver::Driver;
use apibench_engine::program::Program;
use apibench_engine::revision::Inbox;
use apibench_engine::share::{self, RateChange};
use proptest::prelude::*;

/// What a worker is told while it runs: from this moment after the barrier on, this share.
#[derive(Debug, Clone)]
struct Told {
    effective_ns: u64,
    share: Share,
    rates: Vec<RateChange>,
}

/// When requests were sent after the barrier by one worker, which hears of each change `lead_ns` before its moment.
fn starts(plan: &Plan, first: &Share, told: &[Told], lead_ns: u64, service_ns: u64) -> Vec<u64> {
    let (clock, seen) = (ManualClock::at(BARRIER), Rc::new(RefCell::new(Vec::new())));
    let sent = Rc::clone(&seen);
    let target = FakeTarget::new(clock.clone(), vec![FakeHost::ONE_EACH], move |arrived| {
        sent.borrow_mut().push(arrived.started_ns - BARRIER);
        End::answer(service_ns, 200).into()
    });
    let sealed = Sealed::default();
    let inbox = Arc::new(Inbox::default());
    let mut driver = Driver::new(
        Arc::new(Program::compile(plan).unwrap()),
        share::scenarios(plan, first, BARRIER).unwrap(),
        target,
        sealed.recorder(plan),
        clock.clone(),
        BARRIER,
        Arc::new(Control::default()),
    )
    .hearing(Some(Arc::clone(&inbox)));
    let mut waiting = told.iter();
    let mut next = waiting.next();
    loop {
        while let Some(change) = next.filter(|change| clock.now_ns() - BARRIER + lead_ns >= change.effective_ns) {
            let extents = share::changed_extents(plan, &share::extents(plan).unwrap(), &change.rates, &change.rates);
            let changed = share::change(
                plan,
                &extents.unwrap(),
                &change.rates,
                &change.share,
                BARRIER,
                change.effective_ns,
            );
            inbox.put(changed.unwrap());
            next = waiting.next();
        }
        if !driver.turn() {
            break;
        }
    }
    check_equations(&sealed.take());
    drop(driver);
    seen.take()
}

/// The same of all workers together, in order.
fn starts_of_all(
    plan: &Plan,
    first: &[Share],
    changes: &[(u64, Vec<Share>, Vec<RateChange>)],
    lead_ns: u64,
    service_ns: u64,
) -> Vec<u64> {
    let mut all = Vec::new();
    for (worker, share) in first.iter().enumerate() {
        let told: Vec<Told> = changes
            .iter()
            .map(|(effective_ns, shares, rates)| Told {
                effective_ns: *effective_ns,
                share: shares[worker].clone(),
                rates: rates.clone(),
            })
            .collect();
        all.extend(starts(plan, share, &told, lead_ns, service_ns));
    }
    all.sort_unstable();
    all
}

fn law(poisson: bool) -> &'static str {
    if poisson { "poisson" } else { "constant" }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn shares_that_move_leave_the_one_schedule(
        seed: u64,
        poisson: bool,
        rate in 1_u64..400,
        first in prop::collection::vec(1_u64..9, 3),
        moves in prop::collection::vec((60_u64..2_900, prop::collection::vec(0_u64..9, 3)), 0..4),
        // More than twice the longest sleep: a loop is told between two of them here, and hears of it after the next.
        lead_ms in 41_u64..2_000,
        service_ms in 1_u64..30,
    ) {
        let plan = plan(seed, 0, S, &[(request("a"), open(rate, law(poisson), "grow", 10_000, 3 * S, PATIENT))]);
        let mut moves: Vec<_> = moves.into_iter().filter(|(_, weights)| weights.iter().any(|weight| *weight > 0)).collect();
        moves.sort_by_key(|(at_ms, _)| *at_ms);
        let changes: Vec<_> = moves
            .iter()
            .map(|(at_ms, weights)| (at_ms * MS, Share::whole().split(weights), Vec::new()))
            .collect();
        let parts = starts_of_all(&plan, &Share::whole().split(&first), &changes, lead_ms * MS, service_ms * MS);
        prop_assert_eq!(parts, starts(&plan, &Share::whole(), &[], 0, service_ms * MS));
    }

    #[test]
    fn a_rate_that_changes_is_one_schedule_for_any_number_of_workers(
        seed: u64,
        poisson: bool,
        from in 1_u64..300,
        to in 0_u64..300,
        // Later than the longest sleep: what is told to a loop that sleeps is heard when it wakes.
        at_ms in 25_u64..2_990,
        weights in prop::collection::vec(1_u64..9, 3),
    ) {
        let plan = plan(seed, 0, S, &[(request("a"), open(from, law(poisson), "grow", 10_000, 3 * S, PATIENT))]);
        let rates = vec![RateChange { scenario: 0, at_ns: at_ms * MS, rate: Rate { count: to, per_ns: S } }];
        let shares = Share::whole().split(&weights);
        let changes = [(at_ms * MS, shares.clone(), rates.clone())];
        let parts = starts_of_all(&plan, &shares, &changes, 500 * MS, MS);
        let whole = starts_of_all(&plan, &[Share::whole()], &[(at_ms * MS, vec![Share::whole()], rates)], 500 * MS, MS);
        prop_assert_eq!(&parts, &whole);
        let before = starts(&plan, &Share::whole(), &[], 0, MS);
        let kept = |starts: &[u64]| starts.iter().filter(|at| **at < at_ms * MS).count();
        prop_assert_eq!(kept(&parts), kept(&before), "what was due before the change is due as it was");
        if !poisson {
            // The cumulative rate, rounded half up, in half milliseconds of iterations.
            let doubled = 2 * (from * at_ms + to * (3_000 - at_ms));
            prop_assert_eq!(parts.len() as u64, (doubled + 1_000) / 2_000);
        }
    }
}

#[test]
fn virtual_users_that_move_go_on_elsewhere_and_nobody_acts_twice() {
    // Ten virtual users, 10 ms each: a thousand a second, whoever has them.
    let plan = plan(1, 0, S, &[(request("a"), closed(10, Some(3 * S), None))]);
    let whole = Share::whole();
    let halves = whole.split(&[1, 1]);
    let changes = [
        (S, vec![whole.clone(), Share::new(Vec::new())], Vec::new()),
        (2 * S, vec![halves[1].clone(), halves[0].clone()], Vec::new()),
    ];
    let starts = starts_of_all(&plan, &halves, &changes, 100 * MS, 10 * MS);
    for second in 0..3 {
        let within = starts
            .iter()
            .filter(|at| (second * S..(second + 1) * S).contains(at))
            .count();
        assert_eq!(within, 1_000, "in second {second}");
    }
}

#[test]
fn a_change_within_the_warm_up_is_refused() {
    let plan = plan(1, S, S, &[(request("a"), open(10, "constant", "grow", 10, S, PATIENT))]);
    assert!(
        share::change(
            &plan,
            &share::extents(&plan).unwrap(),
            &[],
            &Share::whole(),
            BARRIER,
            S - 1
        )
        .is_err()
    );
}

/// What a loop with a lease of one second sends and offers of 100/s, when it is away for some time.
fn fenced(naps: &[(u64, u64)]) -> (Vec<u64>, u64) {
    let plan = plan(
        1,
        0,
        S,
        &[(request("a"), open(100, "constant", "grow", 1_000, 3 * S, PATIENT))],
    );
    let (clock, seen) = (ManualClock::at(BARRIER), Rc::new(RefCell::new(Vec::new())));
    let sent = Rc::clone(&seen);
    let target = FakeTarget::new(clock.clone(), vec![FakeHost::ONE_EACH], move |arrived| {
        sent.borrow_mut().push(arrived.started_ns - BARRIER);
        End::answer(MS, 200).into()
    });
    let sealed = Sealed::default();
    let control = Arc::new(Control::leased(apibench_core::lease::Lease::until(BARRIER + S)));
    let mut driver = Driver::new(
        Arc::new(Program::compile(&plan).unwrap()),
        share::scenarios(&plan, &Share::whole(), BARRIER).unwrap(),
        target.with_naps(naps.to_vec()),
        sealed.recorder(&plan),
        clock,
        BARRIER,
        Arc::clone(&control),
    );
    driver.run();
    let intervals = sealed.take();
    check_equations(&intervals);
    assert!(control.was_fenced());
    let scenarios = intervals.iter().flat_map(|interval| interval.scenarios.values());
    (seen.take(), scenarios.map(|counts| counts.offered).sum())
}

#[test]
fn a_loop_whose_lease_runs_out_starts_nothing_from_that_moment_on() {
    let (sent, offered) = fenced(&[]);
    assert_eq!((sent.len(), offered), (100, 100));
    assert!(sent.iter().all(|at| *at < S));
}

#[test]
fn a_loop_that_wakes_behind_its_lease_offers_nothing_that_is_somebody_else_s_by_then() {
    let (sent, offered) = fenced(&[(BARRIER + 500 * MS, 1_700 * MS)]);
    assert_eq!(
        offered, 100,
        "what was due by the end of the lease, though it came to none of it"
    );
    assert!(sent.iter().all(|at| *at <= 500 * MS), "{sent:?}");
}
