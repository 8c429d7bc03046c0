//! The cells of a histogram as gaps and counts, each by its context.
//!
//! One walk serves both directions, so that a reader is always in the context in which the writer was.
//!
//! Alone, what comes next is told by what came last: where cells stand thick the next is near. Beside another histogram
//! it is told by that: a response time is a service time and a little more, so that most cells of the one are those of
//! the other or their neighbours.

use super::PackingError;
use crate::layout::{LAST_CELL, lowest_equivalent};
use crate::payload::Cell;

use super::frame::Ends;

/// The lowest values of the lowest and of the highest cell, if there are any.
pub(super) fn ends_of(cells: &[Cell]) -> Option<Ends> {
    let (first, last) = (cells.first()?, cells.last()?);
    Some((lowest_equivalent(first.0 as usize), lowest_equivalent(last.0 as usize)))
}

/// Contexts of gaps, and of counts.
pub(super) const GAP_CONTEXTS: usize = ALONE_GAPS + LEFT * AHEAD * DENSITIES_BESIDE;
pub(super) const COUNT_CONTEXTS: usize = ALONE_COUNTS + HELD * HELD;

const ALONE_GAPS: usize = DENSITIES * HEIGHTS_OF_GAPS;
const ALONE_COUNTS: usize = DENSITIES_OF_COUNTS * HEIGHTS;
/// Classes of how far the last cells stood from one another, and of how much they held.
const DENSITIES: usize = 13;
const DENSITIES_OF_COUNTS: usize = 7;
const HEIGHTS: usize = 12;
const HEIGHTS_OF_GAPS: usize = 4;
/// Classes of what the last cells have left over, of how far the next cell of the other one is, of what cells of it hold.
const LEFT: usize = 3;
const AHEAD: usize = 7;
const DENSITIES_BESIDE: usize = 2;
const HELD: usize = 11;

/// Longest gap, and highest count, that the means are moved by: one far cell is not to be remembered for long.
const MOST: u64 = 300;
/// Means are kept in 256ths.
const ONE: u32 = 256;

/// Says, or is told, what comes next.
pub(super) trait Coding {
    /// How many empty cells are before the next one, from `next` on. `ahead`: where the other histogram has its next.
    fn gap(&mut self, context: usize, next: usize, ahead: Option<usize>) -> Result<usize, PackingError>;
    /// How much that cell holds, at least 1.
    fn count(&mut self, context: usize) -> Result<u64, PackingError>;
}

/// Walks over the cells of a histogram that holds `total`, beside another one or none, and appends them.
pub(super) fn walk(
    coding: &mut impl Coding,
    total: u64,
    beside: &[Cell],
    cells: &mut Vec<Cell>,
) -> Result<(), PackingError> {
    let mut means = Means::new();
    let mut other = Other::new(beside);
    let (mut next, mut rest) = (0, total);
    while rest > 0 {
        let ahead = other.ahead(next);
        let context = match ahead {
            None => means.gap_context(),
            Some(distance) => ALONE_GAPS + other.gap_context(distance, &means),
        };
        let gap = coding.gap(context, next, ahead)?;
        let index = next + gap;
        if index > LAST_CELL {
            return Err(PackingError::Damaged("it has a count beyond one hour"));
        }
        means.gap.add(gap as u64);
        other.reach(index, gap);
        let context = match ahead {
            None => means.count_context(),
            Some(_) => ALONE_COUNTS + other.count_context(),
        };
        let count = coding.count(context)?;
        if count > rest {
            return Err(PackingError::Damaged("its cells hold more than it says"));
        }
        means.count.add(count);
        other.take(count);
        rest -= count;
        next = index + 1;
        cells.push((index as u32, count));
    }
    Ok(())
}

/// A mean that follows what comes, a quarter of the way each time.
struct Mean(u32);

impl Mean {
    fn add(&mut self, number: u64) {
        self.0 = self.0 - self.0 / 4 + number.min(MOST) as u32 * (ONE / 4);
    }

    /// Twice the logarithm of one more than the mean, to the base of 2, rounded down.
    fn class(&self) -> usize {
        class(self.0 + ONE)
    }
}

/// Twice the logarithm of a number of 256ths, at least 1, to the base of 2, rounded down.
fn class(number: u32) -> usize {
    let doublings = number.ilog2() - ONE.ilog2();
    // 256 times the root of 2, rounded up.
    2 * doublings as usize + usize::from(number >> doublings >= 363)
}

struct Means {
    gap: Mean,
    count: Mean,
}

impl Means {
    fn new() -> Self {
        Self {
            gap: Mean(30 * ONE),
            count: Mean(ONE),
        }
    }

    fn gap_context(&self) -> usize {
        let height = (self.count.class() / 2 - 1).min(HEIGHTS_OF_GAPS - 1);
        self.gap.class().min(DENSITIES - 1) * HEIGHTS_OF_GAPS + height
    }

    fn count_context(&self) -> usize {
        let density = (self.gap.class() / 2).min(DENSITIES_OF_COUNTS - 1);
        density * HEIGHTS + (self.count.class() - 2).min(HEIGHTS - 1)
    }
}

/// The histogram beside which another one is walked over.
struct Other<'a> {
    /// Its cells that are not passed yet.
    cells: &'a [Cell],
    /// What it holds in the present cell.
    here: u64,
    /// What its last cell held that was not taken, if the present cell is the next one.
    left: u64,
}

impl<'a> Other<'a> {
    fn new(cells: &'a [Cell]) -> Self {
        Self {
            cells,
            here: 0,
            left: 0,
        }
    }

    /// How far its next cell is.
    fn ahead(&self, next: usize) -> Option<usize> {
        self.cells.first().map(|(index, _)| *index as usize - next)
    }

    /// The present cell is this one.
    fn reach(&mut self, index: usize, gap: usize) {
        if gap > 0 {
            self.left = 0;
        }
        self.here = 0;
        while let Some(((own, count), rest)) = self.cells.split_first().filter(|((own, _), _)| *own as usize <= index) {
            if *own as usize == index {
                self.here = *count;
            }
            self.cells = rest;
        }
    }

    /// The present cell has taken so many: first of those that were left over.
    fn take(&mut self, count: u64) {
        self.left = (self.left + self.here).saturating_sub(count).min(self.here);
    }

    fn gap_context(&self, distance: usize, means: &Means) -> usize {
        let left = (self.left as usize).min(LEFT - 1);
        let density = (means.gap.class() / 6).min(DENSITIES_BESIDE - 1);
        (left * AHEAD + distance.min(AHEAD - 1)) * DENSITIES_BESIDE + density
    }

    fn count_context(&self) -> usize {
        held(self.left + self.here) * HELD + held(self.here)
    }
}

fn held(count: u64) -> usize {
    let class = if count <= 5 {
        count as usize
    } else {
        4 + count.ilog2() as usize
    };
    class.min(HELD - 1)
}
