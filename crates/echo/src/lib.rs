//! The built-in target: a small HTTP/1.1 server that does what it is told, and counts for itself.
//!
//! It delays, stalls, resets, truncates and talks nonsense on demand, by the query of the request or for the whole
//! server, and it writes down each hold and each freeze on the monotonic clock, so that whoever measures it can be
//! measured.

mod certificate;
mod config;
mod connection;
mod counts;
mod journal;
mod knobs;
mod listener;
mod reply;
mod server;
mod worker;

pub use config::{Config, Freeze};
pub use counts::Counts;
pub use server::{EchoError, Server};
