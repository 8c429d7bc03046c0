//! Looking through all rows once: where they begin, and what is wrong with them.

use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use csv_core::ReadRecordResult;
use serde::de::IgnoredAny;

use super::reader::core_of;
use super::{MAX_COLUMNS, MAX_FAULTS, MAX_ROW_BYTES, Rows, Source};

const CHUNK_BYTES: usize = 256 << 10;

impl Rows {
    pub(super) fn walk_csv(&mut self, faults: &mut Vec<String>) -> io::Result<()> {
        let mut core = core_of(self.delimiter);
        let mut chunk = vec![0; CHUNK_BYTES];
        let (mut fields, mut ends) = (vec![0; MAX_ROW_BYTES], vec![0; MAX_COLUMNS + 1]);
        let (mut at, mut start, mut written, mut ended) = (0, 0, 0, 0);
        let mut named = !self.columns.is_empty();
        let mut line = 1;
        loop {
            let filled = self.fill(at, &mut chunk)?;
            let mut input = &chunk[..filled];
            // Nothing at all is how it is told that this is the end.
            while !input.is_empty() || filled == 0 {
                let (result, read, wrote, found) = core.read_record(input, &mut fields[written..], &mut ends[ended..]);
                input = &input[read..];
                at += read as u64;
                written += wrote;
                ended += found;
                match result {
                    ReadRecordResult::InputEmpty => {}
                    ReadRecordResult::End => {
                        self.end = at;
                        return Ok(());
                    }
                    ReadRecordResult::OutputFull => {
                        faults.push(format!(
                            "line {line}: a row of more than 1 MiB; is a quotation mark not closed?"
                        ));
                        return Ok(());
                    }
                    ReadRecordResult::OutputEndsFull => {
                        faults.push(format!("line {line}: more than {MAX_COLUMNS} columns"));
                        return Ok(());
                    }
                    ReadRecordResult::Record => {
                        let (row, cells) = (&fields[..written], &ends[..ended]);
                        if named {
                            faults.extend(self.csv_fault(row, cells).map(|what| format!("line {line}: {what}")));
                            self.note(start);
                        } else {
                            named = true;
                            self.name_columns(row, cells, faults);
                        }
                        if faults.len() >= MAX_FAULTS {
                            return Ok(());
                        }
                        (start, written, ended, line) = (at, 0, 0, core.line());
                    }
                }
            }
        }
    }

    fn name_columns(&mut self, row: &[u8], cells: &[usize], faults: &mut Vec<String>) {
        let mut from = 0;
        for end in cells {
            match std::str::from_utf8(&row[from..*end]) {
                Ok(name) if name.trim().is_empty() => faults.push("line 1: a column has no name".to_owned()),
                Ok(name) if self.columns.iter().any(|other| other == name.trim()) => {
                    faults.push(format!("line 1: two columns are called `{}`", name.trim()));
                }
                Ok(name) => self.columns.push(name.trim().to_owned()),
                Err(_) => faults.push("line 1: not UTF-8".to_owned()),
            }
            from = *end;
        }
    }

    fn csv_fault(&self, row: &[u8], cells: &[usize]) -> Option<String> {
        let (has, wants) = (cells.len(), self.columns.len());
        if has != wants {
            return Some(format!("{has} fields, where there are {wants} columns"));
        }
        let whole = &row[..cells.last().copied().unwrap_or(0)];
        std::str::from_utf8(whole).err().map(|_| "not UTF-8".to_owned())
    }

    pub(super) fn walk_lines(&mut self, faults: &mut Vec<String>) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK_BYTES];
        let (mut line, mut number, mut start, mut at) = (Vec::new(), 0_u64, 0, 0);
        loop {
            let filled = self.fill(at, &mut chunk)?;
            let last = filled == 0;
            let mut input = &chunk[..filled];
            at += filled as u64;
            while !input.is_empty() || (last && !line.is_empty()) {
                let end = memchr::memchr(b'\n', input);
                let piece = end.map_or(input.len(), |end| end + 1);
                line.extend_from_slice(&input[..piece]);
                input = &input[piece..];
                if line.len() > MAX_ROW_BYTES {
                    faults.push(format!("line {}: longer than 1 MiB", number + 1));
                    return Ok(());
                }
                if end.is_none() && !last {
                    break;
                }
                number += 1;
                let text = line.trim_ascii();
                if !text.is_empty() {
                    faults.extend(json_fault(text).map(|what| format!("line {number}: {what}")));
                    self.note(start);
                }
                start += line.len() as u64;
                line.clear();
                if faults.len() >= MAX_FAULTS {
                    return Ok(());
                }
            }
            if last {
                self.end = at;
                return Ok(());
            }
        }
    }

    /// Fills a chunk with what stands from there on; 0 at the end.
    fn fill(&self, at: u64, chunk: &mut [u8]) -> io::Result<usize> {
        match &self.source {
            Source::Memory(whole) => whole.get(at as usize..).unwrap_or_default().read(chunk),
            Source::Text(whole) => whole.as_bytes().get(at as usize..).unwrap_or_default().read(chunk),
            Source::File(file) => loop {
                match file.read_at(chunk, at) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    other => return other,
                }
            },
        }
    }
}

/// What is wrong with a line that is to be a JSON object.
fn json_fault(line: &[u8]) -> Option<String> {
    let Ok(text) = std::str::from_utf8(line) else {
        return Some("not UTF-8".to_owned());
    };
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        return Some(format!("no JSON: {error}"));
    }
    (!text.starts_with('{')).then(|| "no JSON object".to_owned())
}
