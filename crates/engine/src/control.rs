//! What the outside tells a running engine: go on, stop, abort. Threads look at it once a turn.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use apibench_core::lease::Lease;

/// What is wanted of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Command {
    /// Go on as planned.
    Run = 0,
    /// Send nothing more; what is in flight may end until the drain is over.
    Stop = 1,
    /// Send nothing more and wait for nothing.
    Abort = 2,
}

/// The command in force. It only ever grows stricter.
#[derive(Debug, Default)]
pub struct Control {
    command: AtomicU32,
    lease: Lease,
    fenced: AtomicBool,
}

impl Control {
    /// For a run that may send for as long as its lease lasts.
    #[must_use]
    pub fn leased(lease: Lease) -> Self {
        Self {
            lease,
            ..Self::default()
        }
    }

    /// Until when the run may send.
    #[must_use]
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Has the run send until `until_ns`, if that is later than it may now. `false`: its time had run out by `now_ns`,
    /// and it has stopped for good.
    pub fn extend_lease(&self, now_ns: u64, until_ns: u64) -> bool {
        self.lease.extend(now_ns, until_ns)
    }

    /// Whether a thread was stopped because the lease had run out.
    #[must_use]
    pub fn was_fenced(&self) -> bool {
        self.fenced.load(Ordering::Relaxed)
    }

    /// Gives a command; a milder one than that in force changes nothing.
    pub fn command(&self, command: Command) {
        self.command.fetch_max(command as u32, Ordering::Relaxed);
    }

    /// The command in force at `now_ns`. A lease that has run out is a stop.
    #[must_use]
    pub fn current(&self, now_ns: u64) -> Command {
        match self.command.load(Ordering::Relaxed) {
            0 if self.lease.allows(now_ns) => Command::Run,
            0 => {
                self.fenced.store(true, Ordering::Relaxed);
                Command::Stop
            }
            1 => Command::Stop,
            _ => Command::Abort,
        }
    }
}
