//! What a server does when a request does not say otherwise.

use std::path::PathBuf;

use serde::Deserialize;

use crate::error::EchoError;
use crate::knobs::Knobs;

/// Most threads that a server may have.
const MOST_THREADS: usize = 256;

/// How a server is set up. Everything has a default, so that `{}` is a server on a free port of loopback.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `HOST:PORT`; port 0 takes a free one. A name with several addresses is listened on at each of them.
    pub http: String,
    /// A Unix socket to listen on, instead.
    pub unix: Option<PathBuf>,
    /// Whether to speak TLS, with a certificate of its own making for localhost.
    pub tls: bool,
    /// Where to write the certificate of the authority that issued it, in PEM.
    pub ca_file: Option<PathBuf>,
    /// Threads that serve, from 1 to 256. The first accepts, and deals the connections round.
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

impl Config {
    /// Reads the knobs, if nothing in this setup contradicts itself.
    ///
    /// # Errors
    /// Under a name of its own for each word that cannot be.
    pub(crate) fn checked(&self) -> Result<Knobs, EchoError> {
        if !(1..=MOST_THREADS).contains(&self.threads) {
            let message = format!("{} threads cannot serve", self.threads);
            return Err(EchoError::new(
                "config.threads",
                message,
                "Ask for one, or for as many as there are processors.",
            ));
        }
        if self.serve_ns > 0 && self.threads > 1 {
            return Err(EchoError::new(
                "config.serve",
                "A server that serves one request after another has one thread",
                "Leave threads at 1, or serve_ns at 0.",
            ));
        }
        if self
            .freeze
            .is_some_and(|freeze| freeze.for_ns == 0 || freeze.for_ns >= freeze.every_ns)
        {
            return Err(EchoError::new(
                "config.freeze",
                "A freeze must be shorter than its period, and not nothing",
                "Freeze for 1 s every 10 s, for example.",
            ));
        }
        if self.ca_file.is_some() && !self.tls {
            return Err(EchoError::new(
                "config.ca_file",
                "Without TLS there is no authority whose certificate could be written",
                "Turn TLS on too.",
            ));
        }
        Knobs::default().with(&self.knobs).map_err(|word| {
            EchoError::new(
                "config.knobs",
                format!("The knob '{word}' cannot be read"),
                "Write it like delay=2ms:90,200ms:10 or status=503:1; the shares of a mix are percent, at most 100 in all.",
            )
        })
    }
}
