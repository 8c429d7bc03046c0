//! Random values: all follow from what they are drawn from.

use crate::expression::Draws;
use crate::value::Fault;

/// Longest random text.
const MAX_RANDOM_TEXT: i64 = 1 << 20;
const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A whole number from `low` to `high`, both included.
///
/// # Errors
/// [`Fault::Range`], if there is none.
pub fn random_integer(low: i64, high: i64, draws: &mut Draws<'_>) -> Result<i64, Fault> {
    if low > high {
        return Err(Fault::Range);
    }
    // Up to 2^64 values: one too many for a 64-bit bound only if all of them are asked for.
    let span = high.wrapping_sub(low) as u64;
    let offset = match span.checked_add(1) {
        Some(below) => draws.below(below),
        None => draws.bits(),
    };
    Ok(low.wrapping_add(offset as i64))
}

/// So many letters and digits.
///
/// # Errors
/// [`Fault::Range`], if they are too many.
pub fn random_text(wanted: i64, draws: &mut Draws<'_>) -> Result<String, Fault> {
    if !(0..=MAX_RANDOM_TEXT).contains(&wanted) {
        return Err(Fault::Range);
    }
    let letters = (0..wanted).map(|_| char::from(LETTERS[draws.below(LETTERS.len() as u64) as usize]));
    Ok(letters.collect())
}

/// RFC 9562, version 4.
pub fn random_uuid(draws: &mut Draws<'_>) -> String {
    let (high, low) = (draws.bits(), draws.bits());
    let high = (high & !0xf000) | 0x4000;
    let low = (low & !(0b11 << 62)) | (0b10 << 62);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counter::Counts;

    #[test]
    fn random_values_fill_their_range() {
        let mut drawn = 0;
        let mut draws = Draws {
            seed: 5,
            wall_clock: || 0,
            scenario: 0,
            stream: 0,
            round: 0,
            drawn: &mut drawn,
            counts: &mut Counts::default(),
        };
        let seen: std::collections::BTreeSet<i64> =
            (0..100).map(|_| random_integer(-2, 2, &mut draws).unwrap()).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [-2, -1, 0, 1, 2]);
        random_integer(i64::MIN, i64::MAX, &mut draws).unwrap();
        let uuid = random_uuid(&mut draws);
        let places: Vec<usize> = uuid.match_indices('-').map(|(place, _)| place).collect();
        assert_eq!((uuid.len(), places), (36, vec![8, 13, 18, 23]));
        assert!(
            uuid.as_bytes()[14] == b'4' && b"89ab".contains(&uuid.as_bytes()[19]),
            "{uuid}"
        );
    }
}
