//! Writing and reading a V2 payload, straight from and into a histogram's pages.
//!
//! The `hdrhistogram` crate does both, but only by way of an array of all 33,792 cells, 270 KiB, for every
//! histogram of every second; and its reader allocates what the length field says (up to 4 GiB), and a run of 2^63
//! zeros overflows its negation. These two touch pages alone, and property tests hold them to the crate's.
//!
//! A payload is a header of 40 bytes, then the cells from 0 up as zig-zag LEB128 numbers of at
//! most 9 bytes: `n >= 0` is the count of the next cell, `-n` skips `n` cells that are 0.

use crate::error::DecodeError;
use crate::histogram::Histogram;
use crate::layout::{CELLS, HIGHEST_NS, LAST_CELL, LOWEST_NS, SIGNIFICANT_DIGITS, lowest_equivalent};

/// Longest payload of this layout: the header, and 9 bytes for every cell.
pub const MAX_PAYLOAD_BYTES: usize = HEADER_BYTES + CELLS * 9;

const HEADER_BYTES: usize = 40;

/// Version 2, with counts as variable-length words.
const COOKIE: u32 = 0x1c84_9313;

/// Most values accepted from outside. Far below `MAX_COUNT`, so that not even 1,024 hostile
/// payloads together can make a merge panic; and a count that JSON readers keep exact.
const MAX_DECODED_COUNT: u64 = (1 << 53) - 1;

/// Write the payload of `histogram` behind what `payload` holds.
pub(crate) fn write(histogram: &Histogram, payload: &mut Vec<u8>) {
    write_cells(histogram.cells(), payload);
}

/// Write the payload of these cells behind what `payload` holds: their indices, from the lowest up, and their counts,
/// from 1 to [`MAX_COUNT`](crate::MAX_COUNT).
pub(crate) fn write_cells(cells: impl Iterator<Item = (usize, u64)>, payload: &mut Vec<u8>) {
    let start = payload.len();
    payload.extend_from_slice(&COOKIE.to_be_bytes());
    payload.extend_from_slice(&[0; 4]); // the length of the cells, known at the end
    payload.extend_from_slice(&0_u32.to_be_bytes());
    payload.extend_from_slice(&u32::from(SIGNIFICANT_DIGITS).to_be_bytes());
    payload.extend_from_slice(&LOWEST_NS.to_be_bytes());
    payload.extend_from_slice(&HIGHEST_NS.to_be_bytes());
    payload.extend_from_slice(&1.0_f64.to_be_bytes());
    let mut next = 0;
    for (index, count) in cells {
        match index - next {
            0 => {}
            // A run of one is written as a count of 0: as long, and what every other tool writes.
            1 => write_zig_zag(payload, 0),
            zeros => write_zig_zag(payload, -(zeros as i64)),
        }
        write_zig_zag(payload, count.cast_signed()); // at most MAX_COUNT, 2^63 - 1
        next = index + 1;
    }
    if next == 0 {
        write_zig_zag(payload, 0); // an empty histogram still has its first cell
    }
    let cell_bytes = (payload.len() - start - HEADER_BYTES) as u32; // at most MAX_PAYLOAD_BYTES
    payload[start + 4..start + 8].copy_from_slice(&cell_bytes.to_be_bytes());
}

fn write_zig_zag(payload: &mut Vec<u8>, number: i64) {
    let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
    for _ in 0..8 {
        if rest < 0x80 {
            payload.push(rest as u8);
            return;
        }
        payload.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    payload.push(rest as u8); // the ninth counts whole
}

/// A cell that holds something: its index, at most [`LAST_CELL`], and its count, at least 1.
pub(crate) type Cell = (u32, u64);

/// Add the cells of `payload` to `histogram`, each count at its cell's lowest value; `room` is scratch.
///
/// On an error the histogram holds what it held.
pub(crate) fn read(payload: &[u8], histogram: &mut Histogram, room: &mut Vec<Cell>) -> Result<(), DecodeError> {
    for (index, n) in cells(payload, room)? {
        histogram.record_n(lowest_equivalent(*index as usize), *n);
    }
    Ok(())
}

/// Every cell of `payload` that holds something, from the lowest up. They are put into `room`, which grows as it must
/// and is used again for the next payload.
///
/// A thousand workers send ten million numbers a second, and whether one counts or skips nobody can guess: so both are
/// handled alike, and no branch depends on it. Only one of more than two bytes is looked at by itself; what the others
/// may add up to is looked at in the end.
pub(crate) fn cells<'a>(payload: &[u8], room: &'a mut Vec<Cell>) -> Result<&'a [Cell], DecodeError> {
    let Some((header, numbers)) = payload.split_first_chunk::<HEADER_BYTES>() else {
        return Err(DecodeError::NotV2);
    };
    check_header(header, numbers.len())?;
    if room.len() < numbers.len() {
        // A cell takes a byte at least.
        room.resize(numbers.len(), (0, 0));
    }

    let (found, index, count) = read_numbers(numbers, room)?;
    check_bounds(index, count)?;
    let cells = &room[..found];
    if cells.last().is_some_and(|(index, _)| *index as usize > LAST_CELL) {
        return Err(DecodeError::Damaged {
            what: "it has a count beyond one hour",
        });
    }
    Ok(cells)
}

/// How many cells there are now in `room`, behind which cell the numbers end, and how much all cells hold.
///
/// Not inlined, so that all of it stays in registers.
#[inline(never)]
fn read_numbers(numbers: &[u8], room: &mut [Cell]) -> Result<(usize, u64, u64), DecodeError> {
    let room = &mut room[..numbers.len()];
    let (mut at, mut found, mut index, mut count) = (0, 0, 0, 0);
    while at < numbers.len() {
        let (number, next) = if let Some(short) = short_number(numbers, at) {
            short
        } else {
            check_bounds(index, count)?;
            let (number, next) = any_number(numbers, at)?;
            // Neither sum can then leave its 64 bits before it is looked at again.
            check_bounds((number & 1) * (number >> 1), (1 - (number & 1)) * (number >> 1))?;
            (number, next)
        };
        at = next;
        // Zig-zag: an odd number skips one cell more than its half, an even one is twice the count of the next cell.
        let (half, skips) = (number >> 1, number & 1);
        let n = half & skips.wrapping_sub(1);
        count += n;
        room[found] = (index as u32, n);
        found += usize::from(n > 0);
        index += 1 + (half & skips.wrapping_neg());
    }
    Ok((found, index, count))
}

fn check_bounds(index: u64, count: u64) -> Result<(), DecodeError> {
    if index > CELLS as u64 {
        return Err(DecodeError::Damaged {
            what: "it has more cells than its layout",
        });
    }
    if count > MAX_DECODED_COUNT {
        return Err(DecodeError::TooMany);
    }
    Ok(())
}

fn check_header(header: &[u8; HEADER_BYTES], rest_bytes: usize) -> Result<(), DecodeError> {
    let word = |at: usize| u32::from_be_bytes(std::array::from_fn(|i| header[at + i]));
    let long = |at: usize| u64::from_be_bytes(std::array::from_fn(|i| header[at + i]));

    if word(0) != COOKIE {
        return Err(DecodeError::NotV2);
    }
    let (offset, digits, lowest, highest, ratio) = (word(8), word(12), long(16), long(24), long(32));
    let bounds = (digits, lowest, highest) == (u32::from(SIGNIFICANT_DIGITS), LOWEST_NS, HIGHEST_NS);
    // The ratio of integers to doubles must be 1; compared as bits, for which NaN is no puzzle.
    if !bounds || offset != 0 || ratio != 1.0_f64.to_bits() {
        return Err(DecodeError::OtherLayout {
            lowest,
            highest,
            digits,
        });
    }
    if rest_bytes > MAX_PAYLOAD_BYTES - HEADER_BYTES {
        return Err(DecodeError::TooLong {
            limit_bytes: MAX_PAYLOAD_BYTES,
        });
    }
    if usize::try_from(word(4)) != Ok(rest_bytes) {
        return Err(DecodeError::Damaged {
            what: "its length is not the one it states",
        });
    }
    Ok(())
}

/// The number that begins at `at`, still in zig-zag, and where the next one begins; if it has one byte or two.
#[inline]
fn short_number(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let low = bytes[at];
    if low < 0x80 {
        return Some((u64::from(low), at + 1));
    }
    let high = *bytes.get(at + 1)?;
    (high < 0x80).then(|| (u64::from(low & 0x7f) | u64::from(high) << 7, at + 2))
}

/// The same of any length. The ninth byte, if there is one, counts whole.
#[cold]
fn any_number(bytes: &[u8], at: usize) -> Result<(u64, usize), DecodeError> {
    let mut number = 0;
    for (position, byte) in bytes[at..].iter().take(9).enumerate() {
        if position == 8 {
            return Ok((number | u64::from(*byte) << 56, at + 9));
        }
        number |= u64::from(byte & 0x7f) << (7 * position);
        if byte & 0x80 == 0 {
            return Ok((number, at + position + 1));
        }
    }
    Err(DecodeError::Damaged {
        what: "it ends within a number",
    })
}
