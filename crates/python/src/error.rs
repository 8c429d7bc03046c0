//! How the engine's refusals reach Python: one exception, whose first argument says which kind it is.

use apibench_engine::run::PrepareError;
use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;

create_exception!(
    _engine,
    EngineError,
    PyException,
    "The engine refused or failed. `args` is (kind, message): kind is `plan`, `trust`, `target`, `system`, `late`, `rows`, `change`, `share`, `echo` or `internal`."
);

/// The exception for a run that could not be prepared.
pub fn prepare_error(error: &PrepareError) -> PyErr {
    let kind = match error {
        PrepareError::Plan(_) => "plan",
        PrepareError::Trust(_) => "trust",
        PrepareError::Resolve(_) => "target",
        PrepareError::System(_) => "system",
        PrepareError::Late => "late",
        PrepareError::Rows(faults) => {
            let faults = serde_json::to_string(faults).unwrap_or_default();
            return EngineError::new_err(("rows", faults));
        }
    };
    EngineError::new_err((kind, error.to_string()))
}

/// The exception for a fault of ours.
pub fn internal(message: impl Into<String>) -> PyErr {
    EngineError::new_err(("internal", message.into()))
}
