//! What a thread of the load is told of processes from outside: who has come, why one will be gone, that nobody comes.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// A process and its streams, one for each thread, in their order; they must not block.
#[derive(Debug)]
pub struct Streams {
    /// The process; no two of a run have the same number.
    pub process: u32,
    /// One for each thread.
    pub streams: Vec<OwnedFd>,
}

/// Of one thread.
#[derive(Debug, Default)]
pub struct Arrivals {
    changed: AtomicBool,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    come: Vec<(u32, OwnedFd)>,
    reasons: BTreeMap<u32, Box<str>>,
    over: Option<Box<str>>,
}

impl Arrivals {
    /// A process has come.
    pub fn put(&self, process: u32, stream: OwnedFd) {
        self.told().come.push((process, stream));
        self.changed.store(true, Ordering::Release);
    }

    /// A process is about to be ended. Said before that is done: its calls fail by this reason.
    pub fn ends(&self, process: u32, reason: &str) {
        self.told().reasons.insert(process, reason.into());
    }

    /// Nobody comes any more: where no process is left, calls fail by this reason.
    pub fn are_over(&self, reason: &str) {
        self.told().over = Some(reason.into());
        self.changed.store(true, Ordering::Release);
    }

    /// Who has come since this was last asked, and whether nobody does any more.
    pub(super) fn take(&self) -> (Vec<(u32, OwnedFd)>, Option<Box<str>>) {
        if !self.changed.load(Ordering::Relaxed) {
            return (Vec::new(), None);
        }
        self.changed.store(false, Ordering::Relaxed);
        let mut told = self.told();
        (std::mem::take(&mut told.come), told.over.clone())
    }

    /// Why a process has gone, if anybody has said it.
    pub(super) fn reason_of(&self, process: u32) -> Option<Box<str>> {
        self.told().reasons.remove(&process)
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        // Who has panicked with the lock in hand has left whole entries behind.
        self.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Deals streams to so many threads.
///
/// # Errors
/// In words, if a process does not have one for each.
pub fn deal(processes: Vec<Streams>, threads: usize) -> Result<Vec<Arc<Arrivals>>, String> {
    let arrivals: Vec<Arc<Arrivals>> = (0..threads).map(|_| Arc::default()).collect();
    processes.into_iter().try_for_each(|each| add(&arrivals, each))?;
    Ok(arrivals)
}

/// Deals those of one process.
///
/// # Errors
/// As [`deal`].
pub fn add(arrivals: &[Arc<Arrivals>], process: Streams) -> Result<(), String> {
    let (threads, streams) = (arrivals.len(), process.streams.len());
    if threads != streams {
        return Err(format!(
            "a process of Python has {streams} streams for {threads} threads"
        ));
    }
    for (arrivals, stream) in arrivals.iter().zip(process.streams) {
        arrivals.put(process.process, stream);
    }
    Ok(())
}
