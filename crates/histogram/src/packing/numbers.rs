//! Numbers as symbols: up to 15 one each, above four to every doubling, with the digits that tell them apart behind.

/// Symbols of numbers below 2^64.
pub(super) const SYMBOLS: usize = 16 + 60 * 4;
/// Symbols of numbers below 2^16.
pub(super) const SYMBOLS_OF_SHORT: usize = 16 + 12 * 4;

/// A number as its symbol, and what is to be said behind that: how many binary digits, and which.
#[inline]
pub(super) fn symbol_of(number: u64) -> (usize, u32, u64) {
    if number < 16 {
        return (number as usize, 0, 0);
    }
    let digits = number.ilog2() - 2;
    let symbol = 16 + 4 * (digits - 2) + (number >> digits) as u32 - 4;
    (symbol as usize, digits, number & ((1 << digits) - 1))
}

/// The lowest number of a symbol below [`SYMBOLS`], and how many binary digits follow.
#[inline]
pub(super) fn lowest_of(symbol: usize) -> (u64, u32) {
    if symbol < 16 {
        return (symbol as u64, 0);
    }
    let digits = (symbol as u32 - 16) / 4 + 2;
    ((4 + (symbol as u64 - 16) % 4) << digits, digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_one_symbol_and_comes_back() {
        let wide = (0..64).flat_map(|shift| [u64::MAX >> shift, 1 << shift, (1 << shift) + (1 << shift >> 2)]);
        for number in (0..100_000).chain(wide) {
            let (symbol, digits, rest) = symbol_of(number);
            assert_eq!(lowest_of(symbol), (number - rest, digits));
            assert!(symbol < SYMBOLS && rest < 1 << digits);
            assert!(number >= 1 << 16 || symbol < SYMBOLS_OF_SHORT);
        }
    }
}
