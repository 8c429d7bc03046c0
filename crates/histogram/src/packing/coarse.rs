//! Cells in steps as wide as the clock that they were recorded by, or as their own widths.
//!
//! A receive lag is recorded in steps of 512 ns: of eight cells of 64 ns one is used, and no more than that is to be told.
//! Values divided by the step have cells of the same layout, one for each step.

use crate::layout::{LAST_CELL, highest_equivalent, index_of, lowest_equivalent};
use crate::payload::Cell;

use super::PackingError;

/// The widest step: 2^20 ns.
const MOST_DIGITS: u32 = 20;

/// How many cells narrower than a step may be in it by chance.
const BY_CHANCE: usize = 8;

/// Cells of values that are divided by a step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Coarse {
    /// The step: 2 to the power of this.
    pub(super) digits: u8,
    pub(super) cells: Vec<Cell>,
}

impl Coarse {
    /// Those cells in the widest steps that tell all of them apart.
    pub(super) fn of(cells: &[Cell]) -> Self {
        let all = cells
            .iter()
            .fold(0, |all, (index, _)| all | lowest_equivalent(*index as usize));
        let digits = all.trailing_zeros().min(MOST_DIGITS);
        // Some cells are in step by chance, and most in those of their own width: a step that tells nothing would part a
        // histogram from its neighbours.
        let is_step = cells
            .get(BY_CHANCE)
            .is_some_and(|(index, _)| width_of(*index as usize) < 1 << digits);
        let digits = if is_step { digits as u8 } else { 0 };
        let coarse = |(index, count): &Cell| {
            let steps = lowest_equivalent(*index as usize) >> digits;
            (index_of(steps) as u32, *count)
        };
        Self {
            digits,
            cells: cells.iter().map(coarse).collect(),
        }
    }

    /// The cells themselves.
    pub(super) fn fine(&self) -> Result<Vec<Cell>, PackingError> {
        const BEYOND: PackingError = PackingError::Damaged("it has a count beyond one hour");
        if u32::from(self.digits) > MOST_DIGITS {
            return Err(BEYOND);
        }
        let fine = |(index, count): &Cell| {
            let index = index_of(lowest_equivalent(*index as usize) << self.digits);
            if index > LAST_CELL {
                Err(BEYOND)
            } else {
                Ok((index as u32, *count))
            }
        };
        self.cells.iter().map(fine).collect()
    }

    /// Whether three of four cells are also cells of the other one, or the next ones behind.
    pub(super) fn is_near(&self, other: &Self) -> bool {
        let mut rest = other.cells.iter().map(|(index, _)| *index).peekable();
        let (mut near, mut last) = (0, None);
        for (index, _) in &self.cells {
            while let Some(passed) = rest.next_if(|other| other <= index) {
                last = Some(passed);
            }
            near += usize::from(last.is_some_and(|last| index - last <= 1));
        }
        self.digits == other.digits && near * 4 >= self.cells.len() * 3
    }
}

fn width_of(index: usize) -> u64 {
    highest_equivalent(index) - lowest_equivalent(index) + 1
}
