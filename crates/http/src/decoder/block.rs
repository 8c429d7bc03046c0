//! Classifies 16 bytes at a time: the one pass over a head that finds line ends *and* holds
//! every byte to the strict rules, at about one instruction a byte.
//!
//! A marked byte means "look closer", never "refuse": the strict rules live in one place, `head.rs`.
//! Measured and refused: eight bytes at a time in a `u64`, and plain loops left to the compiler's
//! vectoriser; with either a whole response cost a third more instructions. The intrinsics of the
//! standard library would need `unsafe` here, and one version per processor.

use wide::{CmpEq, CmpGt, i8x16};

/// Bytes in a block.
pub(super) const BLOCK_BYTES: usize = 16;

// Comparisons are of signed bytes, the only ones that SSE2 has; ranges are moved to suit them.
#[inline]
fn load(block: &[u8; BLOCK_BYTES]) -> i8x16 {
    i8x16::new(block.map(u8::cast_signed))
}

/// A set bit `i`: byte `i` is not printable ASCII (0x20 to 0x7e): a line end, a tab, over 0x7e.
#[inline]
pub(super) fn unprintable(block: &[u8; BLOCK_BYTES]) -> u32 {
    // Printable bytes move to -128..=-34.
    let moved = load(block) + i8x16::splat(0x60);
    moved.cmp_gt(i8x16::splat(-34)).move_mask().cast_unsigned()
}

/// How many bytes at the start are ASCII letters or `-`: what most field names are made of.
#[inline]
pub(super) fn name_bytes(block: &[u8; BLOCK_BYTES]) -> usize {
    let block = load(block);
    // Letters move to -128..=-103.
    let moved = (block | i8x16::splat(0x20)) + i8x16::splat(31);
    let letter = i8x16::splat(-102).cmp_gt(moved);
    let hyphen = block.cmp_eq(i8x16::splat(0x2d));
    // The mask has 16 bits, so the zero above them bounds the count.
    (letter | hyphen).move_mask().trailing_ones() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: [u8; BLOCK_BYTES]) {
        let mark = |index: usize| u32::from(bytes[index] != b' ' && !bytes[index].is_ascii_graphic()) << index;
        assert_eq!(
            unprintable(&bytes),
            (0..BLOCK_BYTES).map(mark).sum::<u32>(),
            "{bytes:?}"
        );
        let of_name = bytes
            .iter()
            .take_while(|byte| byte.is_ascii_alphabetic() || **byte == b'-');
        assert_eq!(name_bytes(&bytes), of_name.count(), "{bytes:?}");
    }

    #[test]
    fn every_byte_is_classified_alike_in_every_place() {
        for place in 0..BLOCK_BYTES {
            for byte in 0..=255 {
                let mut bytes = *b"Content-Length-X";
                bytes[place] = byte;
                check(bytes);
            }
        }
    }

    #[test]
    fn neighbours_never_hide_or_invent_a_mark() {
        for first in 0..=255 {
            for second in 0..=255 {
                check([
                    b'a', b'Z', b'-', first, second, b'z', second, first, b'~', b' ', first, b'A', second, second,
                    b'x', b'y',
                ]);
            }
        }
    }
}
