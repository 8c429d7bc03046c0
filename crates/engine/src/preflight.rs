//! Before a run: can every address be connected to, and does TLS agree? Sends no request.
//!
//! Blocking calls on the caller's thread, because nothing is measured yet; the TLS configuration is the one that
//! the run uses, so what passes here passes there.

use std::io;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use apibench_core::failure::Failure;
use apibench_http::guard::Guard;
use apibench_http::handshake::Stream as _;
use apibench_http::sys::Address;
use apibench_http::tls::TlsProfile;

/// How long a target that asked for a certificate may be silent behind the handshake before that is taken for consent: it has
/// nothing to do then but to look at a message that is empty.
const SILENCE: Duration = Duration::from_secs(1);

/// What connecting to one address came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The host's name in the plan.
    pub host: String,
    /// As text.
    pub address: String,
    /// Why it failed; `None` if it can be used.
    pub failure: Option<Failure>,
    /// The reason in the system's or the library's words.
    pub detail: String,
    /// How long it took, in nanoseconds.
    pub took_ns: u64,
}

/// Connects to one address and shakes hands, within `patience`, unless the address is denied.
#[must_use]
pub fn probe(host: &str, address: &Address, tls: Option<&TlsProfile>, patience: Duration, guard: &Guard) -> Finding {
    let began = Instant::now();
    let result = match guard.denies(address) {
        Some(reason) => Err((Failure::TargetDenied, reason.to_owned())),
        None => connect(address, tls, patience),
    };
    let (failure, detail) = match result {
        Ok(()) => (None, String::new()),
        Err((failure, detail)) => (Some(failure), detail),
    };
    Finding {
        host: host.to_owned(),
        address: address.to_string(),
        failure,
        detail,
        took_ns: u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX),
    }
}

fn connect(address: &Address, tls: Option<&TlsProfile>, patience: Duration) -> Result<(), (Failure, String)> {
    match address {
        Address::Tcp(address) => {
            let stream = TcpStream::connect_timeout(address, patience).map_err(|error| named(&error))?;
            stream.bound_reads(patience).map_err(|error| named(&error))?;
            stream
                .set_write_timeout(Some(patience))
                .map_err(|error| named(&error))?;
            tls.map_or(Ok(()), |tls| tls.handshake(stream, SILENCE))
        }
        Address::Unix(path) => {
            let stream = UnixStream::connect(path).map_err(|error| named(&error))?;
            stream.bound_reads(patience).map_err(|error| named(&error))?;
            tls.map_or(Ok(()), |tls| tls.handshake(stream, SILENCE))
        }
    }
}

fn named(error: &io::Error) -> (Failure, String) {
    let failure = match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Failure::TimeoutConnect,
        _ => apibench_http::sys::failure_of(error),
    };
    (failure, error.to_string())
}
