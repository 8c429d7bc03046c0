//! Changes of a run that is going on: another share of the plan, or another rate, from one moment on.
//!
//! A change is worked out by whoever asks for it and only handed to the loop, which takes it before it pulls anything
//! that could be affected. So nothing is due twice and nothing is left out, however late the loop is.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

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
#[derive(Debug)]
pub struct Inbox {
    pending: AtomicBool,
    changes: Mutex<Vec<Change>>,
    /// A change of this moment has been announced and not handed over yet; `u64::MAX` for none.
    announced_ns: AtomicU64,
}

impl Default for Inbox {
    fn default() -> Self {
        Self {
            pending: AtomicBool::new(false),
            changes: Mutex::default(),
            announced_ns: AtomicU64::new(u64::MAX),
        }
    }
}

impl Inbox {
    /// A change of `effective_ns` may be put soon: until it is put or withdrawn the loop does nothing that is due then or
    /// later, however long that takes. The moment must lie ahead when the clock is read after this.
    pub fn announce(&self, effective_ns: u64) {
        self.announced_ns.store(effective_ns, Ordering::SeqCst);
    }

    /// The change that was announced does not come.
    pub fn withdraw(&self) {
        self.announced_ns.store(u64::MAX, Ordering::SeqCst);
    }

    /// The moment of a change that has been announced. Whoever reads it before [`Self::take`] misses none.
    #[inline]
    pub fn announced_ns(&self) -> u64 {
        self.announced_ns.load(Ordering::SeqCst)
    }

    /// Hands over the change that was announced.
    pub fn put(&self, change: Change) {
        let mut changes = self.changes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        changes.push(change);
        self.pending.store(true, Ordering::Release);
        drop(changes);
        self.withdraw();
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
