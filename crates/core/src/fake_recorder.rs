//! The fake behind the [`Recorder`] seam: a list of what was told, in the order in which it was told.

use std::cell::RefCell;
use std::rc::Rc;

use crate::phase::Phase;
use crate::recorder::{
    CheckIndex, DriverCounters, DropReason, GroupIndex, IterationEnd, Pending, Recorder, RequestEnd, RequestStart,
    ScenarioIndex, SeriesIndex,
};
use crate::slow::SlowRequest;
use crate::transport::TransportCounters;

/// One call of the seam, with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the fields are the arguments of the seam's methods, by the same names"
)]
pub enum Told {
    /// [`Recorder::offered`].
    Offered {
        scenario: ScenarioIndex,
        phase: Phase,
        count: u64,
    },
    /// [`Recorder::dropped`].
    Dropped {
        scenario: ScenarioIndex,
        phase: Phase,
        reason: DropReason,
        first: SeriesIndex,
        age_ns: u64,
        count: u64,
    },
    /// [`Recorder::iteration_started`].
    IterationStarted { scenario: ScenarioIndex, phase: Phase },
    /// [`Recorder::iteration_ended`].
    IterationEnded {
        scenario: ScenarioIndex,
        phase: Phase,
        end: IterationEnd,
        time_ns: u64,
    },
    /// [`Recorder::checked`].
    Checked {
        scenario: ScenarioIndex,
        phase: Phase,
        check: CheckIndex,
        passed: bool,
    },
    /// [`Recorder::group_ended`].
    GroupEnded {
        group: GroupIndex,
        phase: Phase,
        end: IterationEnd,
        time_ns: u64,
    },
    /// [`Recorder::group_pending`].
    GroupPending {
        group: GroupIndex,
        phase: Phase,
        age_ns: u64,
    },
    /// [`Recorder::python_called`].
    PythonCalled {
        scenario: ScenarioIndex,
        phase: Phase,
        wait_ns: u64,
        time_ns: u64,
    },
    /// [`Recorder::python_given_up`].
    PythonGivenUp {
        scenario: ScenarioIndex,
        phase: Phase,
        age_ns: u64,
        begun: bool,
    },
    /// [`Recorder::request_started`].
    RequestStarted(RequestStart),
    /// [`Recorder::stale_retry`].
    StaleRetry { series: SeriesIndex, phase: Phase },
    /// [`Recorder::request_ended`].
    RequestEnded(RequestEnd),
    /// [`Recorder::request_unfinished`].
    RequestUnfinished {
        series: SeriesIndex,
        phase: Phase,
        response_ns: u64,
        service_ns: Option<u64>,
    },
    /// [`Recorder::slow`].
    Slow(SlowRequest),
    /// [`Recorder::pending`].
    Pending {
        scenario: ScenarioIndex,
        series: SeriesIndex,
        phase: Phase,
        pending: Pending,
        age_ns: u64,
        count: u64,
    },
    /// [`Recorder::seal`].
    Sealed { end_ns: u64, driver: DriverCounters },
}

/// Remembers everything. Clones share the list, so that a test keeps one and the loop has the other.
#[derive(Debug, Clone, Default)]
pub struct FakeRecorder {
    told: Rc<RefCell<Vec<Told>>>,
}

impl FakeRecorder {
    /// What has been told so far.
    #[must_use]
    pub fn told(&self) -> Vec<Told> {
        self.told.borrow().clone()
    }

    fn note(&self, told: Told) {
        self.told.borrow_mut().push(told);
    }
}

impl Recorder for FakeRecorder {
    fn offered(&mut self, scenario: ScenarioIndex, phase: Phase, count: u64) {
        self.note(Told::Offered { scenario, phase, count });
    }

    fn dropped(
        &mut self,
        scenario: ScenarioIndex,
        phase: Phase,
        reason: DropReason,
        first: SeriesIndex,
        age_ns: u64,
        count: u64,
    ) {
        self.note(Told::Dropped {
            scenario,
            phase,
            reason,
            first,
            age_ns,
            count,
        });
    }

    fn iteration_started(&mut self, scenario: ScenarioIndex, phase: Phase) {
        self.note(Told::IterationStarted { scenario, phase });
    }

    fn iteration_ended(&mut self, scenario: ScenarioIndex, phase: Phase, end: IterationEnd, time_ns: u64) {
        self.note(Told::IterationEnded {
            scenario,
            phase,
            end,
            time_ns,
        });
    }

    fn checked(&mut self, scenario: ScenarioIndex, phase: Phase, check: CheckIndex, passed: bool) {
        self.note(Told::Checked {
            scenario,
            phase,
            check,
            passed,
        });
    }

    fn group_ended(&mut self, group: GroupIndex, phase: Phase, end: IterationEnd, time_ns: u64) {
        self.note(Told::GroupEnded {
            group,
            phase,
            end,
            time_ns,
        });
    }

    fn group_pending(&mut self, group: GroupIndex, phase: Phase, age_ns: u64) {
        self.note(Told::GroupPending { group, phase, age_ns });
    }

    fn python_called(&mut self, scenario: ScenarioIndex, phase: Phase, wait_ns: u64, time_ns: u64) {
        self.note(Told::PythonCalled {
            scenario,
            phase,
            wait_ns,
            time_ns,
        });
    }

    fn python_given_up(&mut self, scenario: ScenarioIndex, phase: Phase, age_ns: u64, begun: bool) {
        self.note(Told::PythonGivenUp {
            scenario,
            phase,
            age_ns,
            begun,
        });
    }

    fn request_started(&mut self, start: &RequestStart) {
        self.note(Told::RequestStarted(*start));
    }

    fn stale_retry(&mut self, series: SeriesIndex, phase: Phase) {
        self.note(Told::StaleRetry { series, phase });
    }

    fn request_ended(&mut self, end: &RequestEnd) {
        self.note(Told::RequestEnded(*end));
    }

    fn request_unfinished(&mut self, series: SeriesIndex, phase: Phase, response_ns: u64, service_ns: Option<u64>) {
        self.note(Told::RequestUnfinished {
            series,
            phase,
            response_ns,
            service_ns,
        });
    }

    /// All are: whoever asks tells of each.
    fn is_slow(&self, phase: Phase, _response_ns: u64) -> bool {
        phase == Phase::Main
    }

    fn slow(&mut self, request: SlowRequest) {
        self.note(Told::Slow(request));
    }

    fn pending(
        &mut self,
        scenario: ScenarioIndex,
        series: SeriesIndex,
        phase: Phase,
        pending: Pending,
        age_ns: u64,
        count: u64,
    ) {
        self.note(Told::Pending {
            scenario,
            series,
            phase,
            pending,
            age_ns,
            count,
        });
    }

    fn seal(&mut self, end_ns: u64, _transport: &TransportCounters, driver: &DriverCounters) {
        self.note(Told::Sealed {
            end_ns,
            driver: *driver,
        });
    }
}
