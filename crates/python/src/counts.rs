//! Sealed intervals for Python: read off the wire, added up, written down.

use std::collections::{BTreeMap, BTreeSet};

use apibench_core::phase::Phase;
use apibench_core::recorder::ScenarioIndex;
use apibench_engine::encode;
use apibench_histogram::interval::Interval;
use apibench_histogram::recorder::Spares;
use apibench_histogram::wire;
use apibench_histogram::{Histogram as Inner, PagePool};
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::internal;
use crate::histogram::Histogram;

type ByName = BTreeMap<&'static str, Histogram>;
type IterationsOfWire = (u16, &'static str, u64, u64, u64, u64, u64);
type Looked = (String, Vec<ByName>, Vec<ByName>, Vec<ByName>);

/// What happened in a stretch of a run, as counts and histograms that add up.
#[pyclass(module = "apibench._engine")]
#[derive(Default)]
pub struct IntervalCounts {
    interval: Interval,
    pool: PagePool,
    /// Of the run that it was measured in, whose memory it is.
    spares: Option<Spares>,
}

#[pymethods]
impl IntervalCounts {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// The interval that `to_wire` wrote, or ValueError.
    #[staticmethod]
    fn from_wire(python: Python<'_>, data: &[u8]) -> PyResult<Self> {
        let interval = python.detach(|| wire::decode(data));
        let interval = interval.map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Self::from(interval))
    }

    /// When the interval that `to_wire` wrote was, and what became of its iterations: beginning, end, and of each
    /// scenario and phase how many were offered, started, ended, waiting at its end, and dropped because no row was left.
    /// ValueError for what is none.
    #[staticmethod]
    fn iterations_of_wire(data: &[u8]) -> PyResult<(u64, u64, Vec<IterationsOfWire>)> {
        let head = wire::head(data).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let row = |each: wire::Iterations| {
            let (scenario, phase) = (each.scenario.0, each.phase.name());
            let (offered, started, ended) = (each.offered, each.started, each.ended);
            (scenario, phase, offered, started, ended, each.waiting, each.dry)
        };
        Ok((
            head.start_ns,
            head.end_ns,
            head.iterations.into_iter().map(row).collect(),
        ))
    }

    /// As `apibench.v1.Interval`. The same counts are the same bytes.
    fn to_wire<'py>(&self, python: Python<'py>) -> Bound<'py, PyBytes> {
        let bytes = python.detach(|| wire::encode(&self.interval));
        PyBytes::new(python, &bytes)
    }

    /// The JSON document of an interval.
    fn to_json(&self, python: Python<'_>) -> PyResult<String> {
        let text = python.detach(|| encode::encode(&self.interval));
        text.map_err(|error| internal(error.to_string()))
    }

    /// That document with no cells in its histograms; and these, by name, of each of its scenarios, of each of its series
    /// and of each of its groups: those that are not empty.
    fn look(&self, python: Python<'_>) -> PyResult<Looked> {
        let text = python.detach(|| encode::encode_figures(&self.interval));
        let text = text.map_err(|error| internal(error.to_string()))?;
        let scenarios = self.interval.scenarios.values();
        let series = self.interval.series.values();
        let groups = self.interval.groups.values();
        Ok((
            text,
            scenarios.map(|counts| copied(&counts.histograms())).collect(),
            series.map(|counts| copied(&counts.histograms())).collect(),
            groups
                .map(|counts| copied(&[("time", &counts.time), ("pending", &counts.pending)]))
                .collect(),
        ))
    }

    /// Adds what another holds: it then begins with the earlier and ends with the later of the two.
    fn merge(&mut self, python: Python<'_>, other: &Self) -> PyResult<()> {
        if !self.interval.has_room_for(&other.interval) {
            return Err(PyOverflowError::new_err("a histogram holds at most 2^63 - 1 values"));
        }
        python.detach(|| self.add(&other.interval));
        Ok(())
    }

    /// Adds the interval that `to_wire` wrote, without decoding it first; ValueError, and nothing is added.
    fn merge_wire(&mut self, python: Python<'_>, data: &[u8]) -> PyResult<()> {
        let added = python.detach(|| wire::merge(data, &mut self.interval, &self.pool));
        added.map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// The same counts once more.
    fn copy(&self, python: Python<'_>) -> Self {
        python.detach(|| {
            let mut copy = Self::default();
            copy.add(&self.interval);
            copy
        })
    }

    /// Nanoseconds after the barrier.
    #[getter]
    fn start_ns(&self) -> u64 {
        self.interval.start_ns
    }

    /// Nanoseconds after the barrier.
    #[getter]
    fn end_ns(&self) -> u64 {
        self.interval.end_ns
    }

    /// Forgets what was waiting, opening or in flight at its end, and the ages of that: it does not add up over time.
    fn clear_pending(&mut self) {
        self.interval.clear_pending();
    }

    /// The same stretch, with these series of it; without iterations, and without what the generator did.
    fn only(&self, python: Python<'_>, series: Vec<u16>) -> Self {
        let series: BTreeSet<u16> = series.into_iter().collect();
        python.detach(|| Self::from(self.interval.only(&series, &PagePool::new())))
    }

    /// The interval without length after this one, the last of a worker that died: what was in flight or opening is
    /// unfinished, at ages that are lower bounds; and so are these iterations, as (scenario, phase, count).
    fn unfinished_of_pending(&self, iterations_in_flight: Vec<(u16, String, u64)>) -> PyResult<Self> {
        let iterations = iterations_in_flight
            .into_iter()
            .map(|(scenario, phase, count)| Ok((ScenarioIndex(scenario), phase_of(&phase)?, count)))
            .collect::<PyResult<Vec<_>>>()?;
        let pool = PagePool::new();
        Ok(Self::from(self.interval.unfinished_of_pending(&iterations, &pool)))
    }

    /// Counts iterations as lost. `unreported`: how many of them were not even counted as offered; they are now.
    #[pyo3(signature = (scenario, phase, count, unreported = 0))]
    fn add_lost(&mut self, scenario: u16, phase: &str, count: u64, unreported: u64) -> PyResult<()> {
        let phase = phase_of(phase)?;
        self.interval
            .add_lost(ScenarioIndex(scenario), phase, count, unreported, &self.pool);
        Ok(())
    }
}

impl IntervalCounts {
    /// An interval that a run has measured. Its memory goes back to the run when nobody needs it any more.
    pub fn measured(interval: Interval, spares: &Spares) -> Self {
        Self {
            interval,
            pool: PagePool::new(),
            spares: Some(spares.clone()),
        }
    }

    fn from(interval: Interval) -> Self {
        Self {
            interval,
            pool: PagePool::new(),
            spares: None,
        }
    }

    fn add(&mut self, other: &Interval) {
        if self.interval.is_blank() {
            // Nothing has no beginning that could be the earlier one.
            self.interval.start_ns = other.start_ns;
        }
        self.interval.merge_from(other, &self.pool);
    }
}

impl Drop for IntervalCounts {
    fn drop(&mut self) {
        if let Some(spares) = self.spares.take() {
            spares.give_back(std::mem::take(&mut self.interval));
        }
    }
}

/// Those that are not empty.
fn copied(histograms: &[(&'static str, &Inner)]) -> ByName {
    let filled = histograms.iter().filter(|(_, histogram)| !histogram.is_empty());
    filled
        .map(|(name, histogram)| (*name, Histogram::copy_of(histogram)))
        .collect()
}

pub fn phase_of(name: &str) -> PyResult<Phase> {
    let known = Phase::ALL.into_iter().find(|phase| phase.name() == name);
    known.ok_or_else(|| PyValueError::new_err(format!("{name:?} is no phase: `warmup` or `main`")))
}
