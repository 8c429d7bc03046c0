//! Until when a run may send: what keeps two workers from ever sending the same share.
//!
//! Whoever may take a share away has to know that its holder has stopped, also one that cannot be reached. So the
//! holder stops by itself when its lease runs out. A transport looks at it with the very stamp that it takes before
//! each send: a process that was stopped and goes on after its lease sends nothing, wherever it was stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A moment on the run's clock, shared by its threads and by whoever extends it; and one beyond which no extension
/// reaches.
#[derive(Debug, Clone)]
pub struct Lease {
    until_ns: Arc<AtomicU64>,
    last_ns: u64,
}

impl Lease {
    /// One that runs out at `until_ns`.
    #[must_use]
    pub fn until(until_ns: u64) -> Self {
        Self {
            until_ns: Arc::new(AtomicU64::new(until_ns)),
            last_ns: u64::MAX,
        }
    }

    /// The same lease, which for whoever holds this copy runs out at `last_ns` at the latest, however often it is
    /// extended.
    #[must_use]
    pub fn bounded(&self, last_ns: u64) -> Self {
        Self {
            until_ns: Arc::clone(&self.until_ns),
            last_ns: self.last_ns.min(last_ns),
        }
    }

    /// One that never runs out: nobody else could get the share.
    #[must_use]
    pub fn endless() -> Self {
        Self::until(u64::MAX)
    }

    /// Whether something may be sent at `now_ns`.
    #[must_use]
    #[inline]
    pub fn allows(&self, now_ns: u64) -> bool {
        now_ns < self.until_ns.load(Ordering::Relaxed) && now_ns < self.last_ns
    }

    /// The last moment at which it allows anything, as it stands.
    #[must_use]
    #[inline]
    pub fn last_ns(&self) -> u64 {
        self.until_ns
            .load(Ordering::Relaxed)
            .min(self.last_ns)
            .saturating_sub(1)
    }

    /// Has it last until `until_ns`, if that is later. One that has run out by `now_ns` stays so, because the share
    /// may be somebody else's by now: `false`.
    pub fn extend(&self, now_ns: u64, until_ns: u64) -> bool {
        self.until_ns
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held_ns| {
                (now_ns < held_ns).then_some(held_ns.max(until_ns))
            })
            .is_ok()
    }
}

impl Default for Lease {
    fn default() -> Self {
        Self::endless()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lasts_until_its_moment_and_no_longer() {
        let lease = Lease::until(100);
        assert!(lease.allows(99));
        assert!(!lease.allows(100));
        assert_eq!(lease.last_ns(), 99);
        assert!(Lease::endless().allows(u64::MAX - 1));
    }

    #[test]
    fn an_extension_holds_for_every_copy_and_never_shortens() {
        let lease = Lease::until(100);
        let other = lease.clone();
        assert!(lease.extend(50, 200));
        assert!(other.allows(199));
        assert!(lease.extend(60, 150));
        assert!(other.allows(199));
    }

    #[test]
    fn no_extension_reaches_beyond_the_bound_of_a_copy() {
        let lease = Lease::until(100);
        let bounded = lease.bounded(150);
        assert!(lease.extend(50, 200));
        assert!(bounded.allows(149) && lease.allows(150));
        assert!(!bounded.allows(150));
    }

    #[test]
    fn one_that_has_run_out_is_never_extended() {
        let lease = Lease::until(100);
        assert!(!lease.extend(100, 1_000));
        assert!(!lease.allows(100));
    }
}
