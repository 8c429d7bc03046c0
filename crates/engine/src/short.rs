//! What is done with a few bytes where they stand: to call the C library for them takes longer.

/// Whether two texts are the same, which are mostly short.
#[inline(always)]
pub(crate) fn is_same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    // Both ends, which overlap unless nothing lies between them.
    match one.len() {
        0..4 => one.iter().zip(other).all(|(one, other)| one == other),
        4..=8 => ends::<4>(one) == ends::<4>(other),
        9..=16 => ends::<8>(one) == ends::<8>(other),
        _ => one == other,
    }
}

#[inline(always)]
fn ends<const N: usize>(text: &[u8]) -> Option<(&[u8; N], &[u8; N])> {
    text.first_chunk().zip(text.last_chunk())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_the_same_if_no_byte_differs() {
        for length in 0..40 {
            let one = vec![b'x'; length];
            assert!(is_same(&one, &one.clone()));
            for place in 0..length {
                let mut other = one.clone();
                other[place] = b'y';
                assert!(!is_same(&one, &other));
                assert!(!is_same(&one, &one[..place]));
            }
        }
    }
}
