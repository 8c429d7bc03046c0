//! The built-in target: a small HTTP/1.1 server that does what it is told, and counts for itself.
//!
//! It delays, stalls, resets, truncates and talks nonsense on demand, by the query of the request or for the whole
//! server, and it writes down each hold and each freeze on the monotonic clock, so that whoever measures it can be
//! measured. Any path answers; those of a small shop ([`Config::knobs`] and a query have the last word there too)
//! answer as an API would.

mod certificate;
mod config;
mod connection;
mod counts;
mod error;
mod journal;
mod knobs;
mod listener;
mod reply;
mod request;
mod request_body;
mod response_body;
mod server;
mod shop;
mod units;
mod waker;
mod worker;

pub use config::{Config, Freeze};
pub use counts::Counts;
pub use error::EchoError;
pub use server::Server;
