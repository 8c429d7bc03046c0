//! A whole user in Python, as a program has it.

use apibench_core::recorder::CheckIndex;

use super::call::PythonCall;

/// Has a user of Python do an iteration of its own, with requests of the engine's.
#[derive(Debug, Clone, PartialEq)]
pub struct PythonUser {
    /// Its function, what it is given, and what counts whether it came to its end.
    pub call: PythonCall,
    /// The first of its requests in the program; the others stand behind it.
    pub first_request: u32,
    /// How many there are.
    pub requests: u16,
    /// Its checks, by the numbers that it knows.
    pub checks: Box<[CheckIndex]>,
}
