//! In the steady state a request allocates nothing: counted by the allocator itself, on the thread that makes load,
//! with the real transport before a small server on the loopback interface.

#[path = "virtual_time/support/mod.rs"]
mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use apibench_core::clock::Clock as _;
use apibench_core::lease::Lease;
use apibench_core::phase::Phase;
use apibench_core::recorder::{
    CheckIndex, DriverCounters, DropReason, GroupIndex, IterationEnd, Pending, Recorder, RequestEnd, RequestStart,
    ScenarioIndex, SeriesIndex,
};
use apibench_core::segment::Share;
use apibench_core::slow::SlowRequest;
use apibench_core::transport::TransportCounters;
use apibench_engine::control::{Command, Control};
use apibench_engine::driver::Driver;
use apibench_engine::monotonic::MonotonicClock;
use apibench_engine::program::Program;
use apibench_engine::share;
use apibench_histogram::PagePool;
use apibench_histogram::recorder::{IntervalRecorder, Spares};
use apibench_http::host::{Connections, HostProfile, Timeouts};
use apibench_http::http1::Http1;
use apibench_http::sys::Address;
use support::S;
use support::plans::{closed, plan, request};

struct Counting;

thread_local! {
    // Per thread, because the server's threads allocate as they like. Constant and without a destructor, so that the
    // first use needs no allocation itself.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    /// Of these, within a seal: once a second, not once a request.
    static OF_SEALS: Cell<u64> = const { Cell::new(0) };
    static ENDED: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is handed to the system's allocator with the arguments that it came with.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as the caller promised for this very call.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised for this very call.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Passes everything on, counts requests, and tells the allocations of seals from the others.
struct Counted<R>(R);

impl<R: Recorder> Recorder for Counted<R> {
    fn offered(&mut self, scenario: ScenarioIndex, phase: Phase, count: u64) {
        self.0.offered(scenario, phase, count);
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
        self.0.dropped(scenario, phase, reason, first, age_ns, count);
    }
    fn iteration_started(&mut self, scenario: ScenarioIndex, phase: Phase) {
        self.0.iteration_started(scenario, phase);
    }
    fn iteration_ended(&mut self, scenario: ScenarioIndex, phase: Phase, end: IterationEnd, time_ns: u64) {
        self.0.iteration_ended(scenario, phase, end, time_ns);
    }
    fn checked(&mut self, scenario: ScenarioIndex, phase: Phase, check: CheckIndex, passed: bool) {
        self.0.checked(scenario, phase, check, passed);
    }
    fn group_ended(&mut self, group: GroupIndex, phase: Phase, end: IterationEnd, time_ns: u64) {
        self.0.group_ended(group, phase, end, time_ns);
    }
    fn group_pending(&mut self, group: GroupIndex, phase: Phase, age_ns: u64) {
        self.0.group_pending(group, phase, age_ns);
    }
    fn python_called(&mut self, scenario: ScenarioIndex, phase: Phase, wait_ns: u64, time_ns: u64) {
        self.0.python_called(scenario, phase, wait_ns, time_ns);
    }
    fn python_given_up(&mut self, scenario: ScenarioIndex, phase: Phase, age_ns: u64, begun: bool) {
        self.0.python_given_up(scenario, phase, age_ns, begun);
    }
    fn request_started(&mut self, start: &RequestStart) {
        self.0.request_started(start);
    }
    fn stale_retry(&mut self, series: SeriesIndex, phase: Phase) {
        self.0.stale_retry(series, phase);
    }
    fn request_ended(&mut self, end: &RequestEnd) {
        assert_eq!(end.failure, None);
        ENDED.set(ENDED.get() + 1);
        self.0.request_ended(end);
    }
    fn request_unfinished(&mut self, series: SeriesIndex, phase: Phase, response_ns: u64, service_ns: Option<u64>) {
        self.0.request_unfinished(series, phase, response_ns, service_ns);
    }
    fn is_slow(&self, phase: Phase, response_ns: u64) -> bool {
        self.0.is_slow(phase, response_ns)
    }
    fn slow(&mut self, request: SlowRequest) {
        self.0.slow(request);
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
        self.0.pending(scenario, series, phase, pending, age_ns, count);
    }
    fn seal(&mut self, end_ns: u64, transport: &TransportCounters, driver: &DriverCounters) {
        let before = ALLOCATIONS.get();
        self.0.seal(end_ns, transport, driver);
        OF_SEALS.set(OF_SEALS.get() + ALLOCATIONS.get() - before);
    }
}

/// Answers every request on one connection until its peer closes it.
fn serve(mut stream: TcpStream, served: &AtomicU64) {
    let mut buffer = [0; 4096];
    let mut filled = 0;
    while let Ok(length @ 1..) = stream.read(&mut buffer[filled..]) {
        filled += length;
        if buffer[..filled].ends_with(b"\r\n\r\n") {
            filled = 0;
            served.fetch_add(1, Ordering::Relaxed);
            if stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
                .is_err()
            {
                return;
            }
        }
    }
}

const VUS: u64 = 8;

#[test]
fn a_request_of_a_warm_loop_allocates_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let served = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&served);
    let server = std::thread::spawn(move || {
        let serving: Vec<_> = (0..VUS)
            .map(|_| {
                let (stream, _) = listener.accept().unwrap();
                let served = Arc::clone(&counted);
                std::thread::spawn(move || serve(stream, &served))
            })
            .collect();
        for thread in serving {
            thread.join().unwrap();
        }
    });

    let plan = plan(1, 0, S, &[(request("a"), closed(VUS, Some(600 * S), None))]);
    let program = Arc::new(Program::compile(&plan).unwrap());
    let spares = Spares::default();
    let read = spares.clone();
    // A value beyond all before it takes a page of its histogram. How many there are is the weather's choice on a busy
    // machine, and bounded by the pages that there can be: they lie ready, so that what is counted is the requests'.
    let pool = PagePool::new();
    pool.fill(512);
    let recorder = IntervalRecorder::new(1, 1, &pool, &spares, move |interval| {
        read.give_back(interval);
    });
    let host = HostProfile {
        addresses: vec![Address::Tcp(address)],
        first_address: 0,
        connections: Connections::PerVu(1),
        timeouts: Timeouts {
            connect_ns: 10 * S,
            total_ns: 10 * S,
            ..Timeouts::NONE
        },
        tls: None,
    };
    let barrier_ns = MonotonicClock.now_ns();
    let control = Arc::new(Control::default());
    let mut driver = Driver::new(
        program,
        share::scenarios(&plan, &Share::whole(), barrier_ns).unwrap(),
        Http1::new(vec![host], MonotonicClock, 0, 100, Lease::endless(), Arc::default()).unwrap(),
        Counted(recorder),
        MonotonicClock,
        barrier_ns,
        Arc::clone(&control),
    );
    let mut allocations_of = |requests: u64| {
        let (from, before) = (ENDED.get(), ALLOCATIONS.get() - OF_SEALS.get());
        while ENDED.get() - from < requests {
            assert!(driver.turn(), "the run goes on");
        }
        ALLOCATIONS.get() - OF_SEALS.get() - before
    };
    let first = allocations_of(5_000);
    assert!(first > 0, "the counting works");
    let (once, twice) = (allocations_of(20_000), allocations_of(40_000));
    assert!(
        once < 20 && twice < 20,
        "{once} for 20,000 requests, {twice} for 40,000"
    );

    control.command(Command::Abort);
    while driver.turn() {}
    drop(driver);
    server.join().unwrap();
    assert!(served.load(Ordering::Relaxed) >= 65_000);
}
