//! From the packed form to the wire form.

use std::io::Read as _;
use std::ops::Range;

use flate2::read::ZlibDecoder;

use crate::payload;
use crate::wire::MAX_WIRE_BYTES;

use super::cells::ends_of;
use super::coarse::Coarse;
use super::frame::{self, Ends, Payloads, Place};
use super::reading::Reading;
use super::{FORMAT, PackingError, ZLIB, checksum, family, varint};

/// The wire form that was packed: what [`pack`] took, or what was deflated by a release before there was packing.
///
/// # Errors
/// [`PackingError`], for whatever is neither. Nothing on the way is larger than the largest interval, whatever the bytes say.
pub fn unpack(packed: &[u8]) -> Result<Vec<u8>, PackingError> {
    let mut rest = match packed {
        [ZLIB, ..] => return inflated(packed, MAX_WIRE_BYTES),
        [FORMAT, rest @ ..] => rest,
        _ => return Err(PackingError::Unknown),
    };
    let Some((expected, after)) = rest.split_first_chunk() else {
        return Err(PackingError::Damaged("it ends early"));
    };
    rest = after;
    let frame = inflated(stream(&mut rest)?, MAX_WIRE_BYTES)?;
    let head = inflated(stream(&mut rest)?, MAX_WIRE_BYTES)?;
    let gaps = stream(&mut rest)?;
    let wire = unpacked(frame, &head, gaps, rest)?;
    if checksum(&wire) != u32::from_be_bytes(*expected) {
        return Err(PackingError::Damaged("it is not what was packed"));
    }
    Ok(wire)
}

fn unpacked(frame: Vec<u8>, head: &[u8], gaps: &[u8], counts: &[u8]) -> Result<Vec<u8>, PackingError> {
    if head.is_empty() {
        return Ok(frame);
    }
    let mut empty = Empty::default();
    frame::rewritten(&frame, &mut empty)?;
    let Some((manners, mut tables)) = head.split_at_checked(2 * empty.places.len()) else {
        return Err(PackingError::Damaged("it ends early"));
    };
    let mut reading = Reading::new(&mut tables, gaps, counts)?;
    let (mut manners, _) = manners.as_chunks::<2>();
    let mut filled = Filled::default();
    filled.filled.resize(empty.places.len(), (0..0, None));
    empty.places.sort_by_key(|each| (each.owner, family::rank(each.field)));
    for family in empty.places.chunk_by(|one, next| one.owner == next.owner) {
        let mut told: Vec<Coarse> = Vec::new();
        let (manners_of_family, rest) = manners.split_at(family.len());
        manners = rest;
        for (histogram, [manner, digits]) in family.iter().zip(manners_of_family) {
            let coarse = family::tell(&mut reading, (*manner, *digits), histogram.count, &told)?;
            let cells = coarse.fine()?;
            let start = filled.payloads.len();
            payload::write_cells(
                cells.iter().map(|(index, n)| (*index as usize, *n)),
                &mut filled.payloads,
            );
            filled.filled[histogram.order] = (start..filled.payloads.len(), ends_of(&cells));
            if filled.payloads.len() + frame.len() > MAX_WIRE_BYTES {
                return Err(PackingError::TooLong);
            }
            told.push(coarse);
        }
    }
    if !reading.is_at_end() || !tables.is_empty() {
        return Err(PackingError::Damaged("it has more cells than histograms"));
    }
    frame::rewritten(&frame, &mut filled)
}

/// Where a payload was taken out.
struct Hole {
    /// Among all, in the order of the wire form.
    order: usize,
    owner: usize,
    field: u8,
    count: u64,
}

/// Finds where payloads were taken out.
#[derive(Default)]
struct Empty {
    places: Vec<Hole>,
}

impl Payloads for Empty {
    fn put(&mut self, place: &Place<'_>, _out: &mut Vec<u8>) -> Result<Option<Ends>, PackingError> {
        if place.payload.is_empty() {
            self.places.push(Hole {
                order: self.places.len(),
                owner: place.owner,
                field: place.field,
                count: place.count,
            });
        }
        Ok(None)
    }
}

/// Puts payloads back.
#[derive(Default)]
struct Filled {
    payloads: Vec<u8>,
    /// Where each of them is, and its ends; in the order of the wire form.
    filled: Vec<(Range<usize>, Option<Ends>)>,
    next: usize,
}

impl Payloads for Filled {
    fn put(&mut self, place: &Place<'_>, out: &mut Vec<u8>) -> Result<Option<Ends>, PackingError> {
        if !place.payload.is_empty() {
            out.extend_from_slice(place.payload);
            return Ok(None);
        }
        let (range, ends) = self.filled.get(self.next).cloned().unwrap_or_default();
        out.extend_from_slice(self.payloads.get(range).unwrap_or_default());
        self.next += 1;
        Ok(ends)
    }
}

/// One of the streams that say their length.
fn stream<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], PackingError> {
    let length = usize::try_from(varint::read(rest)?).unwrap_or(usize::MAX);
    let Some((stream, after)) = rest.split_at_checked(length) else {
        return Err(PackingError::Damaged("it ends early"));
    };
    *rest = after;
    Ok(stream)
}

/// A zlib stream and nothing behind it.
fn inflated(stream: &[u8], limit_bytes: usize) -> Result<Vec<u8>, PackingError> {
    let mut rest = stream;
    let mut bytes = Vec::new();
    let mut decoder = ZlibDecoder::new(&mut rest);
    let read = decoder.by_ref().take(limit_bytes as u64 + 1).read_to_end(&mut bytes);
    if bytes.len() > limit_bytes {
        return Err(PackingError::TooLong);
    }
    if read.is_err() || decoder.total_in() != stream.len() as u64 {
        return Err(PackingError::Damaged("it does not inflate"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::cells::{COUNT_CONTEXTS, GAP_CONTEXTS};
    use super::super::pack::{deflated, sealed};
    use super::*;

    /// So many series with so many empty histograms of 30,000 values, and tables of which each has one symbol, that has
    /// come so often: cells without end that take no bytes.
    fn bomb(series: usize, histograms: usize, often: u8) -> Vec<u8> {
        let histogram = [0xaa, 0x01, 6, 0x0a, 0, 0x10, 0xb0, 0xea, 0x01];
        let of_one = histogram.repeat(histograms);
        let one = [&[0x2a, of_one.len() as u8], &of_one[..]].concat();
        let mut head = vec![0; 2 * series * histograms];
        head.extend([1, often].repeat(GAP_CONTEXTS + COUNT_CONTEXTS));
        let nothing = [0, 1, 0, 0];
        sealed(
            0,
            [&deflated(&one.repeat(series)), &deflated(&head), &nothing, &nothing],
        )
    }

    #[test]
    fn cells_that_take_no_bytes_end_where_the_largest_interval_does() {
        let packed = bomb(100, 10, 1);
        assert!(packed.len() < 1_000, "{} bytes", packed.len());
        assert_eq!(unpack(&packed), Err(PackingError::TooLong));
        // The same, of fewer: all that is wrong with it is that nobody has packed it.
        assert_eq!(
            unpack(&bomb(2, 12, 1)),
            Err(PackingError::Damaged("it is not what was packed"))
        );
        // More in one series than there are.
        assert!(matches!(
            unpack(&bomb(2, 13, 1)),
            Err(PackingError::Damaged("it has more histograms than an interval"))
        ));
    }

    #[test]
    fn a_table_of_symbols_that_never_come_is_none() {
        // No count at all, and one that is too high for any that is written.
        for often in [0, u8::MAX] {
            assert_eq!(
                unpack(&bomb(1, 1, often)),
                Err(PackingError::Damaged("one of its tables is none"))
            );
        }
    }
}
