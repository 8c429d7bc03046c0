//! An entropy coder over tables that do not change: range ANS, with 32 bits of state and words of 16.
//!
//! It is a stack: what is written last is read first. So symbols are written from the last to the first, and read in order.

use super::PackingError;

/// Binary digits of a probability: shares of a table add up to 2^12.
pub(super) const SHARE_BITS: u32 = 12;
/// All of a table.
pub(super) const WHOLE: u32 = 1 << SHARE_BITS;
/// The lowest state between two symbols, and the first of all.
const LOWEST: u32 = 1 << 16;

/// A symbol's part of `[0, WHOLE)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Share {
    pub(super) start: u16,
    /// At least 1.
    pub(super) width: u16,
}

/// Writes from the last symbol to the first.
pub(super) struct Writer {
    state: u32,
    words: Vec<u16>,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self {
            state: LOWEST,
            words: Vec::new(),
        }
    }

    #[inline]
    pub(super) fn put(&mut self, share: Share) {
        let width = u32::from(share.width);
        // In 64 bits, because the whole is a share too.
        if u64::from(self.state) >= u64::from(width) << 20 {
            self.words.push(self.state as u16);
            self.state >>= 16;
        }
        self.state = ((self.state / width) << SHARE_BITS) + self.state % width + u32::from(share.start);
    }

    /// What a reader begins with, then the words in the order in which it takes them.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.words.extend([self.state as u16, (self.state >> 16) as u16]);
        self.words.iter().rev().flat_map(|word| word.to_be_bytes()).collect()
    }
}

/// Reads from the first symbol to the last.
pub(super) struct Reader<'a> {
    state: u32,
    words: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(words: &'a [u8]) -> Result<Self, PackingError> {
        let mut reader = Self { state: 0, words };
        reader.state = reader.word()? << 16 | reader.word()?;
        if reader.state < LOWEST {
            return Err(PackingError::Damaged("its cells begin nowhere"));
        }
        Ok(reader)
    }

    /// The place of the next symbol in its table.
    #[inline]
    pub(super) fn place(&self) -> u32 {
        self.state & (WHOLE - 1)
    }

    /// Go on behind the symbol of this share, in which [`place`](Self::place) is.
    #[inline]
    pub(super) fn pass(&mut self, share: Share) -> Result<(), PackingError> {
        let within = self.place() - u32::from(share.start);
        self.state = u32::from(share.width) * (self.state >> SHARE_BITS) + within;
        if self.state < LOWEST {
            self.state = self.state << 16 | self.word()?;
        }
        Ok(())
    }

    /// Whether it has read all that was written.
    pub(super) fn is_at_end(&self) -> bool {
        self.state == LOWEST && self.words.is_empty()
    }

    #[inline]
    fn word(&mut self) -> Result<u32, PackingError> {
        let Some((word, rest)) = self.words.split_first_chunk() else {
            return Err(PackingError::Damaged("its cells end early"));
        };
        self.words = rest;
        Ok(u32::from(u16::from_be_bytes(*word)))
    }
}
