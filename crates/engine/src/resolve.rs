//! Which addresses a host of the plan stands for: looked up once, before the barrier, off the event loop.
//!
//! All addresses are used, dealt to connections in turn, and shown in the result. Nothing races IPv4 against
//! IPv6: a broken family would hide behind the other.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use apibench_core::failure::Failure;
use apibench_core::plan::{Family, Host};
use apibench_http::sys::Address;

use crate::request::BaseUrl;

/// The addresses of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// At least one, without repetition, in the order of the look-up.
    pub addresses: Vec<Address>,
    /// How long the look-up took; 0 if none was needed.
    pub dns_ns: u64,
}

/// A host that cannot be connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolveError {
    /// Its name in results.
    pub failure: Failure,
    /// The name that was looked up.
    pub name: String,
    /// In words.
    pub message: String,
}

/// Looks a host up, unless the plan says where it lives.
///
/// # Errors
/// If the name has no address, or none of the family that the plan asks for.
pub fn resolve(host: &Host) -> Result<Resolved, ResolveError> {
    if let Some(path) = &host.resolve.unix_socket {
        return Ok(Resolved {
            addresses: vec![Address::Unix(PathBuf::from(path))],
            dns_ns: 0,
        });
    }
    let error = |name: &str, message: String| ResolveError {
        failure: Failure::DnsNotFound,
        name: name.to_owned(),
        message,
    };
    let url = BaseUrl::parse(&host.base_url).map_err(|message| error(&host.base_url, message))?;
    let elsewhere = host.resolve.connect_to.iter().find(|rule| {
        rule.host
            .as_ref()
            .is_none_or(|name| name.eq_ignore_ascii_case(&url.host))
            && rule.port.is_none_or(|port| port == url.port)
    });
    let (name, port) = elsewhere.map_or((url.host, url.port), |rule| (rule.to_host.clone(), rule.to_port));
    let fixed: Vec<&str> = host
        .resolve
        .addresses
        .iter()
        .filter(|fixed| fixed.host.eq_ignore_ascii_case(&name) && fixed.port == port)
        .map(|fixed| fixed.address.as_str())
        .collect();
    let began = Instant::now();
    let found: Vec<SocketAddr> = if fixed.is_empty() {
        let patience = Duration::from_nanos(host.timeouts.connect_ns);
        look_up(&name, port, patience).map_err(|reason| error(&name, reason))?
    } else {
        let parsed: Result<Vec<IpAddr>, _> = fixed
            .iter()
            .map(|text| text.trim_start_matches('[').trim_end_matches(']').parse())
            .collect();
        let parsed = parsed.map_err(|_| error(&name, "a fixed address is no IP address".to_owned()))?;
        parsed
            .into_iter()
            .map(|address| SocketAddr::new(address, port))
            .collect()
    };
    let literal = !fixed.is_empty() || name.parse::<IpAddr>().is_ok();
    let dns_ns = if literal {
        0
    } else {
        u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1)
    };
    let mut addresses = Vec::new();
    for address in found {
        let fits = match host.resolve.family {
            Family::Any => true,
            Family::V4 => address.is_ipv4(),
            Family::V6 => address.is_ipv6(),
        };
        if fits && !addresses.contains(&Address::Tcp(address)) {
            addresses.push(Address::Tcp(address));
        }
    }
    if addresses.is_empty() {
        let family = if host.resolve.family == Family::V6 {
            "IPv6"
        } else {
            "IPv4"
        };
        return Err(error(&name, format!("has no {family} address")));
    }
    Ok(Resolved { addresses, dns_ns })
}

/// Asks the system.
fn look_up(name: &str, port: u16, patience: Duration) -> Result<Vec<SocketAddr>, String> {
    let asked = name.to_owned();
    within(patience, move || {
        let found = (asked.as_str(), port).to_socket_addrs();
        found.map(Iterator::collect).map_err(|reason| reason.to_string())
    })
}

/// What `ask` finds, in a thread of its own: a look-up has no bound on its own patience, and can't be called off.
fn within<T: Send + 'static>(
    patience: Duration,
    ask: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let (answer, answered) = mpsc::channel();
    std::thread::Builder::new()
        .name("apibench-look-up".to_owned())
        // Nobody may be waiting for it any more.
        .spawn(move || drop(answer.send(ask())))
        .map_err(|reason| reason.to_string())?;
    answered
        .recv_timeout(patience)
        .unwrap_or_else(|_| Err(format!("the look-up of its address took longer than {patience:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_up_that_never_answers_ends_with_our_patience() {
        let (_never, silence) = mpsc::channel::<()>();
        let told = within(Duration::from_millis(5), move || {
            silence.recv().map_err(|error| error.to_string())
        });
        assert_eq!(told, Err("the look-up of its address took longer than 5ms".to_owned()));
    }

    #[test]
    fn a_numeric_address_is_its_own() {
        let found = look_up("127.0.0.1", 80, Duration::from_secs(10)).unwrap();
        assert_eq!(found, [SocketAddr::from(([127, 0, 0, 1], 80))]);
    }
}
