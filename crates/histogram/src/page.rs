//! 1,024 counts, in the narrowest form that holds them.
//!
//! A page starts with 16-bit cells (2 KiB) and is widened to 64 bits (8 KiB) by the first count
//! that does not fit: the addition is checked, so no count can be lost by being late to notice.
//!
//! Why two widths. 50 series of 8 histograms on 2 threads, each touching 5 pages, are 4,000 pages:
//! 8 MiB narrow, 16 with 32 bits, 32 with 64. Within one second of one thread hardly a cell passes
//! 65,535; the one that does (a wait of 0 ns) costs one copy of 1,024 counts per second. Merged
//! histograms widen where they must and stay small where they need not.

use crate::layout::CELLS_PER_PAGE;
use crate::payload::Cell;
use crate::pool::PagePool;

pub(crate) type NarrowCells = [u16; CELLS_PER_PAGE];
pub(crate) type WideCells = [u64; CELLS_PER_PAGE];

/// The counts of one doubling of values.
#[derive(Default)]
pub(crate) enum Page {
    /// Never touched: all counts are 0 and nothing is allocated.
    #[default]
    Untouched,
    /// Every count is at most 65,535.
    Narrow(Box<NarrowCells>),
    /// Every count is at most `MAX_COUNT`, which the histogram's total keeps.
    Wide(Box<WideCells>),
}

impl Page {
    /// Add 1, if that takes neither a page nor a widening. Returns whether it was done.
    #[inline]
    pub(crate) fn try_increment(&mut self, cell: usize) -> bool {
        match self {
            Self::Narrow(cells) => match cells[cell].checked_add(1) {
                Some(sum) => {
                    cells[cell] = sum;
                    true
                }
                None => false,
            },
            Self::Wide(cells) => {
                cells[cell] += 1;
                true
            }
            Self::Untouched => false,
        }
    }

    /// Add `n` to a cell, taking or widening the page where that is needed.
    pub(crate) fn add(&mut self, cell: usize, n: u64, pool: &PagePool) {
        if matches!(self, Self::Untouched) {
            *self = Self::Narrow(pool.take_narrow());
        }
        if let Self::Narrow(cells) = self {
            let sum = u64::from(cells[cell]) + n;
            if let Ok(sum) = u16::try_from(sum) {
                cells[cell] = sum;
                return;
            }
        }
        self.widen(pool)[cell] += n;
    }

    /// Add cells that all lie in this page, by their indexes in the whole layout.
    pub(crate) fn add_cells(&mut self, cells: &[Cell], pool: &PagePool) {
        let place = |index: u32| index as usize % CELLS_PER_PAGE;
        if let Self::Wide(own) = self {
            for (index, n) in cells {
                own[place(*index)] += n;
            }
            return;
        }
        for (index, n) in cells {
            self.add(place(*index), *n, pool);
        }
    }

    /// Add a whole page, cell by cell.
    pub(crate) fn add_page(&mut self, other: &Self, pool: &PagePool) {
        match other {
            Self::Untouched => {}
            Self::Narrow(others) => {
                if matches!(self, Self::Untouched) {
                    *self = Self::Narrow(pool.take_narrow());
                }
                if let Self::Narrow(cells) = self {
                    // First whether all fit, then the adding: two loops without an exit, which
                    // the compiler turns into vector instructions.
                    let fits = |fits, (a, b): (&u16, &u16)| fits & a.checked_add(*b).is_some();
                    if cells.iter().zip(others.iter()).fold(true, fits) {
                        for (cell, n) in cells.iter_mut().zip(others.iter()) {
                            *cell += n;
                        }
                        return;
                    }
                }
                for (cell, n) in self.widen(pool).iter_mut().zip(others.iter()) {
                    *cell += u64::from(*n);
                }
            }
            Self::Wide(others) => {
                for (cell, n) in self.widen(pool).iter_mut().zip(others.iter()) {
                    *cell += n;
                }
            }
        }
    }

    /// Count of one cell.
    #[inline]
    pub(crate) fn count(&self, cell: usize) -> u64 {
        match self {
            Self::Untouched => 0,
            Self::Narrow(cells) => u64::from(cells[cell]),
            Self::Wide(cells) => cells[cell],
        }
    }

    /// Its cells that hold something, from the lowest up.
    pub(crate) fn cells(&self) -> impl Iterator<Item = (usize, u64)> {
        let (narrow, wide): (&[u16], &[u64]) = match self {
            Self::Untouched => (&[], &[]),
            Self::Narrow(cells) => (&**cells, &[]),
            Self::Wide(cells) => (&[], &**cells),
        };
        let narrow = narrow.iter().map(|count| u64::from(*count));
        let cells = narrow.chain(wide.iter().copied()).enumerate();
        cells.filter(|(_, count)| *count > 0)
    }

    /// Sum of all its counts.
    pub(crate) fn total(&self) -> u64 {
        match self {
            Self::Untouched => 0,
            Self::Narrow(cells) => cells.iter().map(|n| u64::from(*n)).sum(),
            Self::Wide(cells) => cells.iter().sum(),
        }
    }

    /// Bytes that it holds on the heap.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Untouched => 0,
            Self::Narrow(_) => size_of::<NarrowCells>(),
            Self::Wide(_) => size_of::<WideCells>(),
        }
    }

    /// Make the cells 64 bits wide, whatever they were.
    fn widen(&mut self, pool: &PagePool) -> &mut WideCells {
        if !matches!(self, Self::Wide(_)) {
            let mut wide = pool.take_wide();
            if let Self::Narrow(narrow) = self {
                for (cell, n) in wide.iter_mut().zip(narrow.iter()) {
                    *cell = u64::from(*n);
                }
            }
            pool.give_back(&mut [std::mem::replace(self, Self::Wide(wide))]);
        }
        match self {
            Self::Wide(cells) => cells,
            Self::Untouched | Self::Narrow(_) => unreachable!("the page was made wide above"),
        }
    }
}
