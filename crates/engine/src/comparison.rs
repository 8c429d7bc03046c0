//! Values held against each other.

use std::cmp::Ordering;

use apibench_core::expression::Function;

use crate::json;
use crate::value::{Fault, Value};

/// Whether a function only compares its two arguments.
#[must_use]
pub fn is_comparison(function: Function) -> bool {
    matches!(
        function,
        Function::Equal
            | Function::NotEqual
            | Function::Less
            | Function::LessOrEqual
            | Function::Greater
            | Function::GreaterOrEqual
    )
}

/// Whether what a function of those says is so.
///
/// # Errors
/// [`Fault::Null`] and [`Fault::Kind`], where one value comes neither before nor behind the other.
pub fn holds(comparison: Function, one: &Value<'_>, other: &Value<'_>) -> Result<bool, Fault> {
    Ok(match comparison {
        Function::Equal => same(one, other),
        Function::NotEqual => !same(one, other),
        Function::Less => order(one, other)?.is_lt(),
        Function::LessOrEqual => order(one, other)?.is_le(),
        Function::Greater => order(one, other)?.is_gt(),
        Function::GreaterOrEqual => order(one, other)?.is_ge(),
        _ => return Err(Fault::Kind),
    })
}

/// Two numbers are the same if they are equal, whatever their kind; JSON is the same if it says the same.
#[must_use]
pub fn same(one: &Value<'_>, other: &Value<'_>) -> bool {
    match (one, other) {
        (Value::Json(one), Value::Json(other)) => json::same(one, other),
        (Value::Integer(_) | Value::Number(_), Value::Integer(_) | Value::Number(_)) => {
            order(one, other).is_ok_and(Ordering::is_eq)
        }
        _ => one == other,
    }
}

fn order(one: &Value<'_>, other: &Value<'_>) -> Result<Ordering, Fault> {
    match (one, other) {
        (Value::Integer(one), Value::Integer(other)) => Ok(one.cmp(other)),
        (Value::Text(one), Value::Text(other)) => Ok(one.cmp(other)),
        (Value::Null, _) | (_, Value::Null) => Err(Fault::Null),
        (Value::Integer(integer), Value::Number(number)) => Ok(order_mixed(*integer, *number)),
        (Value::Number(number), Value::Integer(integer)) => Ok(order_mixed(*integer, *number).reverse()),
        (Value::Number(one), Value::Number(other)) => one.partial_cmp(other).ok_or(Fault::Kind),
        _ => Err(Fault::Kind),
    }
}

/// Exactly, also beyond 2^53: a whole number and a fraction that round to the same need not be equal.
fn order_mixed(integer: i64, number: f64) -> Ordering {
    const BEYOND: f64 = 9_223_372_036_854_775_808.0; // 2^63
    if number >= BEYOND {
        return Ordering::Less;
    }
    if number < -BEYOND {
        return Ordering::Greater;
    }
    let whole = number.trunc();
    integer.cmp(&(whole as i64)).then(if number > whole {
        Ordering::Less
    } else if number < whole {
        Ordering::Greater
    } else {
        Ordering::Equal
    })
}
