//! A day of virtual time with 50 series stays within 16 MiB of its first minute: counted by the allocator itself.

#[path = "virtual_time/support/mod.rs"]
mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use apibench_core::clock::{Clock as _, ManualClock};
use apibench_core::segment::Share;
use apibench_engine::control::Control;
use apibench_engine::driver::Driver;
use apibench_engine::program::Program;
use apibench_engine::share;
use apibench_histogram::PagePool;
use apibench_histogram::recorder::{IntervalRecorder, Spares};
use support::plans::{PATIENT, open, plan, request};
use support::runs::prompt;
use support::{BARRIER, MS, S};

struct Counting;

thread_local! {
    // Per thread, because the test harness allocates on its own as it likes. Constant and without a destructor, so
    // that the first use needs no allocation itself.
    static HELD_BYTES: Cell<i64> = const { Cell::new(0) };
}

// SAFETY: every call is handed to the system's allocator with the arguments that it came with.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD_BYTES.set(HELD_BYTES.get() + layout.size() as i64);
        // SAFETY: as the caller promised for this very call.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD_BYTES.set(HELD_BYTES.get() - layout.size() as i64);
        // SAFETY: as the caller promised for this very call.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const DAY: u64 = 86_400 * S;

/// Runs a day of `rate` iterations a second over 50 series and returns the most that was held after the first minute,
/// beyond what was held at its end. `gives_back`: the reader hands the memory of what it has read back.
fn growth_over_a_day(rate: u64, gives_back: bool) -> i64 {
    let cases: Vec<String> = (0..50)
        .map(|number| format!(r#"{{"weight":1,"steps":[{}]}}"#, request(&format!("step {number}"))))
        .collect();
    let steps = format!(
        r#"{{"type":"pick","by":"weight","cases":[{}],"source":null}}"#,
        cases.join(",")
    );
    let plan = plan(1, 0, S, &[(steps, open(rate, "poisson", "grow", 50, DAY, PATIENT))]);
    let program = Arc::new(Program::compile(&plan).unwrap());
    assert_eq!(program.series.len(), 50);
    let (clock, spares) = (ManualClock::at(BARRIER), Spares::default());
    let read = spares.clone();
    let sink = move |interval| {
        if gives_back {
            read.give_back(interval);
        }
    };
    let recorder = IntervalRecorder::new(1, 50, &PagePool::new(), &spares, sink);
    let scenarios = share::scenarios(&plan, &Share::whole(), BARRIER).unwrap();
    let transport = prompt(&clock, 300 * MS);
    let control = Arc::new(Control::default());
    let mut driver = Driver::new(program, scenarios, transport, recorder, clock.clone(), BARRIER, control);
    let (mut first_minute, mut most) = (None, 0);
    while driver.turn() {
        if clock.now_ns() - BARRIER >= 60 * S {
            most = most.max(HELD_BYTES.get() - *first_minute.get_or_insert(HELD_BYTES.get()));
        }
    }
    assert!(clock.now_ns() - BARRIER >= DAY - 10 * S, "it ran to its end");
    most
}

#[test]
fn a_day_with_fifty_series_holds_no_more_than_its_first_minute_did() {
    let held = growth_over_a_day(2, true);
    assert!(held < 16 << 20, "{held} bytes more");
}

#[test]
fn nor_does_it_where_the_reader_gives_nothing_back() {
    let held = growth_over_a_day(1, false);
    assert!(held < 16 << 20, "{held} bytes more");
}
