//! What the outside tells a running engine: go on, stop, abort. Threads look at it once a turn.

use std::sync::atomic::{AtomicU32, Ordering};

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
}

impl Control {
    /// Gives a command; a milder one than that in force changes nothing.
    pub fn command(&self, command: Command) {
        self.command.fetch_max(command as u32, Ordering::Relaxed);
    }

    /// The command in force.
    #[must_use]
    pub fn current(&self) -> Command {
        match self.command.load(Ordering::Relaxed) {
            0 => Command::Run,
            1 => Command::Stop,
            _ => Command::Abort,
        }
    }
}
