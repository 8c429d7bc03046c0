//! Times, recorded on the hot path and merged exactly.
//!
//! Only counts travel. Every worker records into the same fixed cells, so that adding up
//! histograms is adding up integers: any partition of a sample, merged in any order, gives the
//! same cells and the same `HdrHistogram` V2 payload, bit for bit. A percentile is computed once,
//! after the last merge, and never averaged.
//!
//! ```
//! use apibench_histogram::{Histogram, PagePool};
//!
//! let pool = PagePool::new(); // shared by the threads of a run
//! let (mut first, mut second) = (Histogram::new(&pool), Histogram::new(&pool));
//! first.record_n(300_000, 99); // nanoseconds
//! second.record_censored(10_000_000_000); // given up after 10 s: it took at least that
//!
//! first.merge(&second);
//! assert_eq!(first.quantile(0.5), Some(300_031)); // the end of its cell of 256 ns
//! assert!(first.quantile_is_censored(1.0)); // so that it prints ">= 10 s"
//! assert_eq!(Histogram::from_times(&first.to_times()), Ok(first));
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `layout` | which value belongs to which cell: arithmetic alone |
//! | `page`, `pool` | where counts live: 1,024 cells at a time, reused between intervals |
//! | `histogram` | [`Histogram`]: record, merge, ask |
//! | `payload`, `encoding` | `HdrHistogram`'s V2 bytes and its `HISTF...` text |
//! | `interval`, `recorder` | a second's counts and times; who writes them down |
//! | `checks` | how often each check passed and failed |
//! | `groups` | passes through groups of steps |
//! | `slowest` | the slowest requests: so many, told apart |
//! | `closing` | intervals that stand for what was not measured: of a worker that died |
//! | `times` | [`Times`]: a histogram as it stands in a document |
//! | `wire` | an interval as it travels: `apibench.v1.Interval` |
//! | `packing` | an interval as it is stored: the same bytes, in fewer |
//! | `error` | [`DecodeError`]: why bytes or text were refused |

pub mod checks;
mod closing;
mod encoding;
mod error;
pub mod groups;
mod histogram;
pub mod interval;
pub mod layout;
pub mod packing;
mod page;
mod payload;
mod pool;
pub mod recorder;
pub mod slowest;
mod times;
pub mod wire;

pub use error::DecodeError;
pub use histogram::{Histogram, MAX_COUNT};
pub use payload::MAX_PAYLOAD_BYTES;
pub use pool::PagePool;
pub use times::Times;
