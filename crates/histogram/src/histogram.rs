//! A histogram of times: recorded on the hot path, merged exactly, asked once at the end.
//!
//! Invariants: the cells add up to `count`; `count`, `sum`, `min` and `max` are exact (of the
//! values as clamped to one hour), not rebuilt from cells; `min` lies in the first cell that is
//! not 0 and `max` in the last. Nothing here depends on the order in which values came or
//! histograms were merged.

use std::fmt;

use crate::layout::{CELLS_PER_PAGE, HIGHEST_NS, LAST_CELL, PAGES, highest_equivalent, index_of, lowest_equivalent};
use crate::page::Page;
use crate::payload::Cell;
use crate::pool::PagePool;

/// Most values that one histogram can hold: 2^63 - 1, the largest count that V2 can carry.
/// Recording one by one, a thousand million per second, gets there after 292 years.
pub const MAX_COUNT: u64 = i64::MAX as u64;

/// Counts of times between 0 and one hour, in nanoseconds, with 3 significant digits.
///
/// # Censored values
///
/// A request that timed out after 10 s would have taken *at least* 10 s. It is recorded at its
/// age by [`record_censored`](Self::record_censored) and remembered as a lower bound: a quantile
/// at or above the lowest such bound may be higher than it prints, hence `>=`.
pub struct Histogram {
    pages: [Page; PAGES],
    count: u64,           // <= MAX_COUNT
    sum_ns: u128,         // <= count * HIGHEST_NS < 2^105
    min_ns: u64,          // u64::MAX while empty, so that recording needs no branch
    max_ns: u64,          // 0 while empty
    clamped: u64,         // <= count
    censored: u64,        // <= count
    censored_min_ns: u64, // u64::MAX while nothing is censored
    pool: PagePool,
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new(&PagePool::new())
    }
}

impl Histogram {
    /// An empty histogram that takes its pages from `pool`, and gives them back.
    #[must_use]
    pub fn new(pool: &PagePool) -> Self {
        Self {
            pages: std::array::from_fn(|_| Page::default()),
            count: 0,
            sum_ns: 0,
            min_ns: u64::MAX,
            max_ns: 0,
            clamped: 0,
            censored: 0,
            censored_min_ns: u64::MAX,
            pool: pool.clone(),
        }
    }

    /// Record one value. Beyond one hour it counts as one hour, and as clamped.
    ///
    /// A handful of instructions, no division; once the page of the value's doubling is there,
    /// no allocation.
    #[inline]
    pub fn record(&mut self, value_ns: u64) {
        let value = self.note(value_ns, 1);
        // Unchecked, unlike in `record_n`: one at a time never gets to MAX_COUNT.
        self.count += 1;
        self.sum_ns += u128::from(value);
        let index = index_of(value);
        if !self.pages[index / CELLS_PER_PAGE].try_increment(index % CELLS_PER_PAGE) {
            self.touch(index);
        }
    }

    /// Record the same value `n` times. `n` of 0 changes nothing.
    ///
    /// # Panics
    ///
    /// If the histogram would then hold more than [`MAX_COUNT`] values.
    pub fn record_n(&mut self, value_ns: u64, n: u64) {
        if n == 0 {
            return;
        }
        self.raise_count(n);
        let value = self.note(value_ns, n);
        self.sum_ns += u128::from(value) * u128::from(n);
        let index = index_of(value);
        self.pages[index / CELLS_PER_PAGE].add(index % CELLS_PER_PAGE, n, &self.pool);
    }

    /// Record a value of which only a lower bound is known: the age at which it was given up.
    #[inline]
    pub fn record_censored(&mut self, value_ns: u64) {
        self.record(value_ns);
        self.censored += 1;
        self.censored_min_ns = self.censored_min_ns.min(value_ns.min(HIGHEST_NS));
    }

    /// Record the same lower bound `n` times. `n` of 0 changes nothing.
    ///
    /// # Panics
    ///
    /// If the histogram would then hold more than [`MAX_COUNT`] values.
    pub fn record_censored_n(&mut self, value_ns: u64, n: u64) {
        if n == 0 {
            return;
        }
        self.record_n(value_ns, n);
        self.censored += n;
        self.censored_min_ns = self.censored_min_ns.min(value_ns.min(HIGHEST_NS));
    }

    /// Add all that `other` holds. Order and grouping of merges make no difference.
    ///
    /// # Panics
    ///
    /// If the histogram would then hold more than [`MAX_COUNT`] values.
    pub fn merge(&mut self, other: &Self) {
        if other.is_empty() {
            // Of the times of a series most are, as a rule.
            return;
        }
        self.raise_count(other.count);
        for (page, others) in self.pages.iter_mut().zip(&other.pages) {
            page.add_page(others, &self.pool);
        }
        self.sum_ns += other.sum_ns;
        self.min_ns = self.min_ns.min(other.min_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
        self.clamped += other.clamped;
        self.censored += other.censored;
        self.censored_min_ns = self.censored_min_ns.min(other.censored_min_ns);
    }

    /// Make it empty. Its pages go back to the pool, so that what is held is what the present
    /// second needs, not every doubling that some second of the run has seen.
    pub fn clear(&mut self) {
        self.pool.give_back(&mut self.pages);
        self.count = 0;
        self.sum_ns = 0;
        self.min_ns = u64::MAX;
        self.max_ns = 0;
        self.clamped = 0;
        self.censored = 0;
        self.censored_min_ns = u64::MAX;
    }

    /// Whether nothing was recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many values it holds, censored and clamped ones included.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Exact sum in nanoseconds; a clamped value adds one hour, a censored one its lower bound.
    #[must_use]
    pub fn sum_ns(&self) -> u128 {
        self.sum_ns
    }

    /// Exact lowest value; `None` while empty.
    #[must_use]
    pub fn min_ns(&self) -> Option<u64> {
        (!self.is_empty()).then_some(self.min_ns)
    }

    /// Exact highest value, at most one hour; `None` while empty.
    #[must_use]
    pub fn max_ns(&self) -> Option<u64> {
        (!self.is_empty()).then_some(self.max_ns)
    }

    /// How many values were beyond one hour.
    #[must_use]
    pub fn clamped(&self) -> u64 {
        self.clamped
    }

    /// How many values are lower bounds.
    #[must_use]
    pub fn censored(&self) -> u64 {
        self.censored
    }

    /// Lowest of the lower bounds; `None` where nothing is censored.
    #[must_use]
    pub fn censored_min_ns(&self) -> Option<u64> {
        (self.censored > 0).then_some(self.censored_min_ns)
    }

    /// The value that a share `q` of all values does not exceed; `None` while empty.
    ///
    /// Highest equivalent value of the cell in which the cumulative count reaches `ceil(q *
    /// count)`, at least 1 and at most all; never above the recorded maximum nor below the
    /// minimum. `q` is clamped to [0, 1]; NaN counts as 0. The product is taken in `f64`, as the
    /// `HdrHistogram` libraries do, so that they name the same cell.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<u64> {
        if self.is_empty() {
            return None;
        }
        Some(self.at_rank(self.rank(q)))
    }

    fn rank(&self, q: f64) -> u64 {
        // The cast saturates, and 2^63 - 1 rounds up as f64: hence the clamp on both sides.
        let rank = (q.clamp(0.0, 1.0) * self.count as f64).ceil() as u64;
        rank.clamp(1, self.count)
    }

    /// The value of a rank in [1, count].
    fn at_rank(&self, rank: u64) -> u64 {
        let mut below = 0;
        for (number, page) in self.pages.iter().enumerate() {
            let total = page.total();
            if below + total < rank {
                below += total;
                continue;
            }
            for cell in 0..CELLS_PER_PAGE {
                below += page.count(cell);
                if below >= rank {
                    let value = highest_equivalent(number * CELLS_PER_PAGE + cell);
                    return value.clamp(self.min_ns, self.max_ns);
                }
            }
        }
        unreachable!("the cells add up to count, and the rank is at most count")
    }

    /// The highest that the true quantile can be, had the values of which only lower bounds are known gone on for
    /// ever. `None` if nothing bounds it, and while empty.
    #[must_use]
    pub fn quantile_at_most(&self, q: f64) -> Option<u64> {
        let value = self.quantile(q)?;
        if self.censored == 0 || value < self.censored_min_ns {
            return Some(value);
        }
        // Each of them that counted below the quantile would count above it: that moves it up by a rank.
        let rank = self.rank(q).checked_add(self.censored)?;
        (rank <= self.count).then(|| self.at_rank(rank))
    }

    /// Whether the true quantile may be higher than [`quantile`](Self::quantile) says by more than 1 %, because that
    /// reaches into values of which only lower bounds are known. It then prints `>=`.
    #[must_use]
    pub fn quantile_is_censored(&self, q: f64) -> bool {
        let Some(value) = self.quantile(q) else { return false };
        self.quantile_at_most(q).is_none_or(|most| most > value + value / 100)
    }

    /// Share in [0, 1] of the values that are at most `value_ns`, or equivalent to it: the cell
    /// is counted whole. `None` while empty.
    #[must_use]
    pub fn share_at_or_below(&self, value_ns: u64) -> Option<f64> {
        if self.is_empty() {
            return None;
        }
        let last = index_of(value_ns.min(HIGHEST_NS));
        let (full_pages, cells) = (last / CELLS_PER_PAGE, last % CELLS_PER_PAGE);
        let below: u64 = self.pages[..full_pages].iter().map(Page::total).sum();
        let within: u64 = (0..=cells).map(|cell| self.pages[full_pages].count(cell)).sum();
        Some((below + within) as f64 / self.count as f64)
    }

    /// Every cell that holds something, from the lowest up: its index in [`layout`](crate::layout)
    /// and its count, at least 1.
    pub fn cells(&self) -> impl Iterator<Item = (usize, u64)> {
        let pages = self.pages.iter().enumerate();
        pages.flat_map(|(number, page)| {
            let first = number * CELLS_PER_PAGE;
            page.cells().map(move |(cell, count)| (first + cell, count))
        })
    }

    /// Adds all that `other` holds, of which only lower bounds are known.
    pub(crate) fn merge_as_censored(&mut self, other: &Self) {
        let censored = (self.censored + other.count, self.censored_min_ns.min(other.min_ns));
        self.merge(other);
        (self.censored, self.censored_min_ns) = censored;
    }

    /// Bytes on the heap that its pages take now.
    #[must_use]
    pub fn page_bytes(&self) -> usize {
        self.pages.iter().map(Page::bytes).sum()
    }

    /// Keep the extremes and the clamped; returns the value as it is to be counted.
    #[inline]
    fn note(&mut self, value_ns: u64, n: u64) -> u64 {
        let value = value_ns.min(HIGHEST_NS);
        self.clamped += if value_ns > HIGHEST_NS { n } else { 0 };
        self.min_ns = self.min_ns.min(value);
        self.max_ns = self.max_ns.max(value);
        value
    }

    /// The rare rest of `record`: a first touch, or a narrow cell that is full.
    #[cold]
    #[inline(never)]
    fn touch(&mut self, index: usize) {
        self.pages[index / CELLS_PER_PAGE].add(index % CELLS_PER_PAGE, 1, &self.pool);
    }

    /// Before anything else is changed: a panic must not leave half a merge behind.
    fn raise_count(&mut self, n: u64) {
        let raised = self.count.checked_add(n).filter(|count| *count <= MAX_COUNT);
        self.count = raised.expect("a histogram holds at most 2^63 - 1 values");
    }

    /// Adds cells, each an index and a count, of which `survey` is the survey and beside which `exact` travelled: each
    /// was checked against the other. To add a thousand histograms to one so costs what is in them, and no pages.
    ///
    /// # Panics
    ///
    /// As [`merge`](Self::merge).
    pub(crate) fn add_cells(&mut self, cells: &[Cell], survey: &Survey, exact: &Exact) {
        if survey.count == 0 {
            return;
        }
        self.raise_count(survey.count);
        for (page, cells) in by_page(cells) {
            self.pages[page].add_cells(cells, &self.pool);
        }
        self.sum_ns += exact.sum_ns;
        self.min_ns = self.min_ns.min(exact.min_ns);
        self.max_ns = self.max_ns.max(exact.max_ns);
        self.clamped += exact.clamped;
        self.censored += exact.censored;
        if exact.censored > 0 {
            self.censored_min_ns = self.censored_min_ns.min(exact.censored_min_ns);
        }
    }

    /// Used by decoding alone, which has checked each against the cells already recorded.
    pub(crate) fn restore(&mut self, exact: &Exact) {
        self.sum_ns = exact.sum_ns;
        self.min_ns = exact.min_ns;
        self.max_ns = exact.max_ns;
        self.clamped = exact.clamped;
        self.censored = exact.censored;
        self.censored_min_ns = if exact.censored == 0 {
            u64::MAX
        } else {
            exact.censored_min_ns
        };
    }
}

/// What cells alone tell of a histogram, and its exact figures are held against.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pub(crate) count: u64,
    /// The lowest and the highest cell that holds something.
    pub(crate) reach: Option<(usize, usize)>,
    /// The sum of the cells' lowest values.
    pub(crate) sum_ns: u128,
    /// By how much the sum of the values may exceed that.
    pub(crate) slack_ns: u128,
    /// How many the last cell holds.
    pub(crate) in_last: u64,
    pages: usize,
    /// The highest count of a cell.
    most: u64,
}

impl Survey {
    /// Of cells from the lowest up, of at most 2^53 values together.
    pub(crate) fn of(cells: &[Cell]) -> Self {
        let mut survey = Self::default();
        // A page at a time, because all its cells are equally wide: there is one of its own beyond the last.
        for (page, cells) in by_page(cells) {
            let first = page * CELLS_PER_PAGE;
            let (mut count, mut places) = (0, 0);
            for (index, n) in cells {
                count += n;
                places += n * (*index as usize - first) as u64;
                survey.most = survey.most.max(*n);
            }
            let (lowest_ns, highest_ns) = (lowest_equivalent(first), highest_equivalent(first));
            survey.count += count;
            survey.pages += 1;
            survey.sum_ns += u128::from(lowest_ns) * u128::from(count);
            survey.sum_ns += u128::from(places) * u128::from(highest_ns - lowest_ns + 1);
            survey.slack_ns += u128::from(count) * u128::from(highest_ns - lowest_ns);
        }
        if let [(first, _), ..] = cells
            && let [.., (last, n)] = cells
        {
            survey.reach = Some((*first as usize, *last as usize));
            survey.in_last = if *last as usize == LAST_CELL { *n } else { 0 };
        }
        // The last cell reaches beyond one hour, and no value does.
        let beyond_ns = highest_equivalent(LAST_CELL) - HIGHEST_NS;
        survey.slack_ns -= u128::from(survey.in_last) * u128::from(beyond_ns);
        survey
    }

    /// Most that a histogram of these cells takes on the heap.
    pub(crate) fn page_bytes(&self) -> usize {
        let narrow = self.most <= u64::from(u16::MAX);
        self.pages * CELLS_PER_PAGE * if narrow { size_of::<u16>() } else { size_of::<u64>() }
    }
}

/// Cells from the lowest up, in parts of one page each, with its number.
fn by_page(cells: &[Cell]) -> impl Iterator<Item = (usize, &[Cell])> {
    let page_of = |(index, _): &Cell| *index as usize / CELLS_PER_PAGE;
    cells
        .chunk_by(move |a, b| page_of(a) == page_of(b))
        .map(move |part| (page_of(&part[0]), part))
}

/// What travels beside the cells of a histogram that is not empty.
#[derive(Debug)]
pub(crate) struct Exact {
    pub(crate) sum_ns: u128,
    pub(crate) min_ns: u64,
    pub(crate) max_ns: u64,
    pub(crate) clamped: u64,
    pub(crate) censored: u64,
    pub(crate) censored_min_ns: u64,
}

impl Drop for Histogram {
    fn drop(&mut self) {
        if !self.is_empty() {
            self.pool.give_back(&mut self.pages);
        }
    }
}

/// Equal in all that was recorded; how wide the pages are and where they came from is no part of it.
impl PartialEq for Histogram {
    fn eq(&self, other: &Self) -> bool {
        self.count == other.count
            && self.sum_ns == other.sum_ns
            && self.min_ns == other.min_ns
            && self.max_ns == other.max_ns
            && self.clamped == other.clamped
            && self.censored == other.censored
            && self.censored_min_ns == other.censored_min_ns
            && self.cells().eq(other.cells())
    }
}

impl Eq for Histogram {}

impl fmt::Debug for Histogram {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Histogram")
            .field("count", &self.count)
            .field("sum_ns", &self.sum_ns)
            .field("min_ns", &self.min_ns())
            .field("max_ns", &self.max_ns())
            .field("clamped", &self.clamped)
            .field("censored", &self.censored)
            .field("censored_min_ns", &self.censored_min_ns())
            .finish_non_exhaustive()
    }
}
