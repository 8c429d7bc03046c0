//! What is said of cells, kept until it is known how often each symbol comes.

use crate::payload::Cell;

use super::PackingError;
use super::ans::{SHARE_BITS, Share, WHOLE, Writer};
use super::cells::{COUNT_CONTEXTS, Coding, GAP_CONTEXTS};
use super::numbers::{SYMBOLS, SYMBOLS_OF_SHORT, symbol_of};
use super::tables::Tally;

/// Says the cells of histograms, one histogram after another.
pub(super) struct Writing<'a> {
    pub(super) gaps: Symbols,
    pub(super) counts: Symbols,
    /// Those of the present histogram that are still to be said.
    pub(super) cells: &'a [Cell],
}

impl Writing<'_> {
    pub(super) fn new() -> Self {
        Self {
            gaps: Symbols::new(GAP_CONTEXTS, 2 * SYMBOLS_OF_SHORT),
            counts: Symbols::new(COUNT_CONTEXTS, SYMBOLS),
            cells: &[],
        }
    }
}

impl Coding for Writing<'_> {
    fn gap(&mut self, context: usize, next: usize, ahead: Option<usize>) -> Result<usize, PackingError> {
        let Some((index, _)) = self.cells.first() else {
            return Err(PackingError::Damaged("it says more than its cells hold"));
        };
        let gap = *index as usize - next;
        match ahead {
            Some(distance) if gap < distance => self.gaps.say(context, gap as u64, SYMBOLS_OF_SHORT),
            _ => self.gaps.say(context, (gap - ahead.unwrap_or(0)) as u64, 0),
        }
        Ok(gap)
    }

    fn count(&mut self, context: usize) -> Result<u64, PackingError> {
        let Some(((_, count), rest)) = self.cells.split_first() else {
            return Err(PackingError::Damaged("it says more than its cells hold"));
        };
        self.cells = rest;
        self.counts.say(context, *count - 1, 0);
        Ok(*count)
    }
}

/// A stream of symbols, each in a context.
pub(super) struct Symbols {
    pub(super) tally: Tally,
    symbols: usize,
    said: Vec<Said>,
}

/// A symbol, and the digits behind it.
struct Said {
    context: u16,
    symbol: u8,
    digits: u8,
    rest: u64,
}

impl Symbols {
    fn new(contexts: usize, symbols: usize) -> Self {
        Self {
            tally: Tally::new(contexts, symbols),
            symbols,
            said: Vec::new(),
        }
    }

    fn say(&mut self, context: usize, number: u64, first_symbol: usize) {
        let (symbol, digits, rest) = symbol_of(number);
        let symbol = symbol + first_symbol;
        self.tally.add(context, symbol);
        self.said.push(Said {
            context: context as u16,
            symbol: symbol as u8,
            digits: digits as u8,
            rest,
        });
    }

    /// As a reader takes them.
    pub(super) fn finish(&self) -> Vec<u8> {
        let shares = self.tally.shares();
        let mut writer = Writer::new();
        for said in self.said.iter().rev() {
            // Digits are read from the lowest up, as many at a time as a place has.
            let pieces = u32::from(said.digits).div_ceil(SHARE_BITS);
            for piece in (0..pieces).rev() {
                let from = piece * SHARE_BITS;
                let digits = (u32::from(said.digits) - from).min(SHARE_BITS);
                let width = WHOLE >> digits;
                let place = (said.rest >> from) as u32 & ((1 << digits) - 1);
                writer.put(Share {
                    start: (place * width) as u16,
                    width: width as u16,
                });
            }
            writer.put(shares[usize::from(said.context) * self.symbols + usize::from(said.symbol)]);
        }
        writer.finish()
    }
}
