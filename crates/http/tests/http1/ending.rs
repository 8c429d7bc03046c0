//! What becomes of a connection when its exchange is over.

use std::io::{Read as _, Write as _};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use apibench_core::failure::Failure;
use apibench_core::transport::Transport as _;
use apibench_http::host::{Connections, HostProfile, Timeouts};

use crate::wire::{GET, OK, Wire, heard, host, post, read_head, serving};

/// More than the buffers of both sides hold.
const LARGE_BYTES: usize = 24 * 1024 * 1024;
const REFUSAL: &[u8] = b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno";

#[test]
fn an_upload_that_is_refused_and_then_reset_ends_once() {
    let (goes, going) = channel::<()>();
    let going = Arc::new(Mutex::new(going));
    let address = serving(move |mut stream, _| {
        stream.read_exact(&mut [0; 20])?;
        stream.write_all(REFUSAL)?;
        // Drops what it has not read: the client sees a reset.
        heard(&going.lock().unwrap())
    });
    let mut wire = Wire::to(host(address));
    let channel = wire.channel();
    wire.send(channel, &post(LARGE_BYTES));
    wire.finish();
    goes.send(()).unwrap();
    for _ in 0..20 {
        wire.turn();
    }
    assert_eq!(wire.results(), [Ok(413)]);
    let counters = wire.counters();
    assert_eq!(counters.closed_by_us + counters.closed_by_peer, 1, "{counters:?}");
}

#[test]
fn an_answer_that_is_whole_counts_though_the_send_broke() {
    let (begins, beginning) = channel::<()>();
    let (done, is_done) = channel::<()>();
    let beginning = Arc::new(Mutex::new(beginning));
    let address = serving(move |mut stream, _| {
        stream.read_exact(&mut [0; 20])?;
        heard(&beginning.lock().unwrap())?;
        stream.write_all(REFUSAL)?;
        drop(stream);
        done.send(()).map_err(std::io::Error::other)
    });
    let mut wire = Wire::to(host(address));
    let channel = wire.channel();
    wire.send(channel, &post(LARGE_BYTES));
    wire.until("it is sent as far as it goes", |wire| !wire.started.is_empty());
    begins.send(()).unwrap();
    // The answer and the reset come in one wake.
    heard(&is_done).unwrap();
    wire.finish();
    assert_eq!(wire.results(), [Ok(413)]);
}

#[test]
fn an_answer_until_the_end_does_not_count_when_the_send_broke() {
    let address = serving(move |mut stream, _| {
        stream.read_exact(&mut [0; 20])?;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhalf a bo")
    });
    let mut wire = Wire::to(host(address));
    let channel = wire.channel();
    wire.send(channel, &post(LARGE_BYTES));
    wire.finish();
    assert_eq!(wire.results(), [Err(Failure::TcpReset)]);
}

#[test]
fn how_long_a_peer_keeps_a_connection_is_what_it_said_last() {
    let address = serving(|mut stream, _| {
        let mut answer = &b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=0\r\nContent-Length: 0\r\n\r\n"[..];
        while !read_head(&mut stream)?.is_empty() {
            stream.write_all(answer)?;
            answer = OK;
        }
        Ok(())
    });
    let mut wire = Wire::to(host(address));
    let channel = wire.channel();
    // The first two go out together: the second finds the connection before it has rested.
    wire.send(channel, GET);
    wire.send(channel, GET);
    wire.finish();
    wire.turn();
    wire.send(channel, GET);
    wire.finish();
    assert_eq!(wire.counters().connections_opened, 1);
}

#[test]
fn connections_are_used_in_the_order_in_which_they_became_idle() {
    let address = serving(|mut stream, number| {
        while !read_head(&mut stream)?.is_empty() {
            write!(stream, "HTTP/1.1 {} OK\r\nContent-Length: 0\r\n\r\n", 200 + number)?;
        }
        Ok(())
    });
    let mut wire = Wire::to(HostProfile {
        connections: Connections::Shared(3),
        ..host(address)
    });
    let channel = wire.channel();
    for _ in 0..3 {
        wire.send(channel, GET);
    }
    wire.finish();
    let order: Vec<_> = wire.results();
    wire.ended.clear();
    assert_eq!(wire.one_by_one(channel, 6), [&order[..], &order].concat());
}

#[test]
fn a_connection_that_timed_out_is_closed() {
    let (ends, ended) = channel();
    let address = serving(move |mut stream, _| {
        read_head(&mut stream)?;
        let left = stream.read(&mut [0; 1]);
        ends.send(left).map_err(std::io::Error::other)
    });
    let mut wire = Wire::to(HostProfile {
        timeouts: Timeouts {
            total_ns: 30_000_000,
            ..Timeouts::NONE
        },
        ..host(address)
    });
    let channel = wire.channel();
    assert_eq!(wire.one_by_one(channel, 1), [Err(Failure::Timeout)]);
    let left = wire.until_told("the server sees it go", &ended);
    assert!(matches!(left, Ok(0)), "{left:?}");
    assert_eq!(wire.transport.counters().closed_by_us, 1);
}
