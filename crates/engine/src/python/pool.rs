//! The processes that a thread has calls made by, and who waits for them.

use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::sync::Arc;

use super::account::Account;
use super::arrivals::Arrivals;
use super::process::{Process, Received, Sent};

/// What is read at once.
const BUFFER_BYTES: usize = 64 * 1024;
/// How often a process that has no calls is looked at, which tells of its end.
const IDLE_LOOK_NS: u64 = 20_000_000;
const UNEXPLAINED: &str = "its process died";

/// What a virtual user waits for.
#[derive(Debug, Clone, Copy, Default)]
struct Expected {
    /// Its call; 0 for none.
    number: u32,
    /// Whether no process has it yet.
    parked: bool,
    ready_ns: u64,
    called_ns: u64,
}

/// A call that is waited for no more: it has been answered, or nobody wants it.
#[derive(Debug, Clone, Copy)]
pub struct Expectation {
    /// When its virtual user was ready for it: an arrival that has waited for one was before.
    pub ready_ns: u64,
    /// When it was called.
    pub called_ns: u64,
    /// Whether a process had it.
    pub begun: bool,
}

/// The pool as one thread has it.
pub struct Pool {
    processes: Vec<Process>,
    /// Calls that found no process with room for them.
    parked: VecDeque<Sent>,
    /// By virtual user.
    expected: Vec<Expected>,
    /// So far.
    calls: u32,
    arrivals: Arc<Arrivals>,
    /// Why nobody comes any more.
    over: Option<Box<str>>,
    looked_ns: u64,
    buffer: Box<[u8]>,
    /// What came of them.
    pub account: Account,
}

impl Pool {
    /// Of those that arrive.
    #[must_use]
    pub fn new(arrivals: Arc<Arrivals>) -> Self {
        Self {
            processes: Vec::new(),
            parked: VecDeque::new(),
            expected: Vec::new(),
            calls: 0,
            arrivals,
            over: None,
            looked_ns: 0,
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            account: Account::default(),
        }
    }

    /// Takes those in that have arrived, and tells their streams.
    pub fn welcome(&mut self) -> Vec<RawFd> {
        let (come, over) = self.arrivals.take();
        self.over = over.or(self.over.take());
        let processes = come.into_iter().map(|(number, stream)| Process::new(number, stream));
        let first = self.processes.len();
        self.processes.extend(processes);
        self.processes[first..].iter().map(Process::raw).collect()
    }

    /// Why no call can be made any more, if that is so.
    #[must_use]
    pub fn is_over(&self) -> Option<&str> {
        self.over.as_deref().filter(|_| self.processes.is_empty())
    }

    /// How many processes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.processes.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.processes.is_empty()
    }

    /// A virtual user that was ready at `ready_ns` waits for a call from `called_ns` on.
    pub fn expect(&mut self, virtual_user: u32, ready_ns: u64, called_ns: u64) -> Sent {
        // 0 is none.
        self.calls = self.calls.checked_add(1).unwrap_or(1);
        let place = virtual_user as usize;
        if place >= self.expected.len() {
            self.expected.resize(place + 1, Expected::default());
        }
        self.expected[place] = Expected {
            number: self.calls,
            parked: true,
            ready_ns,
            called_ns,
        };
        Sent {
            virtual_user,
            number: self.calls,
        }
    }

    /// Has a call made by a process with room for it, or wait behind those that wait already.
    pub fn call(&mut self, sent: Sent, call: &[u8]) {
        if !self.parked.is_empty() || !self.give(sent, call) {
            self.parked.push_back(sent);
        }
    }

    /// Gives a call to the process with the fewest that has room for it. `false`: none has.
    pub fn give(&mut self, sent: Sent, call: &[u8]) -> bool {
        let free = self.processes.iter_mut().filter(|process| process.has_room());
        let Some(process) = free.min_by_key(|process| process.sent.len()) else {
            return false;
        };
        process.give(sent, call);
        self.expected[sent.virtual_user as usize].parked = false;
        true
    }

    /// How many calls wait for a process, some of them for nobody.
    #[must_use]
    pub fn parked(&self) -> usize {
        self.parked.len()
    }

    /// The next call that waits for a process, if one has room for it, or if there is none and nobody comes any more.
    pub fn next_parked(&mut self) -> Option<Sent> {
        let may = self.processes.iter().any(Process::has_room) || self.is_over().is_some();
        while may && let Some(sent) = self.parked.pop_front() {
            // Those of iterations that are over have stayed.
            if self.is_expected(sent) {
                return Some(sent);
            }
        }
        None
    }

    /// Whether its virtual user still waits for it.
    #[must_use]
    pub fn is_expected(&self, sent: Sent) -> bool {
        let expected = self.expected.get(sent.virtual_user as usize);
        expected.is_some_and(|expected| expected.number == sent.number)
    }

    /// Who waits for a call.
    pub fn waiting(&self) -> impl Iterator<Item = u32> {
        let numbered = (0_u32..).zip(&self.expected);
        numbered
            .filter(|(_, expected)| expected.number != 0)
            .map(|(virtual_user, _)| virtual_user)
    }

    /// A virtual user waits for nothing: what comes for it from now on is nobody's. What it waited for, if anything.
    #[inline]
    pub fn forget(&mut self, virtual_user: u32) -> Option<Expectation> {
        let expected = self.expected.get_mut(virtual_user as usize)?;
        if expected.number == 0 {
            return None;
        }
        expected.number = 0;
        Some(Expectation {
            ready_ns: expected.ready_ns,
            called_ns: expected.called_ns,
            begun: !expected.parked,
        })
    }

    /// Whether it is time to look at those that have no calls, too.
    pub fn looks_at_all(&mut self, now_ns: u64) -> bool {
        let due = now_ns >= self.looked_ns.saturating_add(IDLE_LOOK_NS);
        if due {
            self.looked_ns = now_ns;
        }
        due
    }

    /// What has come of the process at a place. `None`: it has no calls, and is not looked at.
    pub fn receive(&mut self, place: usize, looks_at_all: bool) -> Option<Received> {
        let process = self.processes.get_mut(place)?;
        let looks = looks_at_all || !process.sent.is_empty();
        looks.then(|| process.receive(&mut self.buffer))
    }

    /// The call of the process at a place whose answer has come, which took so long. `None`: it was asked nothing.
    pub fn answered(&mut self, place: usize, took_ns: u64) -> Option<Sent> {
        self.processes[place].answered(took_ns)
    }

    /// The process at a place wants no more calls.
    pub fn leaves(&mut self, place: usize) {
        self.processes[place].leaving = true;
    }

    /// Behind what was received of the process at a place: if it has gone, or may go, it goes. Returns its calls that will
    /// never be answered, and why.
    pub fn settle(&mut self, place: usize, received: Received) -> (VecDeque<Sent>, Box<str>) {
        let process = &mut self.processes[place];
        if received.is_over() {
            return self.lose(place);
        }
        process.keep(received);
        if process.leaving && process.sent.is_empty() {
            drop(self.processes.swap_remove(place));
        }
        (VecDeque::new(), Box::default())
    }

    /// The process at a place has gone.
    fn lose(&mut self, place: usize) -> (VecDeque<Sent>, Box<str>) {
        let process = self.processes.swap_remove(place);
        let reason = self.arrivals.reason_of(process.number);
        (process.sent, reason.unwrap_or_else(|| UNEXPLAINED.into()))
    }

    /// Has the calls go out that processes were given.
    pub fn flush(&mut self) {
        for process in &mut self.processes {
            process.flush();
        }
    }
}
