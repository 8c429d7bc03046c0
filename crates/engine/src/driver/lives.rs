//! What virtual users of closed loads do once.
//!
//! What comes before their iterations is the beginning of the first one. If it fails, that iteration has failed, and the next
//! begins with it again. What comes behind the last is no iteration: its requests are counted, and it is not. Behind a stop
//! nothing is sent, and so nothing comes behind the last iteration either.

use apibench_core::clock::Clock;
use apibench_core::recorder::Recorder;
use apibench_core::transport::Transport;

use crate::virtual_user::{Activity, Life};

use super::{Driver, phase_of};

/// Stands in the place of an iteration's number for what is drawn behind the last.
const GOODBYE_ROUND: u64 = 1 << 62;

impl<T: Transport, R: Recorder, C: Clock> Driver<T, R, C> {
    /// What comes before the iterations is done. They take their time from here on.
    pub(super) fn be_ready(&mut self, index: u32, at_ns: u64) {
        let user = &mut self.virtual_users[index as usize];
        user.life = Life::Iterating;
        user.intended_ns = at_ns;
        user.operation += 1;
    }

    /// The virtual user does what comes behind its last iteration, from an operation on.
    pub(super) fn say_goodbye(&mut self, index: u32, at_ns: u64, operation: u32) {
        let user = &mut self.virtual_users[index as usize];
        user.life = Life::Stopping;
        user.operation = operation;
        user.phase = phase_of(at_ns, self.main_start_ns);
        // Nobody is to take it for an iteration that has not begun.
        user.begun = true;
        user.failed = false;
        user.timed_out = false;
        user.intended_ns = at_ns;
        user.draws = 0;
        user.round = GOODBYE_ROUND;
        self.scenarios.enter();
        self.advance(index, at_ns);
    }

    /// Ends what comes behind the last iteration, if that is what the virtual user is about: it is no iteration. Whoever
    /// acts again begins anew.
    pub(super) fn ends_no_iteration(&mut self, index: u32) -> bool {
        let user = &mut self.virtual_users[index as usize];
        let none = user.life == Life::Stopping;
        if none {
            user.life = Life::New;
            user.activity = Activity::Ended;
        }
        none
    }
}
