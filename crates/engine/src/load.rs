//! The load of each scenario on one thread: which iterations are due, who may take them, what waits.

use std::ops::Range;

use crate::closed_load::ClosedLoad;
use crate::open_load::OpenLoad;
use crate::revision::{Change, LoadChange};

pub use crate::open_load::DueIteration;

/// The load of one scenario.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a thread has a few, and looks at them for every arrival"
)]
pub enum LoadState {
    /// Arrivals, whether or not those before have ended.
    Open(OpenLoad),
    /// Each virtual user goes on when its last iteration has ended.
    Closed(ClosedLoad),
}

/// The loads of all scenarios, on one thread.
#[derive(Debug, Default)]
pub struct Scenarios {
    loads: Vec<LoadState>,
    /// When each is over, after the barrier; `None` for one that ends only after a number of iterations.
    ends_ns: Vec<Option<u64>>,
    /// Of which nothing more may be sent.
    stopped: Vec<bool>,
    /// Of which nothing more begins, because no row is left.
    dry: Vec<bool>,
    busy: usize,
}

impl Scenarios {
    /// The loads of a plan, in its order, each with its end after the barrier, if that is known beforehand.
    #[must_use]
    pub fn new(loads: Vec<(LoadState, Option<u64>)>) -> Self {
        let (loads, ends_ns): (Vec<_>, Vec<_>) = loads.into_iter().unzip();
        Self {
            stopped: vec![false; loads.len()],
            dry: vec![false; loads.len()],
            loads,
            ends_ns,
            busy: 0,
        }
    }

    /// Everything is due `by_ns` later than it was.
    pub fn shift(&mut self, by_ns: u64) {
        for load in &mut self.loads {
            match load {
                LoadState::Open(open) => open.shift(by_ns),
                LoadState::Closed(closed) => closed.shift(by_ns),
            }
        }
    }

    /// When the last of them is over, after the barrier; `None` if one ends only after a number of iterations.
    #[must_use]
    pub fn planned_end_ns(&self) -> Option<u64> {
        self.ends_ns
            .iter()
            .try_fold(0, |latest, end_ns| end_ns.map(|end_ns| end_ns.max(latest)))
    }

    /// When a scenario is over, after the barrier; `None` if it ends only after a number of iterations.
    #[must_use]
    pub fn end_ns(&self, scenario: u16) -> Option<u64> {
        self.ends_ns[scenario as usize]
    }

    /// When nothing may be sent any more, of a run that began at `barrier_ns`; `u64::MAX` if that is not known beforehand.
    #[must_use]
    pub fn drain_end_ns(&self, barrier_ns: u64, drain_ns: u64) -> u64 {
        self.planned_end_ns().map_or(u64::MAX, |end_ns| {
            barrier_ns.saturating_add(end_ns).saturating_add(drain_ns)
        })
    }

    /// The scenarios whose drain ends before the run's, the last of them first: when, and which.
    #[must_use]
    pub fn earlier_drain_ends(&self, barrier_ns: u64, drain_ns: u64) -> Vec<(u64, u16)> {
        let last_ns = self.drain_end_ns(barrier_ns, drain_ns);
        let own = (0_u16..).zip(&self.ends_ns).filter_map(|(scenario, end_ns)| {
            let end_ns = barrier_ns.saturating_add((*end_ns)?).saturating_add(drain_ns);
            Some((end_ns, scenario))
        });
        let mut earlier: Vec<_> = own.filter(|(end_ns, _)| *end_ns < last_ns).collect();
        earlier.sort_unstable_by(|one, other| other.cmp(one));
        earlier
    }

    /// How many scenarios there are.
    #[must_use]
    pub fn len(&self) -> u16 {
        self.loads.len() as u16
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.loads.is_empty()
    }

    /// The load of one scenario.
    pub fn load_mut(&mut self, scenario: u16) -> &mut LoadState {
        &mut self.loads[scenario as usize]
    }

    /// Has fetched what the next iteration of a virtual user touches.
    #[inline]
    pub fn prefetch(&self, scenario: u16, place: u32) {
        if let Some(LoadState::Closed(closed)) = self.loads.get(scenario as usize) {
            closed.prefetch(place);
        }
    }

    /// The open ones, with their places, to be changed.
    pub fn open_loads_mut(&mut self) -> impl Iterator<Item = (u16, &mut OpenLoad)> {
        (0_u16..)
            .zip(&mut self.loads)
            .filter_map(|(scenario, load)| match load {
                LoadState::Open(open) => Some((scenario, open)),
                LoadState::Closed(_) => None,
            })
    }

    /// The open ones, with their places.
    pub fn open_loads(&self) -> impl Iterator<Item = (u16, &OpenLoad)> {
        (0_u16..).zip(&self.loads).filter_map(|(scenario, load)| match load {
            LoadState::Open(open) => Some((scenario, open)),
            LoadState::Closed(_) => None,
        })
    }

    /// Has everything wait that is due by `now_ns`, and tells each one's scenario and intended time.
    pub fn pull(&mut self, now_ns: u64, mut offered: impl FnMut(u16, u64)) {
        for (scenario, load) in (0_u16..).zip(&mut self.loads) {
            if let LoadState::Open(open) = load {
                open.pull(now_ns, |intended_ns| offered(scenario, intended_ns));
            }
        }
    }

    /// Goes on as a change says.
    pub fn change(&mut self, change: Change) {
        for (load, change_of_load) in self.loads.iter_mut().zip(change.loads) {
            match (load, change_of_load) {
                (
                    LoadState::Open(open),
                    LoadChange::Open {
                        schedule,
                        begins_ns,
                        limits,
                    },
                ) => open.change(change.effective_ns, schedule, begins_ns, limits),
                (LoadState::Closed(closed), LoadChange::Closed { members }) => {
                    closed.change(change.effective_ns, members);
                }
                // Both were made from one plan.
                _ => unreachable!("a change is of the same model as its load"),
            }
        }
    }

    /// When something is to be done that no response brings about.
    #[must_use]
    pub fn next_due_ns(&self) -> u64 {
        let due = self.loads.iter().map(|load| match load {
            LoadState::Open(open) => open.next_due_ns(),
            LoadState::Closed(closed) => closed.next_due_ns(),
        });
        due.min().unwrap_or(u64::MAX)
    }

    /// Whether no iteration will begin but those that follow on one going on.
    #[must_use]
    pub fn are_exhausted(&self) -> bool {
        self.loads.iter().all(|load| match load {
            LoadState::Open(open) => open.is_exhausted(),
            LoadState::Closed(closed) => closed.is_exhausted(),
        })
    }

    /// Of these nothing more falls due, and nobody begins another iteration.
    pub fn stop(&mut self, which: Range<u16>) {
        for scenario in which {
            self.stopped[scenario as usize] = true;
            match self.load_mut(scenario) {
                LoadState::Open(open) => open.stop(),
                LoadState::Closed(closed) => closed.stop(),
            }
        }
    }

    /// Whether nothing more may be sent of a scenario.
    #[must_use]
    #[inline]
    pub fn is_stopped(&self, scenario: u16) -> bool {
        self.stopped[scenario as usize]
    }

    /// No row is left for a scenario, and by its plan it ends there: of an open load nothing more falls due. A closed one
    /// retires its virtual users one by one.
    pub fn run_dry(&mut self, scenario: u16) {
        self.dry[scenario as usize] = true;
        if let LoadState::Open(open) = self.load_mut(scenario) {
            open.run_dry();
        }
    }

    /// Whether no row is left for a scenario.
    #[must_use]
    pub fn is_dry(&self, scenario: u16) -> bool {
        self.dry[scenario as usize]
    }

    /// Whether none is left for any.
    #[must_use]
    pub fn are_dry(&self) -> bool {
        self.dry.iter().all(|dry| *dry)
    }

    /// An iteration began.
    pub fn enter(&mut self) {
        self.busy += 1;
    }

    /// An iteration ended.
    pub fn leave(&mut self) {
        self.busy -= 1;
    }

    /// How many iterations are going on.
    #[must_use]
    pub fn busy(&self) -> usize {
        self.busy
    }
}
