//! A plain request is answered without an allocation. Alone in its file: the whole process is counted.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};

use support::{Client, server};

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: everything is left to the system's allocator; counting touches no memory of its.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn exchange(stream: &mut TcpStream, request: &[u8]) {
    let mut answer = [0; 90];
    stream.write_all(request).unwrap();
    stream.read_exact(&mut answer).unwrap();
    assert!(answer.ends_with(b"ok\n"));
}

#[test]
fn a_plain_request_and_a_held_one_cost_no_allocation() {
    for knobs in ["", "delay=10us:50"] {
        let server = server(knobs);
        let mut stream = Client::to(&server).stream;
        let requests: [&[u8]; 2] = [
            b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n",
            b"POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi",
        ];
        let mut round = || requests.iter().for_each(|request| exchange(&mut stream, request));
        // Buffers find their size, and the names are counted for the first time.
        (0..50).for_each(|_| round());
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        (0..500).for_each(|_| round());
        assert_eq!(ALLOCATIONS.load(Ordering::Relaxed) - before, 0, "{knobs}");
    }
}
