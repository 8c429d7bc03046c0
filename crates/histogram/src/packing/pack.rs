//! From the wire form to the packed one.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use crate::payload::{self, Cell};
use crate::wire::MAX_WIRE_BYTES;

use super::cells::ends_of;
use super::coarse::Coarse;
use super::frame::{self, Ends, Payloads, Place};
use super::writing::Writing;
use super::{FORMAT, PackingError, checksum, family, varint};

/// The packed form of an interval. What is no interval is packed too, and comes back as well.
///
/// # Errors
/// [`PackingError::TooLong`], for what no interval can be.
pub fn pack(wire: &[u8]) -> Result<Vec<u8>, PackingError> {
    if wire.len() > MAX_WIRE_BYTES {
        return Err(PackingError::TooLong);
    }
    let mut taken = Taken::default();
    let frame = frame::rewritten(wire, &mut taken).unwrap_or_else(|_| {
        taken.histograms.clear();
        wire.to_vec()
    });
    let mut manners = Vec::with_capacity(2 * taken.histograms.len());
    let mut writing = Writing::new();
    taken
        .histograms
        .sort_by_key(|each| (each.owner, family::rank(each.field)));
    for family in taken.histograms.chunk_by(|one, next| one.owner == next.owner) {
        let mut told: Vec<Coarse> = Vec::new();
        for histogram in family {
            let manner = (
                family::manner(histogram.field, &histogram.cells, &told),
                histogram.cells.digits,
            );
            writing.cells = &histogram.cells.cells;
            told.push(family::tell(&mut writing, manner, histogram.count, &told)?);
            manners.extend([manner.0, manner.1]);
        }
    }
    let mut head = manners;
    if !head.is_empty() {
        writing.gaps.tally.write(&mut head);
        writing.counts.tally.write(&mut head);
    }

    let (gaps, counts) = (writing.gaps.finish(), writing.counts.finish());
    Ok(sealed(
        checksum(wire),
        [&deflated(&frame), &deflated(&head), &gaps, &counts],
    ))
}

/// The packed form of these streams, the last of which needs no length.
pub(super) fn sealed(checksum: u32, [frame, head, gaps, counts]: [&[u8]; 4]) -> Vec<u8> {
    let mut packed = vec![FORMAT];
    packed.extend_from_slice(&checksum.to_be_bytes());
    for stream in [frame, head, gaps] {
        varint::write(stream.len() as u64, &mut packed);
        packed.extend_from_slice(stream);
    }
    packed.extend_from_slice(counts);
    packed
}

/// A histogram whose payload is taken out.
struct Histogram {
    owner: usize,
    field: u8,
    count: u64,
    cells: Coarse,
}

/// Takes out every payload that can be made again of its cells.
#[derive(Default)]
struct Taken {
    histograms: Vec<Histogram>,
    room: Vec<Cell>,
    again: Vec<u8>,
}

impl Payloads for Taken {
    fn put(&mut self, place: &Place<'_>, out: &mut Vec<u8>) -> Result<Option<Ends>, PackingError> {
        if place.payload.is_empty() {
            return Err(PackingError::Damaged(
                "nothing stands where a payload would be taken out",
            ));
        }
        let Some(cells) = self.cells_of(place) else {
            out.extend_from_slice(place.payload);
            return Ok(None);
        };
        let ends = ends_of(&cells);
        self.histograms.push(Histogram {
            owner: place.owner,
            field: place.field,
            count: place.count,
            cells: Coarse::of(&cells),
        });
        Ok(ends)
    }
}

impl Taken {
    fn cells_of(&mut self, place: &Place<'_>) -> Option<Vec<Cell>> {
        let cells = payload::cells(place.payload, &mut self.room).ok()?.to_vec();
        self.again.clear();
        payload::write_cells(cells.iter().map(|(index, n)| (*index as usize, *n)), &mut self.again);
        let count: u64 = cells.iter().map(|(_, n)| n).sum();
        (count > 0 && count == place.count && self.again == place.payload).then_some(cells)
    }
}

pub(super) fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.expect("a vector takes all that is written to it")
}
