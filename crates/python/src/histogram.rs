//! Histograms for Python: merged and asked there, recorded and encoded here.

use apibench_histogram::{Histogram as Inner, PagePool, Times};
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;

/// Times between 0 and one hour in nanoseconds, with 3 significant digits; exact counts, sum, minimum, maximum.
#[pyclass(module = "apibench._engine")]
pub struct Histogram {
    inner: Inner,
}

#[pymethods]
impl Histogram {
    #[new]
    fn new() -> Self {
        Self {
            inner: Inner::new(&PagePool::new()),
        }
    }

    /// The histogram that `to_json` wrote, or ValueError.
    #[staticmethod]
    fn from_json(text: &str) -> PyResult<Self> {
        let times: Times = serde_json::from_str(text).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let inner = Inner::from_times(&times).map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Self { inner })
    }

    /// The cells of a text `HISTF...`, or ValueError. Its sum, minimum and maximum are those of the cells.
    #[staticmethod]
    fn from_text(text: &str) -> PyResult<Self> {
        let inner = Inner::from_text(text).map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Self { inner })
    }

    /// All that it holds, as the JSON text of a TIMES block without its quantiles.
    fn to_json(&self) -> PyResult<String> {
        serde_json::to_string(&self.inner.to_times()).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// The uncompressed HdrHistogram V2 payload.
    fn to_payload(&self) -> Vec<u8> {
        self.inner.to_payload()
    }

    /// Records a value `count` times.
    #[pyo3(signature = (value_ns, count = 1))]
    fn record(&mut self, value_ns: u64, count: u64) -> PyResult<()> {
        if self.inner.count().saturating_add(count) > apibench_histogram::MAX_COUNT {
            return Err(PyOverflowError::new_err("a histogram holds at most 2^63 - 1 values"));
        }
        self.inner.record_n(value_ns, count);
        Ok(())
    }

    /// Adds what another holds, cell by cell.
    fn merge(&mut self, other: &Self) -> PyResult<()> {
        if self.inner.count().saturating_add(other.inner.count()) > apibench_histogram::MAX_COUNT {
            return Err(PyOverflowError::new_err("a histogram holds at most 2^63 - 1 values"));
        }
        self.inner.merge(&other.inner);
        Ok(())
    }

    /// The highest value that counts as the same as the one at `quantile` (0 to 1), at most the recorded
    /// maximum; None if nothing was recorded.
    fn quantile(&self, quantile: f64) -> Option<u64> {
        self.inner.quantile(quantile)
    }

    /// The highest that the true value at `quantile` can be, in nanoseconds; None if nothing bounds it, because it
    /// reaches into values of which only a lower bound is known.
    fn quantile_at_most(&self, quantile: f64) -> Option<u64> {
        self.inner.quantile_at_most(quantile)
    }

    /// Whether the value at `quantile` may be higher than it says by more than 1 %, for the same reason.
    fn quantile_is_censored(&self, quantile: f64) -> bool {
        self.inner.quantile_is_censored(quantile)
    }

    /// The share, 0 to 1, of values at or below `value_ns`; None if nothing was recorded.
    fn share_at_or_below(&self, value_ns: u64) -> Option<f64> {
        self.inner.share_at_or_below(value_ns)
    }

    /// The cells that are not empty: the highest value of each in nanoseconds, and how many it holds.
    fn cells(&self) -> Vec<(u64, u64)> {
        self.inner
            .cells()
            .map(|(index, count)| (apibench_histogram::layout::highest_equivalent(index), count))
            .collect()
    }

    #[getter]
    fn count(&self) -> u64 {
        self.inner.count()
    }

    #[getter]
    fn sum_ns(&self) -> u128 {
        self.inner.sum_ns()
    }

    #[getter]
    fn min_ns(&self) -> u64 {
        self.inner.min_ns().unwrap_or(0)
    }

    #[getter]
    fn max_ns(&self) -> u64 {
        self.inner.max_ns().unwrap_or(0)
    }

    #[getter]
    fn clamped(&self) -> u64 {
        self.inner.clamped()
    }

    #[getter]
    fn censored(&self) -> u64 {
        self.inner.censored()
    }

    #[getter]
    fn censored_min_ns(&self) -> u64 {
        self.inner.censored_min_ns().unwrap_or(0)
    }
}

impl Histogram {
    /// The same counts once more.
    pub fn copy_of(histogram: &Inner) -> Self {
        let mut inner = Inner::new(&PagePool::new());
        inner.merge(histogram);
        Self { inner }
    }
}

/// How late this host's own timers are, measured for so long at so many moments a second.
#[pyfunction]
pub fn measure_pace(python: Python<'_>, rate_per_s: u64, duration_ns: u64) -> PyResult<Histogram> {
    let inner = python.detach(|| apibench_engine::pace::measure(rate_per_s.max(1), duration_ns))?;
    Ok(Histogram { inner })
}
