//! Expressions compiled once, and worked out for each iteration.

use std::borrow::Cow;
use std::collections::HashMap;

use apibench_core::clock::WallClock;
use apibench_core::expression::{Constant, Expression as Written, Function, Template as WrittenText};
use apibench_core::schedule::random;

use crate::arity::arity;
use crate::comparison::{self, is_comparison};
use crate::counter::Counts;
use crate::functions;
use crate::json_walk;
use crate::value::{Fault, MAX_TEXT_BYTES, Value};
use crate::variables::Variables;

/// A compiled expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// Always the same.
    Constant(Value<'static>),
    /// What was handed over before the load. It is no text of the plan: it is held to where it stands when it is written.
    Shared(Value<'static>),
    /// What a variable holds.
    Variable(u16),
    /// The member of this name of what a variable holds: mostly a field of a row.
    Member(u16, Box<str>),
    /// What a function makes of others.
    Call(Function, Box<[Expression]>),
}

/// The numbers of a scenario's variables.
#[derive(Debug, Default)]
pub struct Names {
    numbers: HashMap<String, u16>,
    unnamed: u16,
    counters: Vec<String>,
    own_counters: Vec<String>,
    members: Vec<(u16, String)>,
}

impl Names {
    /// The number of a name, a new one for one that was not there.
    ///
    /// # Errors
    /// In words, if there are too many.
    pub fn of(&mut self, name: &str) -> Result<u16, String> {
        if let Some(number) = self.numbers.get(name) {
            return Ok(*number);
        }
        let number = self.unnamed()?;
        self.numbers.insert(name.to_owned(), number);
        Ok(number)
    }

    /// A number that no name has.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn unnamed(&mut self) -> Result<u16, String> {
        let number = self.unnamed;
        self.unnamed = number.checked_add(1).ok_or("there are too many variables")?;
        Ok(number)
    }

    /// The same, which go on with the counters of the run that others have named.
    #[must_use]
    pub fn counting(counters: Vec<String>) -> Self {
        Self {
            counters,
            ..Self::default()
        }
    }

    /// How many counters each virtual user has, and the names of the run's.
    #[must_use]
    pub fn take_counters(&mut self) -> (usize, Vec<String>) {
        (self.own_counters.len(), std::mem::take(&mut self.counters))
    }

    /// The number of a counter.
    fn counter(&mut self, function: Function, name: &str) -> i64 {
        let known = if function == Function::Counter {
            &mut self.counters
        } else {
            &mut self.own_counters
        };
        let place = known.iter().position(|other| other == name).unwrap_or_else(|| {
            known.push(name.to_owned());
            known.len() - 1
        });
        place as i64
    }

    /// Which members are looked up in which variables.
    #[must_use]
    pub fn members(&self) -> &[(u16, String)] {
        &self.members
    }

    /// The names by their numbers; empty where a number has none.
    #[must_use]
    pub fn in_order(&self) -> Vec<String> {
        let mut names = vec![String::new(); self.count()];
        for (name, number) in &self.numbers {
            names[usize::from(*number)].clone_from(name);
        }
        names
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.unnamed as usize
    }
}

/// Where an iteration draws what no step has made. Its random values: each depends on the plan's seed, whose iteration it
/// is, and how many were drawn before. And the time of day.
#[derive(Debug)]
pub struct Draws<'d> {
    /// Of the plan.
    pub seed: u64,
    /// Of the program.
    pub wall_clock: WallClock,
    /// The place of the scenario.
    pub scenario: u64,
    /// Whose iteration it is.
    pub stream: u64,
    /// Which.
    pub round: u64,
    /// How many were drawn so far.
    pub drawn: &'d mut u64,
    /// What is counted.
    pub counts: &'d mut Counts,
}

impl Draws<'_> {
    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        let number = *self.drawn;
        *self.drawn += 1;
        random::draw(self.seed, self.scenario, self.stream, self.round, number)
    }

    /// The next random value, evenly from [0, `below`).
    pub fn below(&mut self, below: u64) -> u64 {
        random::uniform(self.bits(), below)
    }
}

impl Expression {
    /// Compiles an expression of a plan.
    ///
    /// # Errors
    /// In words: a function with too few or too many arguments.
    pub fn compile(written: &Written, names: &mut Names) -> Result<Self, String> {
        Ok(match written {
            Written::Constant { value } => Self::Constant(match value {
                Constant::Null => Value::Null,
                Constant::Boolean(yes) => Value::Boolean(*yes),
                Constant::Integer(integer) => Value::Integer(*integer),
                Constant::Text(text) => Value::Text(Cow::Owned(text.clone())),
            }),
            Written::Shared { name, json } => {
                let json = json
                    .as_deref()
                    .ok_or_else(|| format!("nobody has handed over `{name}`"))?;
                let value = json_walk::whole(json).map_err(|fault| format!("`{name}` was handed over as {fault}"))?;
                Self::Shared(value.into_owned())
            }
            Written::Variable { name } => Self::Variable(names.of(name)?),
            Written::Call { function, arguments } => {
                let (least, most) = arity(*function);
                if !(least..=most).contains(&arguments.len()) {
                    return Err(format!("{function:?} does not take {} arguments", arguments.len()));
                }
                let arguments = arguments.iter().map(|each| Self::compile(each, names));
                let mut arguments: Box<[Self]> = arguments.collect::<Result<_, _>>()?;
                if matches!(function, Function::Counter | Function::VuCounter) {
                    let name = arguments[0].known_text().ok_or("a counter's name is known")?;
                    arguments = Box::new([Self::Constant(Value::Integer(names.counter(*function, name)))]);
                }
                if let (Function::Member, [Self::Variable(number), Self::Constant(Value::Text(name))]) =
                    (function, &*arguments)
                {
                    names.members.push((*number, name.clone().into_owned()));
                    return Ok(Self::Member(*number, name.clone().into()));
                }
                Self::Call(*function, arguments)
            }
        })
    }

    /// Compiles text that may be late.
    ///
    /// # Errors
    /// As [`Self::compile`].
    pub fn of_text(written: &WrittenText, names: &mut Names) -> Result<Self, String> {
        match written {
            WrittenText::Known(text) => Ok(Self::Constant(Value::Text(Cow::Owned(text.clone())))),
            WrittenText::Late(late) => Self::compile(late, names),
        }
    }

    /// Works it out.
    ///
    /// # Errors
    /// [`Fault`], if it has no value.
    pub fn evaluate<'v>(&'v self, variables: &'v Variables, draws: &mut Draws<'_>) -> Result<Value<'v>, Fault> {
        match self {
            Self::Constant(value) | Self::Shared(value) => Ok(value.borrowed()),
            Self::Variable(number) => variables.get(*number),
            Self::Member(number, name) => match variables.field(*number, name) {
                Some(found) => found,
                None => functions::named_member(variables.get(*number)?, name),
            },
            // What most conditions are: to call it takes longer than to do it.
            Self::Call(function, arguments) if is_comparison(*function) => {
                let (one, other) = (&arguments[0], &arguments[1]);
                let (one, other) = (one.evaluate(variables, draws)?, other.evaluate(variables, draws)?);
                comparison::holds(*function, &one, &other).map(Value::Boolean)
            }
            Self::Call(function, arguments) => functions::call(*function, arguments, variables, draws),
        }
    }

    /// Works it out and writes it as text.
    ///
    /// # Errors
    /// As [`Self::evaluate`]; [`Fault::Null`] where there is no value; [`Fault::Range`] if `out` becomes too long. What is
    /// in `out` then is of no use.
    #[inline]
    pub fn write(&self, variables: &Variables, draws: &mut Draws<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
        match self {
            // What most parts of requests are.
            Self::Variable(number) => variables.write_text(*number, out)?,
            other => other.write_made(variables, draws, out)?,
        }
        if out.len() > MAX_TEXT_BYTES {
            return Err(Fault::Range);
        }
        Ok(())
    }

    fn write_made(&self, variables: &Variables, draws: &mut Draws<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
        match self {
            // Their parts need no text of their own.
            Self::Call(Function::Concat, parts) => parts.iter().try_for_each(|part| part.write(variables, draws, out)),
            Self::Call(Function::JsonEncoded, argument) => {
                argument[0].evaluate(variables, draws)?.write_json(out);
                Ok(())
            }
            other => other.evaluate(variables, draws)?.write_text(out),
        }
    }

    /// What it always comes to, if that is a text.
    #[must_use]
    pub fn known_text(&self) -> Option<&str> {
        match self {
            Self::Constant(Value::Text(text)) => Some(text),
            _ => None,
        }
    }
}
