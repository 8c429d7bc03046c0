//! Seconds are closed: what belongs to one is written down before, with the ages of all that is not over.

use apibench_core::clock::Clock;
use apibench_core::recorder::{Pending, Recorder, ScenarioIndex};
use apibench_core::transport::Transport;

use super::{Driver, phase_of};

impl<T: Transport, R: Recorder, C: Clock> Driver<T, R, C> {
    /// Seals every interval that ended at or before `stamp_ns`. Called before anything with that stamp is
    /// recorded.
    #[inline]
    pub(super) fn seal_up_to(&mut self, stamp_ns: u64) {
        if stamp_ns >= self.next_boundary_ns {
            self.seal_passed(stamp_ns);
        }
    }

    #[cold]
    fn seal_passed(&mut self, stamp_ns: u64) {
        while self.next_boundary_ns <= stamp_ns {
            let boundary_ns = self.next_boundary_ns;
            // Whatever was due before the boundary was offered before it, however late we are.
            self.pull(boundary_ns - 1);
            self.end_pauses(boundary_ns);
            self.seal(boundary_ns);
            self.next_boundary_ns = self.boundaries.after(boundary_ns);
        }
    }

    pub(super) fn seal(&mut self, at_ns: u64) {
        for (_, exchange) in self.exchanges.iter() {
            let user = &self.virtual_users[exchange.virtual_user as usize];
            let pending = match (exchange.started_ns, user.begun || user.is_awaited()) {
                (0, false) => Pending::Waiting,
                (0, true) => Pending::Opening,
                _ => Pending::InFlight,
            };
            let scenario = ScenarioIndex(user.scenario);
            let age_ns = at_ns.saturating_sub(exchange.intended_ns);
            self.recorder
                .pending(scenario, exchange.series, exchange.phase, pending, age_ns, 1);
        }
        self.tell_groups(at_ns);
        let (recorder, program, main_start_ns) = (&mut self.recorder, &self.program, self.main_start_ns);
        if self.greets {
            for user in self.virtual_users.iter().filter(|user| user.is_awaited()) {
                let first = program.scenarios[user.scenario as usize].first_series;
                let (scenario, age_ns) = (ScenarioIndex(user.scenario), at_ns.saturating_sub(user.intended_ns));
                recorder.pending(scenario, first, user.phase, Pending::Waiting, age_ns, 1);
            }
        }
        for (index, open) in self.scenarios.open_loads_mut() {
            let first = program.scenarios[index as usize].first_series;
            open.tell_waiting(at_ns, |intended_ns, count| {
                let (phase, age_ns) = (phase_of(intended_ns, main_start_ns), at_ns.saturating_sub(intended_ns));
                recorder.pending(ScenarioIndex(index), first, phase, Pending::Waiting, age_ns, count);
            });
        }
        let failed = std::mem::take(&mut self.failed);
        self.recorder
            .seal(at_ns - self.barrier_ns, &self.transport.counters(), &failed);
    }
}
