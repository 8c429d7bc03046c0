//! What falls due in an open load on one thread, in the order of time: the warm-up, the planned duration, and what a
//! change made of it.

use std::collections::VecDeque;

use apibench_core::schedule::{Arrival, OpenSchedule, Schedule};

/// Marks the iterations of the warm-up, whose numbers begin again at 0: they draw other random values than those
/// of the planned duration, which must not depend on how long the warm-up was.
pub const WARMUP_ITERATION: u64 = 1 << 63;

/// An iteration that fell due and has not started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueIteration {
    /// When it was due.
    pub intended_ns: u64,
    /// Which of the plan's.
    pub iteration: u64,
}

/// A schedule, and where it counts.
#[derive(Debug, Clone)]
struct Stretch {
    schedule: OpenSchedule,
    begins_ns: u64,
    mark: u64,
    /// What is due from here on belongs to the stretch behind it.
    until_ns: u64,
}

/// A walk over what falls due. A copy of it goes the same way.
#[derive(Debug, Clone)]
pub struct Upcoming {
    stretches: VecDeque<Stretch>,
    next: Option<DueIteration>,
}

impl Upcoming {
    /// Begins with `warmup` at `barrier_ns`, if there is one, and goes on with `main` at `main_ns`.
    #[must_use]
    pub fn new(warmup: Option<OpenSchedule>, barrier_ns: u64, main: OpenSchedule, main_ns: u64) -> Self {
        let mut stretches = VecDeque::new();
        if let Some(schedule) = warmup {
            stretches.push_back(Stretch {
                schedule,
                begins_ns: barrier_ns,
                mark: WARMUP_ITERATION,
                until_ns: u64::MAX,
            });
        }
        stretches.push_back(Stretch {
            schedule: main,
            begins_ns: main_ns,
            mark: 0,
            until_ns: u64::MAX,
        });
        let mut upcoming = Self { stretches, next: None };
        upcoming.look_ahead();
        upcoming
    }

    fn look_ahead(&mut self) {
        self.next = None;
        while let Some(stretch) = self.stretches.front_mut() {
            if let Some(Arrival { iteration, intended_ns }) = stretch.schedule.next() {
                let due = DueIteration {
                    intended_ns: stretch.begins_ns + intended_ns,
                    iteration: iteration | stretch.mark,
                };
                if due.intended_ns < stretch.until_ns {
                    self.next = Some(due);
                    return;
                }
            }
            self.stretches.pop_front();
        }
    }

    /// Everything falls due `by_ns` later than it did.
    pub fn shift(&mut self, by_ns: u64) {
        for stretch in &mut self.stretches {
            stretch.begins_ns += by_ns;
        }
        if let Some(due) = &mut self.next {
            due.intended_ns += by_ns;
        }
    }

    /// The next that falls due.
    #[must_use]
    #[inline]
    pub fn peek(&self) -> Option<DueIteration> {
        self.next
    }

    /// The same, and goes on to the one behind it.
    pub fn pop(&mut self) -> Option<DueIteration> {
        let due = self.next?;
        self.look_ahead();
        Some(due)
    }

    /// From `effective_ns` on, which nothing that was popped has reached, `schedule` says what is due; it counts from
    /// `begins_ns`.
    pub fn change(&mut self, effective_ns: u64, schedule: OpenSchedule, begins_ns: u64) {
        for stretch in &mut self.stretches {
            stretch.until_ns = stretch.until_ns.min(effective_ns);
        }
        self.stretches.push_back(Stretch {
            schedule,
            begins_ns,
            mark: 0,
            until_ns: u64::MAX,
        });
        if self.next.is_none_or(|due| due.intended_ns >= effective_ns) {
            self.look_ahead();
        }
    }

    /// Nothing more falls due.
    pub fn stop(&mut self) {
        self.stretches.clear();
        self.next = None;
    }
}
