//! A server: its threads, where it listens, what it has counted.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use apibench_core::clock::Clock;

use crate::certificate;
use crate::config::Config;
use crate::counts::Counts;
use crate::journal::{Journal, JournalWriter};
use crate::knobs::Knobs;
use crate::listener::Listener;
use crate::worker::Worker;

/// Why a server cannot start.
#[derive(Debug)]
pub struct EchoError(pub String);

impl std::fmt::Display for EchoError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for EchoError {}

/// A server that runs until it is stopped or dropped.
pub struct Server {
    address: String,
    unix: Option<PathBuf>,
    counts: Vec<Arc<Mutex<Counts>>>,
    stop: Arc<AtomicBool>,
    threads: Mutex<Vec<JoinHandle<std::io::Result<()>>>>,
    journal: Option<JournalWriter>,
}

impl Server {
    /// Listens and starts to serve, on `clock`.
    ///
    /// # Errors
    /// In words, if the setup contradicts itself or the system refuses something.
    pub fn start<C: Clock + Send + 'static>(config: &Config, clock: &C) -> Result<Self, EchoError> {
        let refused = |what: &str, error: &dyn std::fmt::Display| EchoError(format!("{what}: {error}"));
        if config.threads == 0 || (config.serve_ns > 0 && config.threads > 1) {
            return Err(EchoError(
                "a server needs a thread, and one that serves serially exactly one".to_owned(),
            ));
        }
        if config
            .freeze
            .is_some_and(|freeze| freeze.for_ns == 0 || freeze.for_ns >= freeze.every_ns)
        {
            return Err(EchoError("a freeze must be shorter than its period".to_owned()));
        }
        let knobs = Knobs::default()
            .with(&config.knobs)
            .map_err(|word| EchoError(format!("'{word}' cannot be read")))?;
        let tls = if config.tls {
            Some(certificate::make().map_err(EchoError)?)
        } else {
            None
        };
        if let (Some((_, authority)), Some(path)) = (&tls, &config.ca_file) {
            std::fs::write(path, authority)
                .map_err(|error| refused(&format!("cannot write {}", path.display()), &error))?;
        }
        let first = match &config.unix {
            Some(path) => Listener::unix(path)
                .map_err(|error| refused(&format!("cannot listen on {}", path.display()), &error))?,
            None => Listener::tcp(&config.http)
                .map_err(|error| refused(&format!("cannot listen on {}", config.http), &error))?,
        };
        let scheme = if config.tls { "https" } else { "http" };
        let address = match (first.address(), &config.unix) {
            (Some(address), _) => format!("{scheme}://{address}"),
            (None, Some(path)) => format!("unix:{}", path.display()),
            (None, None) => return Err(EchoError("the socket has no address".to_owned())),
        };
        let (journal, writer) = match &config.log {
            Some(path) => {
                let opened = Journal::open(path)
                    .map_err(|error| refused(&format!("cannot write {}", path.display()), &error))?;
                (Some(opened.0), Some(opened.1))
            }
            None => (None, None),
        };
        let counts: Vec<Arc<Mutex<Counts>>> = std::iter::repeat_with(Arc::default).take(config.threads).collect();
        let mut server = Self {
            address,
            unix: config.unix.clone(),
            counts: counts.clone(),
            stop: Arc::default(),
            threads: Mutex::default(),
            journal: writer,
        };
        let numbers = Arc::new(AtomicU64::new(0));
        let start_ns = clock.now_ns();
        let mut listeners = vec![first];
        for _ in 1..config.threads {
            let again = listeners[0]
                .again()
                .map_err(|error| refused("cannot share the socket", &error))?;
            listeners.push(again);
        }
        for (number, listener) in listeners.into_iter().enumerate() {
            let mut order = counts.clone();
            order.swap(0, number);
            let worker = Worker {
                clock: clock.clone(),
                listener,
                tls: tls.as_ref().map(|(config, _)| Arc::clone(config)),
                knobs: knobs.clone(),
                freeze: config.freeze,
                serve_ns: config.serve_ns,
                seed: config.seed,
                numbers: Arc::clone(&numbers),
                journal: journal.clone(),
                counts: order,
                stop: Arc::clone(&server.stop),
                start_ns,
            };
            let spawned = std::thread::Builder::new()
                .name(format!("echo-{number}"))
                .spawn(move || worker.run());
            let thread = spawned.map_err(|error| refused("cannot start a thread", &error))?;
            server
                .threads
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner)
                .push(thread);
        }
        Ok(server)
    }

    /// Where it listens: `http://127.0.0.1:8089`, or `unix:PATH`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
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

    /// Stops and waits for its threads and its log.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // One that failed has closed its connections; the counts show what it did before.
            drop(thread.join());
        }
        if let Some(journal) = &self.journal {
            journal.finish();
        }
        if let Some(path) = &self.unix {
            drop(std::fs::remove_file(path));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
