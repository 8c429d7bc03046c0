//! The messages of `proto/apibench/v1/interval.proto`, field by field. Numbers there and here are one; a test reads the
//! file and holds it to these.
//!
//! Written by hand, because a build must need no compiler of protocols. What a message repeats many times is taken as
//! bytes here, which is the same on the wire: it is counted before it is unpacked, and copied by nobody.

use prost::Message;
use prost::bytes::Bytes;

/// `Interval`.
#[derive(Clone, PartialEq, Message)]
pub struct Interval {
    #[prost(uint64, tag = "1")]
    pub start_ns: u64,
    #[prost(uint64, tag = "2")]
    pub end_ns: u64,
    #[prost(message, optional, tag = "3")]
    pub generator: Option<GeneratorCounts>,
    /// Of [`ScenarioCounts`].
    #[prost(bytes = "bytes", repeated, tag = "4")]
    pub scenarios: Vec<Bytes>,
    /// Of [`SeriesCounts`].
    #[prost(bytes = "bytes", repeated, tag = "5")]
    pub series: Vec<Bytes>,
    /// Of [`SlowRequest`].
    #[prost(bytes = "bytes", repeated, tag = "6")]
    pub slowest: Vec<Bytes>,
    /// Of [`GroupCounts`].
    #[prost(bytes = "bytes", repeated, tag = "7")]
    pub groups: Vec<Bytes>,
}

/// `GeneratorCounts`.
#[derive(Clone, PartialEq, Message)]
pub struct GeneratorCounts {
    #[prost(uint64, tag = "1")]
    pub cpu_ns: u64,
    #[prost(uint64, tag = "2")]
    pub longest_gap_ns: u64,
    #[prost(uint64, tag = "3")]
    pub unstarted: u64,
    #[prost(uint64, tag = "4")]
    pub waits: u64,
    #[prost(uint64, tag = "5")]
    pub sends: u64,
    #[prost(uint64, tag = "6")]
    pub receives: u64,
    #[prost(uint64, tag = "7")]
    pub connections_opened: u64,
    #[prost(uint64, tag = "8")]
    pub connections_reused: u64,
    #[prost(uint64, tag = "9")]
    pub closed_by_peer: u64,
    #[prost(uint64, tag = "10")]
    pub closed_by_us: u64,
    #[prost(uint64, tag = "11")]
    pub unsent: u64,
}

/// `LoadPhase`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum LoadPhase {
    Unspecified = 0,
    Warmup = 1,
    Main = 2,
}

/// `ScenarioCounts`.
#[derive(Clone, PartialEq, Message)]
pub struct ScenarioCounts {
    #[prost(uint32, tag = "1")]
    pub scenario: u32,
    #[prost(enumeration = "LoadPhase", tag = "2")]
    pub phase: i32,
    #[prost(uint64, tag = "3")]
    pub offered: u64,
    #[prost(uint64, tag = "4")]
    pub started: u64,
    #[prost(uint64, tag = "5")]
    pub ok: u64,
    #[prost(uint64, tag = "6")]
    pub failed: u64,
    #[prost(uint64, tag = "7")]
    pub unfinished: u64,
    #[prost(uint64, tag = "8")]
    pub dropped_cap: u64,
    #[prost(uint64, tag = "9")]
    pub dropped_deadline: u64,
    #[prost(uint64, tag = "10")]
    pub dropped_ended: u64,
    #[prost(uint64, tag = "11")]
    pub lost: u64,
    #[prost(uint64, tag = "12")]
    pub waiting: u64,
    #[prost(message, optional, tag = "13")]
    pub time: Option<Histogram>,
    #[prost(message, repeated, tag = "14")]
    pub checks: Vec<CheckCount>,
    #[prost(uint64, tag = "15")]
    pub dropped_dry: u64,
    #[prost(message, optional, tag = "16")]
    pub python_wait: Option<Histogram>,
    #[prost(message, optional, tag = "17")]
    pub python_time: Option<Histogram>,
}

/// `GroupCounts`.
#[derive(Clone, PartialEq, Message)]
pub struct GroupCounts {
    #[prost(uint32, tag = "1")]
    pub group: u32,
    #[prost(enumeration = "LoadPhase", tag = "2")]
    pub phase: i32,
    #[prost(uint64, tag = "3")]
    pub ok: u64,
    #[prost(uint64, tag = "4")]
    pub failed: u64,
    #[prost(uint64, tag = "5")]
    pub unfinished: u64,
    #[prost(message, optional, tag = "13")]
    pub time: Option<Histogram>,
    #[prost(message, optional, tag = "14")]
    pub pending: Option<Histogram>,
}

/// `CheckCount`.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct CheckCount {
    #[prost(uint32, tag = "1")]
    pub check: u32,
    #[prost(uint64, tag = "2")]
    pub passed: u64,
    #[prost(uint64, tag = "3")]
    pub failed: u64,
}

/// `SeriesCounts`.
#[derive(Clone, PartialEq, Message)]
pub struct SeriesCounts {
    #[prost(uint32, tag = "1")]
    pub series: u32,
    #[prost(enumeration = "LoadPhase", tag = "2")]
    pub phase: i32,
    #[prost(uint64, tag = "3")]
    pub started: u64,
    #[prost(uint64, tag = "4")]
    pub ok: u64,
    #[prost(uint64, tag = "5")]
    pub failed: u64,
    #[prost(uint64, tag = "6")]
    pub unfinished: u64,
    #[prost(uint64, tag = "7")]
    pub stale_retries: u64,
    #[prost(uint64, tag = "8")]
    pub in_flight: u64,
    #[prost(uint64, tag = "9")]
    pub opening: u64,
    #[prost(message, repeated, tag = "10")]
    pub by_status: Vec<StatusCount>,
    #[prost(message, repeated, tag = "11")]
    pub by_error: Vec<ErrorCount>,
    #[prost(uint64, tag = "12")]
    pub sent_bytes: u64,
    #[prost(uint64, tag = "13")]
    pub received_bytes: u64,
    #[prost(message, optional, tag = "21")]
    pub response: Option<Histogram>,
    #[prost(message, optional, tag = "22")]
    pub service: Option<Histogram>,
    #[prost(message, optional, tag = "23")]
    pub failed_time: Option<Histogram>,
    #[prost(message, optional, tag = "24")]
    pub first_byte: Option<Histogram>,
    #[prost(message, optional, tag = "25")]
    pub schedule_lag: Option<Histogram>,
    #[prost(message, optional, tag = "26")]
    pub connection_wait: Option<Histogram>,
    #[prost(message, optional, tag = "27")]
    pub connection_opening: Option<Histogram>,
    #[prost(message, optional, tag = "28")]
    pub connect: Option<Histogram>,
    #[prost(message, optional, tag = "29")]
    pub dns: Option<Histogram>,
    #[prost(message, optional, tag = "30")]
    pub tls: Option<Histogram>,
    #[prost(message, optional, tag = "31")]
    pub receive_lag: Option<Histogram>,
    #[prost(message, optional, tag = "32")]
    pub pending: Option<Histogram>,
}

/// `SlowRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct SlowRequest {
    #[prost(uint32, tag = "1")]
    pub series: u32,
    #[prost(uint64, tag = "2")]
    pub at_ns: u64,
    #[prost(uint64, tag = "3")]
    pub response_ns: u64,
    #[prost(uint64, optional, tag = "4")]
    pub service_ns: Option<u64>,
    #[prost(uint64, tag = "5")]
    pub schedule_lag_ns: u64,
    #[prost(uint64, tag = "6")]
    pub connection_wait_ns: u64,
    #[prost(message, optional, tag = "7")]
    pub opening: Option<ConnectionOpening>,
    #[prost(uint64, optional, tag = "8")]
    pub first_byte_ns: Option<u64>,
    #[prost(uint32, tag = "9")]
    pub status: u32,
    #[prost(string, tag = "10")]
    pub error: String,
    #[prost(bool, tag = "11")]
    pub unfinished: bool,
    #[prost(string, tag = "12")]
    pub address: String,
}

/// `ConnectionOpening`.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct ConnectionOpening {
    #[prost(uint64, tag = "1")]
    pub total_ns: u64,
    #[prost(uint64, tag = "2")]
    pub dns_ns: u64,
    #[prost(uint64, tag = "3")]
    pub connect_ns: u64,
    #[prost(uint64, tag = "4")]
    pub tls_ns: u64,
}

/// `StatusCount`.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct StatusCount {
    #[prost(uint32, tag = "1")]
    pub status: u32,
    #[prost(uint64, tag = "2")]
    pub count: u64,
}

/// `ErrorCount`.
#[derive(Clone, PartialEq, Message)]
pub struct ErrorCount {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(uint64, tag = "2")]
    pub count: u64,
}

/// `Histogram`.
#[derive(Clone, PartialEq, Message)]
pub struct Histogram {
    #[prost(bytes = "bytes", tag = "1")]
    pub hdr: Bytes,
    #[prost(uint64, tag = "2")]
    pub count: u64,
    #[prost(uint64, tag = "3")]
    pub sum_ns: u64,
    #[prost(uint64, tag = "4")]
    pub sum_ns_high: u64,
    #[prost(uint64, tag = "5")]
    pub min_ns: u64,
    #[prost(uint64, tag = "6")]
    pub max_ns: u64,
    #[prost(uint64, tag = "7")]
    pub clamped: u64,
    #[prost(uint64, tag = "8")]
    pub censored: u64,
    #[prost(uint64, tag = "9")]
    pub censored_min_ns: u64,
}
