//! The built-in target, for Python.

use std::sync::Arc;

use apibench_echo::{Config, Server};
use apibench_engine::monotonic::MonotonicClock;
use pyo3::prelude::*;

use crate::error::{EngineError, internal};

/// A server that runs until it is stopped or collected.
#[pyclass(module = "apibench._engine", frozen)]
pub struct EchoServer {
    inner: Arc<Server>,
}

#[pymethods]
impl EchoServer {
    /// Starts to serve. Raises EngineError for a setup that cannot be.
    #[new]
    fn new(python: Python<'_>, config_json: &str) -> PyResult<Self> {
        let refuse = |message: String| EngineError::new_err(("echo", message));
        let config: Config = serde_json::from_str(config_json).map_err(|error| refuse(error.to_string()))?;
        let server = python
            .detach(|| Server::start(&config, &MonotonicClock))
            .map_err(|error| refuse(error.to_string()))?;
        Ok(Self {
            inner: Arc::new(server),
        })
    }

    /// Where it listens.
    #[getter]
    fn address(&self) -> &str {
        self.inner.address()
    }

    /// What it has counted so far, as JSON.
    fn counts(&self, python: Python<'_>) -> PyResult<String> {
        let counts = python.detach(|| self.inner.counts());
        serde_json::to_string(&counts).map_err(|error| internal(error.to_string()))
    }

    /// Stops and waits for its threads and its log.
    fn stop(&self, python: Python<'_>) {
        python.detach(|| self.inner.stop());
    }
}
