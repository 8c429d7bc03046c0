//! The loop of one thread: what is due starts, what has happened is written down, what follows is sent.
//!
//! Everything real is passed in (clock, transport, recorder), so that the same loop runs a load against a socket
//! and a day of virtual time in a test.
//!
//! Invariants, which hold whenever [`Driver::turn`] returns:
//! - no iteration has started that was not due by then;
//! - every virtual user is idle, or has a request with the transport, or waits for Python, or has exactly one timer;
//! - events are recorded in the order of their stamps, and none before a boundary is recorded after its seal.

mod groups;
mod iterations;
mod lives;
mod operations;
mod python;
mod python_user;
mod requests;
mod resting;
mod sealing;
mod slow;
mod telling;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::sync::Arc;

use apibench_core::clock::Clock;
use apibench_core::phase::Phase;
use apibench_core::prefetch::prefetch;
use apibench_core::recorder::{DriverCounters, DropReason, IterationEnd, Recorder, ScenarioIndex};
use apibench_core::transport::{HostIndex, Transport};

use crate::boundaries::Boundaries;
use crate::control::{Command, Control};
use crate::counter::Counter;
use crate::exchanges::{Exchange, Exchanges};
use crate::feeder::{Feeder, Feeding};
use crate::load::{LoadState, Scenarios};
use crate::program::Program;
use crate::python::Pool;
use crate::revision::Inbox;
use crate::story::Story;
use crate::virtual_user::{Activity, VirtualUser};

/// The longest sleep.
const HEARTBEAT_NS: u64 = 20_000_000;
/// How soon the loop looks again for a change that has been announced, once its moment has come.
const HELD_NS: u64 = 200_000;
/// Events handled in a row before the loop looks at the time, its commands and its waiting arrivals again.
const EVENTS_PER_TURN: usize = 1024;

/// The loop of one thread.
pub struct Driver<T: Transport, R: Recorder, C: Clock> {
    clock: C,
    transport: T,
    recorder: R,
    program: Arc<Program>,
    control: Arc<Control>,
    /// Where changes come from, if there is somebody to make them.
    inbox: Option<Arc<Inbox>>,
    barrier_ns: u64,
    main_start_ns: u64,
    boundaries: Boundaries,
    next_boundary_ns: u64,
    /// Nothing in flight may outlast it.
    drain_end_ns: u64,
    /// Likewise of the scenarios whose drain ends before that: when, and which; the next is the last.
    earlier_drain_ends: Vec<(u64, u16)>,
    stopped: bool,
    scenarios: Scenarios,
    virtual_users: Vec<VirtualUser>,
    exchanges: Exchanges,
    timers: BinaryHeap<Reverse<(u64, u32)>>,
    /// When something that does not depend on the transport has to be done next.
    next_due_ns: u64,
    /// When the loop looked last.
    looked_ns: u64,
    /// Whether virtual users of an open load do something before their iterations.
    greets: bool,
    /// Since the last seal.
    failed: DriverCounters,
    /// Written over by whoever needs it.
    scratch: Vec<u8>,
    feeding: Feeding,
    counters: Arc<[Counter]>,
    /// Where functions of Python are called, if any is.
    python: Option<Box<Pool>>,
    story: Option<Box<Story>>,
}

impl<T: Transport, R: Recorder, C: Clock> Driver<T, R, C> {
    /// A loop that has not begun. `barrier_ns` is the common start on `clock`.
    pub fn new(
        program: Arc<Program>,
        scenarios: Scenarios,
        transport: T,
        recorder: R,
        clock: C,
        barrier_ns: u64,
        control: Arc<Control>,
    ) -> Self {
        let main_start_ns = barrier_ns + program.warmup_ns;
        let planned_end_ns = scenarios.planned_end_ns().map(|end_ns| barrier_ns + end_ns);
        let boundaries = Boundaries {
            main_start_ns,
            planned_end_ns,
        };
        // Before a barrier that is far ahead a stop is to be heard, too.
        let looked_ns = clock.now_ns().min(barrier_ns);
        let mut driver = Self {
            clock,
            transport,
            recorder,
            control,
            inbox: None,
            barrier_ns,
            main_start_ns,
            boundaries,
            next_boundary_ns: boundaries.after(barrier_ns),
            drain_end_ns: scenarios.drain_end_ns(barrier_ns, program.drain_ns),
            earlier_drain_ends: scenarios.earlier_drain_ends(barrier_ns, program.drain_ns),
            stopped: false,
            scenarios,
            virtual_users: Vec::new(),
            exchanges: Exchanges::default(),
            timers: BinaryHeap::new(),
            next_due_ns: barrier_ns,
            looked_ns,
            greets: false,
            failed: DriverCounters::default(),
            scratch: Vec::new(),
            feeding: Feeding::default(),
            counters: Arc::default(),
            python: None,
            story: None,
            program,
        };
        for (scenario, open) in driver.scenarios.open_loads_mut() {
            let program = &driver.program.scenarios[scenario as usize];
            driver.greets |= program.first > 0;
            if program.last.is_some() {
                open.part_from(0);
            }
        }
        driver.next_due_ns = driver.next_due();
        driver
    }

    /// The same loop, which hears of changes while it runs: up to its planned end it may get something to do.
    #[must_use]
    pub fn hearing(mut self, inbox: Option<Arc<Inbox>>) -> Self {
        self.inbox = inbox;
        for scenario in 0..self.scenarios.len() {
            let end_ns = self.scenarios.end_ns(scenario).unwrap_or(0);
            let parts = self.inbox.is_some() && self.program.scenarios[scenario as usize].last.is_some();
            if let (LoadState::Open(open), true) = (self.scenarios.load_mut(scenario), parts) {
                open.part_from(self.barrier_ns + end_ns);
            }
        }
        self
    }

    /// The same loop, whose iterations take rows from these feeders.
    #[must_use]
    pub fn fed(mut self, feeders: Arc<[Feeder]>) -> Self {
        self.feeding = Feeding::new(feeders);
        self
    }

    /// The same loop, whose iterations count with these counters of the run.
    #[must_use]
    pub fn counting(mut self, counters: Arc<[Counter]>) -> Self {
        self.counters = counters;
        self
    }

    /// Runs to the end.
    pub fn run(&mut self) {
        while self.turn() {}
    }

    /// One turn: sleep until something is to be done, and do it. `false`: the run is over and sealed.
    pub fn turn(&mut self) -> bool {
        let until_ns = self
            .next_due_ns
            .min(self.next_boundary_ns)
            .min(self.next_drain_end_ns());
        // Never asleep for long, so that a loop which was stopped in its sleep can be told from a target that was
        // silent: the sleep then ends later than it should have.
        let asked_ns = until_ns.clamp(self.looked_ns, self.looked_ns.saturating_add(HEARTBEAT_NS));
        let now_ns = self.transport.wait(asked_ns);
        let gap_ns = now_ns.saturating_sub(asked_ns.max(self.barrier_ns));
        self.failed.longest_gap_ns = self.failed.longest_gap_ns.max(gap_ns);
        self.looked_ns = now_ns;
        self.seal_up_to(now_ns);
        self.obey(now_ns);
        if now_ns >= self.next_drain_end_ns() {
            self.end_drains(now_ns);
        }
        self.hear();
        if now_ns >= self.next_due_ns {
            self.release(now_ns);
        }
        for _ in 0..EVENTS_PER_TURN {
            self.fetch();
            let Some(event) = self.transport.next() else { break };
            self.handle(event);
        }
        self.hear_python();
        if !self.earlier_drain_ends.is_empty() {
            self.cut_off_drained();
        }
        if self.is_over() {
            self.finish();
            return false;
        }
        true
    }

    /// How many connections were opened to each address of each of the first `hosts` hosts.
    pub fn connections_by_address(&self, hosts: usize) -> Vec<Vec<u64>> {
        (0..hosts)
            .map(|host| self.transport.connections_by_address(HostIndex(host as u16)).to_vec())
            .collect()
    }

    /// Has fetched what the next event will probably be about, while its bytes are read.
    #[inline]
    fn fetch(&self) {
        if let Some(id) = self.transport.coming() {
            self.exchanges.prefetch(id);
            prefetch(&self.virtual_users, id.0 as usize, 1);
        }
    }

    fn is_over(&self) -> bool {
        let idle = self.scenarios.are_exhausted() && self.scenarios.busy() == 0;
        if !idle || self.stopped || self.inbox.is_none() {
            return idle || self.looked_ns >= self.drain_end_ns;
        }
        let planned_end_ns = self.boundaries.planned_end_ns;
        // Rows do not come again, whatever it may be given to do.
        planned_end_ns.is_none_or(|end_ns| self.looked_ns >= end_ns) || self.scenarios.are_dry()
    }

    /// Does what the outside commands.
    fn obey(&mut self, now_ns: u64) {
        let command = self.control.current(now_ns);
        if command == Command::Run {
            return;
        }
        if !self.stopped {
            self.drain_end_ns = self.drain_end_ns.min(now_ns.saturating_add(self.program.drain_ns));
            self.stop(now_ns);
        }
        if command == Command::Abort {
            self.drain_end_ns = self.drain_end_ns.min(now_ns);
        }
    }

    /// From `now_ns` on nothing more is sent.
    fn stop(&mut self, now_ns: u64) {
        self.cease(0..self.scenarios.len(), now_ns);
        self.stopped = true;
    }

    /// From `now_ns` on nothing more is sent of these scenarios. What waits is dropped; who pauses or waits for a
    /// connection is cut off.
    fn cease(&mut self, which: Range<u16>, now_ns: u64) {
        // What was due by now was asked for, also if the loop had not looked yet: it is offered, and dropped.
        self.pull(now_ns);
        self.scenarios.stop(which.clone());
        self.drop_waiting(which.clone(), DropReason::Ended, now_ns);
        let timers = std::mem::take(&mut self.timers).into_sorted_vec().into_iter().rev();
        let users = &self.virtual_users;
        let (own, others): (Vec<_>, Vec<_>) =
            timers.partition(|Reverse((_, index))| which.contains(&users[*index as usize].scenario));
        self.timers = others.into();
        for Reverse((at_ns, index)) in own {
            if at_ns <= now_ns {
                // It may have been its last.
                self.resume(index, at_ns);
            } else {
                self.end_iteration(index, now_ns, IterationEnd::Unfinished);
            }
        }
        // What waits for a connection would be sent by the transport as soon as one is free.
        self.cut_off(which.clone(), now_ns, |exchange| exchange.waits);
        self.cut_off_calls(&which, now_ns);
        self.next_due_ns = self.next_due();
    }

    /// When the next drain ends: the run's, or that of a scenario which was over before.
    #[inline]
    fn next_drain_end_ns(&self) -> u64 {
        let earlier = self.earlier_drain_ends.last();
        earlier.map_or(self.drain_end_ns, |(end_ns, _)| self.drain_end_ns.min(*end_ns))
    }

    /// The drain of some or all is over at `now_ns`: what was to be sent should have been sent by now. What came
    /// meanwhile is still read.
    #[cold]
    fn end_drains(&mut self, now_ns: u64) {
        if now_ns >= self.drain_end_ns {
            self.end_drain(now_ns);
        }
        for place in (0..self.earlier_drain_ends.len()).rev() {
            let (end_ns, scenario) = self.earlier_drain_ends[place];
            if end_ns > now_ns {
                break;
            }
            if !self.scenarios.is_stopped(scenario) {
                self.give_up_unstarted(scenario..scenario + 1, now_ns);
            }
        }
    }

    /// The drain of the run is over.
    fn end_drain(&mut self, now_ns: u64) {
        if !self.stopped {
            self.give_up_unstarted(0..self.scenarios.len(), now_ns);
            self.stopped = true;
        }
    }

    /// Has these scenarios cease, and tells what waited although somebody was free for it.
    fn give_up_unstarted(&mut self, which: Range<u16>, now_ns: u64) {
        self.pull(now_ns);
        let open_loads = self.scenarios.open_loads();
        let own = open_loads.filter(|(scenario, _)| which.contains(scenario));
        self.failed.unstarted += own.map(|(_, open)| open.unstarted()).sum::<u64>();
        self.cease(which, now_ns);
    }

    /// Cuts off what is in flight of the scenarios whose drain is over, when what came meanwhile has been read.
    fn cut_off_drained(&mut self) {
        while let Some((end_ns, scenario)) = self.earlier_drain_ends.last().copied()
            && end_ns <= self.looked_ns
        {
            self.earlier_drain_ends.pop();
            let now_ns = self.clock.now_ns();
            self.seal_up_to(now_ns);
            self.end_unfinished(scenario..scenario + 1, now_ns);
        }
    }

    /// Takes the changes that somebody has asked for.
    fn hear(&mut self) {
        let Some(inbox) = &self.inbox else { return };
        let changes = inbox.take();
        if changes.is_empty() || self.stopped {
            return;
        }
        for change in changes {
            self.scenarios.change(change);
        }
        self.next_due_ns = self.next_due();
    }

    /// The last moment whose load is certain: the one before that of a change which has been announced and has not
    /// come. Takes those that have.
    #[inline]
    fn last_before_change(&mut self) -> u64 {
        let Some(inbox) = &self.inbox else { return u64::MAX };
        let announced_ns = inbox.announced_ns();
        self.hear();
        announced_ns.saturating_sub(1)
    }

    /// Moves what fell due by `now_ns` from the schedules to those who wait, and counts it as offered.
    fn pull(&mut self, now_ns: u64) {
        // No change lies before the moment at which it was announced. So nothing is pulled that one could still take
        // away: `now_ns` was read before this, and where the announcement is seen it is the bound.
        let now_ns = now_ns.min(self.last_before_change());
        // Nor anything that falls due behind the lease: it is somebody else's, or is lost with it.
        let now_ns = now_ns.min(self.control.lease().last_ns());
        let Self {
            scenarios,
            recorder,
            main_start_ns,
            ..
        } = self;
        scenarios.pull(now_ns, |scenario, intended_ns| {
            recorder.offered(ScenarioIndex(scenario), phase_of(intended_ns, *main_start_ns), 1);
        });
    }

    /// Starts what is due at `now_ns`.
    fn release(&mut self, now_ns: u64) {
        self.pull(now_ns);
        // Not all of them, whatever they lead to: an iteration may take no time at all and be due again at once.
        for _ in 0..EVENTS_PER_TURN {
            let Some(Reverse((at_ns, index))) = self
                .timers
                .peek()
                .copied()
                .filter(|Reverse((at_ns, _))| *at_ns <= now_ns)
            else {
                break;
            };
            self.timers.pop();
            self.resume(index, at_ns);
        }
        for scenario in 0..self.scenarios.len() {
            match self.scenarios.load_mut(scenario) {
                LoadState::Open(_) => {
                    self.start_waiting(scenario, now_ns);
                    self.part(scenario, now_ns);
                }
                LoadState::Closed(_) => self.start_active(scenario, now_ns),
            }
        }
        self.next_due_ns = self.next_due();
    }

    /// Cuts off what is still in flight, drops what still waits, and seals the last interval.
    fn finish(&mut self) {
        let now_ns = self.clock.now_ns().max(self.barrier_ns);
        self.seal_up_to(now_ns);
        // First those that wait are cut off: they must not be sent on what the others leave free.
        self.end_drain(now_ns);
        self.end_unfinished(0..self.scenarios.len(), now_ns);
        self.seal(now_ns);
    }

    /// Nobody of these scenarios goes on with what it is about.
    fn end_unfinished(&mut self, which: Range<u16>, now_ns: u64) {
        self.cut_off(which.clone(), now_ns, |_| true);
        for index in 0..self.virtual_users.len() as u32 {
            let user = &self.virtual_users[index as usize];
            if user.activity != Activity::Idle && which.contains(&user.scenario) {
                self.end_iteration(index, now_ns, IterationEnd::Unfinished);
            }
        }
    }

    /// Gives requests of these scenarios up, and the iterations that they belong to.
    fn cut_off(&mut self, which: Range<u16>, now_ns: u64, chosen: impl Fn(&Exchange) -> bool) {
        let users = &self.virtual_users;
        let own = |exchange: &Exchange| which.contains(&users[exchange.virtual_user as usize].scenario);
        let given_up = self
            .exchanges
            .iter()
            .filter(|(_, exchange)| own(exchange) && chosen(exchange));
        for id in given_up.map(|(id, _)| id).collect::<Vec<_>>() {
            if let Some(start) = self.transport.cancel(id) {
                // It went out before it was given up, and the target may count it.
                self.handle(start);
            }
            if let Some(exchange) = self.exchanges.remove(id) {
                self.give_up(id, &exchange, now_ns);
            }
        }
    }

    fn next_due(&self) -> u64 {
        let timer_ns = self.timers.peek().map_or(u64::MAX, |Reverse((at_ns, _))| *at_ns);
        let mut due_ns = self.scenarios.next_due_ns();
        if let Some(inbox) = &self.inbox
            && due_ns >= inbox.announced_ns()
        {
            // Nothing of it is done before the change has come.
            due_ns = due_ns.max(self.looked_ns.saturating_add(HELD_NS));
        }
        timer_ns.min(due_ns)
    }
}

/// By its intended time.
fn phase_of(intended_ns: u64, main_start_ns: u64) -> Phase {
    if intended_ns < main_start_ns {
        Phase::Warmup
    } else {
        Phase::Main
    }
}
