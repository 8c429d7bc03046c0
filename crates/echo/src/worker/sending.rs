//! From an answer to bytes in the kernel, and what becomes of the connection then.

use std::io;
use std::sync::Arc;

use apibench_core::clock::Clock;

use super::{Loop, locked};
use crate::connection::Stage;
use crate::counts::Counts;
use crate::reply::{Ending, Reply};

/// Bytes that a connection may send in one turn.
const BYTES_A_TURN: usize = 1 << 20;
/// How long a client whose request was refused may go on sending: closing at once would reset the connection, and
/// the client might never read why.
const LINGER_NS: u64 = 1_000_000_000;

impl<C: Clock> Loop<C> {
    /// Sends the answer, as far as it goes. Head and a small body go in one call.
    pub(super) fn begin(&mut self, token: u64, counts: &mut Counts) {
        let now_ns = self.worker.clock.now_ns();
        let Some(connection) = self.find(token) else { return };
        if let Some(fault) = connection.reply.fault {
            *counts.faults.entry(fault.name()).or_default() += 1;
        }
        match connection.reply.ending {
            Ending::Reset => {
                connection.stream.reset_on_close();
                self.close(token, counts);
            }
            Ending::Stall => connection.stage = Stage::Stalled,
            Ending::KeepAlive | Ending::Close | Ending::Cut | Ending::Linger => {
                connection.stage = Stage::Sending;
                let body = &mut connection.reply.body;
                if body.pace.is_none() {
                    body.produce(&connection.content, &mut connection.reply_bytes);
                } else {
                    connection.piece_ns = now_ns;
                }
                connection.hand_on();
                self.flush(token, counts);
            }
        }
    }

    /// Sends the piece of a paced body that is due.
    pub(super) fn send_piece(&mut self, token: u64, now_ns: u64, counts: &mut Counts) {
        let Some(connection) = self.find(token) else { return };
        connection.piece_ns = now_ns;
        let body = &mut connection.reply.body;
        body.produce(&connection.content, &mut connection.reply_bytes);
        connection.hand_on();
        self.flush(token, counts);
    }

    /// Sends what there is to send; then goes on to what the answer ends with.
    pub(super) fn flush(&mut self, token: u64, counts: &mut Counts) {
        let mut left = BYTES_A_TURN;
        loop {
            let Some(connection) = self.find(token) else { return };
            connection.seal();
            if connection.sent < connection.output.len() {
                if left == 0 {
                    self.queue(token);
                    return;
                }
                match connection.stream.send(&connection.output[connection.sent..]) {
                    Ok(length) => {
                        connection.sent += length;
                        left = left.saturating_sub(length);
                        if !connection.uncounted {
                            counts.sent_bytes += length as u64;
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                    Err(_) => {
                        self.close(token, counts);
                        return;
                    }
                }
                continue;
            }
            connection.output.clear();
            connection.sent = 0;
            if connection.stage != Stage::Sending {
                return;
            }
            let body = &mut connection.reply.body;
            if body.is_done() {
                break;
            }
            if let Some(pace) = body.pace {
                if connection.timer_ns == 0 {
                    let due_ns = connection.piece_ns + pace.every_ns;
                    self.set_timer(token, due_ns);
                }
                return;
            }
            body.produce(&connection.content, &mut connection.reply_bytes);
            connection.hand_on();
        }
        self.finish(token, counts);
    }

    /// The kernel has the whole answer.
    fn finish(&mut self, token: u64, counts: &mut Counts) {
        let Some(connection) = self.find(token) else { return };
        if let (Ending::Close | Ending::Linger, Some(tls), false) =
            (connection.reply.ending, &mut connection.tls, connection.farewell)
        {
            connection.farewell = true;
            tls.send_close_notify();
            // Comes back here when that is sent too.
            self.flush(token, counts);
            return;
        }
        if connection.reply.fault.is_none() && !connection.uncounted {
            *counts.responses.entry(connection.reply.status).or_default() += 1;
        }
        connection.uncounted = false;
        match connection.reply.ending {
            Ending::KeepAlive => connection.stage = Stage::Idle,
            Ending::Linger if connection.close_our_side().is_ok() => {
                connection.stage = Stage::Lingering;
                connection.unread = true;
                let due_ns = self.worker.clock.now_ns() + LINGER_NS;
                self.set_timer(token, due_ns);
            }
            _ => self.close(token, counts),
        }
    }

    /// Answers those who asked for the counts, of all threads; themselves in none.
    pub(super) fn answer_counts(&mut self) {
        for token in std::mem::take(&mut self.asking_for_counts) {
            let mut total = Counts::default();
            for counts in &self.worker.counts {
                total.add(&locked(counts));
            }
            // Numbers and names: cannot fail.
            let json = serde_json::to_string(&total).unwrap_or_default();
            if let Some(connection) = self.find(token) {
                let output = &mut connection.reply_bytes;
                connection.reply = Reply::text(200, "application/json", &json, Ending::KeepAlive, output);
            }
            let own = Arc::clone(&self.worker.counts[self.worker.number]);
            let mut counts = locked(&own);
            self.begin(token, &mut counts);
            self.serve(token, &mut counts);
        }
    }
}
