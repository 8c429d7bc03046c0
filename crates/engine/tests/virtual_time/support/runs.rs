//! The loop on virtual time, before a whole fake target with connections.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use apibench_core::clock::{Clock as _, ManualClock};
use apibench_core::fake_target::{End, FakeHost, FakeTarget, Ownership};
use apibench_core::plan::Plan;
use apibench_core::recorder::Recorder;
use apibench_core::segment::Share;
use apibench_core::transport::Transport;
use apibench_engine::control::{Command, Control};
use apibench_engine::counter;
use apibench_engine::driver::Driver;
use apibench_engine::feeder;
use apibench_engine::program::Program;
use apibench_engine::share;
use apibench_histogram::PagePool;
use apibench_histogram::interval::Interval;
use apibench_histogram::recorder::{IntervalRecorder, Spares};

use super::BARRIER;

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
    let rows = feeder::open(plan, &program).expect("the test's own rows");
    let feeders = feeder::feeders(plan, &program, &rows, share);
    let counters = counter::counters(&program, share, 0);
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
    )
    .fed(feeders)
    .counting(counters);
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
pub fn measure(
    plan: &Plan,
    clock: &ManualClock,
    target: FakeTarget<'_>,
    between: impl FnMut(u64, &Control),
) -> Vec<Interval> {
    let sealed = Sealed::default();
    drive(plan, &Share::whole(), clock, target, sealed.recorder(plan), between);
    sealed.take()
}

/// A target that answers every request after `service_ns`, on a connection for each virtual user.
pub fn prompt(clock: &ManualClock, service_ns: u64) -> FakeTarget<'static> {
    FakeTarget::new(clock.clone(), vec![FakeHost::ONE_EACH], move |_| {
        End::answer(service_ns, 200).into()
    })
}

/// A target to which all virtual users share so many connections. `answer` is asked for the n-th request that
/// starts, from 0.
pub fn numbered<'a>(clock: &ManualClock, connections: u32, mut answer: impl FnMut(u64) -> End + 'a) -> FakeTarget<'a> {
    let host = FakeHost {
        ownership: Ownership::Shared(connections),
        ..FakeHost::ONE_EACH
    };
    let mut asked = 0;
    FakeTarget::new(clock.clone(), vec![host], move |_| {
        asked += 1;
        answer(asked - 1).into()
    })
}

/// Stops a run at a moment.
pub fn stop_at(at_ns: u64, command: Command) -> impl FnMut(u64, &Control) {
    move |now_ns, control| {
        if now_ns >= at_ns {
            control.command(command);
        }
    }
}
