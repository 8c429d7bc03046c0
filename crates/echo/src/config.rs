//! What a server does when a request does not say otherwise.

use std::path::PathBuf;

use serde::Deserialize;

/// How a server is set up. Everything has a default, so that `{}` is a server on a free port of loopback.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `HOST:PORT`; port 0 takes a free one.
    pub http: String,
    /// A Unix socket to listen on, instead.
    pub unix: Option<PathBuf>,
    /// Whether to speak TLS, with a certificate of its own making for localhost.
    pub tls: bool,
    /// Where to write the certificate of the authority that issued it, in PEM.
    pub ca_file: Option<PathBuf>,
    /// Threads that serve; each takes the connections that it accepts.
    pub threads: usize,
    /// Knobs for every request, in the form of a query: `delay=2ms&status=503:1`.
    pub knobs: String,
    /// Stops everything for a while, again and again.
    pub freeze: Option<Freeze>,
    /// Serves one request after another, each for so long: a server with a fixed capacity. One thread only.
    pub serve_ns: u64,
    /// Where to write down holds and freezes, one JSON object a line.
    pub log: Option<PathBuf>,
    /// What mixes are drawn with.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            http: "127.0.0.1:0".to_owned(),
            unix: None,
            tls: false,
            ca_file: None,
            threads: 1,
            knobs: String::new(),
            freeze: None,
            serve_ns: 0,
            log: None,
            seed: 0,
        }
    }
}

/// A freeze: at the end of each period nothing is read, served or sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// From the beginning of one period to the next.
    pub every_ns: u64,
    /// How much of it is frozen; less than `every_ns`.
    pub for_ns: u64,
}
