//! The recorder seam: where the loop writes down what happened.
//!
//! The loop tells each event once, in the order of its stamps; the recorder adds it to the second it
//! belongs to. [`Recorder::seal`] closes a second: every event told after it belongs to later ones.

use crate::failure::Failure;
use crate::phase::Phase;
use crate::slow::SlowRequest;
use crate::transport::{Opening, TransportCounters};

/// A scenario, by its place in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScenarioIndex(pub u16);

/// A series: one step of one scenario and one kind of sample. Numbered when the plan is compiled, so that
/// the number of series is known before the first request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesIndex(pub u16);

/// A check of a scenario, by the number that the compiled plan gives it among those of the scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CheckIndex(pub u16);

/// A group of steps, by the number that the compiled plan gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupIndex(pub u16);

/// Receive lags are rounded up to multiples of this. They are upper bounds from the return of one wait for all that it
/// brought; every nanosecond of them would be noise, and nearly half of what a second takes to keep.
pub const RECEIVE_LAG_STEP_NS: u64 = 512;

/// Why a due iteration was never started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// No virtual user was free and no more were allowed to wait.
    Cap,
    /// It waited longer than the plan allows.
    Deadline,
    /// It still waited when the drain ended.
    Ended,
    /// No row was left for it, and by the plan its load ended there.
    Dry,
}

/// How an iteration ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IterationEnd {
    /// All its requests were ok.
    Ok,
    /// One failed, and none timed out: its time says nothing about the target's.
    Failed,
    /// One timed out. It counts as failed, and its time is a lower bound.
    TimedOut,
    /// It was cut off by the end of the drain or by a stop.
    Unfinished,
}

/// What is not over yet at the moment of a seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pending {
    /// A due iteration that waits: for a virtual user, or for a connection for its first request.
    Waiting,
    /// A request that waits for a connection, or for one to be opened.
    Opening,
    /// A request that started and has not ended.
    InFlight,
}

/// A request that started, and what lay between its intended time and its start. All in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestStart {
    /// Of which series.
    pub series: SeriesIndex,
    /// By its intended time.
    pub phase: Phase,
    /// Our loop was late although something was free.
    pub schedule_lag_ns: u64,
    /// No virtual user, connection or stream was free.
    pub connection_wait_ns: u64,
    /// What opening a connection took, if this request paid for one.
    pub opening: Option<Opening>,
}

/// A request that ended, ok or failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestEnd {
    /// Of which series.
    pub series: SeriesIndex,
    /// By its intended time.
    pub phase: Phase,
    /// Why it failed; `None` for ok.
    pub failure: Option<Failure>,
    /// HTTP status, 0 if there was none.
    pub status: u16,
    /// `ended - intended`.
    pub response_ns: u64,
    /// `ended - started`. If it failed before its first byte was sent, its age since the opening of a connection began for
    /// it: the least that it would have taken, which is what a timeout counts as.
    pub service_ns: u64,
    /// `first byte - started`.
    pub first_byte_ns: u64,
    /// Readable to read, an upper bound: a multiple of [`RECEIVE_LAG_STEP_NS`].
    pub receive_lag_ns: u64,
    /// Bytes handed to the kernel.
    pub sent_bytes: u64,
    /// Bytes of the response on the wire.
    pub received_bytes: u64,
}

/// Writes down what the loop tells.
pub trait Recorder {
    /// `count` iterations of `scenario` fell due.
    fn offered(&mut self, scenario: ScenarioIndex, phase: Phase, count: u64);
    /// `count` due iterations were given up before they started, `age_ns` after they were due. `first` is the series
    /// in which they would have begun: those dropped as `Ended` stay in its distribution as lower bounds.
    fn dropped(
        &mut self,
        scenario: ScenarioIndex,
        phase: Phase,
        reason: DropReason,
        first: SeriesIndex,
        age_ns: u64,
        count: u64,
    );
    /// An iteration started.
    fn iteration_started(&mut self, scenario: ScenarioIndex, phase: Phase);
    /// An iteration ended, `time_ns` after it was intended.
    fn iteration_ended(&mut self, scenario: ScenarioIndex, phase: Phase, end: IterationEnd, time_ns: u64);
    /// A check of an iteration was looked at, and `passed` or not.
    fn checked(&mut self, scenario: ScenarioIndex, phase: Phase, check: CheckIndex, passed: bool);
    /// A group of steps was passed through, or its iteration ended in it, after `time_ns` without pauses. It ends as an
    /// iteration does that has only what happened in the group.
    fn group_ended(&mut self, group: GroupIndex, phase: Phase, end: IterationEnd, time_ns: u64);
    /// A virtual user is in a group at the moment of a seal, for `age_ns` so far, pauses left out. Told just before
    /// [`Recorder::seal`].
    fn group_pending(&mut self, group: GroupIndex, phase: Phase, age_ns: u64);
    /// A function of Python was called and has answered, or failed by itself: it took `time_ns`, and all the rest of what
    /// its virtual user waited for it is `wait_ns`.
    fn python_called(&mut self, scenario: ScenarioIndex, phase: Phase, wait_ns: u64, time_ns: u64);
    /// A call of Python came to no end of its own within `age_ns`. `begun`: a process had it by then.
    fn python_given_up(&mut self, scenario: ScenarioIndex, phase: Phase, age_ns: u64, begun: bool);
    /// A request started.
    fn request_started(&mut self, start: &RequestStart);
    /// A request met a connection that the peer had closed and was sent once more: another attempt of the
    /// same request.
    fn stale_retry(&mut self, series: SeriesIndex, phase: Phase);
    /// A request ended, ok or failed.
    fn request_ended(&mut self, end: &RequestEnd);
    /// A request was cut off by the end of the drain, `response_ns` after it was intended and `service_ns`
    /// after it started, or after it was submitted to a connection of its own that never opened. `None`: it waited
    /// for a connection that others had, which says nothing about how long it would have been served.
    fn request_unfinished(&mut self, series: SeriesIndex, phase: Phase, response_ns: u64, service_ns: Option<u64>);
    /// Whether a request that ended or was cut off `response_ns` after it was intended is one of the slowest so far, of
    /// those that count for the response time. Then it is to be told apart, by [`Recorder::slow`].
    fn is_slow(&self, phase: Phase, response_ns: u64) -> bool;
    /// One of the slowest so far, told of beside its end.
    fn slow(&mut self, request: SlowRequest);
    /// `count` requests are in flight at the moment of a seal, or as many iterations due for the series wait: their
    /// age, told just before [`Recorder::seal`], so that a frozen target shows in the second in which it froze.
    fn pending(
        &mut self,
        scenario: ScenarioIndex,
        series: SeriesIndex,
        phase: Phase,
        pending: Pending,
        age_ns: u64,
        count: u64,
    );
    /// Closes the second that ends at `end_ns` after the barrier. `transport`: what the transport has done since
    /// it was made. `driver`: what the loop has failed to do since the last seal.
    fn seal(&mut self, end_ns: u64, transport: &TransportCounters, driver: &DriverCounters);
}

/// What a loop failed to do, by its own account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DriverCounters {
    /// The longest time for which it did not look, although it should have.
    pub longest_gap_ns: u64,
    /// Due iterations that it gave up at the end although a virtual user was free for them.
    pub unstarted: u64,
    /// Requests that were given up at the end before their first byte went out, and count as started all the same,
    /// because their iteration had started.
    pub unsent: u64,
}
