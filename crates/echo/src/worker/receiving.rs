//! From bytes to requests, and from a request to what its answer will be.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use apibench_core::clock::Clock;

use super::Loop;
use crate::connection::Stage;
use crate::counts::Counts;
use crate::reply::{Content, Ending, Reply};
use crate::request::{Head, Taken, take};
use crate::shop::Page;

/// Longest body that is kept to be sent back.
const KEPT_BYTES: usize = 8 * 1024 * 1024;
/// Buffers that a connection may fill in one turn.
const BUFFERS_A_TURN: usize = 16;

impl<C: Clock> Loop<C> {
    /// Reads what has come, and serves what is complete. A short read is the last: no second call to learn that
    /// nothing is left.
    pub(super) fn read(&mut self, token: u64, counts: &mut Counts) {
        for turn in 0.. {
            let mut buffer = std::mem::take(&mut self.buffer);
            let goes_on = self.receive(token, &mut buffer, counts);
            self.buffer = buffer;
            self.serve(token, counts);
            if !goes_on {
                return;
            }
            if turn == BUFFERS_A_TURN {
                self.queue(token);
                return;
            }
        }
    }

    /// Whether there may be more.
    fn receive(&mut self, token: u64, buffer: &mut [u8], counts: &mut Counts) -> bool {
        let Some(connection) = self.find(token) else {
            return false;
        };
        // Unless something else turns up below.
        connection.unread = true;
        if connection.is_full() {
            return false;
        }
        let length = match connection.stream.receive(buffer) {
            Ok(0) => {
                connection.finished = true;
                connection.unread = false;
                return false;
            }
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                connection.unread = false;
                return false;
            }
            Err(_) => {
                self.close(token, counts);
                return false;
            }
        };
        connection.unread = length == buffer.len();
        counts.received_bytes += length as u64;
        if connection.stage == Stage::Lingering {
            return connection.unread;
        }
        if connection.take_in(&buffer[..length], counts).is_err() {
            // The client is told why, if it listens.
            self.flush(token, counts);
            self.close(token, counts);
            return false;
        }
        let goes_on = connection.unread;
        if connection.tls.as_ref().is_some_and(|tls| tls.wants_write()) {
            self.flush(token, counts);
        }
        goes_on
    }

    /// Answers the requests that have come whole, one after another.
    pub(super) fn serve(&mut self, token: u64, counts: &mut Counts) {
        loop {
            let Some(connection) = self.find(token) else { return };
            let goes_on = match connection.stage {
                Stage::Idle => self.serve_head(token, counts),
                Stage::Body(_) => self.serve_body(token, counts),
                _ => false,
            };
            if !goes_on {
                break;
            }
        }
        let Some(connection) = self.find(token) else { return };
        if connection.is_over() {
            self.close(token, counts);
        } else if connection.unread && matches!(connection.stage, Stage::Idle | Stage::Body(_) | Stage::Lingering) {
            self.queue(token);
        }
    }

    /// Whether there may be another request.
    fn serve_head(&mut self, token: u64, counts: &mut Counts) -> bool {
        let Some(connection) = self.find(token) else {
            return false;
        };
        if connection.taken == connection.input.len() {
            connection.input.clear();
            connection.taken = 0;
            return false;
        }
        // Out of the connection while its head is read in place; nobody else looks for it meanwhile.
        let input = std::mem::take(&mut connection.input);
        let taken = take(&input[connection.taken..]);
        let goes_on = taken != Taken::Partial;
        match taken {
            Taken::Partial => {}
            Taken::Refused(status, why) => {
                connection.taken = input.len();
                self.refuse(token, status, why, counts);
            }
            Taken::Head(head) => {
                let from = connection.taken;
                connection.taken += head.length_bytes;
                connection.content.clear();
                if let Some(body) = head.body.clone() {
                    connection.head.clear();
                    connection
                        .head
                        .extend_from_slice(&input[from..from + head.length_bytes]);
                    let waits = head.expects && connection.taken == input.len();
                    connection.stage = Stage::Body(body);
                    // A knob that cannot be read is told when the body has come.
                    let keeps = if head.query.is_empty() {
                        self.worker.knobs.echo
                    } else {
                        self.worker.knobs.with(head.query).is_ok_and(|knobs| knobs.echo)
                    };
                    if let Some(connection) = self.find(token) {
                        connection.keeps_body = keeps;
                        if waits {
                            connection
                                .reply_bytes
                                .extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
                            connection.hand_on();
                            self.flush(token, counts);
                        }
                    }
                } else {
                    self.respond(token, &head, counts);
                }
            }
        }
        if let Some(connection) = self.find(token) {
            connection.input = input;
        }
        goes_on
    }

    /// Whether the body has ended.
    fn serve_body(&mut self, token: u64, counts: &mut Counts) -> bool {
        let Some(connection) = self.find(token) else {
            return false;
        };
        let Stage::Body(body) = &mut connection.stage else {
            return false;
        };
        let (content, keeps) = (&mut connection.content, connection.keeps_body);
        let read = body.read(&connection.input[connection.taken..], |bytes| {
            if keeps {
                content.extend_from_slice(bytes);
            }
        });
        let length = match read {
            Ok(length) if connection.content.len() <= KEPT_BYTES => length,
            refused => {
                connection.taken = connection.input.len();
                match refused {
                    Ok(_) => self.refuse(token, 413, "a body that is sent back may have 8 MiB", counts),
                    Err(why) => self.refuse(token, 400, why, counts),
                }
                return true;
            }
        };
        connection.taken += length;
        if !body.is_complete() {
            connection.input.clear();
            connection.taken = 0;
            return false;
        }
        let bytes = std::mem::take(&mut connection.head);
        if let Taken::Head(head) = take(&bytes) {
            self.respond(token, &head, counts);
        }
        if let Some(connection) = self.find(token) {
            connection.head = bytes;
        }
        true
    }

    fn refuse(&mut self, token: u64, status: u16, why: &str, counts: &mut Counts) {
        counts.refused += 1;
        let Some(connection) = self.find(token) else { return };
        connection.uncounted = false;
        connection.reply = Reply::refusal(status, why, &mut connection.reply_bytes);
        self.begin(token, counts);
    }

    /// Answers a complete request: now, or when its time has come.
    fn respond(&mut self, token: u64, head: &Head<'_>, counts: &mut Counts) {
        if head.path == "/_counts" {
            // Answered after this turn, when no thread holds its counts.
            self.asking_for_counts.push(token);
            if let Some(connection) = self.find(token) {
                connection.stage = Stage::Counting;
                connection.uncounted = true;
                if connection.tls.is_none() {
                    counts.received_bytes -= head.length_bytes as u64;
                }
            }
            return;
        }
        let page = Page::of(head.method, head.path, head.query);
        let path = match page {
            Some(page) => page.class(),
            None => head.path,
        };
        counts.request(head.method, path);
        let received_ns = self.worker.clock.now_ns();
        let number = self.worker.numbers.fetch_add(1, Ordering::Relaxed);
        let (seed, defaults) = (self.worker.seed, Arc::clone(&self.worker.knobs));
        let Some(connection) = self.find(token) else { return };
        let asked;
        let knobs = if head.query.is_empty() {
            &*defaults
        } else {
            match defaults.with(head.query) {
                Ok(knobs) => {
                    asked = knobs;
                    &asked
                }
                Err(word) => {
                    let text = format!("The knob '{word}' cannot be read.");
                    let ending = if head.close { Ending::Close } else { Ending::KeepAlive };
                    let output = &mut connection.reply_bytes;
                    connection.reply = Reply::text(400, "text/plain", &text, ending, output);
                    self.begin(token, counts);
                    return;
                }
            }
        };
        let mut drawn = knobs.draw(seed, number);
        let content = match page {
            _ if knobs.echo => Content::Echoed,
            None => Content::Plain,
            Some(page) => {
                let served = page.serve(seed, number, drawn.status, &mut connection.content);
                drawn.status = Some(served.status);
                drawn.delay_ns = drawn.delay_ns.or(Some(served.delay_ns));
                Content::Json
            }
        };
        let (known, output) = (&mut connection.content, &mut connection.reply_bytes);
        connection.reply = Reply::write(head, knobs, drawn, content, known, output);
        let delay_ns = drawn.delay_ns.unwrap_or(0);
        let mut due_ns = received_ns + delay_ns;
        if self.worker.serve_ns > 0 {
            self.server_free_ns = self.server_free_ns.max(received_ns) + self.worker.serve_ns;
            due_ns = self.server_free_ns + delay_ns;
        }
        if due_ns == received_ns {
            self.begin(token, counts);
        } else if let Some(connection) = self.find(token) {
            connection.stage = Stage::Held;
            (connection.received_ns, connection.due_ns) = (received_ns, due_ns);
            self.set_timer(token, due_ns);
        }
    }
}
