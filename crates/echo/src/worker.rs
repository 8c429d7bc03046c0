//! The loop of one serving thread.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Read as _, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use apibench_core::clock::Clock;
use apibench_http::sys::{Epoll, FINISHED, READABLE, Ready, WRITABLE, sharpen_timers};
use rustls::{HandshakeKind, ServerConfig, ServerConnection};

use crate::config::Freeze;
use crate::connection::{Connection, Taken, take};
use crate::counts::Counts;
use crate::journal::{Entry, Journal};
use crate::knobs::Knobs;
use crate::listener::Listener;
use crate::reply::Reply;

const LISTENER: u64 = u64::MAX;
const EVENTS: usize = 256;
const BUFFER_BYTES: usize = 64 * 1024;
/// How long a thread sleeps at the most before it looks whether it is to end.
const PATIENCE_NS: u64 = 50_000_000;
static FILLER: [u8; 64 * 1024] = [b'x'; 64 * 1024];

/// Everything that one thread serves with.
pub struct Worker<C: Clock> {
    pub clock: C,
    pub listener: Listener,
    pub tls: Option<Arc<ServerConfig>>,
    pub knobs: Knobs,
    pub freeze: Option<Freeze>,
    pub serve_ns: u64,
    pub seed: u64,
    /// Numbers requests across the threads, so that mixes are drawn once each.
    pub numbers: Arc<AtomicU64>,
    pub journal: Option<Journal>,
    /// One for every thread; this one's first.
    pub counts: Vec<Arc<Mutex<Counts>>>,
    pub stop: Arc<AtomicBool>,
    pub start_ns: u64,
}

struct Loop<C: Clock> {
    worker: Worker<C>,
    epoll: Epoll,
    connections: Vec<Option<Connection>>,
    free: Vec<u32>,
    generation: u32,
    holds: BinaryHeap<Reverse<(u64, u64)>>,
    /// When the one server of a serial setup is free.
    server_free_ns: u64,
    freezes: u64,
    buffer: Box<[u8]>,
    asking_for_counts: Vec<u64>,
}

impl<C: Clock> Worker<C> {
    /// Serves until it is told to stop.
    pub fn run(self) -> io::Result<()> {
        sharpen_timers();
        let epoll = Epoll::new()?;
        epoll.add(self.listener.raw(), LISTENER)?;
        let mut served = Loop {
            worker: self,
            epoll,
            connections: Vec::new(),
            free: Vec::new(),
            generation: 0,
            holds: BinaryHeap::new(),
            server_free_ns: 0,
            freezes: 0,
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            asking_for_counts: Vec::new(),
        };
        while !served.worker.stop.load(Ordering::Relaxed) {
            served.turn()?;
        }
        Ok(())
    }
}

fn locked(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    // A thread that panicked while it counted has left numbers that are at worst one short.
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<C: Clock> Loop<C> {
    fn turn(&mut self) -> io::Result<()> {
        let now_ns = self.worker.clock.now_ns();
        let hold_ns = self.holds.peek().map_or(u64::MAX, |Reverse((due_ns, _))| *due_ns);
        let until_ns = hold_ns.min(self.next_freeze_ns()).min(now_ns + PATIENCE_NS);
        let mut ready = [Ready::NONE; EVENTS];
        let count = self.epoll.wait(&mut ready, until_ns.saturating_sub(now_ns))?;
        self.freeze_if_due();
        let own = Arc::clone(&self.worker.counts[0]);
        let mut counts = locked(&own);
        self.answer_held(&mut counts);
        for event in &ready[..count] {
            if event.token() == LISTENER {
                self.accept_all(&mut counts);
            } else {
                self.ready(*event, &mut counts);
            }
        }
        drop(counts);
        self.answer_counts();
        Ok(())
    }

    fn next_freeze_ns(&self) -> u64 {
        self.worker.freeze.map_or(u64::MAX, |freeze| {
            self.worker.start_ns + (self.freezes + 1) * freeze.every_ns - freeze.for_ns
        })
    }

    fn freeze_if_due(&mut self) {
        let Some(freeze) = self.worker.freeze else { return };
        let from_ns = self.worker.clock.now_ns();
        if from_ns < self.next_freeze_ns() {
            return;
        }
        let until_ns = self.next_freeze_ns() + freeze.for_ns;
        std::thread::sleep(Duration::from_nanos(until_ns.saturating_sub(from_ns)));
        self.freezes += 1;
        // A serial server does no work while it is frozen.
        let to_ns = self.worker.clock.now_ns();
        self.server_free_ns = self.server_free_ns.max(from_ns) + (to_ns - from_ns);
        self.note(Entry::Freeze { from_ns, to_ns });
    }

    fn note(&self, entry: Entry) {
        if let Some(journal) = &self.worker.journal {
            journal.note(entry);
        }
    }

    fn accept_all(&mut self, counts: &mut Counts) {
        // Out of descriptors or nobody there: either way the next connection makes it look again.
        while let Ok(stream) = self.worker.listener.accept() {
            let tls = self
                .worker
                .tls
                .as_ref()
                .and_then(|config| ServerConnection::new(Arc::clone(config)).ok());
            if self.worker.tls.is_some() && tls.is_none() {
                continue;
            }
            self.generation = self.generation.wrapping_add(1);
            let index = self.free.pop().unwrap_or_else(|| {
                self.connections.push(None);
                (self.connections.len() - 1) as u32
            });
            let token = u64::from(self.generation) << 32 | u64::from(index);
            if self.epoll.add(stream.raw(), token).is_err() {
                self.free.push(index);
                continue;
            }
            counts.connections += 1;
            self.connections[index as usize] = Some(Connection::new(stream, tls.map(Box::new), self.generation));
        }
    }

    fn find(&mut self, token: u64) -> Option<&mut Connection> {
        let index = (token & u64::from(u32::MAX)) as usize;
        let connection = self.connections.get_mut(index)?.as_mut()?;
        (u64::from(connection.generation) == token >> 32).then_some(connection)
    }

    fn close(&mut self, token: u64, counts: &mut Counts) {
        let index = (token & u64::from(u32::MAX)) as u32;
        if self.find(token).is_some() {
            self.connections[index as usize] = None;
            self.free.push(index);
            counts.closed += 1;
        }
    }

    fn ready(&mut self, event: Ready, counts: &mut Counts) {
        let token = event.token();
        if event.is(WRITABLE) && self.find(token).is_some_and(|connection| connection.has_output()) {
            self.flush(token, counts);
        }
        if event.is(READABLE) {
            self.read(token, counts);
        }
        if event.is(FINISHED) {
            let Some(connection) = self.find(token) else { return };
            connection.finished = true;
            if !connection.is_busy() || connection.stalled {
                self.close(token, counts);
            }
        }
    }

    fn read(&mut self, token: u64, counts: &mut Counts) {
        loop {
            let mut buffer = std::mem::take(&mut self.buffer);
            let Some(connection) = self.find(token) else {
                self.buffer = buffer;
                return;
            };
            let received = connection.stream.receive(&mut buffer);
            let more = match received {
                Ok(0) => {
                    connection.finished = true;
                    false
                }
                Ok(length) => {
                    counts.received_bytes += length as u64;
                    match open(connection, &buffer[..length], counts) {
                        Ok(()) => length == buffer.len(),
                        Err(()) => {
                            self.buffer = buffer;
                            self.flush(token, counts);
                            self.close(token, counts);
                            return;
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
                Err(_) => {
                    self.buffer = buffer;
                    self.close(token, counts);
                    return;
                }
            };
            self.buffer = buffer;
            if !more {
                break;
            }
        }
        self.serve(token, counts);
        let Some(connection) = self.find(token) else { return };
        if connection.finished && !connection.is_busy() {
            self.close(token, counts);
        } else if connection.tls.is_some() {
            self.flush(token, counts);
        }
    }

    /// Answers the requests that have come whole, one after another.
    fn serve(&mut self, token: u64, counts: &mut Counts) {
        loop {
            let Some(connection) = self.find(token) else { return };
            if connection.is_busy() || connection.close_after || connection.input.is_empty() {
                return;
            }
            match take(&connection.input) {
                Taken::Partial => return,
                Taken::Expecting => {
                    connection.output.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
                    self.flush(token, counts);
                    return;
                }
                Taken::Refused(status, why) => {
                    connection.input.clear();
                    self.send(token, &Reply::refusal(status, why), counts);
                    return;
                }
                Taken::Request(request, length) => {
                    connection.input.drain(..length);
                    if request.path == "/_counts" {
                        // Answered after this turn, when no thread holds its counts.
                        connection.held = Some((Reply::refusal(200, ""), u64::MAX, u64::MAX));
                        self.asking_for_counts.push(token);
                        return;
                    }
                    counts.request(&request.method, &request.path);
                    let received_ns = self.worker.clock.now_ns();
                    let number = self.worker.numbers.fetch_add(1, Ordering::Relaxed);
                    let Ok(knobs) = self.worker.knobs.with(&request.query) else {
                        self.send(
                            token,
                            &Reply::refusal(400, "a knob in the query cannot be read"),
                            counts,
                        );
                        return;
                    };
                    let drawn = knobs.draw(self.worker.seed, number);
                    let head = request.method == "HEAD";
                    let reply = Reply::new(&knobs, drawn, &request.path, request.body, head, request.close);
                    self.answer(token, reply, received_ns, drawn.delay_ns, counts);
                }
            }
        }
    }

    /// Sends an answer now, or when its time has come.
    fn answer(&mut self, token: u64, reply: Reply, received_ns: u64, delay_ns: u64, counts: &mut Counts) {
        let mut due_ns = received_ns + delay_ns;
        if self.worker.serve_ns > 0 {
            self.server_free_ns = self.server_free_ns.max(received_ns) + self.worker.serve_ns;
            due_ns = self.server_free_ns + delay_ns;
        }
        if due_ns == received_ns {
            self.send(token, &reply, counts);
            return;
        }
        if let Some(connection) = self.find(token) {
            connection.held = Some((reply, received_ns, due_ns));
            self.holds.push(Reverse((due_ns, token)));
        }
    }

    fn answer_held(&mut self, counts: &mut Counts) {
        loop {
            let now_ns = self.worker.clock.now_ns();
            let Some(Reverse((due_ns, token))) = self.holds.peek().copied() else {
                return;
            };
            if due_ns > now_ns {
                return;
            }
            self.holds.pop();
            let Some(connection) = self.find(token) else { continue };
            let Some((reply, received_ns, due_ns)) = connection.held.take() else {
                continue;
            };
            self.note(Entry::Hold {
                received_ns,
                due_ns,
                sent_ns: now_ns,
            });
            self.send(token, &reply, counts);
            self.serve(token, counts);
        }
    }

    fn answer_counts(&mut self) {
        for token in std::mem::take(&mut self.asking_for_counts) {
            let mut total = Counts::default();
            for counts in &self.worker.counts {
                total.add(&locked(counts));
            }
            let body = serde_json::to_string(&total).unwrap_or_default();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            if let Some(connection) = self.find(token) {
                connection.held = None;
                connection.close_after = true;
                push(connection, format!("{head}{body}").as_bytes());
            }
            let own = Arc::clone(&self.worker.counts[0]);
            let mut counts = locked(&own);
            self.flush(token, &mut counts);
        }
    }

    fn send(&mut self, token: u64, reply: &Reply, counts: &mut Counts) {
        let Some(connection) = self.find(token) else { return };
        if reply.reset {
            connection.stream.reset_on_close();
            self.close(token, counts);
            return;
        }
        if reply.stall {
            connection.stalled = true;
            return;
        }
        connection.close_after = reply.close;
        connection.answering = Some(reply.status);
        connection.filler = reply.filler;
        push(connection, &reply.bytes);
        self.flush(token, counts);
    }

    /// Sends what fits; closes when everything is sent and the connection is to close.
    fn flush(&mut self, token: u64, counts: &mut Counts) {
        loop {
            let Some(connection) = self.find(token) else { return };
            if let Some(tls) = &mut connection.tls {
                while tls.wants_write() {
                    // Into memory: cannot fail.
                    let _ = tls.write_tls(&mut connection.output);
                }
            }
            if connection.sent == connection.output.len() {
                connection.output.clear();
                connection.sent = 0;
                if connection.filler == 0 {
                    break;
                }
                let part = connection.filler.min(FILLER.len() as u64);
                connection.filler -= part;
                push(connection, &FILLER[..part as usize]);
                continue;
            }
            match connection.stream.send(&connection.output[connection.sent..]) {
                Ok(length) => {
                    connection.sent += length;
                    counts.sent_bytes += length as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => {
                    self.close(token, counts);
                    return;
                }
            }
        }
        let Some(connection) = self.find(token) else { return };
        if let Some(status) = connection.answering.take() {
            *counts.responses.entry(status).or_default() += 1;
            if connection.close_after {
                self.close(token, counts);
                return;
            }
        } else if connection.close_after {
            self.close(token, counts);
            return;
        }
        let Some(connection) = self.find(token) else { return };
        if connection.finished && !connection.is_busy() && connection.input.is_empty() {
            self.close(token, counts);
        }
    }
}

/// Takes received bytes in, out of TLS if need be.
fn open(connection: &mut Connection, mut received: &[u8], counts: &mut Counts) -> Result<(), ()> {
    let Some(tls) = &mut connection.tls else {
        connection.input.extend_from_slice(received);
        return Ok(());
    };
    while !received.is_empty() {
        tls.read_tls(&mut received).map_err(drop)?;
        tls.process_new_packets().map_err(drop)?;
        let mut opened = [0; 16 * 1024];
        while let Ok(length) = tls.reader().read(&mut opened) {
            if length == 0 {
                connection.finished = true;
                break;
            }
            connection.input.extend_from_slice(&opened[..length]);
        }
    }
    if !connection.shaken && !tls.is_handshaking() {
        connection.shaken = true;
        counts.handshakes += 1;
        counts.resumed += u64::from(tls.handshake_kind() == Some(HandshakeKind::Resumed));
    }
    Ok(())
}

/// Puts bytes behind what is to be sent, into TLS if need be.
fn push(connection: &mut Connection, bytes: &[u8]) {
    match &mut connection.tls {
        None => connection.output.extend_from_slice(bytes),
        Some(tls) => {
            tls.set_buffer_limit(None);
            // Into memory: cannot fail without a limit.
            let _ = tls.writer().write_all(bytes);
        }
    }
}
