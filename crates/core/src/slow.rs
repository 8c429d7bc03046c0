//! One of the slowest requests of a run, told apart: where its time went, and at which address.

use std::borrow::Cow;
use std::sync::Arc;

use crate::recorder::SeriesIndex;
use crate::transport::Opening;

/// A request with all that is known of it. Of times in nanoseconds, `None` is one that never came to be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SlowRequest {
    /// Ended less intended; a lower bound if it timed out or was cut off.
    pub response_ns: u64,
    /// When it ended, after the barrier.
    pub at_ns: u64,
    /// Of which series.
    pub series: SeriesIndex,
    /// Ended less started, likewise.
    pub service_ns: Option<u64>,
    /// Our loop was late although something was free.
    pub schedule_lag_ns: u64,
    /// No virtual user, connection or stream was free.
    pub connection_wait_ns: u64,
    /// What opening a connection took, if it paid for one.
    pub opening: Option<Opening>,
    /// First byte received less started.
    pub first_byte_ns: Option<u64>,
    /// HTTP status, 0 if there was none.
    pub status: u16,
    /// The name under which it failed. One that came over the wire may be known to newer engines only.
    pub error: Option<Cow<'static, str>>,
    /// It was cut off by the end of the drain or by a stop.
    pub unfinished: bool,
    /// Of the connection that carried it, or was being opened for it.
    pub address: Option<Arc<str>>,
}
