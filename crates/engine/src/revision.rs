//! Changes of a run that is going on: another share of the plan, or another rate, from one moment on.
//!
//! A change is worked out by whoever asks for it and only handed to the loop, which takes it before it pulls anything
//! that could be affected. So nothing is due twice and nothing is left out, however late the loop is.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use apibench_core::schedule::OpenSchedule;

use crate::closed_load::Member;
use crate::open_load::OpenLimits;

/// What one scenario does from the moment on.
#[derive(Debug)]
pub enum LoadChange {
    /// These arrivals, none of them before the moment; they count from `begins_ns`.
    Open {
        /// What falls due.
        schedule: OpenSchedule,
        /// When the load began.
        begins_ns: u64,
        /// What the new share may do.
        limits: OpenLimits,
    },
    /// These virtual users, none of them active before the moment.
    Closed {
        /// Who acts.
        members: Vec<Member>,
    },
}

/// A change for one thread.
#[derive(Debug)]
pub struct Change {
    /// From here on, on the run's clock.
    pub effective_ns: u64,
    /// One for each scenario.
    pub loads: Vec<LoadChange>,
}

/// Where a thread finds its changes.
#[derive(Debug, Default)]
pub struct Inbox {
    pending: AtomicBool,
    changes: Mutex<Vec<Change>>,
}

impl Inbox {
    /// Hands a change over. It must lie in the future: what a loop has pulled already is not called back.
    pub fn put(&self, change: Change) {
        let mut changes = self.changes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        changes.push(change);
        self.pending.store(true, Ordering::Release);
    }

    /// What has come since, in order. Costs next to nothing where nothing has.
    #[inline]
    pub fn take(&self) -> Vec<Change> {
        if !self.pending.load(Ordering::Acquire) {
            return Vec::new();
        }
        let mut changes = self.changes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.pending.store(false, Ordering::Relaxed);
        std::mem::take(&mut changes)
    }
}
