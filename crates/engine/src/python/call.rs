//! One call as a program has it.

use std::io::Write as _;

use apibench_core::recorder::CheckIndex;
use serde::de::IgnoredAny;

use crate::expression::{Draws, Expression};
use crate::value::{Fault, MAX_TEXT_BYTES, Value};
use crate::variables::Variables;

/// Digits of a number that Python reads: of longer ones it refuses the whole text, with all the calls in it.
const MAX_DIGITS: usize = 4_000;

/// A function, and what it is called with.
#[derive(Debug, Clone, PartialEq)]
pub struct PythonCall {
    /// Which of the program's functions.
    pub function: u16,
    /// What it is given.
    pub arguments: Box<[Expression]>,
    /// Counts whether it has done what it should.
    pub check: CheckIndex,
}

impl PythonCall {
    /// Writes the call as it goes out, in place of what was there.
    ///
    /// # Errors
    /// [`Fault`], if an argument has no value, or one that can't be sent. What is in `out` then is of no use.
    pub fn write(&self, variables: &Variables, draws: &mut Draws<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
        out.clear();
        // A write to memory does not fail.
        let _ = write!(out, "[{},[", self.function);
        for (at, argument) in self.arguments.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            let value = argument.evaluate(variables, draws)?;
            if let Value::Json(json) = &value {
                check_json(json)?;
            }
            value.write_json(out);
            if out.len() > MAX_TEXT_BYTES {
                return Err(Fault::Range);
            }
        }
        out.extend_from_slice(b"]]");
        Ok(())
    }
}

/// What a target sent was only looked into, and is one text with the calls of others now: what is no JSON of its own would
/// change theirs.
fn check_json(json: &str) -> Result<(), Fault> {
    serde_json::from_str::<IgnoredAny>(json).map_err(|_| Fault::Kind)?;
    let mut digits = json
        .as_bytes()
        .chunk_by(|one, next| one.is_ascii_digit() == next.is_ascii_digit());
    if digits.any(|run| run.len() > MAX_DIGITS && run[0].is_ascii_digit()) {
        return Err(Fault::Range);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_that_would_break_out_of_its_call_is_no_argument() {
        assert_eq!(check_json(r#"{"a":[1,"]],[0,["]}"#), Ok(()));
        for broken in [r#"{"a":]],[1,[}"#, "[1]]", "[1],[2]", "[", "{\"a\":1}]],[0,[{}"] {
            assert_eq!(check_json(broken), Err(Fault::Kind), "{broken}");
        }
        assert_eq!(check_json(&format!("[{}]", "1".repeat(5_000))), Err(Fault::Range));
        assert_eq!(check_json(&format!("[{}]", "1,".repeat(5_000) + "1")), Ok(()));
    }
}
