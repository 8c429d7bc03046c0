//! What every other crate stands on: the plan, the schedule, shares of it, and the seams between the
//! loop, the transports and the recorders.
//!
//! Nothing here does I/O, reads a clock or knows an async runtime. Time is always a number that
//! somebody else read: nanoseconds on `CLOCK_MONOTONIC`, or nanoseconds after the start barrier where
//! the name says so.

pub mod clock;
pub mod expression;
pub mod failure;
pub mod fake_recorder;
pub mod fake_target;
pub mod feeder;
pub mod lease;
pub mod phase;
pub mod plan;
pub mod prefetch;
pub mod recorder;
pub mod schedule;
pub mod segment;
pub mod slow;
pub mod step;
pub mod transport;
