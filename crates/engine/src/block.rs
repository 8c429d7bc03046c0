//! Classifies 16 bytes of a text at a time. A marked byte means "look closer", never "refuse".

use wide::{CmpEq as _, CmpGt as _, i8x16};

/// Bytes in a block.
pub(crate) const BLOCK_BYTES: usize = 16;
const HALF: usize = BLOCK_BYTES / 2;

// Comparisons are of signed bytes, the only ones that SSE2 has; ranges are moved to suit them.
#[inline(always)]
fn load(block: &[u8; BLOCK_BYTES]) -> i8x16 {
    i8x16::new(block.map(u8::cast_signed))
}

/// How many bytes at the start are ASCII and stand for themselves in a text in JSON: up to a quotation mark, a backslash, a
/// control character or what is no ASCII.
#[inline(always)]
pub(crate) fn plain_bytes(block: &[u8; BLOCK_BYTES]) -> usize {
    let block = load(block);
    // What is no ASCII is negative.
    let others = i8x16::splat(0x20).cmp_gt(block);
    let quotes = block.cmp_eq(i8x16::splat(0x22));
    let backslashes = block.cmp_eq(i8x16::splat(0x5c));
    until(others | quotes | backslashes)
}

/// The same, but also over what is no ASCII.
#[inline(always)]
pub(crate) fn textual_bytes(block: &[u8; BLOCK_BYTES]) -> usize {
    let block = load(block);
    // Moved to where what is no ASCII is above all else.
    let controls = i8x16::splat(-0x60).cmp_gt(block ^ i8x16::splat(i8::MIN));
    let quotes = block.cmp_eq(i8x16::splat(0x22));
    let backslashes = block.cmp_eq(i8x16::splat(0x5c));
    until(controls | quotes | backslashes)
}

/// How many bytes at the start are ASCII and visible, or a space.
#[inline(always)]
pub(crate) fn visible_bytes(block: &[u8; BLOCK_BYTES]) -> usize {
    let block = load(block);
    let others = i8x16::splat(0x20).cmp_gt(block);
    let deletes = block.cmp_eq(i8x16::splat(0x7f));
    until(others | deletes)
}

/// As [`plain_bytes`], of a text of any length.
pub(crate) fn plain_length(text: &[u8]) -> usize {
    let marked = |byte: u8| !matches!(byte, b' '..=0x7f) || matches!(byte, b'"' | b'\\');
    length(text, plain_bytes, marked)
}

/// Where a byte first stands in a text: at its end if it does not.
#[inline]
pub(crate) fn place_of(byte: u8, text: &[u8]) -> usize {
    let wanted = i8x16::splat(byte.cast_signed());
    length(text, |block| until(load(block).cmp_eq(wanted)), |other| other == byte)
}

/// How far a text goes without a mark, as it is found in a block and in a byte.
#[inline(always)]
pub(crate) fn length(
    text: &[u8],
    in_block: impl Fn(&[u8; BLOCK_BYTES]) -> usize,
    marked: impl Fn(u8) -> bool,
) -> usize {
    let mut length = 0;
    while let Some(block) = text[length..].first_chunk() {
        let before = in_block(block);
        length += before;
        if before < BLOCK_BYTES {
            return length;
        }
    }
    let rest = &text[length..];
    length + rest.iter().position(|byte| marked(*byte)).unwrap_or(rest.len())
}

/// Whether nothing is marked in a text, as it is found in a block and in a byte.
#[inline(always)]
pub(crate) fn is_unmarked(
    text: &[u8],
    in_block: impl Fn(&[u8; BLOCK_BYTES]) -> usize,
    marked: impl Fn(u8) -> bool,
) -> bool {
    let plain = |block: &[u8; BLOCK_BYTES]| in_block(block) == BLOCK_BYTES;
    if let Some(last) = text.last_chunk() {
        // It may overlap with the block before it.
        let (blocks, _) = text[..text.len() - 1].as_chunks();
        return blocks.iter().all(plain) && plain(last);
    }
    if let (Some(first), Some(last)) = (text.first_chunk::<HALF>(), text.last_chunk::<HALF>()) {
        let mut block = [0; BLOCK_BYTES];
        block[..HALF].copy_from_slice(first);
        block[HALF..].copy_from_slice(last);
        return plain(&block);
    }
    !text.iter().any(|byte| marked(*byte))
}

/// How many bytes at the start are digits.
#[inline(always)]
pub(crate) fn digits(block: &[u8; BLOCK_BYTES]) -> usize {
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
                let special = marked && byte < 0x80;
                assert_eq!(
                    textual_bytes(&text),
                    if special { place } else { BLOCK_BYTES },
                    "{text:?}"
                );
                for length in [BLOCK_BYTES, place + 1] {
                    let found = plain_length(&text[..length]);
                    assert_eq!(found, if marked { place } else { length }, "{text:?}");
                    assert!(place_of(byte, &text[..length]) <= place);
                }
                let unseen = !matches!(byte, b' '..0x7f);
                assert_eq!(
                    visible_bytes(&text),
                    if unseen { place } else { BLOCK_BYTES },
                    "{text:?}"
                );
                let ends = !byte.is_ascii_digit();
                assert_eq!(digits(&number), if ends { place } else { BLOCK_BYTES }, "{number:?}");
            }
        }
    }

    #[test]
    fn a_mark_is_seen_wherever_it_stands() {
        let marked = |byte: u8| !matches!(byte, b' '..0x7f);
        for length in 0..40 {
            let mut text = vec![b'x'; length];
            assert!(is_unmarked(&text, visible_bytes, marked));
            for place in 0..length {
                text[place] = 0;
                assert!(!is_unmarked(&text, visible_bytes, marked));
                text[place] = b'x';
            }
        }
    }

    #[test]
    fn a_byte_is_found_where_it_first_stands() {
        for length in 0..40 {
            let mut text = vec![b'x'; length];
            assert_eq!(place_of(b',', &text), length);
            for place in (0..length).rev() {
                text[place] = b',';
                assert_eq!(place_of(b',', &text), place);
            }
        }
    }
}
