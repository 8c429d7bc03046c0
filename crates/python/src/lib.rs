//! `apibench._engine`: the only place where Rust and Python meet.
//!
//! A validated plan goes down as one JSON document; sealed intervals come up as counts, one object each. While
//! requests run Python stands on no request's path: every call here that waits lets go of the interpreter.

mod arrow;
mod counts;
mod echo;
mod error;
mod extraction;
mod histogram;
mod packing;
mod random;
mod run;

use pyo3::prelude::*;

/// The engine of apibench.
#[pymodule(gil_used = false)]
mod _engine {
    #[pymodule_export]
    use super::arrow::arrow_stream;
    #[pymodule_export]
    use super::counts::IntervalCounts;
    #[pymodule_export]
    use super::echo::EchoServer;
    #[pymodule_export]
    use super::error::EngineError;
    #[pymodule_export]
    use super::extraction::extraction_fault;
    #[pymodule_export]
    use super::histogram::{Histogram, measure_pace};
    #[pymodule_export]
    use super::packing::{pack, unpack};
    #[pymodule_export]
    use super::random::RandomBits;
    #[pymodule_export]
    use super::run::{Prepared, Run, owed};

    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
