//! The loop of one thread: what is due starts, what has happened is written down, what follows is sent.
//!
//! Everything real is passed in (clock, transport, recorder), so that the same loop runs a load against a socket
//! and a day of virtual time in a test.
//!
//! Invariants, which hold whenever [`Driver::turn`] returns:
//! - no iteration has started that was not due by then;
//! - every virtual user is idle, or has a request with the transport, or has exactly one timer;
//! - events are recorded in the order of their stamps, and none before a boundary is recorded after its seal.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use apibench_core::clock::Clock;
use apibench_core::phase::Phase;
use apibench_core::plan::OnFail;
use apibench_core::recorder::{DropReason, IterationEnd, Pending, Recorder, RequestEnd, RequestStart, ScenarioIndex};
use apibench_core::schedule::random;
use apibench_core::transport::{Event, ExchangeId, HostIndex, Opening, Outcome, Outgoing, Submission, Transport};

use crate::boundaries::Boundaries;
use crate::control::{Command, Control};
use crate::exchanges::{Exchange, Exchanges};
use crate::load::{DueIteration, LoadState, Scenarios};
use crate::program::{Operation, Program, judge};
use crate::virtual_user::{Activity, VirtualUser};

/// Events handled in a row before the loop looks at the time, its commands and its waiting arrivals again.
const EVENTS_PER_TURN: usize = 1024;

/// The loop of one thread.
pub struct Driver<T: Transport, R: Recorder, C: Clock> {
    clock: C,
    transport: T,
    recorder: R,
    program: Arc<Program>,
    control: Arc<Control>,
    barrier_ns: u64,
    main_start_ns: u64,
    boundaries: Boundaries,
    next_boundary_ns: u64,
    /// Nothing in flight may outlast it.
    drain_end_ns: u64,
    stopped: bool,
    scenarios: Scenarios,
    virtual_users: Vec<VirtualUser>,
    exchanges: Exchanges,
    timers: BinaryHeap<Reverse<(u64, u32)>>,
    /// When something that does not depend on the transport has to be done next.
    next_due_ns: u64,
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
        let mut driver = Self {
            clock,
            transport,
            recorder,
            control,
            barrier_ns,
            main_start_ns,
            boundaries,
            next_boundary_ns: boundaries.after(barrier_ns),
            drain_end_ns: planned_end_ns.map_or(u64::MAX, |end_ns| end_ns.saturating_add(program.drain_ns)),
            stopped: false,
            scenarios,
            virtual_users: Vec::new(),
            exchanges: Exchanges::default(),
            timers: BinaryHeap::new(),
            next_due_ns: barrier_ns,
            program,
        };
        driver.next_due_ns = driver.next_due();
        driver
    }

    /// Runs to the end.
    pub fn run(&mut self) {
        while self.turn() {}
    }

    /// One turn: sleep until something is to be done, and do it. `false`: the run is over and sealed.
    pub fn turn(&mut self) -> bool {
        let until_ns = self.next_due_ns.min(self.next_boundary_ns).min(self.drain_end_ns);
        let now_ns = self.transport.wait(until_ns);
        self.seal_up_to(now_ns);
        self.obey(now_ns);
        if now_ns >= self.next_due_ns {
            self.release(now_ns);
        }
        for _ in 0..EVENTS_PER_TURN {
            let Some(event) = self.transport.next() else { break };
            self.handle(event);
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

    fn is_over(&self) -> bool {
        (self.scenarios.are_exhausted() && self.scenarios.busy() == 0) || self.clock.now_ns() >= self.drain_end_ns
    }

    /// Does what the outside commands.
    fn obey(&mut self, now_ns: u64) {
        let command = self.control.current();
        if command == Command::Run {
            return;
        }
        if !self.stopped {
            self.stopped = true;
            self.drain_end_ns = self.drain_end_ns.min(now_ns.saturating_add(self.program.drain_ns));
            self.scenarios.stop();
            self.drop_waiting(now_ns);
            while let Some(Reverse((_, index))) = self.timers.pop() {
                self.end_iteration(index, now_ns, IterationEnd::Unfinished);
            }
            self.next_due_ns = self.next_due();
        }
        if command == Command::Abort {
            self.drain_end_ns = self.drain_end_ns.min(now_ns);
        }
    }

    /// Seals every interval that ended at or before `stamp_ns`. Called before anything with that stamp is
    /// recorded.
    #[inline]
    fn seal_up_to(&mut self, stamp_ns: u64) {
        if stamp_ns >= self.next_boundary_ns {
            self.seal_passed(stamp_ns);
        }
    }

    #[cold]
    fn seal_passed(&mut self, stamp_ns: u64) {
        while self.next_boundary_ns <= stamp_ns {
            let boundary_ns = self.next_boundary_ns;
            // Whatever was due before the boundary was offered before it, however late we are.
            self.pull(boundary_ns - 1);
            self.seal(boundary_ns);
            self.next_boundary_ns = self.boundaries.after(boundary_ns);
        }
    }

    fn seal(&mut self, at_ns: u64) {
        for (_, exchange) in self.exchanges.iter() {
            let pending = if exchange.started_ns == 0 {
                Pending::Opening
            } else {
                Pending::InFlight
            };
            let scenario = ScenarioIndex(self.virtual_users[exchange.virtual_user as usize].scenario);
            let age_ns = at_ns.saturating_sub(exchange.intended_ns);
            self.recorder
                .pending(scenario, exchange.series, exchange.phase, pending, age_ns);
        }
        for (index, open) in self.scenarios.open_loads() {
            let first = self.program.scenarios[index as usize].first_series;
            for due in open.waiting() {
                let phase = phase_of(due.intended_ns, self.main_start_ns);
                let age_ns = at_ns.saturating_sub(due.intended_ns);
                self.recorder
                    .pending(ScenarioIndex(index), first, phase, Pending::Waiting, age_ns);
            }
        }
        self.recorder.seal(at_ns - self.barrier_ns, &self.transport.counters());
    }

    /// Moves what fell due by `now_ns` from the schedules to those who wait, and counts it as offered.
    fn pull(&mut self, now_ns: u64) {
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
        while let Some(Reverse((at_ns, index))) = self.timers.peek().copied() {
            if at_ns > now_ns {
                break;
            }
            self.timers.pop();
            self.virtual_users[index as usize].operation += 1;
            self.advance(index, at_ns);
        }
        for scenario in 0..self.scenarios.len() {
            match self.scenarios.load_mut(scenario) {
                LoadState::Open(_) => self.start_waiting(scenario, now_ns),
                LoadState::Closed(_) => self.start_active(scenario, now_ns),
            }
        }
        self.next_due_ns = self.next_due();
    }

    /// Gives waiting iterations of an open scenario to virtual users, as long as there are both.
    fn start_waiting(&mut self, scenario: u16, now_ns: u64) {
        while let LoadState::Open(open) = self.scenarios.load_mut(scenario) {
            if let Some(due) = open.pop_expired(now_ns) {
                self.drop_iteration(scenario, due, DropReason::Deadline, now_ns);
            } else if open.is_empty() {
                return;
            } else if let Some(index) = self.free_virtual_user(scenario) {
                let LoadState::Open(open) = self.scenarios.load_mut(scenario) else {
                    return;
                };
                let Some(due) = open.pop_waiting() else { return };
                self.start_due(index, due);
            } else {
                self.drop_surplus(scenario, now_ns);
                return;
            }
        }
    }

    /// Drops what may not wait.
    fn drop_surplus(&mut self, scenario: u16, now_ns: u64) {
        loop {
            let LoadState::Open(open) = self.scenarios.load_mut(scenario) else {
                return;
            };
            let Some(due) = open.pop_surplus() else { return };
            self.drop_iteration(scenario, due, DropReason::Cap, now_ns);
        }
    }

    fn drop_iteration(&mut self, scenario: u16, due: DueIteration, reason: DropReason, now_ns: u64) {
        let first = self.program.scenarios[scenario as usize].first_series;
        let phase = phase_of(due.intended_ns, self.main_start_ns);
        self.recorder.dropped(
            ScenarioIndex(scenario),
            phase,
            reason,
            first,
            now_ns.saturating_sub(due.intended_ns),
        );
    }

    /// Drops all that still waits: the drain is over, or a stop was commanded.
    fn drop_waiting(&mut self, now_ns: u64) {
        for scenario in 0..self.scenarios.len() {
            while let LoadState::Open(open) = self.scenarios.load_mut(scenario) {
                let Some(due) = open.pop_waiting() else { break };
                self.drop_iteration(scenario, due, DropReason::Ended, now_ns);
            }
        }
    }

    /// A virtual user of an open scenario that has nothing to do, or a new one if there may be more.
    fn free_virtual_user(&mut self, scenario: u16) -> Option<u32> {
        let LoadState::Open(open) = self.scenarios.load_mut(scenario) else {
            return None;
        };
        let index = open.take_virtual_user()?;
        Some(index.unwrap_or_else(|| self.new_virtual_user(scenario)))
    }

    fn new_virtual_user(&mut self, scenario: u16) -> u32 {
        let hosts = &self.program.scenarios[scenario as usize].hosts;
        let channel = self.transport.open_channel(hosts[0]);
        let others = hosts[1..]
            .iter()
            .map(|host| self.transport.open_channel(*host))
            .collect();
        self.virtual_users.push(VirtualUser::new(scenario, channel, others));
        (self.virtual_users.len() - 1) as u32
    }

    fn start_due(&mut self, index: u32, due: DueIteration) {
        let user = &mut self.virtual_users[index as usize];
        user.stream = due.iteration;
        user.round = 0;
        self.start_iteration(index, due.intended_ns);
    }

    /// Starts the virtual users of a closed scenario whose time has come.
    fn start_active(&mut self, scenario: u16, now_ns: u64) {
        loop {
            let LoadState::Closed(closed) = self.scenarios.load_mut(scenario) else {
                return;
            };
            let Some(activation) = closed.pop_active(now_ns) else {
                return;
            };
            let index = match activation.virtual_user {
                Some(index) => index,
                None => {
                    let index = self.new_virtual_user(scenario);
                    let LoadState::Closed(closed) = self.scenarios.load_mut(scenario) else {
                        return;
                    };
                    closed.bind(activation.place, index);
                    index
                }
            };
            let user = &mut self.virtual_users[index as usize];
            user.place = activation.place;
            user.stream = activation.number;
            user.free_ns = activation.from_ns;
            self.begin_closed(index, activation.from_ns);
        }
    }

    /// The next iteration of a closed virtual user, if it has one.
    fn begin_closed(&mut self, index: u32, at_ns: u64) {
        let scenario = self.virtual_users[index as usize].scenario;
        let main = at_ns >= self.main_start_ns;
        let LoadState::Closed(closed) = self.scenarios.load_mut(scenario) else {
            return;
        };
        let Some(round) = closed.begin_iteration(self.virtual_users[index as usize].place, at_ns, main) else {
            self.next_due_ns = self.next_due();
            return;
        };
        self.virtual_users[index as usize].round = round;
        self.recorder
            .offered(ScenarioIndex(scenario), phase_of(at_ns, self.main_start_ns), 1);
        self.start_iteration(index, at_ns);
    }

    fn start_iteration(&mut self, index: u32, intended_ns: u64) {
        let phase = phase_of(intended_ns, self.main_start_ns);
        let user = &mut self.virtual_users[index as usize];
        user.phase = phase;
        user.failed = false;
        user.operation = 0;
        user.draws = 0;
        user.intended_ns = intended_ns;
        let scenario = user.scenario;
        self.scenarios.enter();
        self.recorder.iteration_started(ScenarioIndex(scenario), phase);
        self.advance(index, intended_ns);
    }

    /// Takes a virtual user on from its operation, for which it was ready at `ready_ns`.
    fn advance(&mut self, index: u32, ready_ns: u64) {
        loop {
            let user = &mut self.virtual_users[index as usize];
            let operation = &self.program.scenarios[user.scenario as usize].operations[user.operation as usize];
            if self.stopped && *operation != Operation::End {
                self.end_iteration(index, ready_ns, IterationEnd::Unfinished);
                return;
            }
            match operation {
                Operation::Request(request) => {
                    let request = *request;
                    self.send(index, request, ready_ns);
                    return;
                }
                Operation::Think(pause) => {
                    let pause_ns = pause.min_ns + draw(self.program.seed, user, pause.max_ns - pause.min_ns + 1);
                    user.activity = Activity::Pausing;
                    self.timers.push(Reverse((ready_ns.saturating_add(pause_ns), index)));
                    self.next_due_ns = self.next_due_ns.min(ready_ns.saturating_add(pause_ns));
                    return;
                }
                Operation::Pace(period_ns) => {
                    let at_ns = user.intended_ns.saturating_add(*period_ns).max(ready_ns);
                    user.activity = Activity::Pausing;
                    self.timers.push(Reverse((at_ns, index)));
                    self.next_due_ns = self.next_due_ns.min(at_ns);
                    return;
                }
                Operation::PickByWeight(table) => {
                    let drawn = draw(self.program.seed, user, table[table.len() - 1].0);
                    user.operation = case_at(table, drawn);
                }
                Operation::PickByTurn(table) => {
                    let turn = user.stream.wrapping_add(user.round) % table[table.len() - 1].0;
                    user.operation = case_at(table, turn);
                }
                Operation::Jump(place) => user.operation = *place,
                Operation::End => {
                    let end = if user.failed {
                        IterationEnd::Failed
                    } else {
                        IterationEnd::Ok
                    };
                    self.end_iteration(index, ready_ns, end);
                    return;
                }
            }
        }
    }

    #[inline]
    fn send(&mut self, index: u32, number: u32, ready_ns: u64) {
        let user = &mut self.virtual_users[index as usize];
        user.activity = Activity::Requesting;
        let request = &self.program.requests[number as usize];
        // Only the first request of an iteration can have waited for its virtual user.
        let waited_ns = user.free_ns.saturating_sub(ready_ns);
        let exchange = Exchange {
            virtual_user: index,
            request: number,
            series: request.series,
            phase: phase_of(ready_ns, self.main_start_ns),
            intended_ns: ready_ns,
            waited_ns,
            started_ns: 0,
            retried: false,
            hops: 0,
        };
        let id = self.exchanges.insert(exchange);
        self.submit(id, exchange, false);
    }

    fn submit(&mut self, id: ExchangeId, exchange: Exchange, fresh_connection: bool) {
        let request = &self.program.requests[exchange.request as usize];
        let user = &self.virtual_users[exchange.virtual_user as usize];
        let channel = if user.other_channels.is_empty() {
            user.channel
        } else {
            let hosts = &self.program.scenarios[user.scenario as usize].hosts;
            let place = hosts.binary_search(&request.host).unwrap_or(0);
            if place == 0 {
                user.channel
            } else {
                user.other_channels[place - 1]
            }
        };
        let outgoing = Outgoing {
            bytes: &request.bytes,
            head_request: request.head_request,
            keep_location: request.redirects > 0,
            fresh_connection,
        };
        match self.transport.submit(id, channel, outgoing) {
            Submission::Started { started_ns } => self.started(id, started_ns, 0, None),
            Submission::Waiting => {}
        }
    }

    #[inline]
    fn started(&mut self, id: ExchangeId, started_ns: u64, waited_ns: u64, opening: Option<Opening>) {
        self.seal_up_to(started_ns);
        let Some(exchange) = self.exchanges.get_mut(id) else {
            return;
        };
        if exchange.started_ns != 0 {
            return;
        }
        exchange.started_ns = started_ns;
        let connection_wait_ns = exchange.waited_ns + waited_ns;
        let explained_ns = connection_wait_ns + opening.map_or(0, |opening| opening.total_ns);
        self.recorder.request_started(&RequestStart {
            series: exchange.series,
            phase: exchange.phase,
            schedule_lag_ns: started_ns
                .saturating_sub(exchange.intended_ns)
                .saturating_sub(explained_ns),
            connection_wait_ns,
            opening,
        });
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Started {
                exchange,
                started_ns,
                waited_ns,
                opening,
            } => {
                self.started(exchange, started_ns, waited_ns, opening);
            }
            Event::Ended { exchange, outcome } => self.ended(exchange, &outcome),
            // No step of version 1 yields samples of its own; a transport that tells one has a fault that the
            // seam suite finds.
            Event::Sample { .. } => {}
        }
    }

    #[inline]
    fn ended(&mut self, id: ExchangeId, outcome: &Outcome) {
        self.seal_up_to(outcome.ended_ns);
        let Some(exchange) = self.exchanges.get_mut(id) else {
            return;
        };
        let request = &self.program.requests[exchange.request as usize];
        if outcome.stale && request.may_retry && !exchange.retried {
            exchange.retried = true;
            let exchange = *exchange;
            self.recorder.stale_retry(exchange.series, exchange.phase);
            self.submit(id, exchange, true);
            return;
        }
        let Some(exchange) = self.exchanges.remove(id) else {
            return;
        };
        let failure = outcome
            .failure
            .or_else(|| judge(outcome.status, request.expected.as_deref()));
        let sent = exchange.started_ns != 0;
        if !sent {
            // It was given up before its first byte went out. It counts as started all the same, so that
            // started = ok + failed + unfinished; its time went into an opening that failed.
            self.recorder.request_started(&RequestStart {
                series: exchange.series,
                phase: exchange.phase,
                schedule_lag_ns: 0,
                connection_wait_ns: exchange.waited_ns,
                opening: None,
            });
        }
        self.recorder.request_ended(&RequestEnd {
            series: exchange.series,
            phase: exchange.phase,
            failure,
            status: outcome.status,
            response_ns: outcome.ended_ns.saturating_sub(exchange.intended_ns),
            service_ns: sent.then(|| outcome.ended_ns.saturating_sub(exchange.started_ns)),
            first_byte_ns: outcome.first_byte_ns.saturating_sub(exchange.started_ns),
            receive_lag_ns: outcome.ended_ns.saturating_sub(outcome.readable_ns),
            sent_bytes: outcome.sent_bytes,
            received_bytes: outcome.received_bytes,
        });
        let user = &mut self.virtual_users[exchange.virtual_user as usize];
        user.failed |= failure.is_some();
        let gives_up =
            failure.is_some() && self.program.scenarios[user.scenario as usize].on_fail == OnFail::EndIteration;
        if gives_up {
            self.end_iteration(exchange.virtual_user, outcome.ended_ns, IterationEnd::Failed);
        } else {
            user.operation += 1;
            self.advance(exchange.virtual_user, outcome.ended_ns);
        }
        // The stamp just taken may be past the next arrival: it need not wait for the rest of the events.
        if outcome.ended_ns >= self.next_due_ns {
            self.release(outcome.ended_ns);
        }
    }

    /// The iteration is over at `at_ns`; the virtual user takes the next if there is one for it.
    fn end_iteration(&mut self, index: u32, at_ns: u64, end: IterationEnd) {
        let user = &mut self.virtual_users[index as usize];
        user.activity = Activity::Idle;
        user.free_ns = at_ns;
        let scenario = user.scenario;
        let time_ns = at_ns.saturating_sub(user.intended_ns);
        self.recorder
            .iteration_ended(ScenarioIndex(scenario), user.phase, end, time_ns);
        self.scenarios.leave();
        if self.stopped {
            return;
        }
        match self.scenarios.load_mut(scenario) {
            LoadState::Closed(_) => self.begin_closed(index, at_ns),
            LoadState::Open(open) => {
                open.give_back(index);
                if !open.is_empty() {
                    self.start_waiting(scenario, at_ns);
                }
            }
        }
    }

    /// Cuts off what is still in flight, drops what still waits, and seals the last interval.
    fn finish(&mut self) {
        let now_ns = self.clock.now_ns().max(self.barrier_ns);
        self.seal_up_to(now_ns);
        self.stopped = true;
        self.scenarios.stop();
        self.drop_waiting(now_ns);
        let cut_off: Vec<ExchangeId> = self.exchanges.iter().map(|(id, _)| id).collect();
        for id in cut_off {
            self.transport.cancel(id);
            let Some(exchange) = self.exchanges.remove(id) else {
                continue;
            };
            if exchange.started_ns == 0 {
                self.recorder.request_started(&RequestStart {
                    series: exchange.series,
                    phase: exchange.phase,
                    schedule_lag_ns: 0,
                    connection_wait_ns: exchange.waited_ns,
                    opening: None,
                });
            }
            let service_ns = (exchange.started_ns != 0).then(|| now_ns.saturating_sub(exchange.started_ns));
            let response_ns = now_ns.saturating_sub(exchange.intended_ns);
            self.recorder
                .request_unfinished(exchange.series, exchange.phase, response_ns, service_ns);
        }
        for index in 0..self.virtual_users.len() as u32 {
            if self.virtual_users[index as usize].activity != Activity::Idle {
                self.end_iteration(index, now_ns, IterationEnd::Unfinished);
            }
        }
        self.timers.clear();
        self.seal(now_ns);
    }

    fn next_due(&self) -> u64 {
        let timer_ns = self.timers.peek().map_or(u64::MAX, |Reverse((at_ns, _))| *at_ns);
        timer_ns.min(self.scenarios.next_due_ns())
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

/// The next random value of an iteration, evenly from [0, `below`).
fn draw(seed: u64, user: &mut VirtualUser, below: u64) -> u64 {
    let number = user.draws;
    user.draws += 1;
    random::uniform(
        random::draw(seed, u64::from(user.scenario), user.stream, user.round, number),
        below,
    )
}

/// Where the case stands that holds `drawn`, in a table of sums of weights.
fn case_at(table: &[(u64, u32)], drawn: u64) -> u32 {
    let place = table.partition_point(|(sum, _)| *sum <= drawn);
    table[place].1
}
