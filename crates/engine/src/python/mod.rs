//! Calls of Python: a pool of processes that share no state, as one thread of the load sees it.
//!
//! Each process has one stream to each thread. Calls go out in frames, as many as there are in a turn of the loop, and
//! come back as answers in the order of the calls, so that neither needs a number. No interpreter of this process is on
//! the way: what holds its lock holds up no call.
//!
//! A frame is its length in four bytes, the lowest first, and JSON:
//!
//! | from | frame |
//! |---|---|
//! | the thread | calls: `[[function, [argument, …]], …]`, functions by their numbers in the program |
//! | the process | answers: `[[took_ns, value], …]`; of a call that failed `[took_ns, null, "ValueError: …"]` |
//! | the process | an empty frame: give me no more calls |
//! | either | what whole users in Python are told and say, as `message` has it |
//!
//! A user lives in one process, as far as it can: what it keeps is there.
//!
//! A process whose stream has come to its end is gone, and its calls have failed. Who starts another in its place hands
//! its streams in by [`Arrivals`].

mod account;
mod arrivals;
mod call;
mod frames;
mod given;
mod homes;
mod message;
mod pool;
mod process;
mod user;

pub use account::{Account, Failure};
pub use arrivals::{Arrivals, Streams, add, deal};
pub use call::PythonCall;
pub use frames::Received;
pub use given::{Given, Parts, has_own_cookies};
pub use message::{FromUser, MESSAGES, Messages, News, Wish};
pub use pool::{Expectation, Lost, Pool};
pub use process::{Answer, Sent};
pub use user::PythonUser;
