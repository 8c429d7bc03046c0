//! Looking into JSON texts without taking them apart as a whole.

use std::borrow::Cow;
use std::slice::Iter;

use memchr::memchr2_iter;
use serde_json::Value as Parsed;

use crate::comparison;
use crate::expression::Draws;
use crate::json_walk::{self, DEPTH_LIMIT, is_plain};
use crate::value::{Fault, Value};

/// Whether a text has more arrays and objects one within the other than anybody looks into. What takes a text apart calls
/// itself for each of them, and one as a target may send it would take all of the stack.
#[must_use]
pub fn is_too_deep(json: &[u8]) -> bool {
    if memchr2_iter(b'[', b'{', json).nth(DEPTH_LIMIT as usize - 1).is_none() {
        // So few can't be so deep, and nearly no answer has more.
        return false;
    }
    let mut depth = 0_u32;
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => skip_string(&mut bytes),
            b'[' | b'{' => {
                depth += 1;
                if depth == DEPTH_LIMIT {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// Up to behind its closing quotation mark.
fn skip_string(bytes: &mut Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
}

/// A member of an object by its name, or an item of an array by its number: from the end if negative.
///
/// # Errors
/// [`Fault::Missing`], if there is none; [`Fault::Kind`], if the value has none.
pub fn member<'v>(value: Value<'v>, key: &Value<'_>) -> Result<Value<'v>, Fault> {
    let Value::Json(json) = value else {
        return Err(if value == Value::Null { Fault::Null } else { Fault::Kind });
    };
    match key {
        Value::Text(name) => within(json, |json| json_walk::member(json, name)),
        Value::Integer(number) => {
            let from_end = if *number < 0 { items(&json)? as i64 } else { 0 };
            let place = usize::try_from(from_end + number).map_err(|_| Fault::Missing)?;
            within(json, |json| json_walk::item(json, place))
        }
        _ => Err(Fault::Kind),
    }
}

/// One of the items of an array.
///
/// # Errors
/// [`Fault::Missing`], if it has none; [`Fault::Kind`], if it is no array.
pub fn random_item<'v>(value: Value<'v>, draws: &mut Draws<'_>) -> Result<Value<'v>, Fault> {
    let Value::Json(json) = value else {
        return Err(if value == Value::Null { Fault::Null } else { Fault::Kind });
    };
    let count = items(&json)?;
    if count == 0 {
        return Err(Fault::Missing);
    }
    let place = draws.below(count as u64) as usize;
    within(json, |json| json_walk::item(json, place))
}

/// How many items an array has, or members an object.
///
/// # Errors
/// [`Fault::Kind`], if it is no JSON.
pub fn length(json: &str) -> Result<i64, Fault> {
    let count = json_walk::count(json).ok_or(Fault::Kind)?;
    Ok(count as i64)
}

/// Writes a text as JSON.
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    if !is_plain(text.as_bytes()) {
        // A write to memory does not fail.
        let _ = serde_json::to_writer(out, text);
        return;
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// Whether two texts say the same, however they are written.
#[must_use]
pub fn same(one: &str, other: &str) -> bool {
    let parse = serde_json::from_str::<Parsed>;
    one == other || matches!((parse(one), parse(other)), (Ok(one), Ok(other)) if says_the_same(&one, &other))
}

/// Numbers as expressions compare them: 1 is 1.0, within an array too.
fn says_the_same(one: &Parsed, other: &Parsed) -> bool {
    match (one, other) {
        (Parsed::Number(one), Parsed::Number(other)) => match (Value::from_number(one), Value::from_number(other)) {
            (Ok(one), Ok(other)) => comparison::same(&one, &other),
            _ => one == other,
        },
        (Parsed::Array(one), Parsed::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| says_the_same(one, other))
        }
        (Parsed::Object(one), Parsed::Object(other)) => {
            let has = |name: &String, value: &Parsed| other.get(name).is_some_and(|other| says_the_same(value, other));
            one.len() == other.len() && one.iter().all(|(name, value)| has(name, value))
        }
        _ => one == other,
    }
}

fn items(json: &str) -> Result<usize, Fault> {
    if !json.starts_with('[') {
        return Err(Fault::Kind);
    }
    json_walk::count(json).ok_or(Fault::Kind)
}

fn within<'v>(
    json: Cow<'v, str>,
    find: impl for<'j> Fn(&'j str) -> Result<Value<'j>, Fault>,
) -> Result<Value<'v>, Fault> {
    match json {
        Cow::Borrowed(json) => find(json),
        Cow::Owned(json) => find(&json).map(Value::into_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_the_same_if_it_says_the_same() {
        for (one, other, expected) in [
            ("[1]", "[1.0]", true),
            ("{\"a\": [2e1], \"b\": null}", "{\"b\":null,\"a\":[20]}", true),
            ("[\"\\u0061\"]", "[ \"a\" ]", true),
            ("[-0.0]", "[0]", true),
            ("[9007199254740993]", "[9007199254740992.0]", false),
            ("[1]", "[\"1\"]", false),
            ("[1]", "[1, 1]", false),
            ("{\"a\": 1}", "{\"b\": 1}", false),
            ("{\"a\": 1}", "{\"a\": 1, \"b\": 1}", false),
            ("[true]", "[1]", false),
        ] {
            assert_eq!(
                (same(one, other), same(other, one)),
                (expected, expected),
                "{one} {other}"
            );
        }
    }
}
