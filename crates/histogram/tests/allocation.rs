//! Recording allocates nothing: counted by the allocator itself, so that no noise can hide it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use apibench_histogram::{Histogram, PagePool};

struct Counting;

thread_local! {
    // Per thread, because the test harness allocates on its own as it likes. Constant and without
    // a destructor, so that the first use needs no allocation itself.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static HELD_BYTES: Cell<i64> = const { Cell::new(0) };
}

// SAFETY: every call is handed to the system's allocator with the arguments that it came with.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
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

fn allocations_of(action: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    action();
    ALLOCATIONS.get() - before
}

/// One million values over five doublings, from 65,536 ns up; one in four is 70,000 ns, so that
/// its page widens on the way.
fn record_a_million(histogram: &mut Histogram) {
    for step in 0..1_000_000_u64 {
        let spread = step.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        histogram.record(if step % 4 == 0 {
            70_000
        } else {
            65_536 + spread % (31 * 65_536)
        });
    }
}

#[test]
fn recording_allocates_at_first_touch_and_never_again() {
    let pool = PagePool::new();
    let (mut recording, mut merged) = (Histogram::new(&pool), Histogram::new(&pool));
    let first_second = allocations_of(|| record_a_million(&mut recording));
    assert!(first_second >= 5, "the counting works: {first_second}");

    // The page of these values is there: a million more, and nothing happens but counting.
    assert_eq!(allocations_of(|| record_a_million(&mut recording)), 0);

    // Seconds as a run has them, each merged and cleared: from the second on, nothing either.
    let mut one_second = || {
        recording.clear();
        merged.clear();
        record_a_million(&mut recording);
        merged.merge(&recording);
    };
    one_second();
    assert_eq!(allocations_of(&mut one_second), 0);
    assert_eq!(allocations_of(&mut one_second), 0);

    // With pages put in beforehand not even first touches allocate.
    pool.fill(5);
    let mut fresh = Histogram::new(&pool);
    assert_eq!(allocations_of(|| fresh.record(1_000_000_000)), 0);

    // 50 series of 8 histograms on 2 threads, each touching 5 doublings.
    let before = HELD_BYTES.get();
    let pool = PagePool::new();
    let mut all: Vec<Histogram> = (0..50 * 8 * 2).map(|_| Histogram::new(&pool)).collect();
    for histogram in &mut all {
        for doubling in 0..5 {
            histogram.record(65_536 << doubling);
        }
    }
    let held = HELD_BYTES.get() - before;
    assert!(held < 9 << 20, "{held} bytes");

    // Encoding reuses its scratch: what is left is the text itself.
    let _ = merged.to_text();
    assert!(allocations_of(|| drop(merged.to_text())) <= 1);
}
