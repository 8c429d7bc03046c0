//! The program: a plan compiled once, before the barrier, to what the loop walks.
//!
//! Steps become a flat list of operations with jumps; requests become the bytes that go out; every series, variable and
//! check gets its number, so that nothing is named or looked up by text while requests run. `compile` makes it.

use apibench_core::clock::WallClock;
use apibench_core::failure::Failure;
use apibench_core::plan::{Cookies, Load, OnFail};
use apibench_core::recorder::{CheckIndex, GroupIndex, SeriesIndex};
use apibench_core::step::{StatusRange, UniformPause};
use apibench_core::transport::HostIndex;

use crate::expression::Expression;
use crate::python::{PythonCall, PythonUser};
use crate::request::{BaseUrl, Request};

/// A compiled plan.
#[derive(Debug)]
pub struct Program {
    /// Every random value follows from it.
    pub seed: u64,
    /// What its requests say that the time is.
    pub wall_clock: WallClock,
    /// Before the planned duration.
    pub warmup_ns: u64,
    /// After the planned end.
    pub drain_ns: u64,
    /// The names of the hosts, in the order of their numbers.
    pub hosts: Vec<String>,
    /// Their base URLs, likewise.
    pub origins: Vec<BaseUrl>,
    /// What is sent.
    pub requests: Vec<Request>,
    /// What is done.
    pub scenarios: Vec<ScenarioProgram>,
    /// Which series there are.
    pub series: Vec<Series>,
    /// Which groups of steps there are.
    pub groups: Vec<Group>,
    /// The names of the feeders, in the order of their numbers.
    pub feeders: Vec<String>,
    /// Which columns of feeders the steps look up.
    pub columns: Vec<(u16, String)>,
    /// The names of the run's counters, in the order of their numbers.
    pub counters: Vec<String>,
    /// The names of the functions of Python that it calls, in the order of their numbers.
    pub functions: Vec<String>,
}

/// A series of samples in results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// The place of its scenario.
    pub scenario: u16,
    /// The name of its step.
    pub step: String,
}

/// A group of steps in results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The place of its scenario.
    pub scenario: u16,
    /// What it is called there.
    pub name: String,
}

/// A compiled scenario.
#[derive(Debug)]
pub struct ScenarioProgram {
    /// In results.
    pub name: String,
    /// After the barrier.
    pub start_ns: u64,
    /// What a virtual user does before its iterations, up to [`Operation::Ready`], if anything; what an iteration does, up
    /// to [`Operation::End`]; and what it does behind them, up to [`Operation::Gone`], if anything.
    pub operations: Vec<Operation>,
    /// Where an iteration begins; 0 if nothing is done before.
    pub first: u32,
    /// Where what is done behind the last begins.
    pub last: Option<u32>,
    /// Where in the plan each operation comes from: `scenarios[0].steps[2]`.
    pub places: Vec<String>,
    /// The names of its variables, in the order of their numbers; empty for those that nobody has named.
    pub names: Vec<String>,
    /// The series of the first request that an iteration can send.
    pub first_series: SeriesIndex,
    /// The hosts that its requests go to.
    pub hosts: Vec<HostIndex>,
    /// How many variables an iteration has.
    pub variables: usize,
    /// How many of them hold for as long as the virtual user acts: those that are set before its iterations.
    pub lasting: usize,
    /// How many counters each of its virtual users has.
    pub own_counters: usize,
    /// The names of its checks, in the order of their numbers.
    pub checks: Vec<String>,
    /// What becomes of the cookies that responses set.
    pub cookies: Cookies,
    /// The feeders without which it begins no iteration.
    pub needs: Box<[u16]>,
    /// What a failed request does.
    pub on_fail: OnFail,
    /// How many iterations, and when.
    pub load: Load,
}

/// One operation. Those that need a value have a check, which fails where there is none.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// Sends the request of this number and waits for its end.
    Request(u32),
    /// Pauses for a time drawn evenly from a range, both ends included.
    Think(UniformPause),
    /// Pauses until so many nanoseconds after the iteration's intended time.
    Pace(u64),
    /// Goes on at one of the places, chosen by weight: each with the sum of the weights up to it.
    PickByWeight(Box<[(u64, u32)]>),
    /// Goes on at one of the places, in turn: each with the sum of the weights up to it.
    PickByTurn(Box<[(u64, u32)]>),
    /// Goes on at this place.
    Jump(u32),
    /// Puts a value into a variable.
    Set {
        /// Which.
        to: u16,
        /// The value.
        value: Expression,
        /// See [`Operation`].
        check: CheckIndex,
    },
    /// Puts the next row of a feeder into a variable.
    Feed {
        /// Which feeder.
        feeder: u16,
        /// The variable.
        to: u16,
        /// See [`Operation`].
        check: CheckIndex,
    },
    /// Has a function of Python called, and puts its value into a variable.
    Python {
        /// Which, with what.
        call: Box<PythonCall>,
        /// The variable.
        to: u16,
    },
    /// Has a user of Python do as it likes.
    PythonUser(Box<PythonUser>),
    /// Counts whether something holds.
    Check {
        /// What should.
        condition: Expression,
        /// Where it is counted.
        check: CheckIndex,
    },
    /// Goes on at a place unless something holds.
    Unless {
        /// What.
        condition: Expression,
        /// The place.
        to: u32,
        /// See [`Operation`].
        check: CheckIndex,
    },
    /// Puts into a variable how often what follows is done.
    Repeat {
        /// The variable, which nothing else sets.
        counter: u16,
        /// How often.
        times: Expression,
        /// See [`Operation`].
        check: CheckIndex,
    },
    /// Goes on at a place once what follows has been done as often as a variable says.
    Again {
        /// The variable.
        counter: u16,
        /// The place.
        behind: u32,
    },
    /// What follows is of a group.
    EnterGroup(GroupIndex),
    /// The innermost group is over.
    LeaveGroup,
    /// The virtual user has done what it does before its iterations.
    Ready,
    /// The iteration is over.
    End,
    /// The virtual user has done what it does behind its iterations.
    Gone,
}

/// A plan that cannot be compiled, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileError {
    /// Where in the plan.
    pub place: String,
    /// What is wrong with it.
    pub message: String,
}

impl std::fmt::Display for CompileError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.place, self.message)
    }
}

impl std::error::Error for CompileError {}

impl ScenarioProgram {
    /// Whether nothing is left to do after an operation but to end.
    #[must_use]
    pub fn ends_after(&self, operation: u32) -> bool {
        let mut place = operation + 1;
        while let Operation::Jump(to) = self.operations[place as usize] {
            place = to;
        }
        self.operations[place as usize] == Operation::End
    }
}

/// What a complete response means, by its status and what the step expects.
#[must_use]
pub fn judge(status: u16, expected: Option<&[StatusRange]>) -> Option<Failure> {
    match expected {
        Some(ranges) if ranges.iter().any(|range| (range.first..=range.last).contains(&status)) => None,
        Some(_) => Some(Failure::ExpectFailed),
        None if status < 400 => None,
        None if status < 500 => Some(Failure::Http4xx),
        None => Some(Failure::Http5xx),
    }
}
