//! From a plan's hosts to what the transport of one thread needs of them.

use std::path::Path;

use apibench_core::plan::{Connections as Owner, Host, Plan};
use apibench_http::host::{Connections, HostProfile, Timeouts};
use apibench_http::tls::{TlsProfile, Trust};

use crate::program::Program;
use crate::request::BaseUrl;
use crate::resolve::Resolved;

/// The profiles of all hosts, in the program's order, for thread `thread` of `threads`.
///
/// # Errors
/// In words, for what is not built.
pub fn profiles(
    plan: &Plan,
    program: &Program,
    resolved: &[Resolved],
    trust: &[Option<Trust>],
    thread: usize,
    threads: usize,
) -> Result<Vec<HostProfile>, String> {
    let hosts = program.hosts.iter().zip(resolved).zip(trust);
    hosts
        .map(|((name, resolved), trust)| {
            profile(&plan.hosts[name], resolved, trust.as_ref(), thread, threads)
                .map_err(|message| format!("hosts.{name}: {message}"))
        })
        .collect()
}

/// Whom each host of the program may be certified by; `None` for plain HTTP.
///
/// # Errors
/// In words, if a file of certificates cannot be used.
pub fn trust(plan: &Plan, program: &Program) -> Result<Vec<Option<Trust>>, String> {
    program
        .hosts
        .iter()
        .map(|name| {
            let host = &plan.hosts[name];
            if !BaseUrl::parse(&host.base_url)?.tls {
                return Ok(None);
            }
            if !host.tls.verify {
                return Ok(Some(Trust::Anybody));
            }
            let trust = Trust::load(host.tls.ca_file.as_deref().map(Path::new));
            trust
                .map(Some)
                .map_err(|message| format!("hosts.{name}.tls.ca_file: {message}"))
        })
        .collect()
}

fn profile(
    host: &Host,
    resolved: &Resolved,
    trust: Option<&Trust>,
    thread: usize,
    threads: usize,
) -> Result<HostProfile, String> {
    let url = BaseUrl::parse(&host.base_url)?;
    let name = host.tls.server_name.as_ref().unwrap_or(&url.host);
    let tls = trust.map(|trust| TlsProfile::new(trust, name)).transpose()?;
    let connections = match host.connections {
        Owner::PerVu { count } => Connections::PerVu(count),
        Owner::Shared { count } => Connections::Shared(part_of(count, thread, threads)),
    };
    if matches!(connections, Connections::PerVu(0) | Connections::Shared(0)) {
        return Err(format!("{threads} threads need at least {threads} connections"));
    }
    Ok(HostProfile {
        addresses: resolved.addresses.clone(),
        first_address: thread,
        connections,
        tls,
        timeouts: Timeouts {
            connect_ns: host.timeouts.connect_ns,
            first_byte_ns: host.timeouts.first_byte_ns.unwrap_or(u64::MAX),
            idle_ns: host.timeouts.idle_ns.unwrap_or(u64::MAX),
            total_ns: host.timeouts.total_ns,
        },
    })
}

/// What falls to one of several threads of `count` things: all parts add up to `count`, none differ by more
/// than 1.
#[must_use]
pub fn part_of(count: u32, thread: usize, threads: usize) -> u32 {
    let (count, thread, threads) = (u64::from(count), thread as u64, threads as u64);
    ((thread + 1) * count / threads - thread * count / threads) as u32
}
