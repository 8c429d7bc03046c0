//! The variables of a virtual user's iteration.

use std::borrow::Cow;
use std::sync::Arc;

use crate::rows::{Row, RowShape};
use crate::value::{Fault, Value};

/// What is kept of a text when an iteration is over: another of its size needs no memory of its own.
const KEPT_BYTES: usize = 1_024;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Unset,
    Null,
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text,
    Json,
    /// A row of CSV as it stands in its file, of the slot's shape.
    Row,
}

#[derive(Debug, Clone)]
struct Slot {
    kind: Kind,
    text: String,
    /// Of the row that it has had last: nearly always that of the next.
    shape: Option<Arc<RowShape>>,
}

impl Slot {
    /// Its row as a value like any other.
    #[cold]
    fn row(&self) -> Value<'_> {
        let object = self.shape.as_ref().map(|shape| shape.plain_object(&self.text));
        Value::Json(Cow::Owned(object.unwrap_or_default()))
    }
}

/// A fixed number of variables, each by its number. A text is written over the one before, so that in the steady state
/// nothing is allocated.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    slots: Box<[Slot]>,
    lasting: usize,
}

impl Variables {
    /// So many, none of them set. The first `lasting` outlive iterations.
    #[must_use]
    pub fn new(count: usize, lasting: usize) -> Self {
        let unset = Slot {
            kind: Kind::Unset,
            text: String::new(),
            shape: None,
        };
        Self {
            slots: vec![unset; count].into_boxed_slice(),
            lasting,
        }
    }

    /// Unsets all that belong to an iteration.
    pub fn clear(&mut self) {
        self.clear_from(self.lasting);
    }

    /// Unsets all.
    pub fn clear_all(&mut self) {
        self.clear_from(0);
    }

    fn clear_from(&mut self, first: usize) {
        for slot in &mut self.slots[first..] {
            slot.kind = Kind::Unset;
            slot.text.clear();
            slot.text.shrink_to(KEPT_BYTES);
        }
    }

    /// The value of one.
    ///
    /// # Errors
    /// [`Fault::Unset`].
    #[inline]
    pub fn get(&self, number: u16) -> Result<Value<'_>, Fault> {
        let slot = self.slots.get(number as usize).ok_or(Fault::Unset)?;
        match slot.kind {
            Kind::Unset => Err(Fault::Unset),
            Kind::Null => Ok(Value::Null),
            Kind::Boolean(yes) => Ok(Value::Boolean(yes)),
            Kind::Integer(integer) => Ok(Value::Integer(integer)),
            Kind::Number(number) => Ok(Value::Number(number)),
            Kind::Text => Ok(Value::Text(Cow::Borrowed(&slot.text))),
            Kind::Json => Ok(Value::Json(Cow::Borrowed(&slot.text))),
            Kind::Row => Ok(slot.row()),
        }
    }

    /// Writes the value of one as text.
    ///
    /// # Errors
    /// [`Fault::Unset`], [`Fault::Null`].
    #[inline]
    pub fn write_text(&self, number: u16, out: &mut Vec<u8>) -> Result<(), Fault> {
        match self.slots.get(number as usize) {
            Some(slot) if slot.kind == Kind::Text => {
                out.extend_from_slice(slot.text.as_bytes());
                Ok(())
            }
            _ => self.get(number)?.write_text(out),
        }
    }

    /// What a row has in a column. `None`: the variable holds no row of CSV as it stands in its file.
    #[inline]
    pub fn field(&self, number: u16, column: &str) -> Option<Result<Value<'_>, Fault>> {
        let slot = self.slots.get(number as usize)?;
        let shape = slot.shape.as_ref().filter(|_| slot.kind == Kind::Row)?;
        let field = shape.field(&slot.text, column).ok_or(Fault::Missing);
        Some(field.map(|field| Value::Text(Cow::Borrowed(field))))
    }

    /// Sets one to a row.
    pub fn set_row(&mut self, number: u16, row: Row<'_>) {
        let (row, shape) = match row {
            Row::Plain(row, shape) => (row, shape),
            Row::Json(json) => return self.set(number, &Value::Json(Cow::Borrowed(json))),
        };
        let Some(slot) = self.slots.get_mut(number as usize) else {
            return;
        };
        slot.text.clear();
        slot.text.push_str(row);
        slot.kind = Kind::Row;
        if !slot.shape.as_ref().is_some_and(|own| Arc::ptr_eq(own, shape)) {
            slot.shape = Some(Arc::clone(shape));
        }
    }

    /// Unsets one: where its new value could not be had, the one before would be sent as if it were.
    pub fn unset(&mut self, number: u16) {
        if let Some(slot) = self.slots.get_mut(number as usize) {
            slot.kind = Kind::Unset;
        }
    }

    /// Sets one to the text that is in `text`, which then holds what is of no use.
    ///
    /// # Errors
    /// [`Fault::Kind`], if it is none.
    pub fn set_text(&mut self, number: u16, text: &mut Vec<u8>) -> Result<(), Fault> {
        let new = String::from_utf8(std::mem::take(text)).map_err(|_| Fault::Kind)?;
        if let Some(slot) = self.slots.get_mut(number as usize) {
            *text = std::mem::replace(&mut slot.text, new).into_bytes();
            slot.kind = Kind::Text;
        }
        Ok(())
    }

    /// Sets one.
    pub fn set(&mut self, number: u16, value: &Value<'_>) {
        let Some(slot) = self.slots.get_mut(number as usize) else {
            return;
        };
        slot.text.clear();
        slot.kind = match value {
            Value::Null => Kind::Null,
            Value::Boolean(yes) => Kind::Boolean(*yes),
            Value::Integer(integer) => Kind::Integer(*integer),
            Value::Number(number) => Kind::Number(*number),
            Value::Text(text) => {
                slot.text.push_str(text);
                Kind::Text
            }
            Value::Json(json) => {
                slot.text.push_str(json);
                Kind::Json
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_its_fields_and_an_object_like_any_other() {
        let shape = Arc::new(RowShape::new(vec!["user".to_owned(), "a\"b".to_owned()], b';'));
        let mut variables = Variables::new(1, 0);
        assert_eq!(variables.field(0, "user"), None);
        variables.set_row(0, Row::Plain("é\\;", &shape));
        assert_eq!(variables.field(0, "user"), Some(Ok(Value::Text("é\\".into()))));
        assert_eq!(variables.field(0, "a\"b"), Some(Ok(Value::Text("".into()))));
        assert_eq!(variables.field(0, "other"), Some(Err(Fault::Missing)));
        assert_eq!(variables.get(0), Ok(Value::Json(r#"{"user":"é\\","a\"b":""}"#.into())));
        variables.set_row(0, Row::Json("{}"));
        assert_eq!(variables.field(0, "user"), None);
        assert_eq!(variables.get(0), Ok(Value::Json("{}".into())));
    }

    #[test]
    fn what_was_set_is_there_until_it_is_unset_or_all_is_cleared() {
        let mut variables = Variables::new(2, 0);
        assert_eq!(variables.get(0), Err(Fault::Unset));
        for value in [
            Value::Null,
            Value::Boolean(true),
            Value::Integer(i64::MIN),
            Value::Number(0.5),
            Value::Text("é".into()),
            Value::Json("[1]".into()),
            Value::Text("".into()),
        ] {
            variables.set(0, &value);
            assert_eq!(variables.get(0), Ok(value));
            assert_eq!(variables.get(1), Err(Fault::Unset));
        }
        variables.set(1, &Value::Null);
        variables.unset(0);
        assert_eq!(
            (variables.get(0), variables.get(1)),
            (Err(Fault::Unset), Ok(Value::Null))
        );
        variables.clear();
        assert_eq!(variables.get(1), Err(Fault::Unset));
        assert_eq!(variables.get(2), Err(Fault::Unset), "there is no third");
    }
}
