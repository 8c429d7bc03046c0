//! A run of a compiled plan on the threads of this process.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use apibench_core::clock::Clock;
use apibench_core::lease::Lease;
use apibench_core::plan::Plan;
use apibench_core::segment::Share;
use apibench_histogram::PagePool;
use apibench_histogram::interval::Interval;
use apibench_histogram::recorder::{IntervalRecorder, Spares};
use apibench_http::guard::Guard;
use apibench_http::host::HostProfile;
use apibench_http::http1::Http1;
use apibench_http::sys;
use apibench_http::tls::Trust;

use crate::barrier;
use crate::collector::{Collected, Collector};
use crate::control::{Command, Control};
use crate::counter::{self, Counter};
use crate::driver::Driver;
use crate::feeder::{self, Feeder};
use crate::hosts;
use crate::load::Scenarios;
use crate::monotonic::{MonotonicClock, thread_cpu_ns};
use crate::options::{Options, Tells};
use crate::preflight::{Finding, probe};
use crate::program::Program;
use crate::python::{self, Account, Arrivals, Pool, Streams};
use crate::resolve::Resolved;
use crate::revision::Inbox;
use crate::rows::Rows;
use crate::share::{self, Extents, RateChange};
use crate::story::Told;

/// How far ahead a change must lie when it is handed over: longer than it takes to hand it to every thread.
const CHANGE_AHEAD_NS: u64 = 50_000_000;

/// Connections that are being opened at once, by all threads: a listener's backlog commonly holds 128 or 511.
const OPENING_LIMIT: u32 = 100;

/// Why a run could not be prepared or begun.
#[derive(Debug)]
pub enum PrepareError {
    /// The plan cannot be run as it stands.
    Plan(String),
    /// There are no certificates to trust.
    Trust(String),
    /// What feeders hand out is not as it should be: which feeder, and what is wrong with it.
    Rows(Vec<(String, String)>),
    /// A host has no address.
    Resolve(crate::resolve::ResolveError),
    /// The kernel refused what a thread needs.
    System(std::io::Error),
    /// The moment of the start had passed before the load was ready.
    Late,
}

impl std::fmt::Display for PrepareError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Plan(message) | Self::Trust(message) => formatter.write_str(message),
            Self::Resolve(error) => write!(formatter, "{}: {}", error.name, error.message),
            Self::System(error) => write!(formatter, "the system refused what a thread needs: {error}"),
            Self::Rows(faults) => {
                let faults: Vec<String> = faults.iter().map(|(name, fault)| format!("{name}: {fault}")).collect();
                formatter.write_str(&faults.join("\n"))
            }
            Self::Late => formatter.write_str("the moment of the start had passed before the load was ready"),
        }
    }
}

impl std::error::Error for PrepareError {}

/// A plan that is compiled and whose hosts have addresses.
#[derive(Debug)]
pub struct Prepared {
    plan: Plan,
    program: Arc<Program>,
    resolved: Vec<Resolved>,
    extents: Extents,
    trust: Vec<Option<Trust>>,
    rows: Vec<Arc<Rows>>,
}

impl Prepared {
    /// Compiles `plan` and looks its hosts up. Sends nothing.
    ///
    /// # Errors
    /// [`PrepareError`], before anything has been sent.
    pub fn new(plan: Plan) -> Result<Self, PrepareError> {
        let program = Program::compile(&plan).map_err(|error| PrepareError::Plan(error.to_string()))?;
        let resolved = program
            .hosts
            .iter()
            .map(|name| crate::resolve::resolve(&plan.hosts[name]))
            .collect::<Result<_, _>>()
            .map_err(PrepareError::Resolve)?;
        // Every thread's share is built once here, so that what cannot be scheduled is refused before the barrier.
        let extents = share::extents(&plan).map_err(PrepareError::Plan)?;
        share::scenarios_within(&plan, &extents, &Share::whole(), 0).map_err(PrepareError::Plan)?;
        let trust = hosts::trust(&plan, &program).map_err(PrepareError::Trust)?;
        let rows = feeder::open(&plan, &program).map_err(PrepareError::Rows)?;
        Ok(Self {
            rows,
            plan,
            program: Arc::new(program),
            resolved,
            extents,
            trust,
        })
    }

    /// The compiled plan.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The addresses of each host, in the program's order.
    #[must_use]
    pub fn resolved(&self) -> &[Resolved] {
        &self.resolved
    }

    /// Connects to every address of every host and shakes hands, without sending a request. An address that `guard`
    /// denies is not connected to.
    ///
    /// # Errors
    /// [`PrepareError::Plan`], if a host's name can stand in no certificate.
    pub fn preflight(&self, guard: &Guard) -> Result<Vec<Finding>, PrepareError> {
        let profiles = self.profiles(&Share::whole())?;
        let mut findings = Vec::new();
        for (name, profile) in self.program.hosts.iter().zip(&profiles) {
            let patience = Duration::from_nanos(profile.timeouts.connect_ns);
            findings.extend(
                profile
                    .addresses
                    .iter()
                    .map(|address| probe(name, address, profile.tls.as_ref(), patience, guard)),
            );
        }
        Ok(findings)
    }

    fn profiles(&self, share: &Share) -> Result<Vec<HostProfile>, PrepareError> {
        hosts::profiles(&self.plan, &self.program, &self.resolved, &self.trust, share).map_err(PrepareError::Plan)
    }

    /// Starts the threads of `options`, for `share` of the plan. The load begins at `barrier_ns` on `CLOCK_MONOTONIC`,
    /// or, where that is left open, as soon as all threads can be there; and it sends for as long as `lease` lasts. Without
    /// one nobody else has a say in it: it lasts as long as the plan says, and cannot be changed. `processes` have its
    /// functions of Python called.
    ///
    /// # Errors
    /// [`PrepareError`], in which case no thread runs.
    pub fn start(
        &self,
        options: &Options,
        barrier_ns: Option<u64>,
        share: &Share,
        lease: Option<Lease>,
        processes: Vec<Streams>,
    ) -> Result<Run, PrepareError> {
        if options.threads == 0 {
            return Err(PrepareError::Plan("threads: at least 1 is needed".to_owned()));
        }
        if processes.is_empty() && !self.program.functions.is_empty() {
            return Err(PrepareError::Plan(
                "there is no process that its functions of Python could be called by".to_owned(),
            ));
        }
        let arrivals = python::deal(processes, options.threads).map_err(PrepareError::Plan)?;
        let guard = Arc::new(guard(options)?);
        let collector = Arc::new(Collector::new(options.threads));
        let (pool, spares) = (PagePool::new(), Spares::default());
        let weights = vec![1; options.threads];
        let inboxes: Vec<Arc<Inbox>> = match lease {
            Some(_) => weights.iter().map(|_| Arc::default()).collect(),
            None => Vec::new(),
        };
        let control = Arc::new(Control::leased(lease.unwrap_or_default()));
        let (mut loads, mut ways) = (Vec::new(), Vec::new());
        for part in share.split(&weights) {
            loads.push(share::scenarios_within(&self.plan, &self.extents, &part, 0).map_err(PrepareError::Plan)?);
            ways.push(self.profiles(&part)?);
        }
        let feeders = feeder::feeders(&self.plan, &self.program, &self.rows, share);
        let counters = counter::counters(&self.program, share, options.segment);
        let barrier_ns = barrier::set(&mut loads, barrier_ns, &MonotonicClock).map_err(|_| PrepareError::Late)?;
        let mut threads = Vec::new();
        for (number, (scenarios, profiles)) in loads.into_iter().zip(ways).enumerate() {
            let thread = LoadThread {
                number,
                program: Arc::clone(&self.program),
                scenarios,
                profiles,
                control: Arc::clone(&control),
                inbox: inboxes.get(number).map(Arc::clone),
                collector: Arc::clone(&collector),
                pool: pool.clone(),
                spares: spares.clone(),
                guard: Arc::clone(&guard),
                feeders: Arc::clone(&feeders),
                counters: Arc::clone(&counters),
                arrivals: (!self.program.functions.is_empty()).then(|| Arc::clone(&arrivals[number])),
                tells: options.tells,
                barrier_ns,
                spin_ns: options.spin_ns,
                opening_limit: (OPENING_LIMIT / options.threads as u32).max(1),
                processor: (!options.pin.is_empty()).then(|| options.pin[number % options.pin.len()]),
            };
            let spawned = std::thread::Builder::new()
                .name(format!("apibench-{number}"))
                .spawn(move || thread.run());
            match spawned {
                Ok(handle) => threads.push(handle),
                Err(error) => {
                    control.command(Command::Abort);
                    return Err(PrepareError::System(error));
                }
            }
        }
        Ok(Run {
            plan: self.plan.clone(),
            barrier_ns,
            extents: self.extents.clone(),
            rates: Vec::new(),
            control,
            inboxes,
            collector,
            spares,
            threads,
            addresses: Vec::new(),
            told: Vec::new(),
            arrivals,
            python_account: Account::default(),
        })
    }
}

/// Where connections may go, as `options` say.
///
/// # Errors
/// [`PrepareError::Plan`], for a range that is none.
pub fn guard(options: &Options) -> Result<Guard, PrepareError> {
    Guard::new(options.guarded, &options.allowed).map_err(PrepareError::Plan)
}

/// Everything that a thread takes with it.
struct LoadThread {
    number: usize,
    program: Arc<Program>,
    scenarios: Scenarios,
    profiles: Vec<HostProfile>,
    control: Arc<Control>,
    inbox: Option<Arc<Inbox>>,
    collector: Arc<Collector>,
    pool: PagePool,
    spares: Spares,
    guard: Arc<Guard>,
    feeders: Arc<[Feeder]>,
    counters: Arc<[Counter]>,
    arrivals: Option<Arc<Arrivals>>,
    tells: Tells,
    barrier_ns: u64,
    spin_ns: u64,
    opening_limit: u32,
    processor: Option<usize>,
}

/// What a thread leaves behind its intervals.
struct Ended {
    /// How many connections were opened to each address of each host.
    addresses: Vec<Vec<u64>>,
    told: Vec<Told>,
    python_account: Account,
}

/// Tells the collector that a thread has ended, however it ended: a reader must never wait for a dead thread.
struct EndGuard {
    number: usize,
    collector: Arc<Collector>,
}

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.collector.end(self.number);
    }
}

impl LoadThread {
    fn run(self) -> Result<Ended, std::io::Error> {
        let _guard = EndGuard {
            number: self.number,
            collector: Arc::clone(&self.collector),
        };
        if let Some(processor) = self.processor {
            crate::processors::pin(processor);
        }
        sys::sharpen_timers();
        let hosts = self.profiles.len();
        let drain_end_ns = self.scenarios.drain_end_ns(self.barrier_ns, self.program.drain_ns);
        let transport = Http1::new(
            self.profiles,
            MonotonicClock,
            self.spin_ns,
            self.opening_limit,
            // Also if the thread loses its processor just before it sends.
            self.control.lease().bounded(drain_end_ns),
            self.guard,
        )?;
        let (number, collector) = (self.number, self.collector);
        let mut cpu_ns = thread_cpu_ns();
        let sink = move |mut interval: Interval| {
            let now_ns = thread_cpu_ns();
            interval.cpu_ns = now_ns - std::mem::replace(&mut cpu_ns, now_ns);
            collector.push(number, interval);
        };
        let recorder = IntervalRecorder::new(
            self.program.scenarios.len(),
            self.program.series.len(),
            &self.pool,
            &self.spares,
            sink,
        );
        let mut driver = Driver::new(
            self.program,
            self.scenarios,
            transport,
            recorder,
            MonotonicClock,
            self.barrier_ns,
            self.control,
        )
        .hearing(self.inbox)
        .fed(self.feeders)
        .counting(self.counters)
        .calling(self.arrivals.map(Pool::new))
        .telling(self.tells);
        driver.run();
        Ok(Ended {
            addresses: driver.connections_by_address(hosts),
            told: driver.told(),
            python_account: driver.python_account(),
        })
    }
}

/// A run that is going on.
#[derive(Debug)]
pub struct Run {
    plan: Plan,
    barrier_ns: u64,
    /// As far as it was changed and has gone on.
    extents: Extents,
    /// All that were changed so far.
    rates: Vec<RateChange>,
    control: Arc<Control>,
    inboxes: Vec<Arc<Inbox>>,
    collector: Arc<Collector>,
    spares: Spares,
    threads: Vec<JoinHandle<Result<Ended, std::io::Error>>>,
    addresses: Vec<Vec<u64>>,
    told: Vec<Told>,
    arrivals: Vec<Arc<Arrivals>>,
    python_account: Account,
}

impl Run {
    /// What commands it, from whatever thread.
    #[must_use]
    pub fn control(&self) -> &Arc<Control> {
        &self.control
    }

    /// When the load begins, on `CLOCK_MONOTONIC`.
    #[must_use]
    pub fn barrier_ns(&self) -> u64 {
        self.barrier_ns
    }

    /// From `effective_ns` after the barrier on the run has `share` of the plan, and the rates that `rates` change, beside
    /// those that were changed before.
    ///
    /// # Errors
    /// In words, if that moment is not far enough ahead, or a rate cannot be scheduled; then nothing changes.
    pub fn change(&mut self, effective_ns: u64, share: &Share, rates: &[RateChange]) -> Result<(), String> {
        if self.inboxes.is_empty() {
            return Err("a run without a lease cannot be changed".to_owned());
        }
        let mut all = self.rates.clone();
        all.extend_from_slice(rates);
        let extents = share::changed_extents(&self.plan, &self.extents, &all, rates)?;
        let parts = share.split(&vec![1; self.inboxes.len()]);
        let changes = parts
            .iter()
            .map(|part| share::change(&self.plan, &extents, &all, part, self.barrier_ns, effective_ns))
            .collect::<Result<Vec<_>, _>>()?;
        // From here on no thread passes that moment without the change, however long this one is kept from handing it over.
        let at_ns = self.barrier_ns + effective_ns;
        self.inboxes.iter().for_each(|inbox| inbox.announce(at_ns));
        // Looked at last: to work a change out may take a while.
        if at_ns < MonotonicClock.now_ns() + CHANGE_AHEAD_NS {
            self.inboxes.iter().for_each(|inbox| inbox.withdraw());
            return Err("the moment of the change is too near, or over".to_owned());
        }
        for (inbox, change) in self.inboxes.iter().zip(changes) {
            inbox.put(change);
        }
        self.rates = all;
        self.extents = extents;
        Ok(())
    }

    /// The next sealed interval; waits at most `patience` for it.
    pub fn next(&mut self, patience: Duration) -> Collected {
        let collected = self.collector.next(patience);
        if let (Collected::Interval(interval), false) = (&collected, self.inboxes.is_empty()) {
            // A little each second, so that a change after hours is worked out as quickly as one after a minute.
            share::walk_on(&self.plan, &mut self.extents, &self.rates, interval.end_ns);
        }
        collected
    }

    /// Where an interval's memory goes back to when it has been read.
    #[must_use]
    pub fn spares(&self) -> &Spares {
        &self.spares
    }

    /// Waits for the threads, which end soon after the last interval has been read, and returns how many
    /// connections were opened to each address of each host.
    ///
    /// # Errors
    /// If a thread failed: what it measured before is in the intervals, what it had in flight is not.
    pub fn join(&mut self) -> Result<&[Vec<u64>], String> {
        for thread in self.threads.drain(..) {
            let ended = match thread.join() {
                Ok(Ok(ended)) => ended,
                Ok(Err(error)) => return Err(format!("the system refused what a thread needs: {error}")),
                Err(_) => return Err("a thread of the engine panicked; this is a fault of apibench".to_owned()),
            };
            self.told.extend(ended.told);
            self.python_account.merge(&ended.python_account);
            if self.addresses.is_empty() {
                self.addresses = ended.addresses;
            } else {
                for (sums, more) in self.addresses.iter_mut().zip(ended.addresses) {
                    for (sum, count) in sums.iter_mut().zip(more) {
                        *sum += count;
                    }
                }
            }
        }
        Ok(&self.addresses)
    }
}

impl Run {
    /// What its iterations have done, step by step, if its options asked for it; once it has been joined.
    #[must_use]
    pub fn told(&self) -> &[Told] {
        &self.told
    }

    /// What tells its threads of processes that come and go, thread by thread.
    #[must_use]
    pub fn arrivals(&self) -> &[Arc<Arrivals>] {
        &self.arrivals
    }

    /// What came of its calls of Python; once it has been joined.
    #[must_use]
    pub fn python_account(&self) -> &Account {
        &self.python_account
    }
}

impl Drop for Run {
    /// A run that nobody listens to any more sends nothing more.
    fn drop(&mut self) {
        self.control.command(Command::Abort);
        for thread in self.threads.drain(..) {
            // Its failure has nobody left to hear of it.
            drop(thread.join());
        }
    }
}

/// Now, on the clock of all runs.
#[must_use]
pub fn now_ns() -> u64 {
    MonotonicClock.now_ns()
}
