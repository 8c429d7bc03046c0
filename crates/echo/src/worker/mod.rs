//! The loop of one serving thread: its connections, its timers, its freezes.
//!
//! Every socket is registered once, for edges; whoever stops before an edge is used up puts its connection into the
//! queue of those that have their turn again. Nobody has more than a bounded turn, so that a large upload or download
//! does not keep the holds of others from ending on time.

mod receiving;
mod sending;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use apibench_core::clock::Clock;
use apibench_http::sys::{Epoll, FINISHED, READABLE, Ready, Stream, WRITABLE, sharpen_timers};
use rustls::{ServerConfig, ServerConnection};

use crate::config::Freeze;
use crate::connection::{Connection, Stage};
use crate::counts::Counts;
use crate::journal::{Entry, Journal};
use crate::knobs::Knobs;
use crate::listener::Listener;
use crate::waker::Waker;

/// Tokens from here on are no connection's: this is our own waker's, those beyond are the listeners'.
const WAKER: u64 = 1 << 63;
const EVENTS: usize = 256;
const BUFFER_BYTES: usize = 64 * 1024;
/// How long a thread sleeps at the most: then it tries again to accept what it had no descriptors for.
const PATIENCE_NS: u64 = 50_000_000;
/// Both sides have closed, or the connection is broken.
const GONE: u32 = (libc::EPOLLHUP | libc::EPOLLERR) as u32;

/// Everything that one thread serves with.
pub struct Worker<C: Clock> {
    pub clock: C,
    /// Where it accepts; empty for all but the first thread.
    pub listeners: Vec<Listener>,
    /// One for every thread, to hand connections over with; `wakers[number]` is this one's.
    pub wakers: Vec<Arc<Waker>>,
    pub number: usize,
    pub tls: Option<Arc<ServerConfig>>,
    pub knobs: Arc<Knobs>,
    pub freeze: Option<Freeze>,
    pub serve_ns: u64,
    pub seed: u64,
    /// Numbers requests across the threads, so that mixes are drawn once each.
    pub numbers: Arc<AtomicU64>,
    pub journal: Option<Journal>,
    /// One for every thread.
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
    /// When, in which order, which connection. One whose connection has another timer by then is not looked at.
    timers: BinaryHeap<Reverse<(u64, u64, u64)>>,
    timers_set: u64,
    /// When the one server of a serial setup is free.
    server_free_ns: u64,
    freezes: u64,
    /// Whose turn it is the next time to be dealt a connection.
    next_thread: usize,
    /// Whether there may be connections that there were no descriptors for.
    starved: bool,
    buffer: Box<[u8]>,
    /// Those that have their turn again.
    queue: Vec<u64>,
    asking_for_counts: Vec<u64>,
}

impl<C: Clock> Worker<C> {
    /// Serves until it is told to stop.
    ///
    /// # Errors
    /// If there is no epoll to be had, or it breaks.
    pub fn run(self) -> io::Result<()> {
        sharpen_timers();
        let epoll = Epoll::new()?;
        epoll.add(self.wakers[self.number].raw(), WAKER)?;
        for (listener, token) in self.listeners.iter().zip(WAKER + 1..) {
            epoll.add(listener.raw(), token)?;
        }
        let mut served = Loop {
            worker: self,
            epoll,
            connections: Vec::new(),
            free: Vec::new(),
            generation: 0,
            timers: BinaryHeap::new(),
            timers_set: 0,
            server_free_ns: 0,
            freezes: 0,
            next_thread: 0,
            starved: false,
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            queue: Vec::new(),
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
        let timer_ns = self.timers.peek().map_or(u64::MAX, |Reverse((due_ns, ..))| *due_ns);
        let until_ns = timer_ns.min(self.next_freeze_ns()).min(now_ns + PATIENCE_NS);
        let patience_ns = if self.queue.is_empty() {
            until_ns.saturating_sub(now_ns)
        } else {
            0
        };
        let mut ready = [Ready::NONE; EVENTS];
        let count = self.epoll.wait(&mut ready, patience_ns)?;
        self.freeze_if_due();
        let own = Arc::clone(&self.worker.counts[self.worker.number]);
        // Held through the turn: whoever has had an answer finds it counted.
        let mut counts = locked(&own);
        self.fire_timers(&mut counts);
        for event in &ready[..count] {
            match event.token() {
                WAKER => {
                    for stream in self.worker.wakers[self.worker.number].take() {
                        self.adopt(stream, &mut counts);
                    }
                }
                token if token > WAKER => self.accept_all(&mut counts),
                _ => self.ready(*event, &mut counts),
            }
        }
        for token in std::mem::take(&mut self.queue) {
            self.again(token, &mut counts);
        }
        if self.starved {
            self.accept_all(&mut counts);
        }
        drop(counts);
        self.answer_counts();
        Ok(())
    }

    fn next_freeze_ns(&self) -> u64 {
        self.worker.freeze.map_or(u64::MAX, |freeze| {
            let periods_ns = (self.freezes + 1).saturating_mul(freeze.every_ns);
            self.worker.start_ns.saturating_add(periods_ns) - freeze.for_ns
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
        let to_ns = self.worker.clock.now_ns();
        if self.worker.serve_ns > 0 {
            self.postpone(from_ns, to_ns - from_ns);
        }
        self.note(Entry::Freeze { from_ns, to_ns });
    }

    /// A serial server does no work while it is frozen: whom it had not served by then, it serves that much later.
    fn postpone(&mut self, from_ns: u64, by_ns: u64) {
        if self.server_free_ns > from_ns {
            self.server_free_ns += by_ns;
        }
        for Reverse((due_ns, order, token)) in std::mem::take(&mut self.timers) {
            let Some(connection) = self.find(token) else { continue };
            if connection.timer_ns != due_ns {
                continue;
            }
            let later_ns = if due_ns > from_ns { due_ns + by_ns } else { due_ns };
            connection.timer_ns = later_ns;
            connection.due_ns = later_ns;
            self.timers.push(Reverse((later_ns, order, token)));
        }
    }

    fn note(&self, entry: Entry) {
        if let Some(journal) = &self.worker.journal {
            journal.note(entry);
        }
    }

    /// Has a connection woken at `due_ns`, and not at any other time.
    fn set_timer(&mut self, token: u64, due_ns: u64) {
        let Some(connection) = self.find(token) else { return };
        connection.timer_ns = due_ns;
        self.timers_set += 1;
        self.timers.push(Reverse((due_ns, self.timers_set, token)));
        // Those of closed connections must not pile up: clients that come, are held for an hour and go.
        if self.timers.len() > 1_024 + 2 * self.connections.len() {
            let mut timers = std::mem::take(&mut self.timers).into_vec();
            timers.retain(|Reverse((due_ns, _, token))| {
                self.find(*token)
                    .is_some_and(|connection| connection.timer_ns == *due_ns)
            });
            self.timers = timers.into();
        }
    }

    fn fire_timers(&mut self, counts: &mut Counts) {
        loop {
            let now_ns = self.worker.clock.now_ns();
            let Some(Reverse((due_ns, _, token))) = self.timers.peek().copied() else {
                return;
            };
            if due_ns > now_ns {
                return;
            }
            self.timers.pop();
            let Some(connection) = self.find(token) else { continue };
            if connection.timer_ns != due_ns {
                continue;
            }
            connection.timer_ns = 0;
            match connection.stage {
                Stage::Held => {
                    let (received_ns, due_ns) = (connection.received_ns, connection.due_ns);
                    self.note(Entry::Hold {
                        received_ns,
                        due_ns,
                        sent_ns: now_ns,
                    });
                    self.begin(token, counts);
                }
                Stage::Sending => self.send_piece(token, now_ns, counts),
                Stage::Lingering => self.close(token, counts),
                Stage::Idle | Stage::Body(_) | Stage::Counting | Stage::Stalled => {}
            }
            self.serve(token, counts);
        }
    }

    /// Accepts whoever waits, and deals them round.
    fn accept_all(&mut self, counts: &mut Counts) {
        self.starved = false;
        for index in 0..self.worker.listeners.len() {
            loop {
                match self.worker.listeners[index].accept() {
                    Ok(stream) => {
                        let thread = self.next_thread;
                        self.next_thread = (thread + 1) % self.worker.wakers.len();
                        if thread == self.worker.number {
                            self.adopt(stream, counts);
                        } else {
                            self.worker.wakers[thread].deal(stream);
                        }
                    }
                    Err(error) => match error.kind() {
                        io::ErrorKind::WouldBlock => break,
                        io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted => {}
                        _ => {
                            // Out of descriptors or memory: they wait in the backlog until somebody has left.
                            self.starved = true;
                            break;
                        }
                    },
                }
            }
        }
    }

    fn adopt(&mut self, stream: Stream, counts: &mut Counts) {
        let tls = match &self.worker.tls {
            None => None,
            Some(config) => match ServerConnection::new(Arc::clone(config)) {
                Ok(tls) => Some(Box::new(tls)),
                Err(_) => return,
            },
        };
        // Tokens with the highest bit are our own.
        self.generation = (self.generation + 1) & (u32::MAX >> 1);
        let index = self.free.pop().unwrap_or_else(|| {
            self.connections.push(None);
            (self.connections.len() - 1) as u32
        });
        let token = u64::from(self.generation) << 32 | u64::from(index);
        if self.epoll.add(stream.raw(), token).is_err() {
            self.free.push(index);
            return;
        }
        counts.connections += 1;
        self.connections[index as usize] = Some(Connection::new(stream, tls, self.generation));
    }

    fn find(&mut self, token: u64) -> Option<&mut Connection> {
        let index = (token & u64::from(u32::MAX)) as usize;
        let connection = self.connections.get_mut(index)?.as_mut()?;
        (u64::from(connection.generation) == token >> 32).then_some(connection)
    }

    fn close(&mut self, token: u64, counts: &mut Counts) {
        if self.find(token).is_some() {
            let index = (token & u64::from(u32::MAX)) as u32;
            self.connections[index as usize] = None;
            self.free.push(index);
            counts.closed += 1;
        }
    }

    /// Gives a connection another turn, after everybody else has had one.
    fn queue(&mut self, token: u64) {
        if let Some(connection) = self.find(token)
            && !connection.queued
        {
            connection.queued = true;
            self.queue.push(token);
        }
    }

    fn again(&mut self, token: u64, counts: &mut Counts) {
        let Some(connection) = self.find(token) else { return };
        connection.queued = false;
        self.flush(token, counts);
        self.serve(token, counts);
        if self.find(token).is_some_and(|connection| connection.unread) {
            self.read(token, counts);
        }
    }

    fn ready(&mut self, event: Ready, counts: &mut Counts) {
        let token = event.token();
        if event.is(WRITABLE) && self.find(token).is_some_and(|connection| connection.has_output()) {
            self.flush(token, counts);
            self.serve(token, counts);
        }
        if event.is(READABLE) {
            self.read(token, counts);
        }
        if event.is(FINISHED) {
            let Some(connection) = self.find(token) else { return };
            // What was sent before the end has been read by now, or `unread` says that it has not.
            connection.finished = true;
            if event.is(GONE) || connection.is_over() {
                self.close(token, counts);
            }
        }
    }
}
