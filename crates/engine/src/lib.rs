//! The engine: a compiled plan, walked by share-nothing threads, measured to the nanosecond.

pub mod backlog;
pub mod barrier;
pub mod boundaries;
pub mod closed_load;
pub mod collector;
pub mod control;
pub mod driver;
pub mod encode;
pub mod exchanges;
mod hosts;
pub mod load;
pub mod monotonic;
pub mod open_load;
pub mod options;
pub mod pace;
pub mod preflight;
mod processors;
pub mod program;
pub mod redirect;
pub mod request;
pub mod resolve;
pub mod revision;
pub mod run;
pub mod share;
pub mod upcoming;
pub mod virtual_user;
