//! What reading a row takes beside the rows.

use std::str::Utf8Error;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::MAX_COLUMNS;

/// What reading takes beside the rows: each thread has its own.
#[derive(Debug, Default)]
pub struct RowReader {
    pub(super) raw: Vec<u8>,
    pub(super) cores: Cores,
    pub(super) record: Record,
    pub(super) json: Vec<u8>,
}

/// What reads CSV, by delimiter: to make one takes as long as to read a thousand bytes.
#[derive(Debug, Default)]
pub(super) struct Cores(Vec<(u8, Reader)>);

impl Cores {
    /// The one for a delimiter, at the beginning of a row.
    pub(super) fn of(&mut self, delimiter: u8) -> &mut Reader {
        let known = self.0.iter().position(|(of, _)| *of == delimiter);
        let place = known.unwrap_or_else(|| {
            self.0.push((delimiter, core_of(delimiter)));
            self.0.len() - 1
        });
        let core = &mut self.0[place].1;
        core.reset();
        core
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
    /// What is in it.
    pub(super) fn fields(&self) -> impl Iterator<Item = Result<&str, Utf8Error>> {
        let mut from = 0;
        self.ends[..self.count].iter().map(move |end| {
            let field = &self.fields[from..*end];
            from = *end;
            std::str::from_utf8(field)
        })
    }

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
