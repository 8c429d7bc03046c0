//! What the rows of a file of CSV have in common.

use crate::block::place_of;
use crate::json::write_text;
use crate::short::is_same;

/// Their columns, and how their fields are told apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RowShape {
    delimiter: u8,
    columns: Box<[String]>,
    /// What stands before each field in JSON: `{"user":`, `,"password":`.
    before: Box<[Vec<u8>]>,
}

impl RowShape {
    /// Of rows with these columns.
    #[must_use]
    pub fn new(columns: Vec<String>, delimiter: u8) -> Self {
        let before = |(at, name): (usize, &String)| {
            let mut before = vec![if at == 0 { b'{' } else { b',' }];
            write_text(name, &mut before);
            before.push(b':');
            before
        };
        Self {
            delimiter,
            before: columns.iter().enumerate().map(before).collect(),
            columns: columns.into_boxed_slice(),
        }
    }

    /// What the columns are called.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Whether a row without quotation marks has as many fields as there are columns.
    #[must_use]
    pub fn fits(&self, row: &str) -> bool {
        row.bytes().filter(|byte| *byte == self.delimiter).count() + 1 == self.columns.len()
    }

    /// The field of a column, in a row without quotation marks.
    #[inline]
    #[must_use]
    pub fn field<'r>(&self, row: &'r str, column: &str) -> Option<&'r str> {
        let place = self
            .columns
            .iter()
            .position(|own| is_same(own.as_bytes(), column.as_bytes()))?;
        let mut rest = row;
        for _ in 0..place {
            rest = rest.get(self.end(rest) + 1..)?;
        }
        let is_last = place + 1 == self.columns.len();
        if is_last {
            Some(rest)
        } else {
            rest.get(..self.end(rest))
        }
    }

    /// A row without quotation marks as a JSON object.
    #[must_use]
    pub fn plain_object(&self, row: &str) -> String {
        let mut rest = row;
        let fields = std::iter::from_fn(move || {
            let end = self.end(rest);
            let field = rest.get(..end);
            rest = rest.get(end + 1..).unwrap_or_default();
            field
        });
        let mut json = Vec::new();
        self.write_object(fields.take(self.columns.len()), &mut json);
        String::from_utf8(json).unwrap_or_default()
    }

    /// Writes fields as a JSON object.
    pub(super) fn write_object<'f>(&self, fields: impl Iterator<Item = &'f str>, json: &mut Vec<u8>) {
        for (before, field) in self.before.iter().zip(fields) {
            json.extend_from_slice(before);
            write_text(field, json);
        }
        json.push(b'}');
    }

    #[inline]
    fn end(&self, rest: &str) -> usize {
        place_of(self.delimiter, rest.as_bytes())
    }
}
