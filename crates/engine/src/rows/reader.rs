//! What reading a row takes beside the rows.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::MAX_COLUMNS;

/// What reading takes beside the rows: each thread has its own.
#[derive(Debug, Default)]
pub struct RowReader {
    pub(super) raw: Vec<u8>,
    /// By delimiter: to make one takes as long as to read a thousand bytes.
    pub(super) cores: Vec<(u8, Reader)>,
    pub(super) record: Record,
    pub(super) json: Vec<u8>,
}

impl RowReader {
    /// The place of the one for a delimiter, at the beginning of a row.
    pub(super) fn core(&mut self, delimiter: u8) -> usize {
        let known = self.cores.iter().position(|(of, _)| *of == delimiter);
        let place = known.unwrap_or_else(|| {
            self.cores.push((delimiter, core_of(delimiter)));
            self.cores.len() - 1
        });
        self.cores[place].1.reset();
        place
    }
}

/// The fields of a row of CSV, one behind the other. Both only ever grow.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) fields: Vec<u8>,
    pub(super) ends: Vec<usize>,
    /// How many fields there are.
    pub(super) count: usize,
}

impl Record {
    /// Reads a row, and returns what stands behind it.
    pub(super) fn read<'b>(&mut self, core: &mut Reader, bytes: &'b [u8]) -> Option<&'b [u8]> {
        // No field is longer than what it is written as.
        let room = self.fields.len().max(bytes.len());
        self.fields.resize(room, 0);
        self.ends.resize(MAX_COLUMNS + 1, 0);
        let (mut input, mut written) = (bytes, 0);
        self.count = 0;
        loop {
            let (fields, ends) = (&mut self.fields[written..], &mut self.ends[self.count..]);
            let (result, read, wrote, found) = core.read_record(input, fields, ends);
            input = &input[read..];
            written += wrote;
            self.count += found;
            match result {
                ReadRecordResult::Record => return Some(input),
                // It asks once more, is given nothing, and takes that for the end of the row.
                ReadRecordResult::InputEmpty => {}
                _ => return None,
            }
        }
    }
}

pub(super) fn core_of(delimiter: u8) -> Reader {
    ReaderBuilder::new().delimiter(delimiter).build()
}
