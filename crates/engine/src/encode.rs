//! A sealed interval as the JSON document that comes up through the seam.

use std::collections::BTreeMap;

use serde::Serialize;

use apibench_core::slow::SlowRequest;
use apibench_histogram::groups::GroupCounts;
use apibench_histogram::interval::{Interval, ScenarioCounts, SeriesCounts};
use apibench_histogram::{Histogram, Times};

#[derive(Serialize)]
struct IntervalDocument<'a> {
    start_ns: u64,
    end_ns: u64,
    generator: GeneratorDocument,
    scenarios: Vec<ScenarioDocument>,
    series: Vec<SeriesDocument<'a>>,
    groups: Vec<GroupDocument>,
    slowest: Vec<SlowDocument<'a>>,
}

#[derive(Serialize)]
struct GeneratorDocument {
    cpu_ns: u64,
    longest_gap_ns: u64,
    unstarted: u64,
    unsent: u64,
    waits: u64,
    sends: u64,
    receives: u64,
    connections_opened: u64,
    connections_reused: u64,
    closed_by_peer: u64,
    closed_by_us: u64,
}

#[derive(Serialize)]
struct ScenarioDocument {
    scenario: u16,
    phase: &'static str,
    offered: u64,
    started: u64,
    ok: u64,
    failed: u64,
    unfinished: u64,
    dropped: DroppedDocument,
    lost: u64,
    waiting: u64,
    time: Option<Times>,
    /// Of those that were looked at: the number, how often it passed, and how often it failed.
    checks: Vec<(u16, u64, u64)>,
    /// Where functions of Python were called.
    #[serde(skip_serializing_if = "Option::is_none")]
    python_wait: Option<Times>,
    #[serde(skip_serializing_if = "Option::is_none")]
    python_time: Option<Times>,
}

#[derive(Serialize)]
struct DroppedDocument {
    cap: u64,
    deadline: u64,
    ended: u64,
    dry: u64,
}

#[derive(Serialize)]
struct SeriesDocument<'a> {
    series: u16,
    phase: &'static str,
    started: u64,
    ok: u64,
    failed: u64,
    unfinished: u64,
    stale_retries: u64,
    in_flight: u64,
    opening: u64,
    by_status: BTreeMap<u16, u64>,
    by_error: BTreeMap<&'a str, u64>,
    sent_bytes: u64,
    received_bytes: u64,
    /// By name; those without a value are left out.
    times: BTreeMap<&'static str, Times>,
}

#[derive(Serialize)]
struct GroupDocument {
    group: u16,
    phase: &'static str,
    ok: u64,
    failed: u64,
    unfinished: u64,
    /// By name: `time`, `pending`; those without a value are left out.
    times: BTreeMap<&'static str, Times>,
}

/// One of the slowest. Of times, those that never came to be are left out.
#[derive(Serialize)]
struct SlowDocument<'a> {
    series: u16,
    at_ns: u64,
    response_ns: u64,
    status: Option<u16>,
    error: Option<&'a str>,
    unfinished: bool,
    address: Option<&'a str>,
    /// By name.
    times: BTreeMap<&'static str, u64>,
}

/// The document of an interval.
///
/// # Errors
/// None that can occur: every key is text and every number an integer. Serde cannot know that.
pub fn encode(interval: &Interval) -> Result<String, serde_json::Error> {
    document(interval, Histogram::to_times)
}

/// The same without the cells of its histograms, of which `hdr` is empty: to write them as text costs ten times all
/// the rest, and who looks into an interval of its own process has them anyway.
///
/// # Errors
/// As [`encode`].
pub fn encode_figures(interval: &Interval) -> Result<String, serde_json::Error> {
    document(interval, Histogram::figures)
}

fn document(interval: &Interval, times_of: TimesOf) -> Result<String, serde_json::Error> {
    let scenarios = interval
        .scenarios
        .iter()
        .map(|((scenario, phase), counts)| scenario_document(scenario.0, phase.name(), counts, times_of));
    let series = interval
        .series
        .iter()
        .map(|((series, phase), counts)| series_document(series.0, phase.name(), counts, times_of));
    let groups = interval
        .groups
        .iter()
        .map(|((group, phase), counts)| group_document(group.0, phase.name(), counts, times_of));
    serde_json::to_string(&IntervalDocument {
        start_ns: interval.start_ns,
        end_ns: interval.end_ns,
        generator: GeneratorDocument {
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
        },
        scenarios: scenarios.collect(),
        series: series.collect(),
        groups: groups.collect(),
        slowest: interval.slowest.as_slice().iter().map(slow_document).collect(),
    })
}

fn scenario_document(
    scenario: u16,
    phase: &'static str,
    counts: &ScenarioCounts,
    times_of: TimesOf,
) -> ScenarioDocument {
    ScenarioDocument {
        scenario,
        phase,
        offered: counts.offered,
        started: counts.started,
        ok: counts.ok,
        failed: counts.failed,
        unfinished: counts.unfinished,
        dropped: DroppedDocument {
            cap: counts.dropped_cap,
            deadline: counts.dropped_deadline,
            ended: counts.dropped_ended,
            dry: counts.dropped_dry,
        },
        lost: counts.lost,
        waiting: counts.waiting,
        time: times(&counts.time, times_of),
        checks: counts
            .checks
            .iter()
            .map(|(check, count)| (check.0, count.passed, count.failed))
            .collect(),
        python_wait: times(&counts.python_wait, times_of),
        python_time: times(&counts.python_time, times_of),
    }
}

fn series_document<'a>(
    series: u16,
    phase: &'static str,
    counts: &'a SeriesCounts,
    times_of: TimesOf,
) -> SeriesDocument<'a> {
    SeriesDocument {
        series,
        phase,
        started: counts.started,
        ok: counts.ok,
        failed: counts.failed,
        unfinished: counts.unfinished,
        stale_retries: counts.stale_retries,
        in_flight: counts.in_flight,
        opening: counts.opening,
        by_status: counts.by_status.iter().copied().collect(),
        by_error: counts.errors(),
        sent_bytes: counts.sent_bytes,
        received_bytes: counts.received_bytes,
        times: counts
            .histograms()
            .into_iter()
            .filter_map(|(name, histogram)| Some((name, times(histogram, times_of)?)))
            .collect(),
    }
}

fn group_document(group: u16, phase: &'static str, counts: &GroupCounts, times_of: TimesOf) -> GroupDocument {
    let named = [("time", &counts.time), ("pending", &counts.pending)].into_iter();
    GroupDocument {
        group,
        phase,
        ok: counts.ok,
        failed: counts.failed,
        unfinished: counts.unfinished,
        times: named
            .filter_map(|(name, histogram)| Some((name, times(histogram, times_of)?)))
            .collect(),
    }
}

fn slow_document(request: &SlowRequest) -> SlowDocument<'_> {
    let opening = request.opening;
    let times = [
        ("service_time", request.service_ns),
        ("first_byte", request.first_byte_ns),
        ("schedule_lag", Some(request.schedule_lag_ns)),
        ("connection_wait", Some(request.connection_wait_ns)),
        ("connection_opening", opening.map(|opening| opening.total_ns)),
        ("connect", opening.map(|opening| opening.connect_ns)),
        (
            "dns",
            opening.map(|opening| opening.dns_ns).filter(|dns_ns| *dns_ns > 0),
        ),
        (
            "tls",
            opening.map(|opening| opening.tls_ns).filter(|tls_ns| *tls_ns > 0),
        ),
    ];
    SlowDocument {
        series: request.series.0,
        at_ns: request.at_ns,
        response_ns: request.response_ns,
        status: (request.status != 0).then_some(request.status),
        error: request.error.as_deref(),
        unfinished: request.unfinished,
        address: request.address.as_deref(),
        times: times
            .into_iter()
            .filter_map(|(name, took_ns)| Some((name, took_ns?)))
            .collect(),
    }
}

type TimesOf = fn(&Histogram) -> Times;

fn times(histogram: &Histogram, times_of: TimesOf) -> Option<Times> {
    (!histogram.is_empty()).then(|| times_of(histogram))
}
