//! What the tests of the loop share.
#![allow(dead_code, reason = "each test file uses its own part")]

pub mod journeys;
pub mod plans;
pub mod runs;
pub mod sums;

pub const S: u64 = 1_000_000_000;
pub const MS: u64 = 1_000_000;
/// Where virtual time begins: not at 0, so that a moment mistaken for a duration shows.
pub const BARRIER: u64 = 1_000 * S;
