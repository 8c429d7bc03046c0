//! Sealed intervals for stores: the bytes of their wire form, packed.

use apibench_histogram::packing;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// What `IntervalCounts.to_wire` wrote, as it is stored. ValueError for what is longer than any interval.
#[pyfunction]
pub fn pack<'py>(python: Python<'py>, wire: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let packed = python.detach(|| packing::pack(wire));
    of(python, packed)
}

/// What was packed; also what a release before there was packing has stored. ValueError for what is neither.
#[pyfunction]
pub fn unpack<'py>(python: Python<'py>, packed: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let wire = python.detach(|| packing::unpack(packed));
    of(python, wire)
}

fn of<'py>(python: Python<'py>, bytes: Result<Vec<u8>, packing::PackingError>) -> PyResult<Bound<'py, PyBytes>> {
    let bytes = bytes.map_err(|error| PyValueError::new_err(error.to_string()))?;
    Ok(PyBytes::new(python, &bytes))
}
