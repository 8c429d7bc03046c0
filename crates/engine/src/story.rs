//! What an iteration did, step by step, for a person who wants to see it: of a run of one iteration, never of a load.

use serde::Serialize;

use crate::program::{Operation, ScenarioProgram};
use crate::value::Value;
use crate::variables::Variables;

/// Of a request or a response this much is told.
const MAX_TEXT_BYTES: usize = 64 << 10;
/// Of a value: more than may be handed over.
const MAX_VALUE_BYTES: usize = (1 << 20) + 1;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    /// The place of the scenario.
    pub scenario: u16,
    /// Where the step stands in its steps: `2.cases.1.steps.0`.
    pub step: String,
    /// After the barrier.
    pub at_ns: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// A request was sent.
    Request {
        /// As it went out, without TLS.
        text: String,
    },
    /// It is over.
    Response {
        /// 0 if there was none.
        status: u16,
        /// Why it failed.
        failure: Option<&'static str>,
        /// From its first byte sent to its last byte read.
        service_ns: u64,
        /// Head and body as they came, without TLS; the beginning of them.
        text: String,
    },
    /// A variable has got a value.
    Value {
        /// Its name.
        name: String,
        /// As JSON; `None` where there was none.
        value: Option<String>,
    },
    /// A function of Python was called.
    Call {
        /// Its name.
        function: String,
        /// What it was given: a JSON array.
        arguments: String,
    },
    /// It has no value.
    CallFailed {
        /// Its name.
        function: String,
        /// Why.
        reason: String,
    },
    /// Something was looked at.
    Check {
        /// Its name.
        name: String,
        /// Whether it held.
        passed: bool,
    },
    /// It went this way: a case, or whether a condition held.
    Way {
        /// Which, from 0.
        number: usize,
    },
    /// So many times.
    Times {
        /// How often.
        count: i64,
    },
    /// It pauses.
    Pause {
        /// Until then.
        until_ns: u64,
    },
    /// The iteration is over.
    End {
        /// Whether all of it was ok.
        ok: bool,
    },
}

/// What was told so far.
#[derive(Debug)]
pub struct Story {
    told: Vec<Told>,
    /// Whether requests and responses are told as they were.
    texts: bool,
}

impl Story {
    /// Nothing yet.
    #[must_use]
    pub fn new(texts: bool) -> Self {
        Self {
            told: Vec::new(),
            texts,
        }
    }

    /// What is told of a request or a response.
    #[must_use]
    pub fn text(&self, bytes: &[u8]) -> String {
        if self.texts {
            beginning(bytes, MAX_TEXT_BYTES)
        } else {
            String::new()
        }
    }

    /// One more thing, of the step that an operation came from.
    pub fn tell(&mut self, number: u16, scenario: &ScenarioProgram, operation: u32, at_ns: u64, what: What) {
        self.told.push(Told {
            scenario: number,
            step: scenario.places.get(operation as usize).cloned().unwrap_or_default(),
            at_ns,
            what,
        });
    }

    /// All of it, and nothing is left.
    pub fn take(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.told)
    }
}

impl What {
    /// What an operation that works out a value came to. `after`: where the virtual user stands behind it. `None` for one
    /// that tells nothing.
    #[must_use]
    pub fn of(operation: &Operation, scenario: &ScenarioProgram, variables: &Variables, after: u32) -> Option<Self> {
        Some(match operation {
            Operation::Set { to, .. } | Operation::Feed { to, .. } | Operation::Python { to, .. } => {
                Self::value(*to, scenario, variables)
            }
            Operation::Unless { to, .. } => Self::Way {
                number: usize::from(after == *to),
            },
            Operation::PickByWeight(table) | Operation::PickByTurn(table) => Self::Way {
                number: table.iter().position(|(_, place)| *place == after)?,
            },
            Operation::Repeat { counter, .. } => match variables.get(*counter) {
                Ok(Value::Integer(count)) => Self::Times { count },
                _ => return None,
            },
            _ => return None,
        })
    }

    /// What a variable holds now.
    #[must_use]
    pub fn value(number: u16, scenario: &ScenarioProgram, variables: &Variables) -> Self {
        let value = variables.get(number).ok().map(|value| {
            let mut json = Vec::new();
            value.write_json(&mut json);
            beginning(&json, MAX_VALUE_BYTES)
        });
        Self::Value {
            name: scenario.names.get(usize::from(number)).cloned().unwrap_or_default(),
            value,
        }
    }
}

/// The beginning of some bytes as text.
fn beginning(bytes: &[u8], most: usize) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(most)]).into_owned()
}
