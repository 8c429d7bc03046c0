//! An interval as it travels between machines and lies in stores: `apibench.v1.Interval`.
//!
//! Encoding is canonical: the same counts are the same bytes, however they were added up. Decoding takes nothing on
//! trust: a figure that contradicts another is refused, and what is unpacked is bounded before it is unpacked.

mod checks;
mod groups;
mod messages;
mod scenarios;
mod slow;
mod surveyed;

use std::collections::BTreeMap;
use std::fmt;

use apibench_core::failure::Failure;
use apibench_core::phase::Phase;
use apibench_core::recorder::{DriverCounters, ScenarioIndex, SeriesIndex};
use apibench_core::transport::TransportCounters;
use prost::Message as _;
use prost::bytes::Bytes;

use crate::error::DecodeError;
use crate::histogram::{Exact, Histogram};
use crate::interval::{Interval, SeriesCounts};
use crate::payload::Cell;
use crate::pool::PagePool;
use messages::{ErrorCount, GeneratorCounts, LoadPhase, StatusCount};
use surveyed::{Surveyed, Times};

/// Longest interval that is read. One of 50 series in two phases, each with all of its times spread as wide as a run
/// spreads them, has 3 MB.
pub const MAX_WIRE_BYTES: usize = 16 << 20;
/// Most scenarios, series and groups of one interval.
const MAX_PARTS: usize = 4_096;
/// Most that the cells of one interval may take in memory: a few bytes can name a cell in each page.
const MAX_PAGE_BYTES: usize = 256 << 20;
/// Most error names of a series that only a newer engine knows, and how long each may be.
const MAX_NEW_NAMES: usize = 64;
const MAX_NAME_BYTES: usize = 64;

/// Bytes that are no interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WireError {
    /// Longer than [`MAX_WIRE_BYTES`], or its parts too many or too large.
    TooLong,
    /// Not in the form of the message.
    Malformed(String),
    /// A field holds what it can't.
    Invalid(&'static str),
    /// One of its histograms.
    Histogram(&'static str, DecodeError),
}

impl fmt::Display for WireError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(
                formatter,
                "the interval is larger than any run's: at most {MAX_WIRE_BYTES} bytes, and {MAX_PARTS} scenarios, series and groups each"
            ),
            Self::Malformed(what) => write!(formatter, "the bytes are no apibench.v1.Interval: {what}"),
            Self::Invalid(field) => write!(formatter, "`{field}` of the interval holds what it can't"),
            Self::Histogram(field, error) => write!(formatter, "`{field}` of the interval: {error}"),
        }
    }
}

impl std::error::Error for WireError {}

impl From<prost::DecodeError> for WireError {
    fn from(error: prost::DecodeError) -> Self {
        Self::Malformed(error.to_string())
    }
}

/// The bytes of an interval.
#[must_use]
pub fn encode(interval: &Interval) -> Vec<u8> {
    let scenarios = interval.scenarios.iter();
    let scenarios = scenarios.map(|(key, counts)| scenarios::encode(*key, counts));
    let series = interval.series.iter().map(|((series, phase), counts)| {
        let message = series_message(*series, *phase, counts);
        Bytes::from(message.encode_to_vec())
    });
    let message = messages::Interval {
        start_ns: interval.start_ns,
        end_ns: interval.end_ns,
        generator: Some(generator_message(interval)),
        scenarios: scenarios.collect(),
        series: series.collect(),
        slowest: slow::encode(&interval.slowest),
        groups: interval
            .groups
            .iter()
            .map(|(key, counts)| groups::encode(*key, counts))
            .collect(),
    };
    message.encode_to_vec()
}

/// The interval of those bytes. Takes at most 17 times their length and 300 MB beside what it returns.
///
/// # Errors
/// [`WireError`], for whatever is not one.
pub fn decode(data: &[u8]) -> Result<Interval, WireError> {
    let (mut interval, times) = read(data, &PagePool::new())?;
    times.add_to(&mut interval);
    Ok(interval)
}

/// Adds the interval of those bytes to another one: all of it or, on an error, nothing. What is merged by the thousand
/// is merged like this; to decode it first would take its pages from memory each time.
///
/// # Errors
/// [`WireError`], for whatever is no interval, and for one whose values are too many to be added.
pub fn merge(data: &[u8], into: &mut Interval, pool: &PagePool) -> Result<(), WireError> {
    let (interval, times) = read(data, pool)?;
    if !times.fit(into) {
        return Err(WireError::TooLong);
    }
    if into.is_blank() {
        // Nothing has no beginning that could be the earlier one.
        into.start_ns = interval.start_ns;
    }
    into.merge_from(&interval, pool);
    times.add_to(into);
    Ok(())
}

/// What of an interval is needed of each worker by itself.
pub struct Head {
    /// After the barrier.
    pub start_ns: u64,
    /// After the barrier; not before `start_ns`.
    pub end_ns: u64,
    /// Of each scenario and phase.
    pub iterations: Vec<Iterations>,
}

/// Iterations of one scenario and phase.
pub struct Iterations {
    /// Whose.
    pub scenario: ScenarioIndex,
    /// When they were intended.
    pub phase: Phase,
    /// Fell due.
    pub offered: u64,
    /// Started.
    pub started: u64,
    /// Are ok, failed or unfinished.
    pub ended: u64,
    /// Are due and not started at the end of the interval.
    pub waiting: u64,
    /// Were dropped because no row was left: their load ended there.
    pub dry: u64,
}

/// The head of the interval of those bytes; its series are passed over.
///
/// # Errors
/// [`WireError`], for what is none.
pub fn head(data: &[u8]) -> Result<Head, WireError> {
    if data.len() > MAX_WIRE_BYTES {
        return Err(WireError::TooLong);
    }
    let message = messages::Interval::decode(Bytes::copy_from_slice(data))?;
    if message.scenarios.len() > MAX_PARTS {
        return Err(WireError::TooLong);
    }
    let iterations = message.scenarios.into_iter().map(|part| {
        let message = messages::ScenarioCounts::decode(part)?;
        let scenario = u16::try_from(message.scenario).map_err(|_| WireError::Invalid("scenario"))?;
        let ended = message.ok.saturating_add(message.failed);
        Ok(Iterations {
            scenario: ScenarioIndex(scenario),
            phase: phase_of(message.phase)?,
            offered: message.offered,
            started: message.started,
            ended: ended.saturating_add(message.unfinished),
            waiting: message.waiting,
            dry: message.dropped_dry,
        })
    });
    Ok(Head {
        start_ns: message.start_ns,
        end_ns: message.end_ns,
        iterations: iterations.collect::<Result<_, WireError>>()?,
    })
}

/// All that the bytes say and whether it holds together, with every histogram of the interval still empty.
fn read(data: &[u8], pool: &PagePool) -> Result<(Interval, Times), WireError> {
    if data.len() > MAX_WIRE_BYTES {
        return Err(WireError::TooLong);
    }
    let message = messages::Interval::decode(Bytes::copy_from_slice(data))?;
    if message.end_ns < message.start_ns {
        return Err(WireError::Invalid("end_ns"));
    }
    let parts = [&message.scenarios, &message.series, &message.groups];
    if parts.iter().any(|parts| parts.len() > MAX_PARTS) {
        return Err(WireError::TooLong);
    }
    let mut reader = Reader {
        pool: pool.clone(),
        page_bytes: 0,
        surveyed: Vec::new(),
        cells: Vec::new(),
    };
    let mut times = Times::default();
    let generator = message.generator.unwrap_or_default();
    let mut interval = Interval {
        start_ns: message.start_ns,
        end_ns: message.end_ns,
        cpu_ns: generator.cpu_ns,
        driver: DriverCounters {
            longest_gap_ns: generator.longest_gap_ns,
            unstarted: generator.unstarted,
            unsent: generator.unsent,
        },
        transport: TransportCounters {
            waits: generator.waits,
            sends: generator.sends,
            receives: generator.receives,
            connections_opened: generator.connections_opened,
            connections_reused: generator.connections_reused,
            closed_by_peer: generator.closed_by_peer,
            closed_by_us: generator.closed_by_us,
        },
        slowest: slow::decode(message.slowest)?,
        ..Interval::default()
    };
    for part in message.scenarios {
        let (key, counts) = scenarios::decode(part, &mut reader)?;
        times.scenarios.push((key, std::mem::take(&mut reader.surveyed)));
        if interval.scenarios.insert(key, counts).is_some() {
            return Err(WireError::Invalid("scenarios"));
        }
    }
    for part in message.series {
        let (key, counts) = reader.series(part)?;
        times.series.push((key, std::mem::take(&mut reader.surveyed)));
        if interval.series.insert(key, counts).is_some() {
            return Err(WireError::Invalid("series"));
        }
    }
    for part in message.groups {
        let (key, counts) = groups::decode(part, &mut reader)?;
        times.groups.push((key, std::mem::take(&mut reader.surveyed)));
        if interval.groups.insert(key, counts).is_some() {
            return Err(WireError::Invalid("groups"));
        }
    }
    Ok((interval, times))
}

fn generator_message(interval: &Interval) -> GeneratorCounts {
    GeneratorCounts {
        cpu_ns: interval.cpu_ns,
        longest_gap_ns: interval.driver.longest_gap_ns,
        unstarted: interval.driver.unstarted,
        unsent: interval.driver.unsent,
        waits: interval.transport.waits,
        sends: interval.transport.sends,
        receives: interval.transport.receives,
        connections_opened: interval.transport.connections_opened,
        connections_reused: interval.transport.connections_reused,
        closed_by_peer: interval.transport.closed_by_peer,
        closed_by_us: interval.transport.closed_by_us,
    }
}

fn series_message(series: SeriesIndex, phase: Phase, counts: &SeriesCounts) -> messages::SeriesCounts {
    let mut by_status: Vec<StatusCount> = counts
        .by_status
        .iter()
        .map(|(status, count)| StatusCount {
            status: u32::from(*status),
            count: *count,
        })
        .collect();
    by_status.sort_unstable_by_key(|each| each.status);
    let by_error = counts.errors().into_iter().map(|(name, count)| ErrorCount {
        name: name.to_owned(),
        count,
    });
    messages::SeriesCounts {
        series: u32::from(series.0),
        phase: phase_number(phase),
        started: counts.started,
        ok: counts.ok,
        failed: counts.failed,
        unfinished: counts.unfinished,
        stale_retries: counts.stale_retries,
        in_flight: counts.in_flight,
        opening: counts.opening,
        by_status,
        by_error: by_error.collect(),
        sent_bytes: counts.sent_bytes,
        received_bytes: counts.received_bytes,
        response: histogram_message(&counts.response),
        service: histogram_message(&counts.service),
        failed_time: histogram_message(&counts.failed_time),
        first_byte: histogram_message(&counts.first_byte),
        schedule_lag: histogram_message(&counts.schedule_lag),
        connection_wait: histogram_message(&counts.connection_wait),
        connection_opening: histogram_message(&counts.connection_opening),
        connect: histogram_message(&counts.connect),
        dns: histogram_message(&counts.dns),
        tls: histogram_message(&counts.tls),
        receive_lag: histogram_message(&counts.receive_lag),
        pending: histogram_message(&counts.pending),
    }
}

fn histogram_message(histogram: &Histogram) -> Option<messages::Histogram> {
    (!histogram.is_empty()).then(|| messages::Histogram {
        hdr: Bytes::from(histogram.to_payload()),
        count: histogram.count(),
        sum_ns: histogram.sum_ns() as u64,
        sum_ns_high: (histogram.sum_ns() >> 64) as u64,
        min_ns: histogram.min_ns().unwrap_or(0),
        max_ns: histogram.max_ns().unwrap_or(0),
        clamped: histogram.clamped(),
        censored: histogram.censored(),
        censored_min_ns: histogram.censored_min_ns().unwrap_or(0),
    })
}

fn phase_number(phase: Phase) -> i32 {
    match phase {
        Phase::Warmup => LoadPhase::Warmup as i32,
        Phase::Main => LoadPhase::Main as i32,
    }
}

fn phase_of(number: i32) -> Result<Phase, WireError> {
    match LoadPhase::try_from(number) {
        Ok(LoadPhase::Warmup) => Ok(Phase::Warmup),
        Ok(LoadPhase::Main) => Ok(Phase::Main),
        Ok(LoadPhase::Unspecified) | Err(_) => Err(WireError::Invalid("phase")),
    }
}

/// Unpacks the parts of one interval.
struct Reader {
    pool: PagePool,
    /// That are going to be taken.
    page_bytes: usize,
    /// The histograms of the present part, in the order in which its message has them.
    surveyed: Vec<Option<Surveyed>>,
    /// Scratch.
    cells: Vec<Cell>,
}

impl Reader {
    fn series(&mut self, part: Bytes) -> Result<((SeriesIndex, Phase), Box<SeriesCounts>), WireError> {
        let message = messages::SeriesCounts::decode(part)?;
        let series = u16::try_from(message.series).map_err(|_| WireError::Invalid("series"))?;
        let (by_failure, by_new_name) = errors_of(message.by_error)?;
        let counts = Box::new(SeriesCounts {
            started: message.started,
            ok: message.ok,
            failed: message.failed,
            unfinished: message.unfinished,
            stale_retries: message.stale_retries,
            in_flight: message.in_flight,
            opening: message.opening,
            by_status: statuses_of(&message.by_status)?,
            by_failure,
            by_new_name,
            sent_bytes: message.sent_bytes,
            received_bytes: message.received_bytes,
            response: self.histogram("response", message.response)?,
            service: self.histogram("service", message.service)?,
            failed_time: self.histogram("failed_time", message.failed_time)?,
            first_byte: self.histogram("first_byte", message.first_byte)?,
            schedule_lag: self.histogram("schedule_lag", message.schedule_lag)?,
            connection_wait: self.histogram("connection_wait", message.connection_wait)?,
            connection_opening: self.histogram("connection_opening", message.connection_opening)?,
            connect: self.histogram("connect", message.connect)?,
            dns: self.histogram("dns", message.dns)?,
            tls: self.histogram("tls", message.tls)?,
            receive_lag: self.histogram("receive_lag", message.receive_lag)?,
            pending: self.histogram("pending", message.pending)?,
        });
        Ok(((SeriesIndex(series), phase_of(message.phase)?), counts))
    }

    fn histogram(&mut self, field: &'static str, message: Option<messages::Histogram>) -> Result<Histogram, WireError> {
        let histogram = Histogram::new(&self.pool);
        let Some(message) = message else {
            self.surveyed.push(None);
            return Ok(histogram);
        };
        let exact = Exact {
            sum_ns: u128::from(message.sum_ns_high) << 64 | u128::from(message.sum_ns),
            min_ns: message.min_ns,
            max_ns: message.max_ns,
            clamped: message.clamped,
            censored: message.censored,
            censored_min_ns: message.censored_min_ns,
        };
        let surveyed = Surveyed::of(&message.hdr, message.count, exact, &mut self.cells);
        let surveyed = surveyed.map_err(|error| WireError::Histogram(field, error))?;
        self.page_bytes += surveyed.survey.page_bytes();
        self.surveyed.push(Some(surveyed));
        if self.page_bytes > MAX_PAGE_BYTES {
            return Err(WireError::TooLong);
        }
        Ok(histogram)
    }
}

fn statuses_of(messages: &[StatusCount]) -> Result<Vec<(u16, u64)>, WireError> {
    let mut by_status = BTreeMap::new();
    for message in messages {
        let status = u16::try_from(message.status).map_err(|_| WireError::Invalid("by_status"))?;
        if by_status.insert(status, message.count).is_some() {
            return Err(WireError::Invalid("by_status"));
        }
    }
    Ok(by_status.into_iter().collect())
}

type Errors = ([u64; Failure::COUNT], BTreeMap<Box<str>, u64>);

/// By failure those that this engine knows, and by name the others, which a newer one may know.
fn errors_of(messages: Vec<ErrorCount>) -> Result<Errors, WireError> {
    let mut by_failure = [0; Failure::COUNT];
    let mut seen = [false; Failure::COUNT];
    let mut by_new_name = BTreeMap::new();
    for message in messages {
        let known = Failure::ALL.iter().position(|failure| failure.name() == message.name);
        let twice = match known {
            Some(place) => {
                by_failure[place] = message.count;
                std::mem::replace(&mut seen[place], true)
            }
            None => {
                let named = (1..=MAX_NAME_BYTES).contains(&message.name.len());
                if !named || by_new_name.len() >= MAX_NEW_NAMES {
                    return Err(WireError::Invalid("by_error"));
                }
                by_new_name
                    .insert(message.name.into_boxed_str(), message.count)
                    .is_some()
            }
        };
        if twice {
            return Err(WireError::Invalid("by_error"));
        }
    }
    Ok((by_failure, by_new_name))
}
