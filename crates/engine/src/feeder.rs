//! Which row is next.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use apibench_core::feeder::{Feeder as Written, RowOrder, WhenDry};
use apibench_core::plan::Plan;
use apibench_core::schedule::random::draw;
use apibench_core::segment::Share;

use crate::expression::Draws;
use crate::program::Program;
use crate::rows::{Row, RowReader, Rows};
use crate::shuffle::Shuffle;

/// Tells what rows are mixed with from all else that follows from a plan's seed: no plan has as many scenarios.
const FEEDER_SEED: u64 = u64::MAX;

/// Opens the rows of all feeders of a plan, in the program's order.
///
/// # Errors
/// All that is wrong with them: which feeder, and what.
pub fn open(plan: &Plan, program: &Program) -> Result<Vec<Arc<Rows>>, Vec<(String, String)>> {
    let (mut rows, mut faults) = (Vec::new(), Vec::new());
    for (number, name) in (0_u16..).zip(&program.feeders) {
        match Rows::open(&plan.feeders[name]) {
            Ok(opened) => {
                let known = opened.columns();
                // Lines of JSON say themselves what is in them.
                let lacking = |column: &&String| !known.is_empty() && !known.contains(column);
                let used: BTreeSet<_> = program.columns.iter().filter(|(of, _)| *of == number).collect();
                let lacking = used.into_iter().map(|(_, column)| column).filter(lacking);
                faults.extend(lacking.map(|column| {
                    let message = format!("there is no column `{column}`; there are {}", known.join(", "));
                    (name.clone(), message)
                }));
                rows.push(Arc::new(opened));
            }
            Err(wrong) => faults.extend(wrong.into_iter().map(|message| (name.clone(), message))),
        }
    }
    if faults.is_empty() { Ok(rows) } else { Err(faults) }
}

/// The feeders of a process that begins with `share` of a plan.
#[must_use]
pub fn feeders(plan: &Plan, program: &Program, rows: &[Arc<Rows>], share: &Share) -> Arc<[Feeder]> {
    let named = program.feeders.iter().zip(rows).zip(0_u64..);
    named
        .map(|((name, rows), number)| {
            let seed = draw(plan.seed, FEEDER_SEED, number, 0, 0);
            Feeder::new(&plan.feeders[name], Arc::clone(rows), share, seed)
        })
        .collect()
}

/// A feeder in one process. Its threads take from it in turn.
///
/// Rows that come again are handed out from the process's own place on. Of rows that do not, a process hands out those
/// whose number lies in the share with which it began: nobody else hands them out, also if it dies and others take its
/// share of the load.
#[derive(Debug)]
pub struct Feeder {
    rows: Arc<Rows>,
    order: RowOrder,
    when_dry: WhenDry,
    share: Share,
    /// How many were handed out, where rows come again; else the first number that was not looked at.
    cursor: AtomicU64,
    first: u64,
    seed: u64,
}

impl Feeder {
    /// A feeder that has handed nothing out. `seed` has rows mixed.
    #[must_use]
    pub fn new(written: &Written, rows: Arc<Rows>, share: &Share, seed: u64) -> Self {
        let first = share.place_of(usize::try_from(rows.count()).unwrap_or(usize::MAX)) as u64;
        Self {
            rows,
            order: written.order,
            when_dry: written.when_dry,
            share: share.clone(),
            cursor: AtomicU64::new(0),
            first,
            seed,
        }
    }

    /// How its rows are mixed, for one who takes from it.
    #[must_use]
    pub fn shuffle(&self) -> Shuffle {
        Shuffle::new(self.rows.count(), self.seed)
    }

    /// The number of the next row; `None` if there is none left. `shuffle` is its own.
    pub fn next(&self, draws: &mut Draws<'_>, shuffle: &mut Shuffle) -> Option<u64> {
        let mut row_at = |pass, place| match self.order {
            RowOrder::Shuffle => shuffle.at(pass, place),
            _ => place,
        };
        let count = self.rows.count();
        if self.order == RowOrder::Random {
            return Some(draws.below(count));
        }
        if !self.comes_again() {
            let taken = |cursor: u64| self.owned_from(cursor).map(|place| place + 1);
            let before = self
                .cursor
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken)
                .ok()?;
            return self.owned_from(before).map(|place| row_at(0, place));
        }
        // No process hands out so many that this is too much.
        let place = self.first + self.cursor.fetch_add(1, Ordering::Relaxed);
        Some(row_at(place / count, place % count))
    }

    /// Whether no row is left.
    #[must_use]
    pub fn is_dry(&self) -> bool {
        self.order != RowOrder::Random
            && !self.comes_again()
            && self.owned_from(self.cursor.load(Ordering::Relaxed)).is_none()
    }

    fn comes_again(&self) -> bool {
        self.when_dry == WhenDry::Recycle && self.order != RowOrder::Unique
    }

    fn owned_from(&self, cursor: u64) -> Option<u64> {
        self.share.next_owned(cursor).filter(|place| *place < self.rows.count())
    }
}

/// The feeders of a process, as one of its threads takes from them.
#[derive(Debug, Default)]
pub struct Feeding {
    feeders: Arc<[Feeder]>,
    /// Of each of them.
    shuffles: Box<[Shuffle]>,
    reader: RowReader,
}

/// What was there when a row was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken<'f> {
    /// A row.
    Row(Row<'f>),
    /// None is left, and whoever asks begins no further iteration.
    Over,
    /// None is left, or its file is not any more what it was.
    Nothing,
}

impl Feeding {
    /// Takes from those, by their numbers.
    #[must_use]
    pub fn new(feeders: Arc<[Feeder]>) -> Self {
        Self {
            shuffles: feeders.iter().map(Feeder::shuffle).collect(),
            feeders,
            reader: RowReader::default(),
        }
    }

    /// The next row of a feeder.
    pub fn take(&mut self, feeder: u16, draws: &mut Draws<'_>) -> Taken<'_> {
        let place = usize::from(feeder);
        let (Some(feeder), Some(shuffle)) = (self.feeders.get(place), self.shuffles.get_mut(place)) else {
            return Taken::Nothing;
        };
        match feeder.next(draws, shuffle) {
            Some(row) => feeder
                .rows
                .read(row, &mut self.reader)
                .map_or(Taken::Nothing, Taken::Row),
            None if feeder.when_dry == WhenDry::Stop => Taken::Over,
            None => Taken::Nothing,
        }
    }

    /// Whether one of these has no row left.
    #[must_use]
    pub fn any_dry(&self, feeders: &[u16]) -> bool {
        let mut own = feeders
            .iter()
            .filter_map(|number| self.feeders.get(usize::from(*number)));
        own.any(Feeder::is_dry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counter::Counts;
    use apibench_core::feeder::RowFormat;
    use proptest::prelude::*;

    fn feeder(count: u64, order: RowOrder, when_dry: WhenDry, share: &Share) -> Feeder {
        let numbers: Vec<String> = (0..count).map(|row| row.to_string()).collect();
        let written = Written {
            format: RowFormat::Csv,
            path: None,
            text: Some(format!("n\n{}", numbers.join("\n"))),
            columns: Vec::new(),
            delimiter: ",".to_owned(),
            order,
            when_dry,
        };
        Feeder::new(&written, Arc::new(Rows::open(&written).unwrap()), share, 7)
    }

    fn take(feeder: &Feeder, times: u64) -> Vec<Option<u64>> {
        let (mut drawn, mut shuffle) = (0, feeder.shuffle());
        let mut next = || {
            let mut draws = Draws {
                seed: 1,
                wall_clock: || 0,
                scenario: 0,
                stream: 0,
                round: 0,
                drawn: &mut drawn,
                counts: &mut Counts::default(),
            };
            feeder.next(&mut draws, &mut shuffle)
        };
        (0..times).map(|_| next()).collect()
    }

    proptest! {
        #[test]
        fn a_unique_row_is_handed_out_once_by_all_shares_together(
            weights in prop::collection::vec(0_u64..100, 1..8),
            count in 1_u64..500,
            order in prop::sample::select(vec![RowOrder::Unique, RowOrder::Shuffle, RowOrder::Sequential]),
        ) {
            prop_assume!(weights.iter().any(|weight| *weight > 0));
            let mut seen = Vec::new();
            for share in Share::whole().split(&weights) {
                let feeder = feeder(count, order, WhenDry::Fail, &share);
                let mut taken: Vec<_> = take(&feeder, count + 1);
                prop_assert!(feeder.is_dry() && taken.pop() == Some(None));
                seen.extend(taken.into_iter().flatten());
            }
            let distinct: BTreeSet<_> = seen.iter().copied().collect();
            prop_assert_eq!((seen.len() as u64, distinct.len() as u64), (count, count));
        }

        #[test]
        fn rows_that_come_again_come_equally_often(
            low: u64,
            count in 1_u64..300,
            passes in 1_u64..4,
            order in prop::sample::select(vec![RowOrder::Shuffle, RowOrder::Sequential]),
        ) {
            let share = Share::checked(vec![apibench_core::segment::Segment { low, high: u64::MAX }]).unwrap();
            let feeder = feeder(count, order, WhenDry::Recycle, &share);
            let first = feeder.first;
            // The first pass begins at the share's own place.
            prop_assert!(take(&feeder, count - first).iter().flatten().all(|row| *row < count));
            for _ in 0..passes {
                let pass: BTreeSet<_> = take(&feeder, count).into_iter().flatten().collect();
                prop_assert_eq!(pass.len() as u64, count);
            }
            prop_assert!(!feeder.is_dry());
        }
    }

    #[test]
    fn one_process_hands_rows_out_in_their_order() {
        let whole = Share::whole();
        let taken = take(&feeder(3, RowOrder::Sequential, WhenDry::Recycle, &whole), 7);
        assert_eq!(taken.into_iter().flatten().collect::<Vec<_>>(), [0, 1, 2, 0, 1, 2, 0]);
        let taken = take(&feeder(3, RowOrder::Unique, WhenDry::Stop, &whole), 4);
        assert_eq!(taken, [Some(0), Some(1), Some(2), None]);
    }

    #[test]
    fn mixed_rows_do_not_come_in_order_and_each_pass_mixes_anew() {
        let taken = take(&feeder(100, RowOrder::Shuffle, WhenDry::Recycle, &Share::whole()), 200);
        let in_order = taken.windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!((60..140).contains(&in_order), "{in_order}");
        assert_ne!(taken[..100], taken[100..]);
    }

    #[test]
    fn random_rows_are_drawn_from_the_iteration() {
        let feeder = feeder(1_000, RowOrder::Random, WhenDry::Recycle, &Share::whole());
        let (one, other) = (take(&feeder, 5), take(&feeder, 5));
        assert_eq!(one, other, "the same draws, the same rows");
        assert_eq!(one.iter().collect::<BTreeSet<_>>().len(), 5);
    }

    #[test]
    fn threads_take_each_row_once() {
        let feeder = feeder(20_000, RowOrder::Unique, WhenDry::Stop, &Share::whole());
        let taken: Vec<u64> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| take(&feeder, 6_000))).collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap())
                .flatten()
                .collect()
        });
        let distinct: BTreeSet<_> = taken.iter().collect();
        assert_eq!((taken.len(), distinct.len()), (20_000, 20_000));
    }
}
