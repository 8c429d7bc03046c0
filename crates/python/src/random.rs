//! Random bits for users in Python: a stream that any iteration can begin anew for next to nothing.

use apibench_core::schedule::random::mix;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyInt;

/// What two states that follow one another differ by (SplitMix64: Steele, Lea, Flood, 2014).
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
const MOST_AT_ONCE: usize = 64;

/// The core of a `random.Random`.
#[pyclass(module = "apibench._engine")]
pub struct RandomBits {
    state: u64,
}

#[pymethods]
impl RandomBits {
    #[new]
    fn new() -> Self {
        Self { state: 0 }
    }

    /// Begin anew: what follows is a function of the seed.
    fn seed(&mut self, seed: &[u8]) {
        self.state = seed.chunks(8).fold(mix(seed.len() as u64), |state, chunk| {
            let mut eight = [0; 8];
            eight[..chunk.len()].copy_from_slice(chunk);
            mix(state.wrapping_add(STEP) ^ u64::from_le_bytes(eight))
        });
    }

    /// A number in [0, 1) with 53 bits.
    fn random(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number of so many bits.
    fn getrandbits<'py>(&mut self, k: isize, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let bits = usize::try_from(k).map_err(|_| PyValueError::new_err("number of bits must be non-negative"))?;
        if bits <= MOST_AT_ONCE {
            let number = if bits == 0 {
                0
            } else {
                self.next() >> (MOST_AT_ONCE - bits)
            };
            return Ok(number.into_pyobject(py)?.into_any());
        }
        let mut bytes = Vec::with_capacity(bits.div_ceil(MOST_AT_ONCE) * 8);
        for at in (0..bits).step_by(MOST_AT_ONCE) {
            let spare = MOST_AT_ONCE.saturating_sub(bits - at);
            bytes.extend_from_slice(&(self.next() >> spare).to_le_bytes());
        }
        py.get_type::<PyInt>().call_method1("from_bytes", (bytes, "little"))
    }
}

impl RandomBits {
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mix(self.state)
    }
}
