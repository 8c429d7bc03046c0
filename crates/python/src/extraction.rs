//! Whether the engine can take a value out of a response as a plan says.

use apibench_core::step::Extraction as Written;
use apibench_engine::extraction::Extraction;
use pyo3::prelude::*;

/// What is wrong with an extraction of a plan's form, in words; None, if nothing is.
#[pyfunction]
pub fn extraction_fault(of_json: &str) -> Option<String> {
    let written: Written = match serde_json::from_str(of_json) {
        Ok(written) => written,
        Err(error) => return Some(error.to_string()),
    };
    Extraction::compile(&written).err()
}
