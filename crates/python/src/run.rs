//! Preparing and running a plan from Python.

use std::sync::Mutex;
use std::time::Duration;

use apibench_core::failure::Failure;
use apibench_core::plan::Plan;
use apibench_engine::collector::Collected;
use apibench_engine::control::Command;
use apibench_engine::encode::encode;
use apibench_engine::options::Options;
use apibench_engine::run::{Prepared as InnerPrepared, Run as InnerRun, soon_ns};
use pyo3::prelude::*;
use serde::Serialize;

use crate::error::{EngineError, internal, prepare_error};

/// A plan that is compiled and whose hosts have addresses. Nothing has been sent.
#[pyclass(module = "apibench._engine", frozen)]
pub struct Prepared {
    inner: InnerPrepared,
}

#[derive(Serialize)]
struct Facts {
    series: Vec<SeriesFact>,
    hosts: Vec<HostFact>,
}

#[derive(Serialize)]
struct SeriesFact {
    scenario: u16,
    step: String,
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
    fn new(python: Python<'_>, plan_json: &str, options_json: &str) -> PyResult<Self> {
        let refuse = |error: serde_json::Error| EngineError::new_err(("plan", error.to_string()));
        let plan = Plan::from_json(plan_json).map_err(refuse)?;
        let options: Options = serde_json::from_str(options_json).map_err(refuse)?;
        let inner = python
            .detach(|| InnerPrepared::new(plan, options))
            .map_err(|error| prepare_error(&error))?;
        Ok(Self { inner })
    }

    /// What the numbers in intervals stand for, as JSON: the series and the hosts with their addresses.
    fn facts(&self) -> PyResult<String> {
        let program = self.inner.program();
        let series = program.series.iter().map(|series| SeriesFact {
            scenario: series.scenario,
            step: series.step.clone(),
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
            hosts: hosts.collect(),
        })
        .map_err(|error| internal(error.to_string()))
    }

    /// Connects to every address and shakes hands, without sending a request: a JSON list of findings. Raises
    /// EngineError.
    fn preflight(&self, python: Python<'_>) -> PyResult<String> {
        let findings = python
            .detach(|| self.inner.preflight())
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

    /// Starts the load a few milliseconds from now. Raises EngineError.
    fn start(&self, python: Python<'_>) -> PyResult<Run> {
        let barrier_ns = soon_ns();
        let inner = python
            .detach(|| self.inner.start(barrier_ns))
            .map_err(|error| prepare_error(&error))?;
        Ok(Run {
            inner: Mutex::new(inner),
            barrier_ns,
        })
    }
}

/// A run that is going on. Dropping it aborts it.
#[pyclass(module = "apibench._engine", frozen)]
pub struct Run {
    inner: Mutex<InnerRun>,
    #[pyo3(get)]
    barrier_ns: u64,
}

#[pymethods]
impl Run {
    /// The next sealed interval as JSON; an empty string if none is complete within `patience_ms`; None once
    /// the run is over and everything has been read.
    fn next(&self, python: Python<'_>, patience_ms: u64) -> PyResult<Option<String>> {
        python.detach(|| {
            let inner = self.lock()?;
            match inner.next(Duration::from_millis(patience_ms)) {
                Collected::Pending => Ok(Some(String::new())),
                Collected::Ended => Ok(None),
                Collected::Interval(interval) => {
                    let text = encode(&interval).map_err(|error| internal(error.to_string()))?;
                    inner.give_back(interval);
                    Ok(Some(text))
                }
            }
        })
    }

    /// Sends nothing more; what is in flight may end until the drain is over.
    fn stop(&self, python: Python<'_>) -> PyResult<()> {
        python.detach(|| self.lock().map(|inner| inner.command(Command::Stop)))
    }

    /// Sends nothing more and waits for nothing.
    fn abort(&self, python: Python<'_>) -> PyResult<()> {
        python.detach(|| self.lock().map(|inner| inner.command(Command::Abort)))
    }

    /// Waits for the threads and returns how many connections were opened to each address of each host. Raises
    /// EngineError if a thread failed.
    fn join(&self, python: Python<'_>) -> PyResult<Vec<Vec<u64>>> {
        python.detach(|| self.lock()?.join().map(<[Vec<u64>]>::to_vec).map_err(internal))
    }
}

impl Run {
    fn lock(&self) -> PyResult<std::sync::MutexGuard<'_, InnerRun>> {
        self.inner
            .lock()
            .map_err(|_| internal("a call on this run panicked before"))
    }
}
