//! Classifies 16 bytes of a JSON text at a time. A marked byte means "look closer", never "refuse".

use wide::{CmpEq, CmpGt, i8x16};

/// Bytes in a block.
pub(super) const BLOCK_BYTES: usize = 16;

// Comparisons are of signed bytes, the only ones that SSE2 has; ranges are moved to suit them.
#[inline(always)]
fn load(block: &[u8; BLOCK_BYTES]) -> i8x16 {
    i8x16::new(block.map(u8::cast_signed))
}

/// How many bytes at the start are ASCII and stand for themselves in a text: up to a quotation mark, a backslash, a control
/// character or what is no ASCII.
#[inline(always)]
pub(super) fn plain_bytes(block: &[u8; BLOCK_BYTES]) -> usize {
    let block = load(block);
    // What is no ASCII is negative.
    let others = i8x16::splat(0x20).cmp_gt(block);
    let quotes = block.cmp_eq(i8x16::splat(0x22));
    let backslashes = block.cmp_eq(i8x16::splat(0x5c));
    until(others | quotes | backslashes)
}

/// The same of a text of any length.
pub(super) fn plain_length(text: &[u8]) -> usize {
    let mut length = 0;
    while let Some(block) = text[length..].first_chunk() {
        let plain = plain_bytes(block);
        length += plain;
        if plain < BLOCK_BYTES {
            return length;
        }
    }
    let marked = |byte: &u8| !matches!(byte, b' '..=0x7f) || matches!(byte, b'"' | b'\\');
    length + text[length..].iter().position(marked).unwrap_or(text.len() - length)
}

/// How many bytes at the start are digits.
#[inline(always)]
pub(super) fn digits(block: &[u8; BLOCK_BYTES]) -> usize {
    // Digits move to -128..=-119.
    let moved = load(block) + i8x16::splat(0x50);
    until(moved.cmp_gt(i8x16::splat(-119)))
}

#[inline(always)]
fn until(marks: i8x16) -> usize {
    // The mask has 16 bits: the one above them bounds the count.
    (marks.move_mask() | 1 << BLOCK_BYTES).trailing_zeros() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_classified_alike_in_every_place() {
        for place in 0..BLOCK_BYTES {
            for byte in 0..=255 {
                let (mut text, mut number) = (*b"Content-Length X", *b"0123456789012345");
                (text[place], number[place]) = (byte, byte);
                let marked = !matches!(byte, b' '..=0x7f) || matches!(byte, b'"' | b'\\');
                assert_eq!(plain_bytes(&text), if marked { place } else { BLOCK_BYTES }, "{text:?}");
                let ends = !byte.is_ascii_digit();
                assert_eq!(digits(&number), if ends { place } else { BLOCK_BYTES }, "{number:?}");
            }
        }
    }
}
