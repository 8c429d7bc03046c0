//! From a plan's loads to what falls to one share of it: the arrivals and the virtual users of one thread.

use std::collections::VecDeque;

use apibench_core::phase::Phase;
use apibench_core::plan::{Load, Plan, Rate, Scenario};
use apibench_core::schedule::random::draw;
use apibench_core::schedule::rate_profile::RateProfile;
use apibench_core::schedule::vu_profile::VuProfile;
use apibench_core::schedule::{Extent, OpenSchedule};
use apibench_core::segment::Share;
use serde::Deserialize;

use crate::closed_load::{ClosedLoad, Member};
use crate::load::{LoadState, Scenarios};
use crate::open_load::{OpenLimits, OpenLoad};
use crate::revision::{Change, LoadChange};

/// Tells the random gaps of the warm-up from those of the planned duration.
const WARMUP_SEED: u64 = 1;
const NO_ARRIVALS: &str = "a closed load has no arrivals";

/// How far the open loads of a plan reach: worked out once for all its shares. `None` for a closed one.
pub type Extents = Vec<Option<Extent>>;

/// The extents of a plan as it stands.
///
/// # Errors
/// In words with their place, for a load that cannot be scheduled.
pub fn extents(plan: &Plan) -> Result<Extents, String> {
    let of = |index: usize, load: &Load| -> Result<Option<Extent>, String> {
        let Load::Open { arrivals, ends, .. } = load else {
            return Ok(None);
        };
        let (profile, seed) = profile_of(plan, index, &[])?;
        let extent = Extent::new(&profile, *arrivals, seed, ends.iterations).map_err(|error| error.to_string())?;
        Ok(Some(extent))
    };
    let scenarios = plan.scenarios.iter().enumerate();
    scenarios
        .map(|(index, scenario)| of(index, &scenario.load).map_err(|message| at_place(index, &message)))
        .collect()
}

/// The extents of a plan whose rates have changed; `new` of them just now.
///
/// # Errors
/// In words with their place, for a load that cannot be scheduled any more.
pub fn changed_extents(
    plan: &Plan,
    extents: &Extents,
    rates: &[RateChange],
    new: &[RateChange],
) -> Result<Extents, String> {
    let mut changed = extents.clone();
    for (index, extent) in changed.iter_mut().enumerate() {
        let begins_ns = plan.warmup_ns + plan.scenarios[index].start_ns;
        let own = new.iter().filter(|change| usize::from(change.scenario) == index);
        let first_ns = own.map(|change| change.at_ns.saturating_sub(begins_ns)).min();
        if let (Some(extent), Some(first_ns)) = (extent, first_ns) {
            let (profile, seed) = profile_of(plan, index, rates).map_err(|message| at_place(index, &message))?;
            extent
                .change(&profile, seed, first_ns)
                .map_err(|error| at_place(index, &error.to_string()))?;
        }
    }
    Ok(changed)
}

/// Walks to `now_ns` after the barrier, so that a change from now on is worked out from here.
pub fn walk_on(plan: &Plan, extents: &mut Extents, rates: &[RateChange], now_ns: u64) {
    for (index, extent) in extents.iter_mut().enumerate() {
        let begins_ns = plan.warmup_ns + plan.scenarios[index].start_ns;
        if let (Some(extent), Ok((profile, seed))) = (extent, profile_of(plan, index, rates)) {
            extent.walk_to(&profile, seed, now_ns.saturating_sub(begins_ns));
        }
    }
}

fn at_place(index: usize, message: &str) -> String {
    format!("scenarios[{index}].load: {message}")
}

/// The loads of all scenarios as far as they belong to `share`, beginning at `barrier_ns`.
///
/// A scenario that begins with the plan takes part in the warm-up, at its first level; one that begins later
/// does not. Its start counts from the end of the warm-up.
///
/// # Errors
/// In words with their place, for a load that cannot be scheduled.
pub fn scenarios(plan: &Plan, share: &Share, barrier_ns: u64) -> Result<Scenarios, String> {
    scenarios_within(plan, &extents(plan)?, share, barrier_ns)
}

/// The same of a plan whose extents are known.
///
/// # Errors
/// As [`scenarios`].
pub fn scenarios_within(plan: &Plan, extents: &Extents, share: &Share, barrier_ns: u64) -> Result<Scenarios, String> {
    let mut loads = Vec::new();
    for (index, scenario) in plan.scenarios.iter().enumerate() {
        let end_ns = duration_ns(&scenario.load).map(|length_ns| plan.warmup_ns + scenario.start_ns + length_ns);
        let load = load(plan, index, scenario, extents, share, barrier_ns);
        loads.push((load.map_err(|message| at_place(index, &message))?, end_ns));
    }
    Ok(Scenarios::new(loads))
}

/// How long a load lasts, if that is known beforehand.
fn duration_ns(load: &Load) -> Option<u64> {
    match load {
        Load::Closed { ends, .. } | Load::Open { ends, .. } => ends.duration_ns,
    }
}

fn load(
    plan: &Plan,
    index: usize,
    scenario: &Scenario,
    extents: &Extents,
    share: &Share,
    barrier_ns: u64,
) -> Result<LoadState, String> {
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
            let main = arrivals_of(plan, index, extents, &[], share)?;
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
    extents: &Extents,
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
    for (index, scenario) in plan.scenarios.iter().enumerate() {
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
                let mut schedule =
                    arrivals_of(plan, index, extents, rates, share).map_err(|message| at_place(index, &message))?;
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
    let extents = changed_extents(plan, &extents(plan)?, rates, rates)?;
    let mut owed = Vec::new();
    let open = |scenario: &Scenario| matches!(scenario.load, Load::Open { .. });
    for (index, scenario) in plan.scenarios.iter().enumerate().filter(|(_, scenario)| open(scenario)) {
        let placed = |message: String| at_place(index, &message);
        let begins_ns = plan.warmup_ns + scenario.start_ns;
        let main = arrivals_of(plan, index, &extents, rates, share).map_err(placed)?;
        let warmup = warmup_of(plan, index, scenario, share).map_err(placed)?;
        for (phase, schedule, begins_ns) in [(Phase::Warmup, warmup, 0), (Phase::Main, Some(main), begins_ns)] {
            // What ends before a schedule begins holds nothing of it: [0, 0) is empty.
            let until_ns = until_ns.map(|until_ns| until_ns.saturating_sub(begins_ns));
            let count = schedule.map_or(0, |schedule| {
                schedule.count_within(from_ns.saturating_sub(begins_ns), until_ns)
            });
            if count > 0 {
                // A plan has fewer scenarios than that.
                owed.push((index as u16, phase, count));
            }
        }
    }
    Ok(owed)
}

/// The arrivals of the warm-up of an open scenario that fall to a share; `None` if it takes no part in it.
fn warmup_of(plan: &Plan, index: usize, scenario: &Scenario, share: &Share) -> Result<Option<OpenSchedule>, String> {
    let Load::Open { rate, arrivals, .. } = &scenario.load else {
        return Ok(None);
    };
    if scenario.start_ns > 0 || plan.warmup_ns == 0 {
        return Ok(None);
    }
    let profile = RateProfile::new(*rate, &[], plan.warmup_ns).map_err(|error| error.to_string())?;
    let seed = draw(seed_of(plan, index), WARMUP_SEED, 0, 0, 0);
    let extent = Extent::new(&profile, *arrivals, seed, None).map_err(|error| error.to_string())?;
    Ok(Some(OpenSchedule::new(profile, seed, share, &extent)))
}

/// The arrivals of an open load that fall to a share, with rates that hold from a moment of it on.
fn arrivals_of(
    plan: &Plan,
    index: usize,
    extents: &Extents,
    rates: &[RateChange],
    share: &Share,
) -> Result<OpenSchedule, String> {
    let (profile, seed) = profile_of(plan, index, rates)?;
    let extent = extents[index].as_ref().ok_or(NO_ARRIVALS)?;
    Ok(OpenSchedule::new(profile, seed, share, extent))
}

fn seed_of(plan: &Plan, index: usize) -> u64 {
    draw(plan.seed, index as u64, 0, 0, 0)
}

/// The rate of an open load over time, with those that were changed, and the seed of its arrivals.
fn profile_of(plan: &Plan, index: usize, rates: &[RateChange]) -> Result<(RateProfile, u64), String> {
    let Scenario { load, start_ns, .. } = &plan.scenarios[index];
    let Load::Open { rate, stages, ends, .. } = load else {
        return Err(NO_ARRIVALS.to_owned());
    };
    let begins_ns = plan.warmup_ns + start_ns;
    let end_ns = ends.duration_ns.ok_or("an open load needs a duration")?;
    let mut profile = RateProfile::new(*rate, stages, end_ns).map_err(|error| error.to_string())?;
    for change in rates.iter().filter(|change| usize::from(change.scenario) == index) {
        let at_ns = change.at_ns.saturating_sub(begins_ns);
        profile = profile.then(at_ns, change.rate).map_err(|error| error.to_string())?;
    }
    Ok((profile, seed_of(plan, index)))
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
