//! The loop before a whole fake target, with connections: what the tests of its times and its ends share.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use apibench_core::clock::{Clock as _, ManualClock};
use apibench_core::fake_target::{Arrived, End, FakeHost, FakeTarget, Reply};
use apibench_core::plan::Plan;
use apibench_core::recorder::Recorder;
use apibench_core::segment::Share;
use apibench_core::transport::Transport;
use apibench_engine::control::Control;
use apibench_engine::driver::Driver;
use apibench_engine::program::Program;
use apibench_engine::share;
use apibench_histogram::interval::{Interval, SeriesCounts};
use apibench_histogram::recorder::{IntervalRecorder, Spares};
use apibench_histogram::{Histogram, PagePool};

use crate::support::BARRIER;

/// Runs a share of a plan; `between` is called after every turn with the time after the barrier.
pub fn drive<T: Transport, R: Recorder>(
    plan: &Plan,
    share: &Share,
    clock: &ManualClock,
    transport: T,
    recorder: R,
    mut between: impl FnMut(u64, &Control),
) {
    let program = Arc::new(Program::compile(plan).expect("the test's own plan"));
    let scenarios = share::scenarios(plan, share, BARRIER).expect("the test's own plan");
    let control = Arc::new(Control::default());
    let mut driver = Driver::new(
        program,
        scenarios,
        transport,
        recorder,
        clock.clone(),
        BARRIER,
        Arc::clone(&control),
    );
    while driver.turn() {
        between(clock.now_ns() - BARRIER, &control);
    }
}

/// Where sealed intervals go.
#[derive(Clone, Default)]
pub struct Sealed(Rc<RefCell<Vec<Interval>>>);

impl Sealed {
    /// The real recorder for a plan, whose intervals come here.
    pub fn recorder(&self, plan: &Plan) -> IntervalRecorder<impl FnMut(Interval) + use<>> {
        let program = Program::compile(plan).expect("the test's own plan");
        let sealed = Rc::clone(&self.0);
        IntervalRecorder::new(
            program.scenarios.len(),
            program.series.len(),
            &PagePool::new(),
            &Spares::default(),
            move |interval| sealed.borrow_mut().push(interval),
        )
    }

    /// What came so far.
    pub fn take(&self) -> Vec<Interval> {
        self.0.take()
    }
}

/// Runs a whole plan before a target with the real recorder.
pub fn measure<A: FnMut(&Arrived<'_>) -> Reply>(
    plan: &Plan,
    clock: &ManualClock,
    target: FakeTarget<A>,
    between: impl FnMut(u64, &Control),
) -> Vec<Interval> {
    let sealed = Sealed::default();
    drive(plan, &Share::whole(), clock, target, sealed.recorder(plan), between);
    sealed.take()
}

/// A target that answers every request after `service_ns`, on a connection for each virtual user.
pub fn prompt(clock: &ManualClock, service_ns: u64) -> FakeTarget<impl FnMut(&Arrived<'_>) -> Reply + use<>> {
    FakeTarget::new(clock.clone(), vec![FakeHost::ONE_EACH], move |_| {
        End::answer(service_ns, 200).into()
    })
}

/// One histogram over all intervals and series.
pub fn over_all(intervals: &[Interval], of: impl Fn(&SeriesCounts) -> &Histogram) -> Histogram {
    let mut total = Histogram::default();
    for counts in intervals.iter().flat_map(|interval| interval.series.values()) {
        total.merge(of(counts));
    }
    total
}
