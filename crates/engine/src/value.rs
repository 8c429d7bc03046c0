//! Values: what an expression comes to while the load runs.

use std::borrow::Cow;
use std::fmt;

use crate::json;

/// Longest text that a value can be, and longest request that has values in it. A text that is made of itself over and
/// over would take all memory there is.
pub const MAX_TEXT_BYTES: usize = 8 * 1024 * 1024;

/// A value. Texts and JSON are borrowed where they need not be made.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'v> {
    /// There is none: JSON's `null`.
    Null,
    /// Yes or no.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A fraction; finite.
    Number(f64),
    /// Text.
    Text(Cow<'v, str>),
    /// A JSON array or object, as it was written.
    Json(Cow<'v, str>),
}

/// Why an expression has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A variable that no step has set.
    Unset,
    /// There is no value where one is needed.
    Null,
    /// A value of another kind than the function takes.
    Kind,
    /// A number that does not fit, a division by zero, or a text that is too long.
    Range,
    /// What a response does not have, or a JSON value.
    Missing,
    /// A text that would break out of where it is to stand.
    Unsafe,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Unset => "a variable that no step has set",
            Self::Null => "no value where one is needed",
            Self::Kind => "a value of the wrong kind",
            Self::Range => "a number out of range, or a text that is too long",
            Self::Missing => "what is not there",
            Self::Unsafe => "a text that must not stand there",
        })
    }
}

impl<'v> Value<'v> {
    /// A number of JSON.
    ///
    /// # Errors
    /// [`Fault::Range`] for one that no value here can be.
    pub fn from_number(number: &serde_json::Number) -> Result<Self, Fault> {
        if let Some(integer) = number.as_i64() {
            return Ok(Self::Integer(integer));
        }
        number
            .as_f64()
            .filter(|number| number.is_finite())
            .map(Self::Number)
            .ok_or(Fault::Range)
    }

    /// Writes it as text.
    ///
    /// # Errors
    /// [`Fault::Null`]: `null` in the middle of a URL would look like a value.
    pub fn write_text(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
        match self {
            Self::Null => return Err(Fault::Null),
            Self::Text(text) | Self::Json(text) => out.extend_from_slice(text.as_bytes()),
            other => other.write_json(out),
        }
        Ok(())
    }

    /// It as text.
    ///
    /// # Errors
    /// As [`Self::write_text`].
    pub fn into_text(self) -> Result<Cow<'v, str>, Fault> {
        match self {
            Self::Null => Err(Fault::Null),
            Self::Text(text) | Self::Json(text) => Ok(text),
            Self::Boolean(yes) => Ok(Cow::Borrowed(if yes { "true" } else { "false" })),
            Self::Integer(integer) => Ok(Cow::Owned(itoa::Buffer::new().format(integer).to_owned())),
            Self::Number(number) => Ok(Cow::Owned(json_number(number))),
        }
    }

    /// Writes it as JSON.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Boolean(true) => out.extend_from_slice(b"true"),
            Self::Boolean(false) => out.extend_from_slice(b"false"),
            Self::Integer(integer) => out.extend_from_slice(itoa::Buffer::new().format(*integer).as_bytes()),
            Self::Number(number) => out.extend_from_slice(json_number(*number).as_bytes()),
            Self::Json(json) => out.extend_from_slice(json.as_bytes()),
            Self::Text(text) => json::write_text(text, out),
        }
    }

    /// The same value, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Boolean(yes) => Value::Boolean(yes),
            Self::Integer(integer) => Value::Integer(integer),
            Self::Number(number) => Value::Number(number),
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::Json(json) => Value::Json(Cow::Owned(json.into_owned())),
        }
    }

    /// The same value, borrowed from this one.
    #[must_use]
    pub fn borrowed(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Boolean(yes) => Value::Boolean(*yes),
            Self::Integer(integer) => Value::Integer(*integer),
            Self::Number(number) => Value::Number(*number),
            Self::Text(text) => Value::Text(Cow::Borrowed(text)),
            Self::Json(json) => Value::Json(Cow::Borrowed(json)),
        }
    }

    /// Its boolean.
    ///
    /// # Errors
    /// [`Fault::Kind`], for what is none: nothing is true by being there.
    pub fn boolean(&self) -> Result<bool, Fault> {
        match self {
            Self::Boolean(yes) => Ok(*yes),
            _ => Err(Fault::Kind),
        }
    }

    /// Its whole number.
    ///
    /// # Errors
    /// [`Fault::Kind`], for what is none.
    pub fn integer(&self) -> Result<i64, Fault> {
        match self {
            Self::Integer(integer) => Ok(*integer),
            _ => Err(Fault::Kind),
        }
    }
}

/// A finite number as JSON writes it: `0.5`, `2.0`, `1e+300`.
fn json_number(number: f64) -> String {
    serde_json::Number::from_f64(number).map_or_else(|| "null".to_owned(), |number| number.to_string())
}
