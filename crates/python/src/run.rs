//! Preparing and running a plan from Python.

use std::os::fd::{BorrowedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apibench_core::failure::Failure;
use apibench_core::lease::Lease;
use apibench_core::plan::Plan;
use apibench_core::segment::{Segment, Share};
use apibench_engine::collector::Collected;
use apibench_engine::control::{Command, Control};
use apibench_engine::options::Options;
use apibench_engine::python::{self, Arrivals, Streams};
use apibench_engine::run::{Prepared as InnerPrepared, Run as InnerRun, guard, now_ns};
use apibench_engine::share::{self, RateChange};
use pyo3::prelude::*;
use serde::Serialize;

use crate::counts::IntervalCounts;
use crate::error::{EngineError, internal, prepare_error};

/// A plan that is compiled and whose hosts have addresses. Nothing has been sent.
#[pyclass(module = "apibench._engine", frozen)]
pub struct Prepared {
    inner: InnerPrepared,
}

/// Why calls of Python failed: the function's number, the reason, how often.
type FailureRow = (u16, String, u64);

#[derive(Serialize)]
struct Facts {
    series: Vec<SeriesFact>,
    groups: Vec<GroupFact>,
    /// The names of each scenario's checks.
    checks: Vec<Vec<String>>,
    hosts: Vec<HostFact>,
    /// The functions of Python that are called, by their numbers.
    functions: Vec<String>,
}

#[derive(Serialize)]
struct SeriesFact {
    scenario: u16,
    step: String,
}

#[derive(Serialize)]
struct GroupFact {
    scenario: u16,
    name: String,
}

#[derive(Serialize)]
struct HostFact {
    name: String,
    addresses: Vec<String>,
    dns_ns: u64,
}

#[derive(Serialize)]
struct FindingFact {
    host: String,
    address: String,
    error: Option<&'static str>,
    detail: String,
    took_ns: u64,
}

#[pymethods]
impl Prepared {
    /// Compiles the plan and looks its hosts up. Raises EngineError.
    #[new]
    fn new(python: Python<'_>, plan_json: &str) -> PyResult<Self> {
        let plan = Plan::from_json(plan_json).map_err(|error| EngineError::new_err(("plan", error.to_string())))?;
        let inner = python
            .detach(|| InnerPrepared::new(plan))
            .map_err(|error| prepare_error(&error))?;
        Ok(Self { inner })
    }

    /// What the numbers in intervals stand for, as JSON: the series, the groups, the checks, the hosts with their
    /// addresses, and the functions of Python.
    fn facts(&self) -> PyResult<String> {
        let program = self.inner.program();
        let series = program.series.iter().map(|series| SeriesFact {
            scenario: series.scenario,
            step: series.step.clone(),
        });
        let groups = program.groups.iter().map(|group| GroupFact {
            scenario: group.scenario,
            name: group.name.clone(),
        });
        let hosts = program
            .hosts
            .iter()
            .zip(self.inner.resolved())
            .map(|(name, resolved)| HostFact {
                name: name.clone(),
                addresses: resolved.addresses.iter().map(ToString::to_string).collect(),
                dns_ns: resolved.dns_ns,
            });
        serde_json::to_string(&Facts {
            series: series.collect(),
            groups: groups.collect(),
            checks: program.scenarios.iter().map(|each| each.checks.clone()).collect(),
            hosts: hosts.collect(),
            functions: program.functions.clone(),
        })
        .map_err(|error| internal(error.to_string()))
    }

    /// Connects to every address that those options do not deny and shakes hands, without sending a request: a JSON
    /// list of findings. Raises EngineError.
    fn preflight(&self, python: Python<'_>, options_json: &str) -> PyResult<String> {
        let options: Options = serde_json::from_str(options_json).map_err(|error| internal(error.to_string()))?;
        let findings = python
            .detach(|| self.inner.preflight(&guard(&options)?))
            .map_err(|error| prepare_error(&error))?;
        let findings: Vec<FindingFact> = findings
            .into_iter()
            .map(|finding| FindingFact {
                host: finding.host,
                address: finding.address,
                error: finding.failure.map(Failure::name),
                detail: finding.detail,
                took_ns: finding.took_ns,
            })
            .collect();
        serde_json::to_string(&findings).map_err(|error| internal(error.to_string()))
    }

    /// Starts the load with those options, at `barrier_ns` on CLOCK_MONOTONIC, or a few milliseconds from now. `cuts`:
    /// its share, as intervals of the ring with both ends in them; None for the whole. It sends until `lease_until_ns`
    /// at the latest; None for no bound. `processes`: those that have its functions of Python called, each with its number
    /// and a stream for each thread. Raises EngineError.
    #[pyo3(signature = (options_json, barrier_ns=None, cuts=None, lease_until_ns=None, processes=Vec::new()))]
    fn start(
        &self,
        python: Python<'_>,
        options_json: &str,
        barrier_ns: Option<u64>,
        cuts: Option<Vec<(u64, u64)>>,
        lease_until_ns: Option<u64>,
        processes: Vec<(u32, Vec<RawFd>)>,
    ) -> PyResult<Run> {
        let options: Options = serde_json::from_str(options_json).map_err(|error| internal(error.to_string()))?;
        let share = cuts.map_or_else(|| Ok(Share::whole()), share_of)?;
        let lease = lease_until_ns.map(Lease::until);
        let processes = processes.into_iter().map(streams_of).collect::<PyResult<_>>()?;
        let inner = python
            .detach(|| self.inner.start(&options, barrier_ns, &share, lease, processes))
            .map_err(|error| prepare_error(&error))?;
        Ok(Run {
            control: Arc::clone(inner.control()),
            arrivals: inner.arrivals().to_vec(),
            barrier_ns: inner.barrier_ns(),
            inner: Mutex::new(inner),
            ended: AtomicBool::new(false),
        })
    }
}

/// A run that is going on. Dropping it aborts it.
#[pyclass(module = "apibench._engine", frozen)]
pub struct Run {
    /// Beside the lock, which whoever waits for an interval holds.
    control: Arc<Control>,
    arrivals: Vec<Arc<Arrivals>>,
    inner: Mutex<InnerRun>,
    ended: AtomicBool,
    #[pyo3(get)]
    barrier_ns: u64,
}

#[pymethods]
impl Run {
    /// The next sealed interval; None if none is complete within `patience_ms`, or everything has been read.
    fn next(&self, python: Python<'_>, patience_ms: u64) -> PyResult<Option<IntervalCounts>> {
        python.detach(|| {
            let mut inner = self.lock()?;
            match inner.next(Duration::from_millis(patience_ms)) {
                Collected::Pending => Ok(None),
                Collected::Ended => {
                    self.ended.store(true, Ordering::Release);
                    Ok(None)
                }
                Collected::Interval(interval) => Ok(Some(IntervalCounts::measured(interval, inner.spares()))),
            }
        })
    }

    /// Whether the run is over and everything has been read.
    #[getter]
    fn ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Has it send until `until_ns` on CLOCK_MONOTONIC, if that is later than it may now. False: its lease had run
    /// out, and it has stopped for good.
    fn extend_lease(&self, until_ns: u64) -> bool {
        self.control.extend_lease(now_ns(), until_ns)
    }

    /// From `effective_ns` after the barrier on it has these cuts of the plan, and the rates that `rates_json` lists:
    /// `[{"scenario", "at_ns", "rate"}]`. Raises EngineError, and then nothing changes.
    fn change(&self, python: Python<'_>, effective_ns: u64, cuts: Vec<(u64, u64)>, rates_json: &str) -> PyResult<()> {
        let share = share_of(cuts)?;
        let rates = rates_of(rates_json)?;
        python.detach(|| {
            self.lock()?
                .change(effective_ns, &share, &rates)
                .map_err(|message| EngineError::new_err(("change", message)))
        })
    }

    /// Whether it stopped because its lease had run out.
    fn was_fenced(&self) -> bool {
        self.control.was_fenced()
    }

    /// Sends nothing more; what is in flight may end until the drain is over.
    fn stop(&self) {
        self.control.command(Command::Stop);
    }

    /// Sends nothing more and waits for nothing.
    fn abort(&self) {
        self.control.command(Command::Abort);
    }

    /// What its iterations have done, step by step, as a JSON list; empty unless its options asked for it. Once it has been
    /// joined.
    fn told(&self, python: Python<'_>) -> PyResult<String> {
        python.detach(|| serde_json::to_string(self.lock()?.told()).map_err(|error| internal(error.to_string())))
    }

    /// Another process has come that functions of Python are called by, with a stream for each thread.
    fn add_process(&self, number: u32, streams: Vec<RawFd>) -> PyResult<()> {
        python::add(&self.arrivals, streams_of((number, streams))?).map_err(internal)
    }

    /// A process is about to be ended: its calls fail by this reason. To be said before that is done.
    fn process_ends(&self, number: u32, reason: &str) {
        self.arrivals.iter().for_each(|arrivals| arrivals.ends(number, reason));
    }

    /// No process comes any more: where none is left, calls fail by this reason.
    fn processes_are_over(&self, reason: &str) {
        self.arrivals.iter().for_each(|arrivals| arrivals.are_over(reason));
    }

    /// What came of its calls of Python, once it has been joined: how long they took in all, by the numbers of functions;
    /// and why they failed: the function's number, the reason, and how often.
    fn python_account(&self) -> PyResult<(Vec<u64>, Vec<FailureRow>)> {
        let inner = self.lock()?;
        let account = inner.python_account();
        let failures = account.failures().iter();
        let failures = failures.map(|each| (each.function, each.reason.to_string(), each.count));
        Ok((account.took_ns().to_vec(), failures.collect()))
    }

    /// Waits for the threads and returns how many connections were opened to each address of each host. Raises
    /// EngineError if a thread failed.
    fn join(&self, python: Python<'_>) -> PyResult<Vec<Vec<u64>>> {
        python.detach(|| self.lock()?.join().map(<[Vec<u64>]>::to_vec).map_err(internal))
    }
}

/// How many iterations of each open scenario and phase fall due for those cuts of the plan, from `from_ns` after the
/// barrier until before `until_ns`, or to the end; with all the rates that `rates_json` lists. Raises EngineError.
#[pyfunction]
#[pyo3(signature = (plan_json, cuts, rates_json, from_ns, until_ns=None))]
pub fn owed(
    python: Python<'_>,
    plan_json: &str,
    cuts: Vec<(u64, u64)>,
    rates_json: &str,
    from_ns: u64,
    until_ns: Option<u64>,
) -> PyResult<Vec<(u16, &'static str, u64)>> {
    let plan = Plan::from_json(plan_json).map_err(|error| EngineError::new_err(("plan", error.to_string())))?;
    let rates = rates_of(rates_json)?;
    let share = share_of(cuts)?;
    let owed = python
        .detach(|| share::owed(&plan, &rates, &share, from_ns, until_ns))
        .map_err(|message| EngineError::new_err(("plan", message)))?;
    Ok(owed
        .into_iter()
        .map(|(scenario, phase, count)| (scenario, phase.name(), count))
        .collect())
}

/// Streams of ours for descriptors that are the caller's, and stay so.
fn streams_of((process, descriptors): (u32, Vec<RawFd>)) -> PyResult<Streams> {
    let streams = descriptors.into_iter().map(|descriptor| {
        if descriptor < 0 {
            return Err(internal(format!("{descriptor} is no descriptor")));
        }
        // SAFETY: it is not -1, and open for as long as this call lasts, by which it is only copied.
        let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
        borrowed
            .try_clone_to_owned()
            .map_err(|error| internal(error.to_string()))
    });
    Ok(Streams {
        process,
        streams: streams.collect::<PyResult<_>>()?,
    })
}

fn rates_of(rates_json: &str) -> PyResult<Vec<RateChange>> {
    serde_json::from_str(rates_json).map_err(|error| EngineError::new_err(("change", error.to_string())))
}

fn share_of(cuts: Vec<(u64, u64)>) -> PyResult<Share> {
    let segments = cuts.into_iter().map(|(low, high)| Segment { low, high });
    Share::checked(segments.collect()).map_err(|message| EngineError::new_err(("share", message)))
}

impl Run {
    fn lock(&self) -> PyResult<std::sync::MutexGuard<'_, InnerRun>> {
        self.inner
            .lock()
            .map_err(|_| internal("a call on this run panicked before"))
    }
}
