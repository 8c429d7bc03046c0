//! Moments as values: of the wall clock, and drawn between two.

use std::borrow::Cow;

use apibench_core::expression::Function;

use crate::expression::Draws;
use crate::moment::{self, DAY_MS};
use crate::random_values::random_integer;
use crate::value::{Fault, Value};

/// What the wall clock says, or so much later.
///
/// # Errors
/// [`Fault`], if the offset is none, or leads beyond the years that can be written.
pub fn now(function: Function, offset: Option<&Value<'_>>, wall_ns: u64) -> Result<Value<'static>, Fault> {
    let offset_ms = offset.map_or(Ok(0), offset_ms)?;
    // Of nanoseconds that fit into 64 bits, milliseconds do.
    let now_ms = (wall_ns / 1_000_000).cast_signed();
    let at_ms = now_ms.checked_add(offset_ms).ok_or(Fault::Range)?;
    Ok(written(function, moment::checked(at_ms)?))
}

/// A moment between two, both included.
///
/// # Errors
/// [`Fault`], if one of them is none, or the second lies before the first.
pub fn between(
    function: Function,
    low: &Value<'_>,
    high: &Value<'_>,
    draws: &mut Draws<'_>,
) -> Result<Value<'static>, Fault> {
    let (low_ms, high_ms) = (moment_ms(low)?, moment_ms(high)?);
    let (low, high, unit_ms) = match function {
        // A whole second between them, or one of the days that they lie in.
        Function::RandomSeconds => (-(-low_ms).div_euclid(1_000), high_ms.div_euclid(1_000), 1_000),
        Function::RandomDate => (low_ms.div_euclid(DAY_MS), high_ms.div_euclid(DAY_MS), DAY_MS),
        _ => (low_ms, high_ms, 1),
    };
    Ok(written(function, random_integer(low, high, draws)? * unit_ms))
}

/// How much later: whole seconds, or a text with its units.
fn offset_ms(value: &Value<'_>) -> Result<i64, Fault> {
    match value {
        Value::Text(text) => moment::parse_offset(text),
        other => other.integer()?.checked_mul(1_000).ok_or(Fault::Range),
    }
}

/// Whole seconds since 1970, or ISO 8601.
fn moment_ms(value: &Value<'_>) -> Result<i64, Fault> {
    match value {
        Value::Text(text) => moment::parse(text),
        other => moment::checked(other.integer()?.checked_mul(1_000).ok_or(Fault::Range)?),
    }
}

fn written(function: Function, at_ms: i64) -> Value<'static> {
    match function {
        Function::NowSeconds | Function::RandomSeconds => Value::Integer(at_ms.div_euclid(1_000)),
        Function::NowMilliseconds | Function::RandomMilliseconds => Value::Integer(at_ms),
        Function::NowDate | Function::RandomDate => Value::Text(Cow::Owned(moment::iso_date(at_ms))),
        _ => Value::Text(Cow::Owned(moment::iso(at_ms))),
    }
}
