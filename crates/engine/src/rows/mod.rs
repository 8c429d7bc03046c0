//! Rows of data: looked through once as a whole, then read one at a time from where they stand.
//!
//! A small file is kept in memory; of a large one only where its rows begin, and of a very large one where every so many
//! begin. So what is kept does not grow with the file. It is read with `pread` and not mapped: a file that somebody cuts
//! short while it is mapped ends the process.

mod reader;
mod shape;
mod walk;

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use apibench_core::feeder::{Feeder, RowFormat};
use memchr::{memchr, memchr2};

pub use reader::RowReader;
pub use shape::RowShape;

/// Files up to here are kept as they were when the run was prepared.
const MAX_KEPT_BYTES: u64 = 32 << 20;
/// Most beginnings of rows that are kept: 16 MiB. Of more rows every second is, or every fourth, and so on.
const MAX_STARTS: usize = 1 << 21;
const MAX_ROW_BYTES: usize = 1 << 20;
/// Its first byte.
const BYTE_ORDER_MARK: u8 = 0xEF;
const MAX_COLUMNS: usize = 1_000;
/// After so many faults of a file nobody reads on.
const MAX_FAULTS: usize = 20;

enum Source {
    /// Not looked through yet.
    Memory(Box<[u8]>),
    Text(Box<str>),
    File(File),
}

/// A row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Row<'r> {
    /// Of CSV, as it stands there: without quotation marks.
    Plain(&'r str, &'r Arc<RowShape>),
    /// As a JSON object.
    Json(&'r str),
}

/// The rows of a feeder.
pub struct Rows {
    source: Source,
    format: RowFormat,
    delimiter: u8,
    /// While they are looked through; afterwards the shape has them.
    columns: Vec<String>,
    shape: Arc<RowShape>,
    count: u64,
    /// Where every `stride`-th row begins.
    starts: Vec<u64>,
    stride: u64,
    end: u64,
    /// There is no quotation mark in any of them, and they are kept.
    unquoted: bool,
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What is in them may be secret.
        write!(formatter, "{} rows of {:?}", self.count, self.columns())
    }
}

impl Rows {
    /// Opens the rows of a feeder and looks through all of them.
    ///
    /// # Errors
    /// All that is wrong with them, in words with their lines; some twenty at most.
    pub fn open(feeder: &Feeder) -> Result<Self, Vec<String>> {
        let source = source_of(feeder).map_err(|error| vec![error])?;
        let mut rows = Self {
            source,
            format: feeder.format,
            delimiter: feeder.delimiter.bytes().next().unwrap_or(b','),
            columns: feeder.columns.clone(),
            shape: Arc::default(),
            count: 0,
            starts: Vec::new(),
            stride: 1,
            end: 0,
            unquoted: false,
        };
        let mut faults = Vec::new();
        let walked = match rows.format {
            RowFormat::Csv => rows.walk_csv(&mut faults),
            RowFormat::Jsonl => rows.walk_lines(&mut faults),
        };
        if let Err(error) = walked {
            faults.push(format!("it can't be read: {error}"));
        }
        if faults.is_empty() && rows.count == 0 {
            faults.push("there are no rows in it".to_owned());
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        if let Source::Memory(bytes) = rows.source {
            let text = String::from_utf8(bytes.into_vec()).map_err(|_| vec!["it is not UTF-8".to_owned()])?;
            let behind_names = &text.as_bytes()[rows.starts[0] as usize..];
            rows.unquoted = memchr2(b'"', BYTE_ORDER_MARK, behind_names).is_none();
            rows.source = Source::Text(text.into_boxed_str());
        }
        rows.starts.shrink_to_fit();
        rows.shape = Arc::new(RowShape::new(std::mem::take(&mut rows.columns), rows.delimiter));
        Ok(rows)
    }

    /// How many there are; at least one.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// What the columns are called; none where each row says it for itself.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        self.shape.columns()
    }

    /// A row. `None`: the file is not any more what it was.
    pub fn read<'r>(&'r self, row: u64, reader: &'r mut RowReader) -> Option<Row<'r>> {
        let block = (row / self.stride) as usize;
        let start = *self.starts.get(block)?;
        let end = self.starts.get(block + 1).copied().unwrap_or(self.end);
        let skipped = row % self.stride;
        let text = match &self.source {
            Source::Memory(_) => return None,
            Source::Text(whole) => whole.get(start as usize..end as usize)?,
            Source::File(file) => {
                reader.raw.resize((end - start) as usize, 0);
                file.read_exact_at(&mut reader.raw, start).ok()?;
                std::str::from_utf8(&reader.raw).ok()?
            }
        };
        match self.format {
            RowFormat::Jsonl => {
                let line = lines(text.as_bytes()).nth(skipped as usize)?;
                reader.json.clear();
                reader.json.extend_from_slice(line);
            }
            RowFormat::Csv if self.stride == 1 && (self.unquoted || is_plain(text)) => {
                let row = without_line_ends(text);
                // A file may have been changed since it was looked through.
                let fits = matches!(self.source, Source::Text(_)) || self.shape.fits(row);
                return fits.then_some(Row::Plain(row, &self.shape));
            }
            RowFormat::Csv => {
                let (core, mut rest) = (reader.cores.of(self.delimiter), text.as_bytes());
                for _ in 0..=skipped {
                    rest = reader.record.read(core, rest)?;
                }
                let record = &reader.record;
                if record.count != self.shape.columns().len() || record.fields().any(|field| field.is_err()) {
                    return None;
                }
                reader.json.clear();
                self.shape.write_object(record.fields().flatten(), &mut reader.json);
            }
        }
        std::str::from_utf8(&reader.json).ok().map(Row::Json)
    }

    /// Notes a row that begins there.
    fn note(&mut self, start: u64) {
        if self.count.is_multiple_of(self.stride) {
            if self.starts.len() == MAX_STARTS {
                let mut at = 0;
                self.starts.retain(|_| {
                    at += 1;
                    at % 2 == 1
                });
                self.stride *= 2;
            }
            if self.count.is_multiple_of(self.stride) {
                self.starts.push(start);
            }
        }
        self.count += 1;
    }
}

#[inline]
fn without_line_ends(row: &str) -> &str {
    let says = |byte: &u8| !matches!(byte, b'\r' | b'\n');
    // What ended the row before may be longer than one byte.
    let begin = row.bytes().position(|byte| says(&byte)).unwrap_or(row.len());
    let end = row.bytes().rposition(|byte| says(&byte)).map_or(begin, |last| last + 1);
    &row[begin..end]
}

/// Whether a row says nothing but its fields: no quotation mark, no byte order mark.
fn is_plain(row: &str) -> bool {
    !row.is_empty() && memchr(b'"', row.as_bytes()).is_none() && row.as_bytes()[0] != BYTE_ORDER_MARK
}

fn source_of(feeder: &Feeder) -> Result<Source, String> {
    let Some(path) = &feeder.path else {
        let text = feeder.text.clone().unwrap_or_default();
        return Ok(Source::Memory(text.into_bytes().into_boxed_slice()));
    };
    let unreadable = |error: io::Error| format!("{path} can't be read: {error}");
    let mut file = File::open(path).map_err(unreadable)?;
    let about = file.metadata().map_err(unreadable)?;
    if !about.is_file() {
        return Err(format!("{path} is no file"));
    }
    if about.len() > MAX_KEPT_BYTES {
        return Ok(Source::File(file));
    }
    let mut content = Vec::with_capacity(about.len() as usize);
    Read::by_ref(&mut file)
        .take(MAX_KEPT_BYTES + 1)
        .read_to_end(&mut content)
        .map_err(unreadable)?;
    Ok(Source::Memory(content.into_boxed_slice()))
}

/// The lines of some bytes that say anything.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use apibench_core::feeder::{RowOrder, WhenDry};
    use proptest::prelude::*;
    use std::io::Write as _;

    fn feeder(format: RowFormat, path: Option<String>, text: Option<String>) -> Feeder {
        Feeder {
            format,
            path,
            text,
            columns: Vec::new(),
            delimiter: ",".to_owned(),
            order: RowOrder::Sequential,
            when_dry: WhenDry::Recycle,
        }
    }

    fn of_text(format: RowFormat, text: &str) -> Result<Rows, Vec<String>> {
        Rows::open(&feeder(format, None, Some(text.to_owned())))
    }

    fn json(row: Row<'_>) -> String {
        match row {
            Row::Plain(row, shape) => {
                assert!(shape.fits(row));
                let object = shape.plain_object(row);
                let parsed: serde_json::Value = serde_json::from_str(&object).unwrap();
                for column in shape.columns() {
                    assert_eq!(parsed[column], shape.field(row, column).unwrap(), "{row}");
                }
                assert_eq!(shape.field(row, "of no column"), None);
                object
            }
            Row::Json(json) => json.to_owned(),
        }
    }

    fn read_all(rows: &Rows) -> Vec<serde_json::Value> {
        let mut reader = RowReader::default();
        let mut read = |row| serde_json::from_str(&json(rows.read(row, &mut reader).unwrap())).unwrap();
        (0..rows.count()).map(&mut read).collect()
    }

    fn quoted(field: &str) -> String {
        format!("\"{}\"", field.replace('"', "\"\""))
    }

    proptest! {
        #[test]
        fn every_row_is_read_as_it_was_written(
            rows in prop::collection::vec(prop::collection::vec(".{0,20}|[\r\n\",]{0,3}", 3), 1..40),
            end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
            last: bool,
            sparing: bool,
        ) {
            let mut text = format!("a,b c,\"d\"\"e\"{end}");
            for (at, row) in rows.iter().enumerate() {
                let plain = |field: &str| sparing && !field.contains(['\r', '\n', '"', ',', '\u{feff}']);
                let written = |field: &String| if plain(field) { field.clone() } else { quoted(field) };
                let fields: Vec<String> = row.iter().map(written).collect();
                text += &fields.join(",");
                if last || at + 1 < rows.len() {
                    text += end;
                }
            }
            let opened = of_text(RowFormat::Csv, &text).unwrap();
            let expected: Vec<_> = rows
                .iter()
                .map(|row| serde_json::json!({"a": row[0], "b c": row[1], "d\"e": row[2]}))
                .collect();
            prop_assert_eq!(read_all(&opened), expected);
        }
    }

    proptest! {
        #[test]
        fn rows_of_a_file_without_quotation_marks_are_read_where_they_stand(
            rows in prop::collection::vec(prop::collection::vec("[^\"\r\n,\u{f000}-\u{ffff}]{0,20}", 3), 1..40),
            end in prop::sample::select(vec!["\n", "\r\n", "\r", "\n\n"]),
            last: bool,
        ) {
            let lines: Vec<String> = rows.iter().map(|row| row.join(",")).collect();
            let text = format!("a,\"b\",c{end}{}{}", lines.join(end), if last { end } else { "" });
            let opened = of_text(RowFormat::Csv, &text).unwrap();
            prop_assert!(opened.unquoted);
            let mut reader = RowReader::default();
            for (number, line) in (0..).zip(&lines) {
                prop_assert_eq!(opened.read(number, &mut reader), Some(Row::Plain(line, &opened.shape)));
            }
            let expected: Vec<_> = rows
                .iter()
                .map(|row| serde_json::json!({"a": row[0], "b": row[1], "c": row[2]}))
                .collect();
            prop_assert_eq!(read_all(&opened), expected);
        }
    }

    #[test]
    fn of_many_rows_every_one_is_found_although_not_every_beginning_is_kept() {
        let mut rows = of_text(RowFormat::Csv, "n\n0\n").unwrap();
        let mut text = "n\n".to_owned();
        (rows.starts, rows.count, rows.stride) = (Vec::new(), 0, 1);
        let count = MAX_STARTS as u64 + 1_234;
        for row in 0..count {
            rows.note(text.len() as u64);
            text += &format!("{row}\n");
        }
        assert_eq!((rows.stride, rows.count), (2, count));
        rows.end = text.len() as u64;
        rows.source = Source::Text(text.into_boxed_str());
        let mut reader = RowReader::default();
        for row in [0, 1, 2, 777_777, MAX_STARTS as u64, count - 2, count - 1] {
            let read = rows.read(row, &mut reader).map(json);
            assert_eq!(read, Some(format!("{{\"n\":\"{row}\"}}")));
        }
        assert_eq!(rows.read(count + 1, &mut reader), None);
    }

    #[test]
    fn lines_of_json_are_rows_and_blank_ones_are_none() {
        let rows = of_text(
            RowFormat::Jsonl,
            "{\"a\": 1}\r\n\n  {\"a\": {\"b\": \"\\n\"}} \n{\"a\": []}",
        )
        .unwrap();
        assert_eq!(rows.count(), 3);
        let expected = [r#"{"a": 1}"#, r#"{"a": {"b": "\n"}}"#, r#"{"a": []}"#];
        let mut reader = RowReader::default();
        for (row, expected) in (0..).zip(expected) {
            assert_eq!(rows.read(row, &mut reader).map(json).as_deref(), Some(expected));
        }
    }

    #[test]
    fn all_that_is_wrong_is_told_with_its_line() {
        let wrong = |format, text: &str| of_text(format, text).unwrap_err();
        assert_eq!(
            wrong(RowFormat::Csv, "a,b\n1\n1,2\n\"1\n\",2,3\n"),
            [
                "line 2: 1 fields, where there are 2 columns",
                "line 4: 3 fields, where there are 2 columns"
            ]
        );
        assert_eq!(
            wrong(RowFormat::Csv, "a,,a\n1,2,3\n")[..2],
            ["line 1: a column has no name", "line 1: two columns are called `a`"]
        );
        assert_eq!(wrong(RowFormat::Csv, "a,b\n"), ["there are no rows in it"]);
        assert_eq!(wrong(RowFormat::Csv, ""), ["there are no rows in it"]);
        let open = format!("a\n\"{}", "x".repeat(MAX_ROW_BYTES + 1));
        assert!(wrong(RowFormat::Csv, &open)[0].contains("is a quotation mark not closed?"));
        assert_eq!(wrong(RowFormat::Jsonl, "{}\n[1]\n"), ["line 2: no JSON object"]);
        assert!(wrong(RowFormat::Jsonl, "{}\n\n{\"a\": }\n")[0].starts_with("line 3: no JSON: "));
        assert_eq!(
            wrong(RowFormat::Jsonl, &"[".repeat(500_000)).len(),
            1,
            "depth costs no stack"
        );
        assert_eq!(
            wrong(RowFormat::Csv, &format!("a,b\n{}", "1\n".repeat(50))).len(),
            MAX_FAULTS
        );
        assert!(Rows::open(&feeder(RowFormat::Csv, Some("/".to_owned()), None)).is_err());
    }

    #[test]
    fn a_large_file_is_read_where_its_rows_stand() {
        let path = std::env::temp_dir().join(format!("apibench-rows-{}.csv", std::process::id()));
        let mut file = io::BufWriter::new(File::create(&path).unwrap());
        let filler = "x".repeat(1_000);
        file.write_all(b"n,filler\n").unwrap();
        let count = MAX_KEPT_BYTES / 1_000 + 10;
        for row in 0..count {
            writeln!(file, "{row},{filler}").unwrap();
        }
        file.into_inner().unwrap();
        let rows = Rows::open(&feeder(RowFormat::Csv, Some(path.display().to_string()), None)).unwrap();
        assert!(matches!(rows.source, Source::File(_)) && rows.count() == count);
        let mut reader = RowReader::default();
        for row in [0, 1, count / 2, count - 1] {
            let read = json(rows.read(row, &mut reader).unwrap());
            assert!(read.starts_with(&format!("{{\"n\":\"{row}\",")), "{read}");
        }
        File::options().write(true).open(&path).unwrap().set_len(5_000).unwrap();
        assert!(rows.read(1, &mut reader).is_some() && rows.read(count - 1, &mut reader).is_none());
        std::fs::remove_file(&path).unwrap();
    }
}
