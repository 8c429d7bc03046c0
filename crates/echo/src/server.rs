//! A server: its threads, where it listens, what it has counted.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use apibench_core::clock::Clock;

use crate::certificate;
use crate::config::Config;
use crate::counts::Counts;
use crate::error::EchoError;
use crate::journal::{Journal, JournalWriter};
use crate::listener::Listener;
use crate::waker::Waker;
use crate::worker::Worker;

/// A server that runs until it is stopped or dropped.
pub struct Server {
    scheme: &'static str,
    addresses: Vec<SocketAddr>,
    unix: Option<PathBuf>,
    address: String,
    counts: Vec<Arc<Mutex<Counts>>>,
    stop: Arc<AtomicBool>,
    wakers: Vec<Arc<Waker>>,
    threads: Mutex<Vec<JoinHandle<std::io::Result<()>>>>,
    journal: Option<JournalWriter>,
}

impl Server {
    /// Listens and starts to serve, on `clock`, which has to be `CLOCK_MONOTONIC` for the log to mean anything.
    ///
    /// # Errors
    /// If the setup contradicts itself or the system refuses something; each with a name and a remedy.
    pub fn start<C: Clock + Send + 'static>(config: &Config, clock: &C) -> Result<Self, EchoError> {
        let knobs = Arc::new(config.checked()?);
        let tls = config
            .tls
            .then(certificate::make)
            .transpose()
            .map_err(|why| EchoError::new("tls", why, "This is no fault of yours: please report it."))?;
        let system = |error: std::io::Error| {
            EchoError::new(
                "system",
                format!("The server cannot start its threads: {error}"),
                "Allow more descriptors (ulimit -n) or ask for fewer threads.",
            )
        };
        let mut wakers = Vec::new();
        for _ in 0..config.threads {
            wakers.push(Arc::new(Waker::new().map_err(system)?));
        }
        // First of what leaves a trace: who finds the port taken must not have emptied the log of who has it.
        let mut listeners = listen(config)?;
        let authority = tls.as_ref().map(|(_, authority)| authority.as_str());
        let (journal, writer) = open_files(config, authority).inspect_err(|_| remove(config.unix.as_deref()))?;
        let mut server = Self {
            scheme: if config.tls { "https" } else { "http" },
            addresses: listeners.iter().filter_map(Listener::address).collect(),
            unix: config.unix.clone(),
            address: String::new(),
            counts: std::iter::repeat_with(Arc::default).take(config.threads).collect(),
            stop: Arc::default(),
            wakers,
            threads: Mutex::default(),
            journal: writer,
        };
        server.address = server.addresses().swap_remove(0);
        let numbers = Arc::new(AtomicU64::new(0));
        let start_ns = clock.now_ns();
        for number in 0..config.threads {
            let worker = Worker {
                clock: clock.clone(),
                // The first thread accepts for all.
                listeners: std::mem::take(&mut listeners),
                wakers: server.wakers.clone(),
                number,
                tls: tls.as_ref().map(|(config, _)| Arc::clone(config)),
                knobs: Arc::clone(&knobs),
                freeze: config.freeze,
                serve_ns: config.serve_ns,
                seed: config.seed,
                numbers: Arc::clone(&numbers),
                journal: journal.clone(),
                counts: server.counts.clone(),
                stop: Arc::clone(&server.stop),
                start_ns,
            };
            let spawned = std::thread::Builder::new()
                .name(format!("echo-{number}"))
                .spawn(move || worker.run());
            // What was started by then stops when `server` is dropped; its journal has to be gone by then.
            match spawned {
                Ok(thread) => server
                    .threads
                    .get_mut()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(thread),
                Err(error) => {
                    drop(journal);
                    return Err(system(error));
                }
            }
        }
        Ok(server)
    }

    /// Where it listens first: `http://127.0.0.1:8089`, or `unix:PATH`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Everywhere it listens, in the form of [`Self::address`]. Never empty.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        match &self.unix {
            Some(path) => vec![format!("unix:{}", path.display())],
            None => self
                .addresses
                .iter()
                .map(|address| format!("{}://{address}", self.scheme))
                .collect(),
        }
    }

    /// What it has counted so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut total = Counts::default();
        for counts in &self.counts {
            total.add(&counts.lock().unwrap_or_else(PoisonError::into_inner));
        }
        total
    }

    /// Closes everything, and waits for its threads and its log. What was held is not answered any more; a freeze is
    /// waited for.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        for waker in &self.wakers {
            waker.wake();
        }
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        if threads.is_empty() {
            return;
        }
        for thread in threads {
            // One that failed has closed its connections; the counts show what it did before.
            drop(thread.join());
        }
        if let Some(journal) = &self.journal {
            journal.finish();
        }
        remove(self.unix.as_deref());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn listen(config: &Config) -> Result<Vec<Listener>, EchoError> {
    let (place, remedy, listeners) = match &config.unix {
        Some(path) => (
            path.display().to_string(),
            "Is another server there? If none is, remove the file.",
            Listener::unix(path).map(|listener| vec![listener]),
        ),
        None => (
            config.http.clone(),
            "Write HOST:PORT; port 0 takes a free one.",
            Listener::tcp(&config.http),
        ),
    };
    listeners.map_err(|error| EchoError::new("listen", format!("Cannot listen on {place}: {error}"), remedy))
}

/// Writes the authority's certificate, and opens the log.
fn open_files(config: &Config, authority: Option<&str>) -> Result<(Option<Journal>, Option<JournalWriter>), EchoError> {
    let refused = |name, what: &str, path: &Path, error: &std::io::Error| {
        let message = format!("The {what} cannot be written to {}: {error}", path.display());
        EchoError::new(name, message, "Name a file in a directory that you may write to.")
    };
    if let (Some(authority), Some(path)) = (authority, &config.ca_file) {
        std::fs::write(path, authority).map_err(|error| refused("config.ca_file", "certificate", path, &error))?;
    }
    let Some(path) = &config.log else {
        return Ok((None, None));
    };
    let (journal, writer) = Journal::open(path).map_err(|error| refused("log", "log", path, &error))?;
    Ok((Some(journal), Some(writer)))
}

/// A Unix socket's file outlives the socket.
fn remove(path: Option<&Path>) {
    if let Some(path) = path {
        drop(std::fs::remove_file(path));
    }
}
