//! How often a group of steps was passed through, and how long that took.

use apibench_core::recorder::IterationEnd;

use crate::{Histogram, PagePool};

/// Passes through one group in one phase. Each falls into the interval in which it ended.
#[derive(Debug, Default)]
pub struct GroupCounts {
    /// All of it was ok.
    pub ok: u64,
    /// Something in it failed, or its iteration ended in it because something had.
    pub failed: u64,
    /// Cut off by the end of the drain or a stop.
    pub unfinished: u64,
    /// How long, pauses left out: ok ones, and lower bounds of those that timed out or were cut off.
    pub time: Histogram,
    /// The ages, at the end of the interval, of those that go on. Their number is that of its values.
    pub pending: Histogram,
}

impl GroupCounts {
    /// Nothing yet.
    #[must_use]
    pub fn new(pool: &PagePool) -> Self {
        Self {
            ok: 0,
            failed: 0,
            unfinished: 0,
            time: Histogram::new(pool),
            pending: Histogram::new(pool),
        }
    }

    /// One more, which ended like that after so long.
    #[inline]
    pub fn count(&mut self, end: IterationEnd, time_ns: u64) {
        match end {
            IterationEnd::Ok => {
                self.ok += 1;
                self.time.record(time_ns);
            }
            // It broke off somewhere: as a time it would be the best of all.
            IterationEnd::Failed => self.failed += 1,
            IterationEnd::TimedOut => {
                self.failed += 1;
                self.time.record_censored(time_ns);
            }
            IterationEnd::Unfinished => {
                self.unfinished += 1;
                self.time.record_censored(time_ns);
            }
        }
    }

    /// Its histograms, in the order of their fields on the wire.
    pub(crate) fn histograms(&self) -> [&Histogram; 2] {
        [&self.time, &self.pending]
    }

    pub(crate) fn histograms_mut(&mut self) -> [&mut Histogram; 2] {
        [&mut self.time, &mut self.pending]
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.ok = self.ok.saturating_add(other.ok);
        self.failed = self.failed.saturating_add(other.failed);
        self.unfinished = self.unfinished.saturating_add(other.unfinished);
        for (own, more) in self.histograms_mut().into_iter().zip(other.histograms()) {
            own.merge(more);
        }
    }
}
