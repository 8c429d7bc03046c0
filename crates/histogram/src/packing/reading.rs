//! The cells of histograms out of their symbols.

use super::PackingError;
use super::ans::{Reader, SHARE_BITS, Share};
use super::cells::{COUNT_CONTEXTS, Coding, GAP_CONTEXTS};
use super::numbers::{SYMBOLS, SYMBOLS_OF_SHORT, lowest_of};
use super::tables::{self, Table};

/// Is told the cells of histograms, one histogram after another.
pub(super) struct Reading<'a> {
    pub(super) gaps: Symbols<'a>,
    pub(super) counts: Symbols<'a>,
}

impl<'a> Reading<'a> {
    /// Takes the tables off the front of `head`.
    pub(super) fn new(head: &mut &[u8], gaps: &'a [u8], counts: &'a [u8]) -> Result<Self, PackingError> {
        Ok(Self {
            gaps: Symbols {
                tables: tables::read(head, GAP_CONTEXTS, 2 * SYMBOLS_OF_SHORT)?,
                reader: Reader::new(gaps)?,
            },
            counts: Symbols {
                tables: tables::read(head, COUNT_CONTEXTS, SYMBOLS)?,
                reader: Reader::new(counts)?,
            },
        })
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.gaps.reader.is_at_end() && self.counts.reader.is_at_end()
    }
}

impl Coding for Reading<'_> {
    #[inline]
    fn gap(&mut self, context: usize, _next: usize, ahead: Option<usize>) -> Result<usize, PackingError> {
        let symbol = self.gaps.symbol(context)?;
        if symbol >= SYMBOLS_OF_SHORT {
            return Ok(self.gaps.number(symbol - SYMBOLS_OF_SHORT)? as usize);
        }
        Ok(self.gaps.number(symbol)? as usize + ahead.unwrap_or(0))
    }

    #[inline]
    fn count(&mut self, context: usize) -> Result<u64, PackingError> {
        let symbol = self.counts.symbol(context)?;
        Ok(self.counts.number(symbol)?.saturating_add(1))
    }
}

/// A stream of symbols, each in a context.
pub(super) struct Symbols<'a> {
    tables: Vec<Option<Table>>,
    reader: Reader<'a>,
}

impl Symbols<'_> {
    #[inline]
    fn symbol(&mut self, context: usize) -> Result<usize, PackingError> {
        let Some(table) = &self.tables[context] else {
            return Err(PackingError::Damaged("it has no table for what comes"));
        };
        let (symbol, share) = table.symbol_at(self.reader.place());
        self.reader.pass(share)?;
        Ok(symbol)
    }

    #[inline]
    fn number(&mut self, symbol: usize) -> Result<u64, PackingError> {
        let (mut number, digits) = lowest_of(symbol);
        for from in (0..digits).step_by(SHARE_BITS as usize) {
            let beyond = SHARE_BITS - (digits - from).min(SHARE_BITS);
            let piece = self.reader.place() >> beyond;
            self.reader.pass(Share {
                start: (piece << beyond) as u16,
                width: 1 << beyond,
            })?;
            number |= u64::from(piece) << from;
        }
        Ok(number)
    }
}
