//! What a share owes is what it offers, and adds up however shares and time are cut.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::support::plans::{PATIENT, closed, open, plan, request};
use crate::support::runs::{Sealed, prompt};
use crate::support::{BARRIER, MS, S};
use apibench_core::clock::ManualClock;
use apibench_core::phase::Phase;
use apibench_core::plan::{Load, Plan, Rate};
use apibench_core::segment::Share;
use apibench_engine::control::Control;
use apibench_engine::driver::Driver;
use apibench_engine::program::Program;
use apibench_engine::revision::Inbox;
use apibench_engine::share::{self, RateChange};
use proptest::prelude::*;

type Owed = BTreeMap<(u16, Phase), u64>;

fn owed(plan: &Plan, rates: &[RateChange], share: &Share, from_ns: u64, until_ns: Option<u64>) -> Owed {
    let owed = share::owed(plan, rates, share, from_ns, until_ns).unwrap();
    owed.into_iter()
        .map(|(scenario, phase, count)| ((scenario, phase), count))
        .collect()
}

fn sum(parts: impl IntoIterator<Item = Owed>) -> Owed {
    let mut sum = Owed::new();
    for (key, count) in parts.into_iter().flatten() {
        *sum.entry(key).or_default() += count;
    }
    sum
}

/// An open scenario of each law, a closed one, and for the open ones a warm-up.
fn mixed(seed: u64, rate: u64, warmup_ns: u64, limit: Option<u64>) -> Plan {
    let loads = [
        open(rate, "constant", "grow", 10_000, 2 * S, PATIENT),
        closed(2, Some(S), None),
        open(rate, "poisson", "grow", 10_000, 3 * S, PATIENT),
    ];
    let scenarios: Vec<_> = loads.into_iter().map(|load| (request("a"), load)).collect();
    let mut plan = plan(seed, warmup_ns, 5 * S, &scenarios);
    // One that begins later takes no part in the warm-up.
    plan.scenarios[2].start_ns = if seed.is_multiple_of(2) { 0 } else { 300 * MS };
    for scenario in &mut plan.scenarios {
        if let Load::Open { ends, .. } = &mut scenario.load {
            ends.iterations = limit;
        }
    }
    plan
}

fn changes(rates: &[(u64, u64)], warmup_ns: u64) -> Vec<RateChange> {
    let mut changes: Vec<_> = rates
        .iter()
        .enumerate()
        .map(|(number, (after_ms, count))| RateChange {
            scenario: if number % 2 == 0 { 0 } else { 2 },
            at_ns: warmup_ns + after_ms * MS,
            rate: Rate {
                count: *count,
                per_ns: S,
            },
        })
        .collect();
    changes.sort_by_key(|change| change.at_ns);
    changes
}

/// What a driver of that share offers, by scenario and phase, with rates that are told beforehand.
fn offered(plan: &Plan, rates: &[RateChange], share: &Share) -> Owed {
    let clock = ManualClock::at(BARRIER);
    let (sealed, inbox) = (Sealed::default(), Arc::new(Inbox::default()));
    for number in 0..rates.len() {
        let held = &rates[..=number];
        let extents = share::changed_extents(plan, &share::extents(plan).unwrap(), held, held).unwrap();
        let change = share::change(plan, &extents, held, share, BARRIER, rates[number].at_ns);
        inbox.put(change.unwrap());
    }
    let mut driver = Driver::new(
        Arc::new(Program::compile(plan).unwrap()),
        share::scenarios(plan, share, BARRIER).unwrap(),
        prompt(&clock, MS),
        sealed.recorder(plan),
        clock.clone(),
        BARRIER,
        Arc::new(Control::default()),
    )
    .hearing(Some(inbox));
    while driver.turn() {}
    drop(driver);
    let intervals = sealed.take();
    sum(intervals.iter().map(|interval| {
        let counts = interval.scenarios.iter().filter(|((scenario, _), _)| scenario.0 != 1);
        counts
            .filter(|(_, counts)| counts.offered > 0)
            .map(|((scenario, phase), counts)| ((scenario.0, *phase), counts.offered))
            .collect()
    }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn what_shares_and_spans_owe_adds_up_to_the_whole(
        seed: u64,
        rate in 1_u64..600,
        warmup_ms in prop::sample::select(vec![0_u64, 400]),
        limit in prop::option::of(0_u64..1_500),
        rates in prop::collection::vec((0_u64..3_500, 0_u64..600), 0..4),
        weights in prop::collection::vec(0_u64..9, 1..5),
        mut moments in prop::collection::vec(0_u64..4_000, 0..5),
    ) {
        prop_assume!(weights.iter().any(|weight| *weight > 0));
        let plan = mixed(seed, rate, warmup_ms * MS, limit);
        let rates = changes(&rates, warmup_ms * MS);
        moments.sort_unstable();
        let whole = owed(&plan, &rates, &Share::whole(), 0, None);
        let shares = Share::whole().split(&weights);
        prop_assert_eq!(&sum(shares.iter().map(|share| owed(&plan, &rates, share, 0, None))), &whole);
        let mut spans = Vec::new();
        let mut from_ns = 0;
        for moment in moments {
            spans.push((from_ns, Some(moment * MS)));
            from_ns = moment * MS;
        }
        spans.push((from_ns, None));
        for share in &shares {
            let parts = spans.iter().map(|(from_ns, until_ns)| owed(&plan, &rates, share, *from_ns, *until_ns));
            prop_assert_eq!(sum(parts), owed(&plan, &rates, share, 0, None));
        }
    }

    #[test]
    fn what_a_share_owes_is_what_its_driver_offers(
        seed: u64,
        rate in 1_u64..400,
        warmup_ms in prop::sample::select(vec![0_u64, 400]),
        limit in prop::option::of(0_u64..1_000),
        rates in prop::collection::vec((60_u64..2_900, 0_u64..400), 0..4),
        weights in prop::collection::vec(1_u64..9, 1..4),
    ) {
        let plan = mixed(seed, rate, warmup_ms * MS, limit);
        let rates = changes(&rates, warmup_ms * MS);
        for share in Share::whole().split(&weights) {
            prop_assert_eq!(owed(&plan, &rates, &share, 0, None), offered(&plan, &rates, &share));
        }
    }
}

#[test]
fn what_owns_nothing_owes_nothing_and_no_time_holds_nothing() {
    let plan = mixed(2, 100, S, None);
    assert_eq!(owed(&plan, &[], &Share::new(Vec::new()), 0, None), Owed::new());
    for at_ns in [0, S / 2, S, 2 * S, 10 * S] {
        assert_eq!(owed(&plan, &[], &Share::whole(), at_ns, Some(at_ns)), Owed::new());
    }
    assert_eq!(owed(&plan, &[], &Share::whole(), 20 * S, None), Owed::new());
}

#[test]
fn a_long_plan_is_counted_and_not_walked() {
    let load = open(10_000_000, "constant", "grow", 10, 30 * 86_400 * S, PATIENT);
    let plan = plan(1, 0, S, &[(request("a"), load)]);
    let parts: u64 = Share::whole()
        .split(&[1, 2, 3])
        .iter()
        .map(|share| owed(&plan, &[], share, 86_400 * S, None)[&(0, Phase::Main)])
        .sum();
    assert_eq!(parts, 29 * 86_400 * 10_000_000);
}
