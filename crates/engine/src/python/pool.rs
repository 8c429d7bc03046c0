//! The processes that a thread has calls made by, and who waits for them.

use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::sync::Arc;

use super::account::Account;
use super::arrivals::Arrivals;
use super::frames::Received;
use super::homes::Homes;
use super::message::{News, ToUser};
use super::process::{Process, Sent};

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

/// What a process that has gone leaves behind.
#[derive(Debug, Default)]
pub struct Lost {
    /// Calls that will never be answered.
    pub calls: VecDeque<Sent>,
    /// Users that were in an iteration there, by their numbers.
    pub users: Vec<u32>,
    /// Why it has gone.
    pub reason: Box<str>,
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
    /// Of whole users.
    pub homes: Homes,
    /// So far.
    calls: u32,
    arrivals: Arc<Arrivals>,
    /// Processes that have died, each with why.
    gone: Vec<(u32, Box<str>)>,
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
            homes: Homes::default(),
            calls: 0,
            arrivals,
            gone: Vec::new(),
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

    /// Has a call wait for a process, behind those that wait already.
    pub fn park(&mut self, sent: Sent) {
        self.parked.push_back(sent);
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

    /// Has a virtual user begin an iteration in the process that it lives in, or in another where that has gone or wants
    /// nobody. `false`: there is none.
    pub fn begin(&mut self, sent: Sent, seed: &[u8], call: &[u8]) -> bool {
        let home = self.homes.process_of(sent.virtual_user);
        let open = |process: &&mut Process| !process.leaving;
        let own = self
            .processes
            .iter()
            .position(|process| Some(process.number) == home && !process.leaving);
        let process = match own {
            Some(place) => self.processes.get_mut(place),
            None => self
                .processes
                .iter_mut()
                .filter(open)
                .min_by_key(|process| process.residents),
        };
        let Some(process) = process else { return false };
        if own.is_none() {
            process.residents += 1;
        }
        process.living += 1;
        let news = News::Begin { seed, call };
        process.tell(&ToUser { to: sent, news });
        self.homes.begin(sent.virtual_user, process.number);
        self.expected[sent.virtual_user as usize].parked = false;
        true
    }

    /// Tells a user what it waits for. `false`: the process that it lived in has gone.
    pub fn tell(&mut self, sent: Sent, news: News<'_>) -> bool {
        let home = self.homes.process_of(sent.virtual_user);
        let lives = self.homes.lives(sent.virtual_user);
        let own = self
            .processes
            .iter_mut()
            .find(|process| lives && Some(process.number) == home);
        let Some(process) = own else { return false };
        process.tell(&ToUser { to: sent, news });
        self.expected[sent.virtual_user as usize].parked = false;
        true
    }

    /// Why the process of a user has gone.
    #[must_use]
    pub fn why_gone(&self, virtual_user: u32) -> &str {
        let home = self.homes.process_of(virtual_user);
        let gone = self.gone.iter().find(|(process, _)| Some(*process) == home);
        gone.map_or(UNEXPLAINED, |(_, reason)| reason)
    }

    /// The iteration of a user is over, by its own word or not: it is told where it does not know.
    pub fn end(&mut self, virtual_user: u32, knows: bool) {
        if !self.homes.end(virtual_user) {
            return;
        }
        let home = self.homes.process_of(virtual_user);
        if let Some(process) = self.processes.iter_mut().find(|process| Some(process.number) == home) {
            process.living -= 1;
            if !knows {
                let to = Sent {
                    virtual_user,
                    number: self.expected[virtual_user as usize].number,
                };
                process.tell(&ToUser { to, news: News::Ended });
            }
        }
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

    /// What a virtual user waits for, if for anything.
    #[must_use]
    pub fn waiting_for(&self, virtual_user: u32) -> Option<Sent> {
        let number = self.expected.get(virtual_user as usize)?.number;
        (number != 0).then_some(Sent { virtual_user, number })
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
        let looks = looks_at_all || !process.is_done();
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

    /// Behind what was received of the process at a place: if it has gone, or may go, it goes. Returns what is lost by
    /// that.
    pub fn settle(&mut self, place: usize, received: Received) -> Lost {
        let process = &mut self.processes[place];
        if received.is_over() {
            return self.lose(place);
        }
        process.keep(received);
        if process.leaving && process.is_done() {
            drop(self.processes.swap_remove(place));
        }
        Lost::default()
    }

    /// The process at a place has gone.
    fn lose(&mut self, place: usize) -> Lost {
        let process = self.processes.swap_remove(place);
        let reason = self.arrivals.reason_of(process.number);
        let reason = reason.unwrap_or_else(|| UNEXPLAINED.into());
        self.gone.push((process.number, reason.clone()));
        Lost {
            users: self.homes.living_in(process.number),
            calls: process.sent,
            reason,
        }
    }

    /// Has the calls go out that processes were given.
    pub fn flush(&mut self) {
        for process in &mut self.processes {
            process.flush();
        }
    }
}
