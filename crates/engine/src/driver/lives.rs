//! What virtual users do once.
//!
//! What comes before their iterations is the beginning of the first one. If it fails, that iteration has failed, and the next
//! begins with it again. In an open load an iteration that is due needs a virtual user who may have to be made: it waits until
//! that one is ready, keeps its intended time, and has started when the first byte of its own is out. What the virtual user
//! draws meanwhile is drawn apart, so that nothing of the iteration depends on who takes it.
//!
//! What comes behind the last is no iteration: its requests are counted, and it is not. In an open load it comes when nothing
//! more falls due. Behind a stop nothing is sent, and so nothing comes behind the last iteration either.

use apibench_core::clock::Clock;
use apibench_core::recorder::Recorder;
use apibench_core::transport::Transport;

use crate::load::LoadState;
use crate::virtual_user::{Activity, Life};

use super::{Driver, phase_of};

/// Stands in the place of an iteration's number for what is drawn behind the last.
const GOODBYE_ROUND: u64 = 1 << 62;
/// Likewise for what is drawn before the iterations of an open load.
const GREETING_ROUND: u64 = 1 << 61;

impl<T: Transport, R: Recorder, C: Clock> Driver<T, R, C> {
    /// A virtual user of an open load has got an iteration at `now_ns`, and may have something to do before it.
    pub(super) fn greet(&mut self, index: u32, now_ns: u64) {
        let user = &mut self.virtual_users[index as usize];
        if user.life == Life::New && self.program.scenarios[user.scenario as usize].first > 0 {
            user.round = GREETING_ROUND;
            // From here on the iteration waits for it.
            user.busy_since_ns = user.busy_since_ns.min(now_ns);
        }
    }

    /// What comes before the iterations is done. Returns from when on the first of them is ready: they take their time from
    /// here on, but one that was due has been since then.
    pub(super) fn be_ready(&mut self, index: u32, at_ns: u64) -> u64 {
        let user = &mut self.virtual_users[index as usize];
        user.life = Life::Iterating;
        user.operation += 1;
        if let LoadState::Open(_) = self.scenarios.load_mut(user.scenario) {
            user.round = 0;
            user.draws = 0;
            user.free_ns = at_ns;
            user.intended_ns
        } else {
            user.intended_ns = at_ns;
            at_ns
        }
    }

    /// Has the idle virtual users of an open scenario take their leave, if nothing is left for them.
    pub(super) fn part(&mut self, scenario: u16, now_ns: u64) {
        let Some(last) = self.program.scenarios[scenario as usize].last else {
            return;
        };
        while let LoadState::Open(open) = self.scenarios.load_mut(scenario)
            && let Some(index) = open.pop_parting(now_ns)
        {
            let user = &mut self.virtual_users[index as usize];
            if user.life == Life::Iterating {
                self.say_goodbye(index, now_ns, last);
            } else {
                user.life = Life::Gone;
                open.forget_one();
            }
        }
    }

    /// The virtual user does what comes behind its last iteration, from an operation on.
    pub(super) fn say_goodbye(&mut self, index: u32, at_ns: u64, operation: u32) {
        let user = &mut self.virtual_users[index as usize];
        user.life = Life::Stopping;
        user.operation = operation;
        user.phase = phase_of(at_ns, self.main_start_ns);
        // Nobody is to take it for an iteration that has not begun.
        user.begun = true;
        // Nor is anybody to rest behind it.
        user.sent = true;
        user.failed = false;
        user.timed_out = false;
        user.intended_ns = at_ns;
        user.draws = 0;
        user.round = GOODBYE_ROUND;
        self.scenarios.enter();
        self.advance(index, at_ns);
    }

    /// Ends what comes behind the last iteration, if that is what the virtual user is about: it is no iteration. Who acts
    /// again in a closed load begins anew; of an open one another would be made.
    pub(super) fn ends_no_iteration(&mut self, index: u32) -> bool {
        let user = &mut self.virtual_users[index as usize];
        let none = user.life == Life::Stopping;
        if none {
            let open = matches!(self.scenarios.load_mut(user.scenario), LoadState::Open(_));
            user.life = if open { Life::Gone } else { Life::New };
            user.activity = Activity::Ended;
        }
        none
    }
}
