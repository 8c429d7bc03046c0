//! Which value belongs to which cell: `HdrHistogram`'s own layout, and nothing but arithmetic.
//!
//! Lowest 1 ns, highest 1 h, 3 significant digits. Values below 2,048 ns have a cell each. Above,
//! every doubling is cut into 1,024 equal cells, so that a cell is at most 1/1,024 of its values
//! wide (0.098 %). A unit of 1 us, as wrk2 has it, would make that 10 % at 10 us.
//!
//! The layout is fixed: one that could be configured would have to be compared before each merge.

/// Lowest value told from its neighbour, in nanoseconds. Zero is legal too and has cell 0.
pub const LOWEST_NS: u64 = 1;

/// Highest value recorded as it is, in nanoseconds: one hour. What is beyond counts as one hour.
pub const HIGHEST_NS: u64 = 3_600_000_000_000;

/// Decimal digits that any recorded value keeps.
pub const SIGNIFICANT_DIGITS: u8 = 3;

/// Cells of the whole layout. The last 371 lie beyond one hour and stay empty.
pub const CELLS: usize = 33_792;

/// Cells in one page: those of one doubling.
pub const CELLS_PER_PAGE: usize = 1 << HALF_BITS;

/// Pages of the whole layout.
pub const PAGES: usize = CELLS / CELLS_PER_PAGE;

/// Cell of [`HIGHEST_NS`], the last that can hold a count.
pub const LAST_CELL: usize = index_of(HIGHEST_NS);

/// Bits of a value's position within its doubling: 2^11 = 2,048 is the first power of two from
/// which on 3 digits need no single-unit resolution (2 x 10^3), half of that is new per doubling.
const HALF_BITS: u32 = 10;

/// Cell of `value_ns`, in `[0, LAST_CELL]` for values in `[0, HIGHEST_NS]`.
///
/// Example: 300,000 ns has its top bit at 18, so cells of 2^(18-10) = 256 ns:
/// `8 * 1,024 + 300,000 / 256 = 9,363`.
#[inline]
#[must_use]
pub const fn index_of(value_ns: u64) -> usize {
    // Setting the low 11 bits makes all of [0, 2,047] look like one doubling: no branch for them.
    let shift = u64::BITS - 1 - HALF_BITS - (value_ns | (2 * CELLS_PER_PAGE as u64 - 1)).leading_zeros();
    ((shift as usize) << HALF_BITS) + (value_ns >> shift) as usize
}

/// Lowest value, in nanoseconds, that has cell `index`, for `index` in `[0, CELLS)`.
#[inline]
#[must_use]
pub const fn lowest_equivalent(index: usize) -> u64 {
    let shift = shift_of(index);
    ((index - (shift << HALF_BITS)) as u64) << shift
}

/// Highest value, in nanoseconds, that has cell `index`, for `index` in `[0, CELLS)`.
#[inline]
#[must_use]
pub const fn highest_equivalent(index: usize) -> u64 {
    lowest_equivalent(index) + ((1 << shift_of(index)) - 1)
}

/// How many low bits the values of a cell share: pages 0 and 1 hold single values, page 2 pairs.
const fn shift_of(index: usize) -> usize {
    (index >> HALF_BITS).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_corners_hold() {
        assert_eq!(index_of(0), 0);
        assert_eq!(index_of(2_047), 2_047);
        assert_eq!(index_of(2_048), 2_048);
        assert_eq!(index_of(2_049), 2_048);
        assert_eq!(index_of(300_000), 9_363);
        assert_eq!(CELLS - 1 - LAST_CELL, 371);
        assert_eq!(PAGES, 33);
    }

    #[test]
    fn cells_tile_the_whole_range_without_gap_or_overlap() {
        let mut next = 0;
        for index in 0..CELLS {
            assert_eq!(lowest_equivalent(index), next);
            assert_eq!(index_of(lowest_equivalent(index)), index);
            assert_eq!(index_of(highest_equivalent(index)), index);
            next = highest_equivalent(index) + 1;
        }
    }

    #[test]
    fn no_cell_is_wider_than_a_thousandth_of_its_values() {
        for index in 0..CELLS {
            let width = highest_equivalent(index) - lowest_equivalent(index);
            assert!(width * 1_000 <= lowest_equivalent(index));
        }
    }
}
