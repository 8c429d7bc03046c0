//! Counters: whole numbers, one after the other.
//!
//! Those of a run come once each, on however many threads and workers. A process hands out those whose place lies in the
//! share with which it began, as it does with rows that do not come again; the numbers of one that dies are lost with it. One
//! that joined a run which was going on began with no share at all: it counts far beyond the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use apibench_core::segment::Share;

use crate::program::Program;
use crate::value::Fault;

/// Where those begin who came later. Everything below 2^53 is exact in JSON.
const LATECOMERS: u64 = 1 << 52;
/// So many numbers each of them has: more than it can send.
const LATECOMER_BITS: u32 = 36;

/// A counter of a run in one process. Its threads take from it in turn.
#[derive(Debug)]
pub struct Counter {
    share: Share,
    cursor: AtomicU64,
    /// Added to each number.
    first: u64,
}

impl Counter {
    /// A counter that has handed nothing out, of a process that began with a share, as this segment of the run.
    #[must_use]
    pub fn new(share: &Share, segment: u32) -> Self {
        let late = share.next_owned(0).is_none();
        Self {
            share: if late { Share::whole() } else { share.clone() },
            cursor: AtomicU64::new(0),
            first: 1 + if late {
                LATECOMERS + (u64::from(segment) << LATECOMER_BITS)
            } else {
                0
            },
        }
    }

    /// The next number, from 1 on.
    fn next(&self) -> Option<i64> {
        let taken = |cursor: u64| self.share.next_owned(cursor)?.checked_add(1);
        let before = self.cursor.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken);
        let place = self.share.next_owned(before.ok()?)?;
        i64::try_from(self.first.checked_add(place)?).ok()
    }
}

/// The counters of a run in a process that begins with `share`, in the program's order.
#[must_use]
pub fn counters(program: &Program, share: &Share, segment: u32) -> Arc<[Counter]> {
    program.counters.iter().map(|_| Counter::new(share, segment)).collect()
}

/// What a virtual user counts with.
#[derive(Debug, Default)]
pub struct Counts {
    of_run: Arc<[Counter]>,
    own: Box<[i64]>,
}

impl Counts {
    /// With the counters of the run, and so many of its own.
    #[must_use]
    pub fn new(of_run: Arc<[Counter]>, own: usize) -> Self {
        Self {
            of_run,
            own: vec![0; own].into_boxed_slice(),
        }
    }

    /// The next number of a counter of the run.
    ///
    /// # Errors
    /// [`Fault::Missing`], if there is none.
    pub fn next_of_run(&self, counter: i64) -> Result<i64, Fault> {
        let counter = usize::try_from(counter).ok().and_then(|place| self.of_run.get(place));
        counter.and_then(Counter::next).ok_or(Fault::Missing)
    }

    /// The next number of one of its own counters.
    ///
    /// # Errors
    /// [`Fault::Missing`], if there is none.
    pub fn next_own(&mut self, counter: i64) -> Result<i64, Fault> {
        let counter = usize::try_from(counter).ok().and_then(|place| self.own.get_mut(place));
        let count = counter.ok_or(Fault::Missing)?;
        *count = count.checked_add(1).ok_or(Fault::Missing)?;
        Ok(*count)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn take(counter: &Counter, count: usize) -> Vec<i64> {
        (0..count).map(|_| counter.next().unwrap()).collect()
    }

    #[test]
    fn one_process_counts_from_one() {
        assert_eq!(take(&Counter::new(&Share::whole(), 0), 5), [1, 2, 3, 4, 5]);
    }

    proptest! {
        #[test]
        fn no_number_comes_twice_on_however_many_workers(
            weights in prop::collection::vec(0_u64..100, 1..8),
            count in 1_usize..300,
        ) {
            prop_assume!(weights.iter().any(|weight| *weight > 0));
            let shares = Share::whole().split(&weights);
            let segments = (0..).zip(&shares).map(|(segment, share)| Counter::new(share, segment));
            let late = (8..10).map(|segment| Counter::new(&Share::new(Vec::new()), segment));
            let all: Vec<i64> = segments.chain(late).flat_map(|counter| take(&counter, count)).collect();
            let distinct: BTreeSet<_> = all.iter().copied().collect();
            prop_assert_eq!(distinct.len(), all.len());
            prop_assert!(distinct.iter().all(|number| (1..1 << 53).contains(number)));
        }
    }

    #[test]
    fn workers_together_leave_hardly_a_number_out() {
        let shares = Share::whole().split(&[1, 2, 1]);
        let counts = [100, 200, 100];
        let all = shares
            .iter()
            .zip(counts)
            .flat_map(|(share, count)| take(&Counter::new(share, 0), count));
        assert!(all.max().unwrap() <= 400 + 12);
    }

    #[test]
    fn threads_take_each_number_once() {
        let counter = Counter::new(&Share::whole(), 0);
        let mut taken: Vec<i64> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| take(&counter, 5_000))).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        taken.sort_unstable();
        assert_eq!(taken, (1..=20_000).collect::<Vec<_>>());
    }

    #[test]
    fn each_virtual_user_counts_for_itself() {
        let run: Arc<[Counter]> = Arc::new([Counter::new(&Share::whole(), 0)]);
        let (mut one, mut other) = (Counts::new(Arc::clone(&run), 2), Counts::new(run, 2));
        let own = [one.next_own(1), one.next_own(1), other.next_own(1), one.next_own(0)];
        assert_eq!(own, [Ok(1), Ok(2), Ok(1), Ok(1)]);
        assert_eq!([one.next_of_run(0), other.next_of_run(0)], [Ok(1), Ok(2)]);
        assert_eq!(
            (one.next_own(2), one.next_of_run(-1)),
            (Err(Fault::Missing), Err(Fault::Missing))
        );
    }
}
