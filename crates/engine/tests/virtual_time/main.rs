//! The loop on virtual time, before targets that are made up.
//!
//! One program: each program compiles the whole loop for itself.

mod accuracy;
mod barrier;
mod catch_up;
mod changes;
mod company;
mod connections;
mod cookies;
mod drains;
mod equations;
mod feeders;
mod groups;
mod journeys;
mod lag;
mod last_moment;
mod lives;
mod loads;
mod never_more;
mod no_time;
mod open_lives;
mod owed;
mod pauses;
mod python_calls;
mod redirects;
mod resting;
mod stopping;
mod support;
mod threads;
mod timeouts;
mod values;
