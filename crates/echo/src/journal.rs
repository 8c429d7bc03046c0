//! The log of holds and freezes, on the monotonic clock, written off the serving threads' path.
//!
//! Entries go through a bounded channel to a thread that writes them: a slow disk costs lines, which are counted and
//! told in the last line of the log, and never time. The writer looks now and then instead of waiting on the channel:
//! a waiting one would cost the serving thread a system call for each hold.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Entries that may wait to be written, of 32 bytes each: a second's worth of a busy server.
const WAITING: usize = 1 << 17;
/// How long the writer rests when there is nothing to write.
const REST: Duration = Duration::from_millis(10);

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
    /// Nothing was done, by one serving thread.
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
    entries: SyncSender<Entry>,
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
        let (entries, waiting) = sync_channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let told = Arc::clone(&lost);
        let thread = std::thread::Builder::new()
            .name("echo-journal".to_owned())
            // A full disk leaves a log without its last line; there is nobody to tell it to.
            .spawn(move || drop(write_all(file, &waiting, &told)))?;
        let thread = Mutex::new(Some(thread));
        Ok((Self { entries, lost }, JournalWriter { thread }))
    }

    /// Writes an entry down, unless too many wait already.
    pub fn note(&self, entry: Entry) {
        if self.entries.try_send(entry).is_err() {
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

fn write_all(mut file: impl Write, waiting: &Receiver<Entry>, lost: &AtomicU64) -> std::io::Result<()> {
    loop {
        match waiting.try_recv() {
            Ok(Entry::Hold {
                received_ns,
                due_ns,
                sent_ns,
            }) => writeln!(
                file,
                r#"{{"hold":{{"received_ns":{received_ns},"due_ns":{due_ns},"sent_ns":{sent_ns}}}}}"#
            )?,
            Ok(Entry::Freeze { from_ns, to_ns }) => {
                writeln!(file, r#"{{"freeze":{{"from_ns":{from_ns},"to_ns":{to_ns}}}}}"#)?;
            }
            Err(TryRecvError::Empty) => {
                file.flush()?;
                std::thread::sleep(REST);
            }
            Err(TryRecvError::Disconnected) => break,
        }
    }
    let lost = lost.load(Ordering::Relaxed);
    writeln!(file, r#"{{"end":{{"lost_lines":{lost}}}}}"#)?;
    file.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_a_line_and_the_lost_ones_are_told() {
        let (entries, waiting) = sync_channel(1);
        let journal = Journal {
            entries,
            lost: Arc::default(),
        };
        let lost = Arc::clone(&journal.lost);
        journal.note(Entry::Freeze { from_ns: 1, to_ns: 2 });
        journal.note(Entry::Freeze { from_ns: 3, to_ns: 4 });
        drop(journal);
        let mut written = Vec::new();
        write_all(&mut written, &waiting, &lost).unwrap();
        let text = String::from_utf8(written).unwrap();
        assert_eq!(
            text,
            "{\"freeze\":{\"from_ns\":1,\"to_ns\":2}}\n{\"end\":{\"lost_lines\":1}}\n"
        );
    }
}
