//! What is held of a file of rows does not grow with the file: counted by the allocator itself.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs::File;
use std::io::{BufWriter, Write as _};

use apibench_core::feeder::{Feeder, RowFormat, RowOrder, WhenDry};
use apibench_engine::rows::{RowReader, Rows};

struct Counting;

thread_local! {
    // Per thread, because the test harness allocates on its own as it likes. Constant and without a destructor, so
    // that the first use needs no allocation itself.
    static HELD_BYTES: Cell<i64> = const { Cell::new(0) };
    static MOST_BYTES: Cell<i64> = const { Cell::new(0) };
}

fn grow(bytes: i64) {
    HELD_BYTES.set(HELD_BYTES.get() + bytes);
    MOST_BYTES.set(MOST_BYTES.get().max(HELD_BYTES.get()));
}

// SAFETY: every call is handed to the system's allocator with the arguments that it came with.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size() as i64);
        // SAFETY: as the caller promised for this very call.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        grow(-(layout.size() as i64));
        // SAFETY: as the caller promised for this very call.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MIB: i64 = 1 << 20;

/// What is held of a file of so many rows once it is open and rows were read, and the most that was before.
fn held_of(count: u64) -> (i64, i64) {
    let path = std::env::temp_dir().join(format!("apibench-held-{}-{count}.csv", std::process::id()));
    let mut file = BufWriter::new(File::create(&path).unwrap());
    file.write_all(b"n,x\n").unwrap();
    for row in 0..count {
        writeln!(file, "{row:07},ab").unwrap();
    }
    drop(file.into_inner().unwrap());
    let feeder = Feeder {
        format: RowFormat::Csv,
        path: Some(path.display().to_string()),
        text: None,
        columns: Vec::new(),
        delimiter: ",".to_owned(),
        order: RowOrder::Sequential,
        when_dry: WhenDry::Recycle,
    };
    let before = HELD_BYTES.get();
    MOST_BYTES.set(before);
    let rows = Rows::open(&feeder).unwrap();
    let mut reader = RowReader::default();
    for row in [0, count / 2, count - 1] {
        assert!(rows.read(row, &mut reader).is_some());
    }
    let found = (HELD_BYTES.get() - before, MOST_BYTES.get() - before);
    std::fs::remove_file(&path).unwrap();
    found
}

#[test]
fn twice_the_rows_hold_no_more_memory_and_none_need_more_on_the_way() {
    // 3.2 and 6.4 million rows, 34 and 67 MiB: neither is kept, and of neither is every beginning.
    let (small, large) = (held_of(3_200_000), held_of(6_400_000));
    assert!(
        small.0 <= 17 * MIB && large.0 <= small.0 + MIB,
        "{small:?} and {large:?}"
    );
    assert!(
        small.1 <= 30 * MIB && large.1 <= small.1 + MIB,
        "{small:?} and {large:?}"
    );
}
