//! The clock seam. Whoever needs the time is given a clock, so that tests can run on virtual time.

use std::cell::Cell;
use std::rc::Rc;

/// A clock that never goes backwards.
pub trait Clock: Clone {
    /// Nanoseconds since an arbitrary but fixed moment. Differences are durations; the value itself
    /// means nothing, and is never compared with a wall clock's.
    fn now_ns(&self) -> u64;
}

/// The seam of the wall clock: nanoseconds since 1970 in UTC. What a plan sends as the time of day, and nothing that is
/// measured.
pub type WallClock = fn() -> u64;

/// Virtual time: it stands still until somebody advances it. The fake behind the [`Clock`] seam.
///
/// Clones share the same time, as copies of a real clock would.
#[derive(Debug, Clone, Default)]
pub struct ManualClock {
    now_ns: Rc<Cell<u64>>,
}

impl ManualClock {
    /// A clock that shows `now_ns`.
    #[must_use]
    pub fn at(now_ns: u64) -> Self {
        Self {
            now_ns: Rc::new(Cell::new(now_ns)),
        }
    }

    /// Moves on by `by_ns`.
    pub fn advance(&self, by_ns: u64) {
        self.now_ns.set(self.now_ns.get() + by_ns);
    }

    /// Moves on to `to_ns`; a moment that has passed changes nothing, because a clock never goes back.
    pub fn advance_to(&self, to_ns: u64) {
        self.now_ns.set(self.now_ns.get().max(to_ns));
    }
}

impl Clock for ManualClock {
    fn now_ns(&self) -> u64 {
        self.now_ns.get()
    }
}
