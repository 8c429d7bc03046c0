//! Virtual users of closed loads who send nothing do not go round as fast as the loop can.
//!
//! Whose iteration failed before it had sent anything fails again at once: no row is left, a value is never there. Such
//! iterations say nothing of the target. A million of them a second would hide the few that do, and take the processor from
//! whoever measures those. So the virtual user rests: its next iteration begins 1 ms after this one began, and twice as long
//! each time up to 1 s, until one sends something. Iterations that had nothing to send and took no time are as quick, but a
//! scenario may well do nothing most of the time: a thousand in a row cost nothing.
//!
//! Each is counted where it begins and ends. A load of so many iterations does not rest, for they are what was asked for.

use apibench_core::clock::Clock;
use apibench_core::phase::Phase;
use apibench_core::recorder::{IterationEnd, Recorder};
use apibench_core::transport::Transport;

use crate::load::LoadState;

use super::Driver;

/// So many iterations in a row may do nothing at all.
const PATIENT_ROUNDS: u16 = 1_000;
const FIRST_REST_NS: u64 = 1_000_000;
const LONGEST_REST_NS: u64 = 1_000_000_000;
/// After so many the rest is the longest.
const MOST_DOUBLINGS: u16 = 10;

impl<T: Transport, R: Recorder, C: Clock> Driver<T, R, C> {
    /// Until when a virtual user rests whose iteration has ended at `at_ns`; `None` if it goes on at once.
    #[inline]
    pub(super) fn rests_until(&mut self, index: u32, at_ns: u64, end: IterationEnd) -> Option<u64> {
        let user = &mut self.virtual_users[index as usize];
        if user.sent {
            user.silent = 0;
            return None;
        }
        self.rests_in_silence_until(index, at_ns, end)
    }

    #[cold]
    fn rests_in_silence_until(&mut self, index: u32, at_ns: u64, end: IterationEnd) -> Option<u64> {
        let user = &mut self.virtual_users[index as usize];
        let failed = end != IterationEnd::Ok;
        let over = end == IterationEnd::Unfinished || self.scenarios.is_stopped(user.scenario);
        if over || (!failed && at_ns > user.intended_ns) {
            return None;
        }
        let LoadState::Closed(closed) = self.scenarios.load_mut(user.scenario) else {
            return None;
        };
        let may_until_ns = closed.may_rest_until(user.place, user.phase == Phase::Main)?;
        let before = if failed { PATIENT_ROUNDS } else { 0 };
        user.silent = user.silent.max(before).saturating_add(1);
        let rests = user.silent.checked_sub(PATIENT_ROUNDS + 1)?;
        let rest_ns = (FIRST_REST_NS << rests.min(MOST_DOUBLINGS)).min(LONGEST_REST_NS);
        let until_ns = user.intended_ns.saturating_add(rest_ns).min(may_until_ns);
        (until_ns > at_ns).then_some(until_ns)
    }
}
