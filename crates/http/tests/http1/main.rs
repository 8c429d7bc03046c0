//! HTTP/1.1 against servers that do what servers do.

mod ending;
mod opening;
mod reading;
mod tls;
mod wire;
