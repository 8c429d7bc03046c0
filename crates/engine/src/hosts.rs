//! From a plan's hosts to what the transport of one thread needs of them.

use std::path::Path;

use apibench_core::plan::{Connections as Owner, Host, Plan};
use apibench_core::segment::Share;
use apibench_http::host::{Connections, HostProfile, Timeouts};
use apibench_http::tls::{TlsProfile, Trust};

use crate::program::Program;
use crate::request::BaseUrl;
use crate::resolve::Resolved;

/// The profiles of all hosts, in the program's order, for a share of the plan.
///
/// # Errors
/// In words, for a share that is too small to have a connection.
pub fn profiles(
    plan: &Plan,
    program: &Program,
    resolved: &[Resolved],
    trust: &[Option<Trust>],
    share: &Share,
) -> Result<Vec<HostProfile>, String> {
    let hosts = program.hosts.iter().zip(resolved).zip(trust);
    hosts
        .map(|((name, resolved), trust)| {
            profile(&plan.hosts[name], resolved, trust.as_ref(), share)
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

fn profile(host: &Host, resolved: &Resolved, trust: Option<&Trust>, share: &Share) -> Result<HostProfile, String> {
    let url = BaseUrl::parse(&host.base_url)?;
    let name = host.tls.server_name.as_ref().unwrap_or(&url.host);
    let tls = trust.map(|trust| TlsProfile::new(trust, name)).transpose()?;
    let connections = match host.connections {
        Owner::PerVu { count } => Connections::PerVu(count),
        Owner::Shared { count } => Connections::Shared(share.portion(u64::from(count)) as u32),
    };
    if matches!(connections, Connections::PerVu(0) | Connections::Shared(0)) {
        return Err("shared by more threads than there are connections: ask for fewer threads or workers".to_owned());
    }
    Ok(HostProfile {
        addresses: resolved.addresses.clone(),
        first_address: share.place_of(resolved.addresses.len()),
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
