//! From a plan's loads to what falls to one share of it: the arrivals and the virtual users of one thread.

use std::collections::VecDeque;

use apibench_core::plan::{Load, Plan, Scenario};
use apibench_core::schedule::OpenSchedule;
use apibench_core::schedule::random::draw;
use apibench_core::schedule::rate_profile::RateProfile;
use apibench_core::schedule::vu_profile::VuProfile;
use apibench_core::segment::Share;

use crate::closed_load::{ClosedLoad, Member};
use crate::load::{LoadState, Scenarios};
use crate::open_load::{OpenLimits, OpenLoad};

/// Tells the random gaps of the warm-up from those of the planned duration.
const WARMUP_SEED: u64 = 1;

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
        Load::Closed { vus, stages, ends } => {
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
                Member { number, spans, quota }
            });
            Ok(LoadState::Closed(ClosedLoad::new(members.collect())))
        }
        Load::Open {
            rate,
            stages,
            arrivals,
            when_busy,
            max_waiting,
            max_wait_ns,
            max_vus,
            max_catchup,
            ends,
        } => {
            let seed = draw(plan.seed, index, 0, 0, 0);
            let end_ns = ends.duration_ns.ok_or("an open load needs a duration")?;
            let profile = RateProfile::new(*rate, stages, end_ns).map_err(|error| error.to_string())?;
            let main = OpenSchedule::new(profile, *arrivals, seed, share, ends.iterations);
            let warmup = if warms_up {
                let profile = RateProfile::new(*rate, &[], plan.warmup_ns).map_err(|error| error.to_string())?;
                Some(OpenSchedule::new(
                    profile,
                    *arrivals,
                    draw(seed, WARMUP_SEED, 0, 0, 0),
                    share,
                    None,
                ))
            } else {
                None
            };
            let limits = OpenLimits {
                when_busy: *when_busy,
                max_vus: share.portion(*max_vus),
                max_waiting: max_waiting.map_or(u64::MAX, |most| share.portion(most)),
                deadline_ns: *max_wait_ns,
                max_catchup: *max_catchup,
            };
            Ok(LoadState::Open(OpenLoad::new(
                warmup, barrier_ns, main, main_ns, limits,
            )))
        }
    }
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
