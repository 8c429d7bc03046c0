//! HTTP/1.1 to a small server in the same process, over the loopback interface, as a harness.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use apibench_core::clock::Clock;
use apibench_core::lease::Lease;
use apibench_http::host::{Connections, HostProfile, Timeouts};
use apibench_http::http1::Http1;
use apibench_http::sys::Address;

use super::{Harness, Limit};

/// Time since the harness was made.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Clock for Stopwatch {
    fn now_ns(&self) -> u64 {
        self.0.elapsed().as_nanos() as u64
    }
}

#[derive(Default)]
struct State {
    released: bool,
    over: bool,
    answers: usize,
}

#[derive(Default)]
struct Peer {
    state: Mutex<State>,
    changed: Condvar,
}

impl Peer {
    fn update(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
        self.changed.notify_all();
    }

    /// Waits at most five seconds: a fault fails and never hangs.
    fn await_state(&self, wanted: impl Fn(&State) -> bool) {
        let state = self.state.lock().unwrap();
        let patience = Duration::from_secs(5);
        let (state, timeout) = self
            .changed
            .wait_timeout_while(state, patience, |state| !wanted(state) && !state.over)
            .unwrap();
        drop(state);
        assert!(!timeout.timed_out(), "the peer was not answered in time");
    }

    /// Serves one connection until either side closes it.
    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut received = Vec::new();
        let mut buffer = [0; 1024];
        loop {
            while !received.ends_with(b"\r\n\r\n") {
                match stream.read(&mut buffer)? {
                    0 => return Ok(()),
                    length => received.extend_from_slice(&buffer[..length]),
                }
            }
            let path = received.split(|byte| *byte == b' ').nth(1).unwrap_or_default().to_vec();
            received.clear();
            match path.as_slice() {
                b"/close" => return stream.shutdown(Shutdown::Both),
                b"/hold" => self.await_state(|state| state.released),
                _ => {}
            }
            let last = path == b"/last";
            let header = if last { "Connection: close\r\n" } else { "" };
            stream.write_all(format!("HTTP/1.1 200 OK\r\n{header}Content-Length: 2\r\n\r\nok").as_bytes())?;
            self.update(|state| state.answers += 1);
            if last {
                return stream.shutdown(Shutdown::Both);
            }
        }
    }
}

pub struct Loopback {
    clock: Stopwatch,
    /// Gone before the peer's threads are waited for: they end when its connections close.
    transport: Option<Http1<Stopwatch>>,
    peer: Arc<Peer>,
    address: SocketAddr,
    listener: Option<JoinHandle<()>>,
}

impl Harness for Loopback {
    type Transport = Http1<Stopwatch>;

    fn new(limit: Limit) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let peer = Arc::new(Peer::default());
        let shared = Arc::clone(&peer);
        let listening = std::thread::spawn(move || {
            let mut serving = Vec::new();
            for stream in listener.incoming() {
                if shared.state.lock().unwrap().over {
                    break;
                }
                let peer = Arc::clone(&shared);
                serving.push(std::thread::spawn(move || peer.serve(stream.unwrap())));
            }
            for thread in serving {
                // A reset by the transport is no fault of the test.
                drop(thread.join().expect("the peer does not panic"));
            }
        });
        let host = HostProfile {
            addresses: vec![Address::Tcp(address)],
            first_address: 0,
            connections: match limit {
                Limit::Each(count) => Connections::PerVu(count),
                Limit::Shared(count) => Connections::Shared(count),
            },
            timeouts: Timeouts::NONE,
            tls: None,
        };
        let clock = Stopwatch(Instant::now());
        Self {
            clock,
            transport: Some(Http1::new(vec![host], clock, 0, 100, Lease::endless(), Arc::default()).unwrap()),
            peer,
            address,
            listener: Some(listening),
        }
    }

    fn transport(&mut self) -> &mut Self::Transport {
        self.transport.as_mut().unwrap()
    }

    fn now_ns(&self) -> u64 {
        self.clock.now_ns()
    }

    fn let_go(&mut self) {
        self.peer.update(|state| state.released = true);
    }

    fn await_answers(&mut self, count: usize) {
        self.peer.await_state(|state| state.answers >= count);
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.transport = None;
        self.peer.update(|state| state.over = true);
        // Wakes the listener; that it refuses is as good.
        drop(TcpStream::connect(self.address));
        if let Some(listener) = self.listener.take() {
            let ended = listener.join();
            assert!(ended.is_ok() || std::thread::panicking());
        }
    }
}
