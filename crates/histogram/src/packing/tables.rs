//! How often each symbol comes, by context: learned from what is packed, and written before it.

use super::PackingError;
use super::ans::{Share, WHOLE};
use super::numbers::{lowest_of, symbol_of};
use super::varint;

/// Most symbols of a table.
pub(super) const MAX_SYMBOLS: usize = 256;

/// Counts how often symbols come.
pub(super) struct Tally {
    symbols: usize,
    /// By context, then by symbol.
    counts: Vec<u32>,
}

impl Tally {
    pub(super) fn new(contexts: usize, symbols: usize) -> Self {
        Self {
            symbols,
            counts: vec![0; contexts * symbols],
        }
    }

    #[inline]
    pub(super) fn add(&mut self, context: usize, symbol: usize) {
        self.counts[context * self.symbols + symbol] += 1;
    }

    /// Of each context: how many symbols it has, up to the last that comes; then how often each of them comes.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        for counts in self.counts.chunks_exact(self.symbols) {
            let used = counts.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
            varint::write(used as u64, out);
            out.extend(counts[..used].iter().map(|count| coarse(*count)));
        }
    }

    /// By context, then by symbol.
    pub(super) fn shares(&self) -> Vec<Share> {
        let counts: Vec<u64> = self.counts.iter().map(|count| about(coarse(*count))).collect();
        counts.chunks_exact(self.symbols).flat_map(shares_of).collect()
    }
}

/// Finds the symbol of a place.
pub(super) struct Table {
    /// By a span of places: the symbol that the first of them has. A symbol for each place would take eight times the
    /// memory, and all tables together are to stay near the processor.
    first: [u8; (WHOLE >> SPAN_BITS) as usize],
    /// Of the whole: the last ends where it does.
    shares: Vec<Share>,
}

/// Binary digits of the places of a span.
const SPAN_BITS: u32 = 3;

impl Table {
    #[inline]
    pub(super) fn symbol_at(&self, place: u32) -> (usize, Share) {
        let mut symbol = usize::from(self.first[(place >> SPAN_BITS) as usize]);
        loop {
            let share = self.shares[symbol];
            if place < u32::from(share.start + share.width) {
                return (symbol, share);
            }
            symbol += 1;
        }
    }

    /// There is a count that is not 0.
    fn of(counts: &[u64]) -> Self {
        let shares = shares_of(counts);
        let mut first = [0; (WHOLE >> SPAN_BITS) as usize];
        for (symbol, share) in shares.iter().enumerate().filter(|(_, share)| share.width > 0) {
            // Spans that begin within the share.
            let from = usize::from(share.start).div_ceil(1 << SPAN_BITS);
            let until = usize::from(share.start + share.width).div_ceil(1 << SPAN_BITS);
            first[from..until].fill(symbol as u8);
        }
        Self { first, shares }
    }
}

/// What [`Tally::write`] wrote: a table for each context that has come at all.
pub(super) fn read(bytes: &mut &[u8], contexts: usize, symbols: usize) -> Result<Vec<Option<Table>>, PackingError> {
    let mut counts = [0; MAX_SYMBOLS];
    let mut tables = Vec::with_capacity(contexts);
    for _ in 0..contexts {
        let used = varint::read(bytes)? as usize;
        let Some((coarse, rest)) = bytes.split_at_checked(used).filter(|_| used <= symbols) else {
            return Err(PackingError::Damaged("one of its tables is none"));
        };
        *bytes = rest;
        if used == 0 {
            tables.push(None);
            continue;
        }
        for (count, coarse) in counts.iter_mut().zip(coarse) {
            *count = about(*coarse);
        }
        let counts = &counts[..used];
        if counts.iter().all(|count| *count == 0) {
            return Err(PackingError::Damaged("one of its tables is none"));
        }
        tables.push(Some(Table::of(counts)));
    }
    Ok(tables)
}

/// A count to an eighth: tables are to be short, and a share that is a little off costs next to nothing.
fn coarse(count: u32) -> u8 {
    symbol_of(u64::from(count)).0 as u8
}

/// The middle of the counts that are the same to an eighth. One that no [`coarse`] says has come never.
fn about(coarse: u8) -> u64 {
    let (lowest, digits) = lowest_of(usize::from(coarse));
    if lowest > u64::from(u32::MAX) {
        0
    } else {
        lowest + (1 << digits >> 1)
    }
}

/// Shares of the whole that are as the counts are to one another, at least 1 of whatever has come. All zero: nothing has.
fn shares_of(counts: &[u64]) -> Vec<Share> {
    let total: u64 = counts.iter().sum();
    let mut widths: Vec<u32> = counts
        .iter()
        .map(|count| {
            let exact = (*count * u64::from(WHOLE) + total / 2).checked_div(total);
            u32::from(*count > 0).max(exact.unwrap_or(0) as u32)
        })
        .collect();
    // Rounding gives the whole some too many or too few: the widest can bear it best.
    let mut sum: u32 = widths.iter().sum();
    while sum != WHOLE && sum > 0 {
        let (widest, width) = widths
            .iter()
            .copied()
            .enumerate()
            .max_by_key(|(_, width)| *width)
            .unwrap_or_default();
        let now = if sum < WHOLE {
            width + WHOLE - sum
        } else {
            width - (sum - WHOLE).min(width / 2)
        };
        sum = sum + now - width;
        widths[widest] = now;
    }
    let mut start = 0;
    widths
        .into_iter()
        .map(|width| {
            let share = Share {
                start,
                width: width as u16,
            };
            start += share.width;
            share
        })
        .collect()
}
