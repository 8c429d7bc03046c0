//! Groups: stretches of several steps that are timed as a whole.
//!
//! A group comes to what the steps in it come to, whatever the iteration came to before. One that is left early, because its
//! loop or its iteration is, has ended there.

use std::sync::Arc;

use apibench_core::clock::Clock;
use apibench_core::recorder::{GroupIndex, IterationEnd, Recorder};
use apibench_core::transport::Transport;

use crate::program::Operation;

use super::{Driver, phase_of};

impl<T: Transport, R: Recorder, C: Clock> Driver<T, R, C> {
    pub(super) fn enter_group(&mut self, index: u32, group: GroupIndex, ready_ns: u64) {
        let phase = phase_of(ready_ns, self.main_start_ns);
        let user = &mut self.virtual_users[index as usize];
        user.groups.enter(group, phase, ready_ns, user.failed, user.timed_out);
        user.failed = false;
        user.timed_out = false;
    }

    /// The innermost group is over, as its steps say or, if `cut`, without an end.
    pub(super) fn leave_group(&mut self, index: u32, at_ns: u64, cut: bool) {
        let user = &mut self.virtual_users[index as usize];
        let end = if cut { IterationEnd::Unfinished } else { user.end() };
        let Some((group, time_ns)) = user.groups.leave(at_ns) else {
            return;
        };
        user.failed |= group.failed_before;
        user.timed_out |= group.timed_out_before;
        self.recorder.group_ended(group.group, group.phase, end, time_ns);
    }

    /// The iteration is over, and with it all groups that it is in. Returns how it ends: as far as that is known, `end`.
    pub(super) fn leave_all_groups(&mut self, index: u32, at_ns: u64, end: IterationEnd) -> IterationEnd {
        let cut = end == IterationEnd::Unfinished;
        while !self.virtual_users[index as usize].groups.is_empty() {
            self.leave_group(index, at_ns, cut);
        }
        if cut {
            end
        } else {
            self.virtual_users[index as usize].end()
        }
    }

    /// Leaves the groups that end with the step at which the virtual user is, which was over at `at_ns`.
    pub(super) fn leave_groups_behind(&mut self, index: u32, at_ns: u64) {
        let user = &self.virtual_users[index as usize];
        if user.groups.is_empty() {
            return;
        }
        let program = Arc::clone(&self.program);
        let operations = &program.scenarios[user.scenario as usize].operations;
        let mut place = user.operation + 1;
        loop {
            match operations[place as usize] {
                Operation::Jump(to) => place = to,
                Operation::LeaveGroup => {
                    self.leave_group(index, at_ns, false);
                    self.virtual_users[index as usize].operation = place;
                    place += 1;
                }
                _ => return,
            }
        }
    }

    /// Tells for how long virtual users have been in groups, at a seal.
    pub(super) fn tell_groups(&mut self, at_ns: u64) {
        if self.program.groups.is_empty() {
            return;
        }
        let users = self.virtual_users.iter().filter(|user| user.begun);
        for (group, age_ns) in users.flat_map(|user| user.groups.ages(at_ns)) {
            self.recorder.group_pending(group.group, group.phase, age_ns);
        }
    }
}
