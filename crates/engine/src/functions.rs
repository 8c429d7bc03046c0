//! What the functions of expressions make of their arguments.

use std::borrow::Cow;
use std::fmt::Write as _;

use apibench_core::expression::Function;

use crate::comparison;
use crate::digest::{self, Form};
use crate::expression::{Draws, Expression};
use crate::json;
use crate::json_walk;
use crate::made_up::made_up;
use crate::moment_value;
use crate::random_values::{random_integer, random_text, random_uuid};
use crate::value::{Fault, MAX_TEXT_BYTES, Value};
use crate::variables::Variables;

/// Calls a function, whose arguments are as many as it takes.
///
/// # Errors
/// [`Fault`], if they have no value, or the function has none for them.
pub fn call<'v>(
    function: Function,
    arguments: &'v [Expression],
    variables: &'v Variables,
    draws: &mut Draws<'_>,
) -> Result<Value<'v>, Fault> {
    let mut value = |place: usize| arguments[place].evaluate(variables, draws);
    let made = match function {
        Function::Equal
        | Function::NotEqual
        | Function::Less
        | Function::LessOrEqual
        | Function::Greater
        | Function::GreaterOrEqual => Value::Boolean(comparison::holds(function, &value(0)?, &value(1)?)?),
        Function::And => Value::Boolean(value(0)?.boolean()? && value(1)?.boolean()?),
        Function::Or => Value::Boolean(value(0)?.boolean()? || value(1)?.boolean()?),
        Function::Not => Value::Boolean(!value(0)?.boolean()?),
        Function::Add => arithmetic(&value(0)?, &value(1)?, i64::checked_add, |one, other| one + other)?,
        Function::Subtract => arithmetic(&value(0)?, &value(1)?, i64::checked_sub, |one, other| one - other)?,
        Function::Multiply => arithmetic(&value(0)?, &value(1)?, i64::checked_mul, |one, other| one * other)?,
        Function::Divide => finite(number(&value(0)?)? / number(&value(1)?)?)?,
        Function::Remainder => Value::Integer(remainder(value(0)?.integer()?, value(1)?.integer()?)?),
        Function::Text => Value::Text(value(0)?.into_text()?),
        Function::Integer => Value::Integer(as_integer(&value(0)?)?),
        Function::Number => as_number(&value(0)?)?,
        Function::Length => Value::Integer(length(&value(0)?)?),
        Function::Lower => Value::Text(Cow::Owned(text(value(0)?)?.to_lowercase())),
        Function::Upper => Value::Text(Cow::Owned(text(value(0)?)?.to_uppercase())),
        Function::Strip => Value::Text(stripped(text(value(0)?)?)),
        Function::Slice => {
            let whole = text(value(0)?)?;
            Value::Text(Cow::Owned(slice(&whole, value(1)?.integer()?, value(2)?.integer()?)))
        }
        Function::Contains => Value::Boolean(text(value(0)?)?.contains(&*text(value(1)?)?)),
        Function::StartsWith => Value::Boolean(text(value(0)?)?.starts_with(&*text(value(1)?)?)),
        Function::EndsWith => Value::Boolean(text(value(0)?)?.ends_with(&*text(value(1)?)?)),
        Function::Replace => {
            let whole = text(value(0)?)?;
            let (from, to) = (text(value(1)?)?, text(value(2)?)?);
            Value::Text(Cow::Owned(replaced(&whole, &from, &to)?))
        }
        Function::IsNull => Value::Boolean(value(0)? == Value::Null),
        Function::Member => json::member(value(0)?, &value(1)?)?,
        Function::UrlEncoded => Value::Text(Cow::Owned(url_encoded(&value(0)?.into_text()?))),
        Function::JsonEncoded => {
            let mut out = Vec::new();
            value(0)?.write_json(&mut out);
            Value::Text(Cow::Owned(String::from_utf8(out).map_err(|_| Fault::Kind)?))
        }
        Function::Base64Encoded => made_text(digest::written(value(0)?.into_text()?.as_bytes(), Form::Base64)),
        Function::Base64urlEncoded => made_text(digest::written(value(0)?.into_text()?.as_bytes(), Form::Base64url)),
        Function::Base64Decoded => made_text(digest::base64_decoded(&text(value(0)?)?)?),
        Function::Sha256 | Function::Sha512 | Function::Sha1 | Function::Md5 => {
            let of = value(0)?.into_text()?;
            let form = arguments.get(1).map_or(Ok(Form::Hex), |_| form(&value(1)?))?;
            made_text(digest::digest(function, of.as_bytes(), form)?)
        }
        Function::HmacSha256 | Function::HmacSha512 | Function::HmacSha1 => {
            let (key, of) = (text(value(0)?)?, value(1)?.into_text()?);
            let form = arguments.get(2).map_or(Ok(Form::Hex), |_| form(&value(2)?))?;
            made_text(digest::hmac(function, key.as_bytes(), of.as_bytes(), form)?)
        }
        Function::JwtHs256 => made_text(digest::jwt_hs256(&value(0)?.into_text()?, text(value(1)?)?.as_bytes())?),
        Function::NowSeconds | Function::NowMilliseconds | Function::NowIso | Function::NowDate => {
            let offset = arguments.first().map(|_| value(0)).transpose()?;
            moment_value::now(function, offset.as_ref(), (draws.wall_clock)())?
        }
        Function::RandomSeconds | Function::RandomMilliseconds | Function::RandomIso | Function::RandomDate => {
            let (low, high) = (value(0)?, value(1)?);
            moment_value::between(function, &low, &high, draws)?
        }
        Function::RandomFirstName
        | Function::RandomLastName
        | Function::RandomName
        | Function::RandomEmail
        | Function::RandomStreet
        | Function::RandomCity
        | Function::RandomPostcode
        | Function::RandomCountry
        | Function::RandomPhone
        | Function::RandomCompany => made_text(made_up(function, draws)?),
        // By their numbers: see `Expression::compile`.
        Function::Counter => {
            let number = value(0)?.integer()?;
            Value::Integer(draws.counts.next_of_run(number)?)
        }
        Function::VuCounter => {
            let number = value(0)?.integer()?;
            Value::Integer(draws.counts.next_own(number)?)
        }
        Function::Concat => {
            let mut out = Vec::new();
            arguments
                .iter()
                .try_for_each(|part| part.write(variables, draws, &mut out))?;
            Value::Text(Cow::Owned(String::from_utf8(out).map_err(|_| Fault::Kind)?))
        }
        Function::RandomInteger => {
            let (low, high) = (value(0)?.integer()?, value(1)?.integer()?);
            Value::Integer(random_integer(low, high, draws)?)
        }
        Function::RandomChoice => {
            let place = draws.below(arguments.len() as u64) as usize;
            arguments[place].evaluate(variables, draws)?
        }
        Function::RandomItem => {
            let array = value(0)?;
            json::random_item(array, draws)?
        }
        Function::RandomText => {
            let wanted = value(0)?.integer()?;
            Value::Text(Cow::Owned(random_text(wanted, draws)?))
        }
        Function::RandomUuid => Value::Text(Cow::Owned(random_uuid(draws))),
    };
    bounded(made)
}

/// A member of an object by its name.
///
/// # Errors
/// As those of [`json::member`]; [`Fault::Range`] for a text that is too long.
pub fn named_member<'v>(value: Value<'v>, name: &str) -> Result<Value<'v>, Fault> {
    bounded(json::member(value, &Value::Text(Cow::Borrowed(name)))?)
}

fn bounded(made: Value<'_>) -> Result<Value<'_>, Fault> {
    match &made {
        Value::Text(text) if text.len() > MAX_TEXT_BYTES => Err(Fault::Range),
        _ => Ok(made),
    }
}

fn made_text(text: String) -> Value<'static> {
    Value::Text(Cow::Owned(text))
}

/// How a digest is to be written.
fn form(value: &Value<'_>) -> Result<Form, Fault> {
    match value {
        Value::Text(word) => Form::named(word).ok_or(Fault::Kind),
        _ => Err(Fault::Kind),
    }
}

/// A text itself; nothing else is taken for one.
fn text(value: Value<'_>) -> Result<Cow<'_, str>, Fault> {
    match value {
        Value::Text(text) => Ok(text),
        Value::Null => Err(Fault::Null),
        _ => Err(Fault::Kind),
    }
}

fn number(value: &Value<'_>) -> Result<f64, Fault> {
    match value {
        Value::Integer(integer) => Ok(*integer as f64),
        Value::Number(number) => Ok(*number),
        Value::Null => Err(Fault::Null),
        _ => Err(Fault::Kind),
    }
}

fn finite(number: f64) -> Result<Value<'static>, Fault> {
    if number.is_finite() {
        Ok(Value::Number(number))
    } else {
        Err(Fault::Range)
    }
}

fn arithmetic(
    one: &Value<'_>,
    other: &Value<'_>,
    whole: fn(i64, i64) -> Option<i64>,
    fraction: fn(f64, f64) -> f64,
) -> Result<Value<'static>, Fault> {
    match (one, other) {
        (Value::Integer(one), Value::Integer(other)) => whole(*one, *other).map(Value::Integer).ok_or(Fault::Range),
        _ => finite(fraction(number(one)?, number(other)?)),
    }
}

/// With the sign of the divisor, as Python has it.
fn remainder(dividend: i64, divisor: i64) -> Result<i64, Fault> {
    let rest = dividend
        .checked_rem(divisor)
        .or(if divisor == -1 { Some(0) } else { None });
    let rest = rest.ok_or(Fault::Range)?;
    Ok(if rest != 0 && (rest < 0) != (divisor < 0) {
        rest + divisor
    } else {
        rest
    })
}

fn as_integer(value: &Value<'_>) -> Result<i64, Fault> {
    match value {
        Value::Integer(integer) => Ok(*integer),
        Value::Number(number) if (-9e18..9e18).contains(number) => Ok(number.trunc() as i64),
        Value::Number(_) => Err(Fault::Range),
        Value::Text(text) => text.trim().parse().map_err(|_| Fault::Kind),
        Value::Null => Err(Fault::Null),
        Value::Boolean(_) | Value::Json(_) => Err(Fault::Kind),
    }
}

fn as_number(value: &Value<'_>) -> Result<Value<'static>, Fault> {
    match value {
        Value::Integer(integer) => Ok(Value::Integer(*integer)),
        Value::Number(number) => Ok(Value::Number(*number)),
        Value::Text(text) => match json_walk::whole(text.trim()) {
            Ok(Value::Integer(integer)) => Ok(Value::Integer(integer)),
            Ok(Value::Number(number)) => Ok(Value::Number(number)),
            Ok(_) => Err(Fault::Kind),
            Err(fault) => Err(fault),
        },
        Value::Null => Err(Fault::Null),
        Value::Boolean(_) | Value::Json(_) => Err(Fault::Kind),
    }
}

fn length(value: &Value<'_>) -> Result<i64, Fault> {
    match value {
        Value::Text(text) => Ok(text.chars().count() as i64),
        Value::Json(text) => json::length(text),
        Value::Null => Err(Fault::Null),
        Value::Boolean(_) | Value::Integer(_) | Value::Number(_) => Err(Fault::Kind),
    }
}

fn stripped(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

/// By characters, as Python slices.
fn slice(text: &str, from: i64, to: i64) -> String {
    let count = text.chars().count() as i64;
    let place = |at: i64| if at < 0 { (count + at).max(0) } else { at.min(count) };
    let (from, to) = (place(from), place(to));
    text.chars()
        .skip(from as usize)
        .take((to - from).max(0) as usize)
        .collect()
}

/// How long it becomes is known before anything is written.
fn replaced(whole: &str, old: &str, new: &str) -> Result<String, Fault> {
    let growth = new.len().saturating_sub(old.len());
    let grown = whole.matches(old).count().saturating_mul(growth);
    if whole.len().saturating_add(grown) > MAX_TEXT_BYTES {
        return Err(Fault::Range);
    }
    Ok(whole.replace(old, new))
}

/// Percent-encoded, but for what RFC 3986 calls unreserved.
#[must_use]
pub fn url_encoded(text: &str) -> String {
    url_encoded_bytes(text.as_bytes())
}

/// The same of bytes, which need be no text.
#[must_use]
pub fn url_encoded_bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            out.push(char::from(*byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counter::Counts;

    fn called(function: Function, arguments: &[Value<'static>]) -> Result<Value<'static>, Fault> {
        let arguments: Vec<_> = arguments.iter().cloned().map(Expression::Constant).collect();
        let mut drawn = 0;
        let mut draws = Draws {
            seed: 5,
            wall_clock: || 1_440_938_160_005_999_999,
            scenario: 0,
            stream: 0,
            round: 0,
            drawn: &mut drawn,
            counts: &mut Counts::default(),
        };
        call(function, &arguments, &Variables::new(0, 0), &mut draws).map(Value::into_owned)
    }

    fn text(text: &'static str) -> Value<'static> {
        Value::Text(text.into())
    }

    fn json(text: &'static str) -> Value<'static> {
        Value::Json(text.into())
    }

    #[test]
    fn values_come_to_what_python_comes_to_or_to_a_fault() {
        use Function as F;
        use Value::{Boolean, Integer, Null, Number};
        let table = [
            (F::Add, vec![Integer(i64::MAX), Integer(1)], Err(Fault::Range)),
            (F::Add, vec![Integer(1), Number(0.5)], Ok(Number(1.5))),
            (F::Add, vec![text("1"), Integer(1)], Err(Fault::Kind)),
            (F::Multiply, vec![Number(1e300), Number(1e300)], Err(Fault::Range)),
            (F::Divide, vec![Integer(7), Integer(2)], Ok(Number(3.5))),
            (F::Divide, vec![Integer(1), Integer(0)], Err(Fault::Range)),
            (F::Remainder, vec![Integer(-7), Integer(3)], Ok(Integer(2))),
            (F::Remainder, vec![Integer(7), Integer(-3)], Ok(Integer(-2))),
            (F::Remainder, vec![Integer(i64::MIN), Integer(-1)], Ok(Integer(0))),
            (F::Remainder, vec![Integer(7), Integer(0)], Err(Fault::Range)),
            (F::Equal, vec![Integer(2), Number(2.0)], Ok(Boolean(true))),
            (F::Equal, vec![text("2"), Integer(2)], Ok(Boolean(false))),
            (F::Equal, vec![Null, Null], Ok(Boolean(true))),
            (
                F::Equal,
                vec![json("[1, {\"a\":2}]"), json("[1,{\"a\": 2}]")],
                Ok(Boolean(true)),
            ),
            // 2^53 + 1, which as a fraction is 2^53.
            (
                F::Greater,
                vec![Integer(9_007_199_254_740_993), Number(9_007_199_254_740_992.0)],
                Ok(Boolean(true)),
            ),
            (F::Less, vec![Integer(-2), Number(-1.5)], Ok(Boolean(true))),
            (F::Less, vec![Integer(i64::MAX), Number(1e19)], Ok(Boolean(true))),
            (F::Less, vec![Null, Integer(1)], Err(Fault::Null)),
            (F::And, vec![Boolean(false), text("not looked at")], Ok(Boolean(false))),
            (F::And, vec![Integer(1), Boolean(true)], Err(Fault::Kind)),
            (F::Slice, vec![text("héllo"), Integer(1), Integer(-1)], Ok(text("éll"))),
            (F::Slice, vec![text("abc"), Integer(2), Integer(1)], Ok(text(""))),
            (F::Length, vec![json("{\"a\":1,\"b\":[2,3]}")], Ok(Integer(2))),
            (F::Length, vec![text("éé")], Ok(Integer(2))),
            (F::Member, vec![json("[1,\"b\"]"), Integer(-1)], Ok(text("b"))),
            (F::Member, vec![json("[1]"), Integer(-2)], Err(Fault::Missing)),
            (F::Member, vec![json("{\"a\":null}"), text("a")], Ok(Null)),
            (F::Member, vec![text("{}"), text("a")], Err(Fault::Kind)),
            (F::RandomItem, vec![json("[]")], Err(Fault::Missing)),
            (F::Integer, vec![text(" 12 ")], Ok(Integer(12))),
            (F::Integer, vec![Number(-1.9)], Ok(Integer(-1))),
            (F::Integer, vec![text("1.5")], Err(Fault::Kind)),
            (F::Number, vec![text("1e2")], Ok(Number(100.0))),
            // All digits that a fraction has room for, and none that it was not given.
            (
                F::Number,
                vec![text("1801439850948199.0")],
                Ok(Number(1_801_439_850_948_199.0)),
            ),
            (F::Text, vec![Number(2.0)], Ok(text("2.0"))),
            (F::Text, vec![Null], Err(Fault::Null)),
            (F::JsonEncoded, vec![text("a\"\n")], Ok(text("\"a\\\"\\n\""))),
            (F::JsonEncoded, vec![Null], Ok(text("null"))),
            (F::UrlEncoded, vec![text("a b/é")], Ok(text("a%20b%2F%C3%A9"))),
            (F::Base64Encoded, vec![text("ann:x")], Ok(text("YW5uOng="))),
            (F::Base64urlEncoded, vec![text("a?>~é")], Ok(text("YT8-fsOp"))),
            (F::Base64Decoded, vec![text("YT8-fsOp")], Ok(text("a?>~é"))),
            (F::Base64Decoded, vec![text("_w==")], Err(Fault::Kind)),
            (F::Sha256, vec![text("a"), text("HEX")], Err(Fault::Kind)),
            (F::Sha256, vec![Null], Err(Fault::Null)),
            (F::HmacSha256, vec![Integer(1), text("a")], Err(Fault::Kind)),
            (F::JwtHs256, vec![text("[1]"), text("key")], Err(Fault::Kind)),
            (F::JwtHs256, vec![text("{\"a\":"), text("key")], Err(Fault::Kind)),
            (F::NowSeconds, vec![], Ok(Integer(1_440_938_160))),
            (F::NowMilliseconds, vec![], Ok(Integer(1_440_938_160_005))),
            (F::NowIso, vec![], Ok(text("2015-08-30T12:36:00.005Z"))),
            (F::NowIso, vec![text("-1d")], Ok(text("2015-08-29T12:36:00.005Z"))),
            (F::NowDate, vec![text("2d")], Ok(text("2015-09-01"))),
            (F::NowSeconds, vec![Integer(-60)], Ok(Integer(1_440_938_100))),
            (F::NowMilliseconds, vec![text("1s")], Ok(Integer(1_440_938_161_005))),
            (F::NowSeconds, vec![text("soon")], Err(Fault::Kind)),
            (F::NowSeconds, vec![Integer(i64::MAX)], Err(Fault::Range)),
            (F::NowIso, vec![text("3000000d")], Err(Fault::Range)),
            (
                F::RandomIso,
                vec![text("2020-02-29"), text("2020-02-29")],
                Ok(text("2020-02-29T00:00:00.000Z")),
            ),
            (F::RandomDate, vec![Integer(-1), Integer(-1)], Ok(text("1969-12-31"))),
            (
                F::RandomSeconds,
                vec![text("2020-01-01"), text("2019-12-31")],
                Err(Fault::Range),
            ),
            (F::RandomSeconds, vec![text("2020"), text("2021")], Err(Fault::Kind)),
            (F::RandomInteger, vec![Integer(3), Integer(2)], Err(Fault::Range)),
            (F::RandomInteger, vec![Integer(3), Integer(3)], Ok(Integer(3))),
        ];
        for (function, arguments, expected) in table {
            assert_eq!(called(function, &arguments), expected, "{function:?} {arguments:?}");
        }
    }

    #[test]
    fn no_text_becomes_longer_than_one_can_be() {
        use Function as F;
        let of = |part: &str| Value::Text(part.repeat(MAX_TEXT_BYTES / part.len()).into());
        let whole = of("a");
        assert_eq!(called(F::Concat, std::slice::from_ref(&whole)), Ok(whole.clone()));
        for (function, arguments) in [
            (F::Concat, vec![whole.clone(), text("b")]),
            // 64 TiB, if anybody wrote them.
            (F::Replace, vec![whole.clone(), text("a"), whole.clone()]),
            (F::Replace, vec![whole.clone(), text(""), text("b")]),
            (F::UrlEncoded, vec![of(" ")]),
            (F::JsonEncoded, vec![of("\"")]),
            (F::Base64Encoded, vec![whole.clone()]),
            (F::Lower, vec![of("İ")]),
            (F::Upper, vec![of("ŉ")]),
        ] {
            assert_eq!(called(function, &arguments), Err(Fault::Range), "{function:?}");
        }
        let shorter = called(F::Replace, &[whole, text("aa"), text("a")]);
        assert_eq!(shorter, Ok(Value::Text("a".repeat(MAX_TEXT_BYTES / 2).into())));
    }
}
