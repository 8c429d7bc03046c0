//! Where a connection may not go it is not made, and its request fails under a name of its own.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use apibench_core::clock::Clock;
use apibench_core::failure::Failure;
use apibench_core::lease::Lease;
use apibench_core::transport::{Event, ExchangeId, HostIndex, Outcome, Outgoing, Transport as _, TransportCounters};
use apibench_http::guard::Guard;
use apibench_http::host::{Connections, HostProfile, Timeouts};
use apibench_http::http1::Http1;
use apibench_http::sys::Address;

#[derive(Clone, Copy)]
struct Stopwatch(Instant);

impl Clock for Stopwatch {
    fn now_ns(&self) -> u64 {
        1 + u64::try_from(self.0.elapsed().as_nanos()).unwrap()
    }
}

/// Sends three requests, one after the other, to a server on loopback; what became of them, what the transport did, and
/// how many connections the server saw.
fn sent(guard: Guard, fresh: bool) -> (Vec<Outcome>, TransportCounters, u32) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(AtomicU32::new(0));
    let accepted = Arc::clone(&seen);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            accepted.fetch_add(1, Ordering::SeqCst);
            std::thread::spawn(move || {
                let mut buffer = [0; 1_024];
                while stream.read(&mut buffer).unwrap_or(0) > 0 {
                    stream
                        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                        .unwrap();
                }
            });
        }
    });
    let clock = Stopwatch(Instant::now());
    let host = HostProfile {
        addresses: vec![Address::Tcp(address)],
        first_address: 0,
        connections: Connections::PerVu(1),
        timeouts: Timeouts::NONE,
        tls: None,
    };
    let mut transport = Http1::new(vec![host], clock, 0, 100, Lease::endless(), Arc::new(guard)).unwrap();
    let channel = transport.open_channel(HostIndex(0));
    let mut outcomes = Vec::new();
    for number in 0..3 {
        let request = Outgoing {
            bytes: b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            head_request: false,
            keep_location: false,
            keep_cookies: false,
            keep_response: false,
            fresh_connection: fresh,
            closes: false,
        };
        transport.submit(ExchangeId(number), channel, request);
        let outcome = loop {
            match transport.next() {
                Some(Event::Ended { outcome, .. }) => break outcome,
                Some(_) => {}
                None => {
                    transport.wait(clock.now_ns() + 1_000_000);
                }
            }
        };
        outcomes.push(outcome);
    }
    (outcomes, transport.counters(), seen.load(Ordering::SeqCst))
}

#[test]
fn an_address_in_an_allowed_range_is_connected_to() {
    for guard in [
        Guard::default(),
        Guard::new::<&str>(true, &[]).unwrap(),
        Guard::new(true, &["10.0.0.0/8", "127.0.0.0/8"]).unwrap(),
        Guard::new(true, &["::ffff:127.0.0.0/104"]).unwrap(),
    ] {
        let (outcomes, _, seen) = sent(guard, false);
        assert!(
            outcomes
                .iter()
                .all(|outcome| outcome.failure.is_none() && outcome.status == 200)
        );
        assert_eq!(seen, 1);
    }
}

#[test]
fn to_any_other_no_connection_is_made_each_time_anew() {
    for guard in [
        Guard::new(true, &["10.0.0.0/8"]).unwrap(),
        Guard::new(false, &["127.0.0.2", "::/0"]).unwrap(),
    ] {
        for fresh in [false, true] {
            let (outcomes, counters, seen) = sent(guard.clone(), fresh);
            let failures: Vec<_> = outcomes.iter().map(|outcome| outcome.failure).collect();
            assert_eq!(failures, [Some(Failure::TargetDenied); 3]);
            assert!(outcomes.iter().all(|outcome| outcome.sent_bytes == 0 && !outcome.stale));
            assert_eq!(
                (counters.connections_opened, counters.closed_by_us, counters.sends, seen),
                (0, 0, 0, 0)
            );
        }
    }
}
