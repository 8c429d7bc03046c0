//! When a load begins.
//!
//! To work out what each thread has to do takes a while, of many virtual users seconds. None of it may be part of the
//! load: a beginning that has passed meanwhile would have to be caught up with, as a burst that nobody asked for.

use apibench_core::clock::Clock;

use crate::load::Scenarios;

/// How far ahead a load begins that may begin at any moment: its threads have to start.
const AHEAD_NS: u64 = 5_000_000;

/// The moment of the start had passed before the load was ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed;

/// Has the loads of all threads, worked out from 0 on, begin at `asked_ns`, or as soon as all threads can be there; and
/// returns when that is. The clock is read here, after the work. A load of which nothing falls due, as a spare's, may
/// have begun before: it has nothing to catch up with.
///
/// # Errors
/// [`Passed`]; then nothing may be started.
pub fn set(loads: &mut [Scenarios], asked_ns: Option<u64>, clock: &impl Clock) -> Result<u64, Passed> {
    let now_ns = clock.now_ns();
    let begins_ns = asked_ns.unwrap_or(now_ns + AHEAD_NS);
    if begins_ns < now_ns && !loads.iter().all(Scenarios::are_exhausted) {
        return Err(Passed);
    }
    for load in loads {
        load.shift(begins_ns);
    }
    Ok(begins_ns)
}
