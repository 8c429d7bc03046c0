//! From a plan's loads to what falls to one share of it: the arrivals and the virtual users of one thread.

use std::collections::VecDeque;

use apibench_core::phase::Phase;
use apibench_core::plan::{Load, Plan, Rate, Scenario};
use apibench_core::schedule::OpenSchedule;
use apibench_core::schedule::random::draw;
use apibench_core::schedule::rate_profile::RateProfile;
use apibench_core::schedule::vu_profile::VuProfile;
use apibench_core::segment::Share;
use serde::Deserialize;

use crate::closed_load::{ClosedLoad, Member};
use crate::load::{LoadState, Scenarios};
use crate::open_load::{OpenLimits, OpenLoad};
use crate::revision::{Change, LoadChange};

/// Tells the random gaps of the warm-up from those of the planned duration.
const WARMUP_SEED: u64 = 1;
const NO_ARRIVALS: &str = "a closed load has no arrivals";

/// The loads of all scenarios as far as they belong to `share`, beginning at `barrier_ns`.
///
/// A scenario that begins with the plan takes part in the warm-up, at its first level; one that begins later
/// does not. Its start counts from the end of the warm-up.
///
/// # Errors
/// In words with their place, for a load that cannot be scheduled.
pub fn scenarios(plan: &Plan, share: &Share, barrier_ns: u64) -> Result<Scenarios, String> {
    let mut planned_end_ns = Some(0);
    let mut loads = Vec::new();
    for (index, scenario) in plan.scenarios.iter().enumerate() {
        let end_ns = duration_ns(&scenario.load).map(|length_ns| plan.warmup_ns + scenario.start_ns + length_ns);
        planned_end_ns = planned_end_ns.zip(end_ns).map(|(latest, end_ns)| latest.max(end_ns));
        let load = load(plan, index as u64, scenario, share, barrier_ns);
        loads.push(load.map_err(|message| format!("scenarios[{index}].load: {message}"))?);
    }
    Ok(Scenarios::new(loads, planned_end_ns))
}

/// How long a load lasts, if that is known beforehand.
fn duration_ns(load: &Load) -> Option<u64> {
    match load {
        Load::Closed { ends, .. } | Load::Open { ends, .. } => ends.duration_ns,
    }
}

fn load(plan: &Plan, index: u64, scenario: &Scenario, share: &Share, barrier_ns: u64) -> Result<LoadState, String> {
    let main_ns = barrier_ns + plan.warmup_ns + scenario.start_ns;
    let warms_up = scenario.start_ns == 0 && plan.warmup_ns > 0;
    match &scenario.load {
        Load::Closed { .. } => Ok(LoadState::Closed(ClosedLoad::new(members(
            &scenario.load,
            share,
            barrier_ns,
            main_ns,
            warms_up,
        )))),
        Load::Open { .. } => {
            let main = arrivals_of(plan, index, &scenario.load, &[], share)?;
            let warmup = warmup_of(plan, index, scenario, share)?;
            let limits = limits(&scenario.load, share)?;
            Ok(LoadState::Open(OpenLoad::new(
                warmup, barrier_ns, main, main_ns, limits,
            )))
        }
    }
}

fn limits(load: &Load, share: &Share) -> Result<OpenLimits, String> {
    let Load::Open {
        when_busy,
        max_waiting,
        max_wait_ns,
        max_vus,
        max_catchup,
        ..
    } = load
    else {
        return Err(NO_ARRIVALS.to_owned());
    };
    Ok(OpenLimits {
        when_busy: *when_busy,
        max_vus: share.portion(*max_vus),
        max_waiting: max_waiting.map_or(u64::MAX, |most| share.portion(most)),
        deadline_ns: *max_wait_ns,
        max_catchup: *max_catchup,
    })
}

/// Another rate of an open scenario, from a moment after the warm-up on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateChange {
    /// Which scenario.
    pub scenario: u16,
    /// From here on, after the barrier; not within the warm-up.
    pub at_ns: u64,
    /// The new rate, which holds to the end.
    pub rate: Rate,
}

/// What a share of the plan does from `effective_ns` after the barrier on, with all the rates that were changed.
///
/// # Errors
/// In words, for a rate that cannot be scheduled, and for a change within the warm-up.
pub fn change(
    plan: &Plan,
    rates: &[RateChange],
    share: &Share,
    barrier_ns: u64,
    effective_ns: u64,
) -> Result<Change, String> {
    if effective_ns < plan.warmup_ns {
        return Err("a run can only be changed after its warm-up".to_owned());
    }
    let at_ns = barrier_ns + effective_ns;
    let mut loads = Vec::new();
    for (index, scenario) in (0_u16..).zip(&plan.scenarios) {
        let main_ns = barrier_ns + plan.warmup_ns + scenario.start_ns;
        loads.push(match &scenario.load {
            Load::Closed { .. } => {
                let mut members = members(&scenario.load, share, barrier_ns, main_ns, false);
                for member in &mut members {
                    member.spans.retain_mut(|(from_ns, until_ns)| {
                        *from_ns = (*from_ns).max(at_ns);
                        from_ns < until_ns
                    });
                    // How many of them were done before, and by whom, nobody knows for certain.
                    member.quota = member.quota.map(|_| 0);
                    // No iteration takes less than a nanosecond.
                    member.first_round = effective_ns;
                }
                members.retain(|member| !member.spans.is_empty());
                LoadChange::Closed { members }
            }
            Load::Open { .. } => {
                let begins_ns = plan.warmup_ns + scenario.start_ns;
                let rates = rates_of(rates, index, begins_ns);
                let mut schedule = arrivals_of(plan, u64::from(index), &scenario.load, &rates, share)
                    .map_err(|message| format!("scenarios[{index}].load: {message}"))?;
                schedule.skip_to(effective_ns.saturating_sub(begins_ns));
                LoadChange::Open {
                    schedule,
                    begins_ns: main_ns,
                    limits: limits(&scenario.load, share)?,
                }
            }
        });
    }
    Ok(Change {
        effective_ns: at_ns,
        loads,
    })
}

/// How many iterations of each open scenario and phase fall due for a share of the plan from `from_ns` after the barrier
/// until before `until_ns`, with all the rates that were changed; to the end without one. None where there are none.
///
/// # Errors
/// In words with their place, for a load that cannot be scheduled.
pub fn owed(
    plan: &Plan,
    rates: &[RateChange],
    share: &Share,
    from_ns: u64,
    until_ns: Option<u64>,
) -> Result<Vec<(u16, Phase, u64)>, String> {
    let mut owed = Vec::new();
    let open = |scenario: &Scenario| matches!(scenario.load, Load::Open { .. });
    for (index, scenario) in (0_u16..).zip(&plan.scenarios).filter(|(_, scenario)| open(scenario)) {
        let placed = |message| format!("scenarios[{index}].load: {message}");
        let begins_ns = plan.warmup_ns + scenario.start_ns;
        let rates = rates_of(rates, index, begins_ns);
        let main = arrivals_of(plan, u64::from(index), &scenario.load, &rates, share).map_err(placed)?;
        let warmup = warmup_of(plan, u64::from(index), scenario, share).map_err(placed)?;
        for (phase, schedule, begins_ns) in [(Phase::Warmup, warmup, 0), (Phase::Main, Some(main), begins_ns)] {
            // What ends before a schedule begins holds nothing of it: [0, 0) is empty.
            let until_ns = until_ns.map(|until_ns| until_ns.saturating_sub(begins_ns));
            let count = schedule.map_or(0, |schedule| {
                schedule.count_within(from_ns.saturating_sub(begins_ns), until_ns)
            });
            if count > 0 {
                owed.push((index, phase, count));
            }
        }
    }
    Ok(owed)
}

/// The arrivals of the warm-up of an open scenario that fall to a share; `None` if it takes no part in it.
fn warmup_of(plan: &Plan, index: u64, scenario: &Scenario, share: &Share) -> Result<Option<OpenSchedule>, String> {
    let Load::Open { rate, arrivals, .. } = &scenario.load else {
        return Ok(None);
    };
    if scenario.start_ns > 0 || plan.warmup_ns == 0 {
        return Ok(None);
    }
    let profile = RateProfile::new(*rate, &[], plan.warmup_ns).map_err(|error| error.to_string())?;
    let seed = draw(draw(plan.seed, index, 0, 0, 0), WARMUP_SEED, 0, 0, 0);
    Ok(Some(OpenSchedule::new(profile, *arrivals, seed, share, None)))
}

/// The changed rates of one scenario, from moments of its own load on.
fn rates_of(rates: &[RateChange], index: u16, begins_ns: u64) -> Vec<(u64, Rate)> {
    rates
        .iter()
        .filter(|change| change.scenario == index)
        .map(|change| (change.at_ns.saturating_sub(begins_ns), change.rate))
        .collect()
}

/// The arrivals of an open load that fall to a share, with rates that hold from a moment of it on.
fn arrivals_of(
    plan: &Plan,
    index: u64,
    load: &Load,
    rates: &[(u64, Rate)],
    share: &Share,
) -> Result<OpenSchedule, String> {
    let Load::Open {
        rate,
        stages,
        arrivals,
        ends,
        ..
    } = load
    else {
        return Err(NO_ARRIVALS.to_owned());
    };
    let end_ns = ends.duration_ns.ok_or("an open load needs a duration")?;
    let mut profile = RateProfile::new(*rate, stages, end_ns).map_err(|error| error.to_string())?;
    for (at_ns, rate) in rates {
        profile = profile.then(*at_ns, *rate).map_err(|error| error.to_string())?;
    }
    let seed = draw(plan.seed, index, 0, 0, 0);
    Ok(OpenSchedule::new(profile, *arrivals, seed, share, ends.iterations))
}

/// The virtual users of a closed load that live on a share, and when they act; none of an open one.
fn members(load: &Load, share: &Share, barrier_ns: u64, main_ns: u64, warms_up: bool) -> Vec<Member> {
    let Load::Closed { vus, stages, ends } = load else {
        return Vec::new();
    };
    let profile = VuProfile::new(*vus, stages, ends.duration_ns.unwrap_or(u64::MAX - main_ns));
    let members = owned_vus(share, profile.highest()).map(|number| {
        let mut spans: VecDeque<(u64, u64)> = profile
            .active_spans(number)
            .into_iter()
            .map(|(from_ns, to_ns)| (main_ns + from_ns, main_ns + to_ns))
            .collect();
        if warms_up && number < *vus {
            match spans.front_mut() {
                Some((from_ns, _)) if *from_ns == main_ns => *from_ns = barrier_ns,
                _ => spans.push_front((barrier_ns, main_ns)),
            }
        }
        let quota = ends
            .iterations
            .map(|count| count / profile.highest() + u64::from(number < count % profile.highest()));
        Member {
            number,
            spans,
            quota,
            first_round: 0,
        }
    });
    members.collect()
}

/// Which of `count` virtual users live on a share.
fn owned_vus(share: &Share, count: u64) -> impl Iterator<Item = u64> + '_ {
    let mut cursor = 0;
    std::iter::from_fn(move || {
        let number = share.next_owned(cursor).filter(|number| *number < count)?;
        cursor = number + 1;
        Some(number)
    })
}
