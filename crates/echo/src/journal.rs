//! The log of holds and freezes, on the monotonic clock, written off the serving threads' path.
//!
//! Lines go through a bounded channel to a thread that writes them: a slow disk costs lines, which are counted and
//! told at the end of the log, and never time.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Lines that may wait to be written: a few seconds' worth of a busy server.
const WAITING: usize = 1 << 17;

/// Something that a server did on purpose.
#[derive(Debug, Clone, Copy)]
pub enum Entry {
    /// A request was held back.
    Hold {
        /// When it had come whole.
        received_ns: u64,
        /// When its answer was due.
        due_ns: u64,
        /// Just before its answer was sent.
        sent_ns: u64,
    },
    /// Nothing was done.
    Freeze {
        /// From.
        from_ns: u64,
        /// To.
        to_ns: u64,
    },
}

/// A log that is being written. Clones write to the same.
#[derive(Clone)]
pub struct Journal {
    lines: SyncSender<Entry>,
    lost: Arc<AtomicU64>,
}

/// Finishes the log when everybody who writes to it is gone.
pub struct JournalWriter {
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Journal {
    /// Opens a log.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub fn open(path: &Path) -> std::io::Result<(Self, JournalWriter)> {
        let file = BufWriter::new(File::create(path)?);
        let (lines, waiting) = sync_channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let told = Arc::clone(&lost);
        let thread = std::thread::Builder::new()
            .name("echo-journal".to_owned())
            .spawn(move || write_all(file, &waiting, &told))?;
        Ok((
            Self { lines, lost },
            JournalWriter {
                thread: Mutex::new(Some(thread)),
            },
        ))
    }

    /// Writes a line down, unless too many wait already.
    pub fn note(&self, entry: Entry) {
        if self.lines.try_send(entry).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl JournalWriter {
    /// Waits until every line is written. The journals must have been dropped.
    pub fn finish(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            drop(thread.join());
        }
    }
}

fn write_all(mut file: BufWriter<File>, waiting: &Receiver<Entry>, lost: &AtomicU64) {
    for entry in waiting {
        let written = match entry {
            Entry::Hold {
                received_ns,
                due_ns,
                sent_ns,
            } => {
                writeln!(
                    file,
                    r#"{{"hold":{{"received_ns":{received_ns},"due_ns":{due_ns},"sent_ns":{sent_ns}}}}}"#
                )
            }
            Entry::Freeze { from_ns, to_ns } => {
                writeln!(file, r#"{{"freeze":{{"from_ns":{from_ns},"to_ns":{to_ns}}}}}"#)
            }
        };
        if written.is_err() {
            return;
        }
    }
    let lost = lost.load(Ordering::Relaxed);
    // A full disk leaves a log that ends early; there is nobody to tell it to.
    let _ = writeln!(file, r#"{{"end":{{"lost_lines":{lost}}}}}"#).and_then(|()| file.flush());
}
