//! Walking through a JSON text up to one of its values: strictly by RFC 8259, without taking anything apart and without
//! memory.
//!
//! What stands behind the value is not looked at. What stands before it is held to the rules, so that nothing is found in
//! what only resembles JSON.

#[cfg(test)]
mod properties;
mod walk;

use std::borrow::Cow;
use std::ops::Range;

use crate::value::{Fault, Value};

use walk::Rest;
pub use walk::is_plain;

/// From how many arrays and objects one within the other on nobody looks into a text, as serde_json has it.
pub const DEPTH_LIMIT: u32 = 128;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// The member of this name: of several, the first.
    Member(Box<str>),
    /// The item of this number.
    Item(usize),
}

/// The value at a path of a text.
///
/// # Errors
/// [`Fault::Missing`], if there is none, or the text is no JSON on the way there or is too deep; [`Fault::Range`] for a
/// number that no value can be.
pub fn at<'j>(json: &'j [u8], path: &[Key]) -> Result<Value<'j>, Fault> {
    let place = walk::to(json, path).and_then(|rest| place(json, rest, path.len() as u32));
    let text = |range: Range<usize>| std::str::from_utf8(&json[range]).map_err(|_| Fault::Missing);
    place.ok_or(Fault::Missing)?.value(json, text)
}

/// The value that a text is.
///
/// # Errors
/// [`Fault::Kind`], if it is no JSON or too deep; [`Fault::Range`] for a number that no value can be.
pub fn whole(json: &str) -> Result<Value<'_>, Fault> {
    let place = place(json.as_bytes(), json.as_bytes(), 0).ok_or(Fault::Kind)?;
    if !walk::without_space(&json.as_bytes()[place.end..]).is_empty() {
        return Err(Fault::Kind);
    }
    place
        .value(json.as_bytes(), |range| Ok(&json[range]))
        .map_err(|fault| match fault {
            Fault::Missing => Fault::Kind,
            other => other,
        })
}

/// The value of a member: of several of a name, the first.
///
/// # Errors
/// As [`at`].
pub fn member<'j>(json: &'j str, name: &str) -> Result<Value<'j>, Fault> {
    value(json, walk::member(json.as_bytes(), name, 1))
}

/// The value of an item.
///
/// # Errors
/// As [`at`].
pub fn item(json: &str, number: usize) -> Result<Value<'_>, Fault> {
    value(json, walk::item(json.as_bytes(), number, 1))
}

/// How many items an array has, or members an object. `None` if it is neither or no JSON.
#[must_use]
pub fn count(json: &str) -> Option<usize> {
    walk::count(json.as_bytes())
}

fn value<'j>(json: &'j str, rest: Option<Rest<'_>>) -> Result<Value<'j>, Fault> {
    let place = rest.and_then(|rest| place(json.as_bytes(), rest, 1));
    place
        .ok_or(Fault::Missing)?
        .value(json.as_bytes(), |range| Ok(&json[range]))
}

/// Where the value stands that is next in what is left of a text, `depth` deep.
fn place(json: &[u8], rest: Rest<'_>, depth: u32) -> Option<Place> {
    let rest = walk::without_space(rest);
    let begin = json.len() - rest.len();
    let (mut escaped, mut integer) = (false, None);
    let rest = if let [b'"', rest @ ..] = rest {
        let (quoted, rest) = walk::quoted(rest)?;
        escaped = quoted.escaped;
        rest
    } else if let Some((found, rest)) = walk::integer(rest) {
        integer = Some(found);
        rest
    } else {
        walk::skip(rest, depth)?
    };
    let end = json.len() - rest.len();
    Some(Place {
        begin,
        end,
        escaped,
        integer,
    })
}

/// Where a value stands.
struct Place {
    begin: usize,
    end: usize,
    /// There is a backslash in it.
    escaped: bool,
    /// What it is, if that was plain to see.
    integer: Option<i64>,
}

impl Place {
    /// What stands there; `text` has what is found there as text, of the same JSON.
    fn value<'j>(
        &self,
        json: &[u8],
        text: impl FnOnce(Range<usize>) -> Result<&'j str, Fault>,
    ) -> Result<Value<'j>, Fault> {
        let &Self {
            begin,
            end,
            escaped,
            integer,
        } = self;
        if let Some(integer) = integer {
            return Ok(Value::Integer(integer));
        }
        let raw = &json[begin..end];
        match raw {
            [b'"', ..] if escaped => unescaped(raw).map(|text| Value::Text(Cow::Owned(text))),
            [b'"', ..] => text(begin + 1..end - 1).map(|text| Value::Text(Cow::Borrowed(text))),
            [b'{' | b'[', ..] => text(begin..end).map(|json| Value::Json(Cow::Borrowed(json))),
            b"null" => Ok(Value::Null),
            b"true" => Ok(Value::Boolean(true)),
            b"false" => Ok(Value::Boolean(false)),
            raw => number(raw),
        }
    }
}

/// A text with its quotation marks. Halves of surrogates are held to the rules here.
#[cold]
fn unescaped(raw: &[u8]) -> Result<String, Fault> {
    serde_json::from_slice(raw).map_err(|_| Fault::Missing)
}

/// A number that is no plain integer.
#[cold]
fn number(raw: &[u8]) -> Result<Value<'static>, Fault> {
    let number = serde_json::from_slice(raw).map_err(|_| Fault::Range)?;
    Value::from_number(&number)
}
