//! Transports: how requests get to a host and responses back, behind core's `Transport` seam.

mod connection;
mod deadline;
pub mod decoder;
pub mod guard;
pub mod handshake;
pub mod host;
pub mod http1;
mod kept;
mod pool;
pub mod sleeper;
pub mod sys;
pub mod tls;
