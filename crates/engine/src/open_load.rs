//! An open load on one thread: arrivals from the schedule, those that wait, and the virtual users who take them.

use std::collections::VecDeque;

use apibench_core::plan::WhenBusy;
use apibench_core::schedule::OpenSchedule;

use crate::backlog::Backlog;
pub use crate::upcoming::DueIteration;
use crate::upcoming::Upcoming;

/// What a thread may do for an open load.
#[derive(Debug, Clone, Copy)]
pub struct OpenLimits {
    /// What happens when every virtual user is busy.
    pub when_busy: WhenBusy,
    /// How many virtual users there may be on this thread.
    pub max_vus: u64,
    /// How many due iterations may wait on this thread.
    pub max_waiting: u64,
    /// How long one may wait.
    pub deadline_ns: Option<u64>,
    /// How many times faster than planned they may start while behind schedule; `None` for any.
    pub max_catchup: Option<u64>,
}

/// The open load of one scenario on one thread.
#[derive(Debug)]
pub struct OpenLoad {
    upcoming: Upcoming,
    limits: OpenLimits,
    waiting: Backlog,
    idle: VecDeque<u32>,
    made: u64,
    /// The last that left the queue: when it was due, and when it started or was given up.
    last: Option<(u64, u64)>,
    /// Since when no virtual user has been free; `u64::MAX` while one is.
    busy_since_ns: u64,
    /// From when on virtual users take their leave, once nothing is left for them; `None` if they don't.
    parting_ns: Option<u64>,
}

impl OpenLoad {
    /// A load that begins with `warmup` at `barrier_ns`, if there is one, and goes on with `main` at `main_ns`.
    #[must_use]
    pub fn new(
        warmup: Option<OpenSchedule>,
        barrier_ns: u64,
        main: OpenSchedule,
        main_ns: u64,
        limits: OpenLimits,
    ) -> Self {
        Self {
            upcoming: Upcoming::new(warmup, barrier_ns, main, main_ns),
            limits,
            waiting: Backlog::default(),
            idle: VecDeque::new(),
            made: 0,
            last: None,
            busy_since_ns: u64::MAX,
            parting_ns: None,
        }
    }

    /// Everything is due `by_ns` later than it was. Before anything was pulled.
    pub fn shift(&mut self, by_ns: u64) {
        self.upcoming.shift(by_ns);
    }

    /// From `effective_ns` on, which nothing that was pulled has reached, `schedule` says what is due. Limits only
    /// grow: what was due before still needs somebody, and whoever has less to do uses less.
    pub fn change(&mut self, effective_ns: u64, schedule: OpenSchedule, begins_ns: u64, limits: OpenLimits) {
        self.limits = OpenLimits {
            max_vus: limits.max_vus.max(self.limits.max_vus),
            max_waiting: limits.max_waiting.max(self.limits.max_waiting),
            ..limits
        };
        self.waiting
            .change(|walk| walk.change(effective_ns, schedule.clone(), begins_ns));
        self.upcoming.change(effective_ns, schedule, begins_ns);
    }

    /// Whether the newest of those that wait may have to go.
    fn is_bounded(&self) -> bool {
        self.limits.max_waiting < u64::MAX || self.limits.when_busy == WhenBusy::Drop
    }

    /// Has everything that is due by `now_ns` wait, and tells each one's intended time.
    pub fn pull(&mut self, now_ns: u64, mut offered: impl FnMut(u64)) {
        while let Some(due) = self.upcoming.peek().filter(|due| due.intended_ns <= now_ns) {
            offered(due.intended_ns);
            self.waiting.push(due, &self.upcoming, self.is_bounded());
            self.upcoming.pop();
        }
    }

    /// When something is to be done that no response brings about.
    #[must_use]
    pub fn next_due_ns(&self) -> u64 {
        let arrival_ns = self.upcoming.peek().map_or(u64::MAX, |due| due.intended_ns);
        let waiting_ns = match (self.limits.deadline_ns, self.waiting.front()) {
            // It was counted at a seal and has not been given to anybody yet, or is held back.
            (_, Some(due)) if self.has_free_virtual_user() => self.earliest_ns(due),
            (Some(deadline_ns), Some(due)) => due.intended_ns.saturating_add(deadline_ns),
            _ => u64::MAX,
        };
        let parting_ns = if self.is_over() && !self.idle.is_empty() {
            self.parting_ns.unwrap_or(u64::MAX)
        } else {
            u64::MAX
        };
        arrival_ns.min(waiting_ns).min(parting_ns)
    }

    /// Tells all that wait at `at_ns`, as [`Backlog::tell`] does.
    pub fn tell_waiting(&mut self, at_ns: u64, told: impl FnMut(u64, u64)) {
        self.waiting.tell(at_ns, told);
    }

    /// Gives up all that wait at `at_ns`, and tells them as [`Backlog::clear`] does.
    pub fn give_up_waiting(&mut self, at_ns: u64, told: impl FnMut(u64, u64)) {
        self.waiting.clear(at_ns, told);
    }

    /// How many wait although a virtual user is free for them: through no fault of the target's.
    #[must_use]
    pub fn unstarted(&self) -> u64 {
        if self.has_free_virtual_user() {
            self.waiting.len()
        } else {
            0
        }
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether nothing waits and nothing more will fall due.
    fn is_over(&self) -> bool {
        self.upcoming.peek().is_none() && self.waiting.is_empty()
    }

    /// Whether no idle virtual user has anything left to do.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.is_over() && (self.parting_ns.is_none() || self.idle.is_empty())
    }

    /// Once nothing is left for them, but not before `at_ns`, virtual users take their leave.
    pub fn part_from(&mut self, at_ns: u64) {
        self.parting_ns = Some(at_ns);
    }

    /// An idle virtual user that takes its leave.
    pub fn pop_parting(&mut self, now_ns: u64) -> Option<u32> {
        let parts = self.is_over() && self.parting_ns.is_some_and(|at_ns| at_ns <= now_ns);
        if parts { self.idle.pop_front() } else { None }
    }

    /// A virtual user has taken its leave: another may be made in its place.
    pub fn forget_one(&mut self) {
        self.made -= 1;
        self.settle();
    }

    /// Until when all that wait are held back, because they would catch up faster than the plan allows.
    #[must_use]
    pub fn held_back_until(&self, now_ns: u64) -> Option<u64> {
        self.limits.max_catchup?;
        let earliest_ns = self.earliest_ns(self.waiting.front()?);
        (earliest_ns > now_ns).then_some(earliest_ns)
    }

    /// When a due iteration may start: a share of its planned distance after the one before it. That is never later
    /// than it is due, unless the one before it was late.
    fn earliest_ns(&self, due: &DueIteration) -> u64 {
        let (Some(most), Some((intended_ns, left_ns))) = (self.limits.max_catchup, self.last) else {
            return due.intended_ns;
        };
        let distance_ns = due.intended_ns.saturating_sub(intended_ns);
        due.intended_ns.max(left_ns + distance_ns / most)
    }

    /// The one that has waited longest, at `now_ns`.
    pub fn pop_waiting(&mut self, now_ns: u64) -> Option<DueIteration> {
        let due = self.waiting.pop_front()?;
        self.last = Some((due.intended_ns, now_ns));
        self.settle();
        Some(due)
    }

    /// One that has waited as long as the plan allows.
    pub fn pop_expired(&mut self, now_ns: u64) -> Option<DueIteration> {
        let deadline_ns = self.limits.deadline_ns?;
        let due = self.waiting.front()?;
        if due.intended_ns.saturating_add(deadline_ns) <= now_ns {
            // It did not start, so the next may start in its place.
            self.last = self.last.map(|(_, left_ns)| (due.intended_ns, left_ns));
            let expired = self.waiting.pop_front();
            self.settle();
            expired
        } else {
            None
        }
    }

    /// One that may not wait, once no virtual user is free: the last to come, because those before it found room.
    pub fn pop_surplus(&mut self) -> Option<DueIteration> {
        let room = if self.limits.when_busy == WhenBusy::Drop {
            0
        } else {
            self.limits.max_waiting
        };
        if self.waiting.len() > room {
            self.waiting.pop_back()
        } else {
            None
        }
    }

    /// A free virtual user: `Some(None)` if a new one is to be made, `None` if all are busy and no more allowed.
    ///
    /// A queue is asked for with a number of connections, so all of them are made before one is used again.
    /// Otherwise the one that has been idle longest comes first, and another is made only if none is.
    pub fn take_virtual_user(&mut self) -> Option<Option<u32>> {
        let may_make = self.made < self.limits.max_vus;
        if may_make && (self.limits.when_busy == WhenBusy::Queue || self.idle.is_empty()) {
            self.made += 1;
            return Some(None);
        }
        self.idle.pop_front().map(Some)
    }

    /// Whether a virtual user is idle, or another may be made.
    #[must_use]
    pub fn has_free_virtual_user(&self) -> bool {
        !self.idle.is_empty() || self.made < self.limits.max_vus
    }

    /// Since when no virtual user has been free for those that wait; `u64::MAX` while one is. What is late before
    /// that moment is late through our own fault, however long it waits after it.
    #[must_use]
    pub fn busy_since_ns(&self) -> u64 {
        self.busy_since_ns
    }

    /// The last free virtual user was taken at `now_ns`, if it was not taken out of the hands of another iteration.
    pub fn set_busy(&mut self, now_ns: u64) {
        self.busy_since_ns = self.busy_since_ns.min(now_ns);
    }

    /// A virtual user has nothing more to do.
    pub fn give_back(&mut self, virtual_user: u32) {
        self.idle.push_back(virtual_user);
        self.settle();
    }

    /// Nobody waits and somebody is free: whoever comes next has waited for nobody.
    fn settle(&mut self) {
        if self.waiting.is_empty() && self.has_free_virtual_user() {
            self.busy_since_ns = u64::MAX;
        }
    }

    /// Nothing more falls due, and nobody takes its leave. What waits is for the caller to drop.
    pub fn stop(&mut self) {
        self.upcoming.stop();
        self.parting_ns = None;
    }

    /// No row is left: nothing more falls due, and virtual users may take their leave. What waits is for the caller to drop.
    pub fn run_dry(&mut self) {
        self.upcoming.stop();
        self.parting_ns = self.parting_ns.map(|_| 0);
    }
}
