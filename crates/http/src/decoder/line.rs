//! Finds the next line of a head, and whether it needs a closer look.
//!
//! A line ends with LF, with or without a CR before it: what `httparse` takes too. Any other CR
//! is an ordinary control character and makes its line a violation when the line is read.

use super::block::{self, BLOCK_BYTES};

/// A line at the start of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    /// Length in bytes without its end.
    pub length: usize,
    /// Where the next line begins.
    pub next: usize,
    /// All its bytes are printable ASCII. If not, they may still be right (tabs, obs-text).
    pub printable: bool,
}

/// The first line of `rest` and the length of its name, if it is an ordinary field line: a name of
/// 1 to 15 letters and hyphens, a value of printable ASCII, CR LF, and enough bytes after it.
/// `None` says nothing against a line, only that it takes a thorough look.
#[inline]
pub(super) fn ordinary_field(rest: &[u8]) -> Option<(usize, Line)> {
    // Two blocks at once hold most lines, and one check of bounds serves for all that is read of them.
    let (blocks, _) = rest.split_first_chunk::<{ 2 * BLOCK_BYTES }>()?;
    let (first, second) = (blocks.first_chunk()?, blocks.last_chunk()?);
    let name_length = block::name_bytes(first);
    if name_length == 0 || name_length >= BLOCK_BYTES || blocks[name_length] != b':' {
        return None;
    }
    let found = block::unprintable(first) | block::unprintable(second) << BLOCK_BYTES;
    let mut length = found.trailing_zeros() as usize;
    if length >= 2 * BLOCK_BYTES - 1 {
        length = further(rest, length)?;
    } else if [blocks[length], blocks[length + 1]] != *b"\r\n" {
        return None;
    }
    Some((
        name_length,
        Line {
            length,
            next: length + 2,
            printable: true,
        },
    ))
}

/// Where the CR LF stands that is the first unprintable at or after `at`.
#[inline]
fn further(rest: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let found = block::unprintable(rest.get(at..)?.first_chunk()?);
        if found != 0 {
            at += found.trailing_zeros() as usize;
            return (rest.get(at..)?.first_chunk() == Some(b"\r\n")).then_some(at);
        }
        at += BLOCK_BYTES;
    }
}

/// The first line of `rest`, or `None` if its LF has not come yet.
#[inline]
pub(super) fn first(rest: &[u8]) -> Option<Line> {
    // The end of every head, often with little or nothing after it to fill a block.
    if rest.first_chunk() == Some(b"\r\n") {
        return Some(Line {
            length: 0,
            next: 2,
            printable: true,
        });
    }
    let mut at = 0;
    while let Some(block) = rest[at..].first_chunk() {
        let found = block::unprintable(block);
        if found != 0 {
            return ending(rest, at + found.trailing_zeros() as usize);
        }
        at += BLOCK_BYTES;
    }
    let tail = rest[at..]
        .iter()
        .position(|byte| *byte != b' ' && !byte.is_ascii_graphic())?;
    ending(rest, at + tail)
}

/// The line of which `at` is the first byte that is not printable ASCII.
#[inline]
fn ending(rest: &[u8], at: usize) -> Option<Line> {
    let end = rest.get(at..)?;
    if end.first_chunk() == Some(b"\r\n") {
        return Some(Line {
            length: at,
            next: at + 2,
            printable: true,
        });
    }
    if end.first() == Some(&b'\n') {
        return Some(Line {
            length: at,
            next: at + 1,
            printable: true,
        });
    }
    unprintable(rest, at)
}

/// The line that begins at `rest`, of which nothing is known but that its LF is not before `from`.
#[cold]
pub(super) fn unprintable(rest: &[u8], from: usize) -> Option<Line> {
    let end = from + memchr::memchr(b'\n', &rest[from..])?;
    let length = if rest[..end].ends_with(b"\r") { end - 1 } else { end };
    Some(Line {
        length,
        next: end + 1,
        printable: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_at_its_first_lf_whatever_stands_before_it() {
        let line = |length, next, printable| {
            Some(Line {
                length,
                next,
                printable,
            })
        };
        assert_eq!(first(b"ab\r\ncd"), line(2, 4, true));
        assert_eq!(first(b"ab\ncd"), line(2, 3, true));
        assert_eq!(first(b"\r\n"), line(0, 2, true));
        assert_eq!(first(b"a\tb\r\r\n"), line(4, 6, false));
        assert_eq!(first(b"a\rb\nc"), line(3, 4, false));
        assert_eq!(first(b"a\xffb\n\n"), line(3, 4, false));
        assert_eq!(first(b""), None);
        assert_eq!(first(b"ab\r"), None);
        assert_eq!(first(b"a\tb"), None);
    }

    #[test]
    fn an_ordinary_field_is_found_where_the_thorough_search_finds_it() {
        let after = b"\r\nNext: line, long enough for two blocks";
        for name_length in 0..20 {
            for value_length in 0..50 {
                let mut bytes = [&vec![b'n'; name_length][..], b":", &vec![b'v'; value_length], after].concat();
                let found = ordinary_field(&bytes);
                let expected = (1..=15)
                    .contains(&name_length)
                    .then(|| (name_length, first(&bytes).unwrap()));
                assert_eq!(found, expected, "{name_length} {value_length}");
                for (at, byte) in [
                    (name_length, b' '),
                    (name_length / 2, b'\0'),
                    (name_length + 1 + value_length, b'\t'),
                ] {
                    let before = std::mem::replace(&mut bytes[at], byte);
                    assert_eq!(ordinary_field(&bytes), None);
                    bytes[at] = before;
                }
            }
        }
    }

    #[test]
    fn where_a_line_lies_against_the_blocks_makes_no_difference() {
        for length in 0..50 {
            let mut bytes = vec![b'x'; length];
            bytes.extend_from_slice(b"\r\n");
            for _ in 0..40 {
                assert_eq!(
                    first(&bytes),
                    Some(Line {
                        length,
                        next: length + 2,
                        printable: true
                    })
                );
                bytes.push(b'y');
            }
        }
    }
}
