//! Iterations: which one a virtual user takes, what it does next, how it ends.

use std::cmp::Reverse;
use std::ops::Range;
use std::sync::Arc;

use apibench_core::clock::Clock;
use apibench_core::plan::{Cookies, OnFail};
use apibench_core::recorder::{CheckIndex, DropReason, IterationEnd, Recorder, ScenarioIndex};
use apibench_core::transport::Transport;

use crate::counter::Counts;
use crate::load::{DueIteration, LoadState};
use crate::program::ScenarioProgram;
use crate::variables::Variables;
use crate::virtual_user::{Activity, Life, VirtualUser};

use super::{Driver, EVENTS_PER_TURN, phase_of};

impl<T: Transport, R: Recorder, C: Clock> Driver<T, R, C> {
    /// Gives waiting iterations of an open scenario to virtual users, as long as there are both.
    pub(super) fn start_waiting(&mut self, scenario: u16, now_ns: u64) {
        let mut over_at_once = 0;
        while let LoadState::Open(open) = self.scenarios.load_mut(scenario) {
            if let Some(due) = open.pop_expired(now_ns) {
                self.drop_iteration(scenario, due, DropReason::Deadline, now_ns);
            } else if open.is_empty() {
                return;
            } else if self.feeding.any_dry(&self.program.scenarios[scenario as usize].needs) {
                self.run_dry(scenario, now_ns);
                return;
            } else if let Some(until_ns) = open.held_back_until(now_ns) {
                self.next_due_ns = self.next_due_ns.min(until_ns);
                if !open.has_free_virtual_user() {
                    self.drop_surplus(scenario, now_ns);
                }
                return;
            } else if let Some((index, busy_since_ns)) = self.free_virtual_user(scenario) {
                self.virtual_users[index as usize].busy_since_ns = busy_since_ns;
                let LoadState::Open(open) = self.scenarios.load_mut(scenario) else {
                    return;
                };
                let Some(due) = open.pop_waiting(now_ns) else { return };
                self.start_due(index, due, now_ns);
                over_at_once += usize::from(self.virtual_users[index as usize].activity == Activity::Idle);
                if over_at_once == EVENTS_PER_TURN {
                    // The others get their turn.
                    return;
                }
            } else {
                self.drop_surplus(scenario, now_ns);
                return;
            }
        }
    }

    /// Drops what may not wait.
    pub(super) fn drop_surplus(&mut self, scenario: u16, now_ns: u64) {
        loop {
            let LoadState::Open(open) = self.scenarios.load_mut(scenario) else {
                return;
            };
            let Some(due) = open.pop_surplus() else { return };
            self.drop_iteration(scenario, due, DropReason::Cap, now_ns);
        }
    }

    pub(super) fn drop_iteration(&mut self, scenario: u16, due: DueIteration, reason: DropReason, now_ns: u64) {
        let first = self.program.scenarios[scenario as usize].first_series;
        let phase = phase_of(due.intended_ns, self.main_start_ns);
        self.recorder.dropped(
            ScenarioIndex(scenario),
            phase,
            reason,
            first,
            now_ns.saturating_sub(due.intended_ns),
            1,
        );
    }

    /// No row is left for an open scenario: its load ends here.
    pub(super) fn run_dry(&mut self, scenario: u16, now_ns: u64) {
        // What was due by now was asked for: it is offered, and finds no row.
        self.pull(now_ns);
        self.scenarios.run_dry(scenario);
        self.drop_waiting(scenario..scenario + 1, DropReason::Dry, now_ns);
        self.next_due_ns = self.next_due();
    }

    /// Drops all that still waits of these scenarios: the drain is over, a stop was commanded, or no row is left.
    pub(super) fn drop_waiting(&mut self, which: Range<u16>, reason: DropReason, now_ns: u64) {
        let (recorder, program, main_start_ns) = (&mut self.recorder, &self.program, self.main_start_ns);
        let open_loads = self.scenarios.open_loads_mut();
        for (scenario, open) in open_loads.filter(|(scenario, _)| which.contains(scenario)) {
            let first = program.scenarios[scenario as usize].first_series;
            open.give_up_waiting(now_ns, |intended_ns, count| {
                let (phase, age_ns) = (phase_of(intended_ns, main_start_ns), now_ns.saturating_sub(intended_ns));
                recorder.dropped(ScenarioIndex(scenario), phase, reason, first, age_ns, count);
            });
        }
    }

    /// A virtual user of an open scenario that has nothing to do, or a new one if there may be more; and since when
    /// none had been free before.
    pub(super) fn free_virtual_user(&mut self, scenario: u16) -> Option<(u32, u64)> {
        let LoadState::Open(open) = self.scenarios.load_mut(scenario) else {
            return None;
        };
        let busy_since_ns = open.busy_since_ns();
        let index = open.take_virtual_user()?;
        if busy_since_ns == u64::MAX && !open.has_free_virtual_user() {
            open.set_busy(self.clock.now_ns());
        }
        Some((index.unwrap_or_else(|| self.new_virtual_user(scenario)), busy_since_ns))
    }

    pub(super) fn new_virtual_user(&mut self, scenario: u16) -> u32 {
        let hosts = &self.program.scenarios[scenario as usize].hosts;
        let channel = self.transport.open_channel(hosts[0]);
        let others = hosts[1..]
            .iter()
            .map(|host| self.transport.open_channel(*host))
            .collect();
        let ScenarioProgram {
            variables,
            lasting,
            own_counters,
            ..
        } = &self.program.scenarios[scenario as usize];
        let variables = Variables::new(*variables, *lasting);
        let mut user = VirtualUser::new(scenario, channel, others, variables);
        user.counts = Counts::new(Arc::clone(&self.counters), *own_counters);
        self.virtual_users.push(user);
        (self.virtual_users.len() - 1) as u32
    }

    fn start_due(&mut self, index: u32, due: DueIteration, now_ns: u64) {
        let user = &mut self.virtual_users[index as usize];
        user.stream = due.iteration;
        user.round = 0;
        self.greet(index, now_ns);
        self.start_iteration(index, due.intended_ns);
    }

    /// Starts the virtual users of a closed scenario whose time has come.
    pub(super) fn start_active(&mut self, scenario: u16, now_ns: u64) {
        let now_ns = now_ns.min(self.last_before_change());
        loop {
            let LoadState::Closed(closed) = self.scenarios.load_mut(scenario) else {
                return;
            };
            let Some(activation) = closed.pop_active(now_ns) else {
                return;
            };
            let index = match activation.virtual_user {
                Some(index) => index,
                None => {
                    let index = self.new_virtual_user(scenario);
                    let LoadState::Closed(closed) = self.scenarios.load_mut(scenario) else {
                        return;
                    };
                    closed.bind(activation.place, index);
                    index
                }
            };
            let user = &mut self.virtual_users[index as usize];
            user.place = activation.place;
            user.stream = activation.number;
            user.free_ns = activation.from_ns;
            self.begin_closed(index, activation.from_ns);
        }
    }

    /// The next iteration of a closed virtual user, if it has one.
    pub(super) fn begin_closed(&mut self, index: u32, at_ns: u64) {
        let VirtualUser {
            scenario, place, life, ..
        } = self.virtual_users[index as usize];
        let last = self.program.scenarios[scenario as usize].last;
        let main = at_ns >= self.main_start_ns;
        let held = at_ns > self.last_before_change();
        let LoadState::Closed(closed) = self.scenarios.load_mut(scenario) else {
            return;
        };
        if held {
            closed.hold(place, at_ns);
            self.next_due_ns = self.next_due();
            return;
        }
        if self.feeding.any_dry(&self.program.scenarios[scenario as usize].needs) {
            closed.retire(place);
            self.scenarios.run_dry(scenario);
        }
        let LoadState::Closed(closed) = self.scenarios.load_mut(scenario) else {
            return;
        };
        let Some(round) = closed.begin_iteration(place, at_ns, main) else {
            if let (Life::Iterating, Some(last), true) = (life, last, closed.is_done(place)) {
                self.say_goodbye(index, at_ns, last);
                return;
            }
            self.next_due_ns = self.next_due();
            return;
        };
        self.virtual_users[index as usize].round = round;
        self.recorder
            .offered(ScenarioIndex(scenario), phase_of(at_ns, self.main_start_ns), 1);
        self.start_iteration(index, at_ns);
    }

    #[inline(always)]
    pub(super) fn start_iteration(&mut self, index: u32, intended_ns: u64) {
        let phase = phase_of(intended_ns, self.main_start_ns);
        let user = &mut self.virtual_users[index as usize];
        user.phase = phase;
        user.begun = false;
        user.failed = false;
        user.timed_out = false;
        user.sent = false;
        let first = self.program.scenarios[user.scenario as usize].first;
        user.operation = first;
        let mut ready_ns = intended_ns;
        if user.life == Life::New {
            user.variables.clear_all();
            user.operation = 0;
            if first == 0 {
                user.life = Life::Iterating;
            } else {
                // It may have been about something else since the iteration was due.
                ready_ns = intended_ns.max(user.free_ns);
            }
        }
        user.draws = 0;
        user.intended_ns = intended_ns;
        let scenario = user.scenario;
        if self.program.scenarios[scenario as usize].cookies == Cookies::Iteration {
            user.cookies = None;
        }
        self.scenarios.enter();
        // One of a closed load has nobody to wait for. One that was due has started when its first byte is out: one that
        // finds no connection until the end never did.
        if matches!(self.scenarios.load_mut(scenario), LoadState::Closed(_)) {
            self.count_begun(index);
        }
        self.advance(index, ready_ns);
    }

    /// The iteration has started, if it has not before, and what its virtual user is about belongs to it.
    #[inline]
    pub(super) fn begin(&mut self, index: u32) {
        if self.virtual_users[index as usize].life != Life::New {
            self.count_begun(index);
        }
    }

    #[inline]
    fn count_begun(&mut self, index: u32) {
        let user = &mut self.virtual_users[index as usize];
        if !user.begun {
            user.begun = true;
            self.recorder
                .iteration_started(ScenarioIndex(user.scenario), user.phase);
        }
    }

    /// A step of an iteration, at `operation`, has no value where it needs one: the check fails, and the iteration ends if its scenario
    /// says so. Returns whether it has.
    pub(super) fn lacks_value(&mut self, index: u32, operation: u32, check: CheckIndex, now_ns: u64) -> bool {
        let user = &self.virtual_users[index as usize];
        self.recorder
            .checked(ScenarioIndex(user.scenario), user.phase, check, false);
        self.tell_check(index, operation, check, false, now_ns);
        self.fail_iteration(index, now_ns)
    }

    /// An iteration has failed, and ends if its scenario says so. Returns whether it has.
    pub(super) fn fail_iteration(&mut self, index: u32, now_ns: u64) -> bool {
        let user = &mut self.virtual_users[index as usize];
        user.failed = true;
        let end = user.end();
        let ends = self.program.scenarios[user.scenario as usize].on_fail == OnFail::EndIteration;
        if ends {
            self.end_at_once(index, now_ns, end);
        }
        ends
    }

    /// An iteration is over that may have taken no time at all. The next could be over as soon, and so on without end: it
    /// begins when others have had their turn, or is given out by whoever has given out this one.
    pub(super) fn end_at_once(&mut self, index: u32, at_ns: u64, end: IterationEnd) {
        let scenario = self.virtual_users[index as usize].scenario;
        if self.scenarios.is_stopped(scenario) {
            // None follows, and nobody may find a timer of it later.
            self.end_iteration(index, at_ns, end);
            return;
        }
        self.write_end(index, at_ns, end);
        match self.scenarios.load_mut(scenario) {
            // At once: nothing that waits may be dropped because nobody seems to be free.
            LoadState::Open(_) => {
                self.leave(index, at_ns);
                self.next_due_ns = self.next_due_ns.min(at_ns);
            }
            LoadState::Closed(_) => {
                let until_ns = self.rests_until(index, at_ns, end).unwrap_or(at_ns);
                self.go_on_at(index, until_ns);
            }
        }
    }

    /// The virtual user, whose iteration has been written down, goes on at a moment.
    fn go_on_at(&mut self, index: u32, at_ns: u64) {
        self.timers.push(Reverse((at_ns, index)));
        self.next_due_ns = self.next_due_ns.min(at_ns);
    }

    pub(super) fn pause(&mut self, index: u32, from_ns: u64, until_ns: u64) {
        self.begin(index);
        self.tell_pause(index, until_ns, self.looked_ns);
        let user = &mut self.virtual_users[index as usize];
        user.activity = Activity::Pausing;
        user.groups.pause(from_ns, until_ns);
        self.timers.push(Reverse((until_ns, index)));
        self.next_due_ns = self.next_due_ns.min(until_ns);
    }

    /// The pause of a virtual user was over at `at_ns`.
    pub(super) fn resume(&mut self, index: u32, at_ns: u64) {
        if self.virtual_users[index as usize].activity == Activity::Ended {
            self.go_on(index, at_ns);
        } else if self.is_in_python(index) {
            self.slept(index, at_ns);
        } else {
            self.virtual_users[index as usize].operation += 1;
            self.advance(index, at_ns);
        }
    }

    /// Writes down the iterations and groups that ended with a pause before `boundary_ns`, although the loop was not there:
    /// they belong to the second before it. What their virtual users do next is done later.
    pub(super) fn end_pauses(&mut self, boundary_ns: u64) {
        let mut late = Vec::new();
        while let Some(Reverse((at_ns, index))) = self.timers.peek().copied()
            && at_ns < boundary_ns
        {
            self.timers.pop();
            late.push(Reverse((at_ns, index)));
            if self.virtual_users[index as usize].activity != Activity::Pausing {
                continue;
            }
            self.leave_groups_behind(index, at_ns);
            let user = &self.virtual_users[index as usize];
            if self.program.scenarios[user.scenario as usize].ends_after(user.operation) {
                self.write_end(index, at_ns, user.end());
            }
        }
        self.timers.extend(late);
    }

    /// The iteration is over at `at_ns`; the virtual user takes the next if there is one for it.
    pub(super) fn end_iteration(&mut self, index: u32, at_ns: u64, end: IterationEnd) {
        if self.virtual_users[index as usize].activity != Activity::Ended {
            self.write_end(index, at_ns, end);
            if let Some(until_ns) = self.rests_until(index, at_ns, end) {
                self.go_on_at(index, until_ns);
                return;
            }
        }
        self.go_on(index, at_ns);
    }

    #[inline(always)]
    fn write_end(&mut self, index: u32, at_ns: u64, mut end: IterationEnd) {
        if end == IterationEnd::Unfinished && !self.virtual_users[index as usize].begun {
            self.give_up_unbegun(index, at_ns);
            return;
        }
        if !self.virtual_users[index as usize].groups.is_empty() {
            end = self.leave_all_groups(index, at_ns, end);
        }
        if self.ends_no_iteration(index) {
            return;
        }
        self.count_begun(index);
        self.tell_end(index, end, at_ns);
        let user = &mut self.virtual_users[index as usize];
        user.activity = Activity::Ended;
        let time_ns = at_ns.saturating_sub(user.intended_ns);
        self.recorder
            .iteration_ended(ScenarioIndex(user.scenario), user.phase, end, time_ns);
    }

    /// Writes down that the iteration of a virtual user never began: no row was left for it, or it came to the end.
    fn give_up_unbegun(&mut self, index: u32, at_ns: u64) {
        let user = &mut self.virtual_users[index as usize];
        user.activity = Activity::Ended;
        let reason = if self.scenarios.is_dry(user.scenario) && !self.scenarios.is_stopped(user.scenario) {
            DropReason::Dry
        } else {
            DropReason::Ended
        };
        let first = self.program.scenarios[user.scenario as usize].first_series;
        let age_ns = at_ns.saturating_sub(user.intended_ns);
        self.recorder
            .dropped(ScenarioIndex(user.scenario), user.phase, reason, first, age_ns, 1);
    }

    /// The virtual user has nothing to do since `at_ns`, and takes the next iteration if there is one for it.
    #[inline(always)]
    pub(super) fn go_on(&mut self, index: u32, at_ns: u64) {
        self.leave(index, at_ns);
        let VirtualUser {
            scenario,
            intended_ns,
            life,
            ..
        } = self.virtual_users[index as usize];
        if self.scenarios.is_stopped(scenario) {
            return;
        }
        match self.scenarios.load_mut(scenario) {
            // Behind one that took no time, time goes on all the same: neither warm-up nor load would be over otherwise.
            LoadState::Closed(_) if at_ns == intended_ns => self.begin_closed(index, at_ns.max(self.looked_ns)),
            LoadState::Closed(_) => self.begin_closed(index, at_ns),
            LoadState::Open(open) => {
                if !open.is_empty() {
                    self.start_waiting(scenario, at_ns);
                }
                if life != Life::Gone {
                    self.part(scenario, at_ns);
                }
            }
        }
    }

    /// The virtual user has nothing to do since `at_ns`.
    #[inline(always)]
    fn leave(&mut self, index: u32, at_ns: u64) {
        self.forget_call(index, at_ns);
        let user = &mut self.virtual_users[index as usize];
        user.activity = Activity::Idle;
        user.free_ns = at_ns;
        user.forget();
        let VirtualUser { scenario, life, .. } = *user;
        self.scenarios.leave();
        match self.scenarios.load_mut(scenario) {
            LoadState::Open(open) if life == Life::Gone => open.forget_one(),
            LoadState::Open(open) => open.give_back(index),
            LoadState::Closed(_) => {}
        }
    }
}
