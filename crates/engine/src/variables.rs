//! The variables of a virtual user's iteration.

use std::borrow::Cow;

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
}

#[derive(Debug, Clone)]
struct Slot {
    kind: Kind,
    text: String,
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
        }
    }

    /// Unsets one: where its new value could not be had, the one before would be sent as if it were.
    pub fn unset(&mut self, number: u16) {
        if let Some(slot) = self.slots.get_mut(number as usize) {
            slot.kind = Kind::Unset;
        }
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
