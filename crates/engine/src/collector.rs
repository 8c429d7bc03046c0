//! Where the threads put their sealed intervals, and where they come out merged, in order.
//!
//! A thread that hands over a second must not wait, so it only pushes a pointer; merging is the reader's work.
//! The n-th interval of every thread is the same stretch of time, because all cut at the same boundaries. A
//! thread that has ended has no further intervals, and nobody waits for it.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use apibench_histogram::interval::Interval;

#[derive(Debug, Default)]
struct Lane {
    sealed: VecDeque<Interval>,
    ended: bool,
}

/// Sealed intervals of a fixed number of threads.
#[derive(Debug)]
pub struct Collector {
    lanes: Mutex<Vec<Lane>>,
    changed: Condvar,
}

/// What a reader gets.
#[derive(Debug)]
pub enum Collected {
    /// The next interval, merged over all threads.
    Interval(Interval),
    /// It is not complete yet.
    Pending,
    /// Every thread has ended and everything has been read.
    Ended,
}

impl Collector {
    /// A collector for so many threads.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        Self {
            lanes: Mutex::new(std::iter::repeat_with(Lane::default).take(threads).collect()),
            changed: Condvar::new(),
        }
    }

    fn lanes(&self) -> MutexGuard<'_, Vec<Lane>> {
        // A thread that panicked while it pushed has left a valid queue: pushing is one call.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread hands over its next interval.
    pub fn push(&self, thread: usize, interval: Interval) {
        self.lanes()[thread].sealed.push_back(interval);
        self.changed.notify_all();
    }

    /// A thread has no further intervals, however it ended.
    pub fn end(&self, thread: usize) {
        self.lanes()[thread].ended = true;
        self.changed.notify_all();
    }

    /// The next interval; waits at most `patience` for it.
    pub fn next(&self, patience: Duration) -> Collected {
        let until = Instant::now() + patience;
        let mut lanes = self.lanes();
        loop {
            let complete = lanes.iter().all(|lane| lane.ended || !lane.sealed.is_empty());
            if complete {
                let parts: Vec<Interval> = lanes.iter_mut().filter_map(|lane| lane.sealed.pop_front()).collect();
                drop(lanes);
                let merged = parts.into_iter().reduce(|mut sum, part| {
                    sum.merge(part);
                    sum
                });
                return merged.map_or(Collected::Ended, Collected::Interval);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Collected::Pending;
            }
            lanes = self
                .changed
                .wait_timeout(lanes, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(end_ns: u64, cpu_ns: u64) -> Interval {
        Interval {
            end_ns,
            cpu_ns,
            ..Interval::default()
        }
    }

    #[test]
    fn an_interval_comes_out_once_when_every_thread_has_sealed_it_or_ended() {
        let collector = Collector::new(2);
        collector.push(0, interval(1, 1));
        collector.push(0, interval(2, 1));
        assert!(matches!(collector.next(Duration::ZERO), Collected::Pending));
        collector.push(1, interval(1, 2));
        assert!(matches!(
            collector.next(Duration::ZERO),
            Collected::Interval(Interval {
                end_ns: 1,
                cpu_ns: 3,
                ..
            })
        ));
        collector.end(1);
        assert!(matches!(
            collector.next(Duration::ZERO),
            Collected::Interval(Interval {
                end_ns: 2,
                cpu_ns: 1,
                ..
            })
        ));
        assert!(matches!(collector.next(Duration::ZERO), Collected::Pending));
        collector.end(0);
        assert!(matches!(collector.next(Duration::ZERO), Collected::Ended));
    }
}
