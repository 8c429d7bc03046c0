//! A transport, and servers that do to it what the tests want.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use apibench_core::clock::Clock;
use apibench_core::failure::Failure;
use apibench_core::lease::Lease;
use apibench_core::transport::{
    ChannelId, Event, ExchangeId, HostIndex, Outcome, Outgoing, Submission, Transport as _, TransportCounters,
};
use apibench_http::host::{Connections, HostProfile, Timeouts};
use apibench_http::http1::Http1;
use apibench_http::sys::Address;

/// How long anybody waits for anybody: a fault fails and never hangs.
pub const PATIENCE: Duration = Duration::from_secs(10);
pub const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n";
pub const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Time since it was made.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Clock for Stopwatch {
    fn now_ns(&self) -> u64 {
        self.0.elapsed().as_nanos() as u64
    }
}

/// A transport with one host, and what it has told.
pub struct Wire {
    pub transport: Http1<Stopwatch>,
    clock: Stopwatch,
    next: u32,
    in_flight: u32,
    pub started: Vec<ExchangeId>,
    pub ended: Vec<(ExchangeId, Outcome)>,
    /// Whose end was told ahead, and whose it was.
    pub told_ahead: Vec<(ExchangeId, ExchangeId)>,
    /// What was kept of the response that ended last, and whether there was more.
    pub response: Vec<u8>,
    pub cut: bool,
}

impl Wire {
    pub fn to(host: HostProfile) -> Self {
        Self::opening_at_most(host, 100, Lease::endless())
    }

    pub fn opening_at_most(host: HostProfile, opening_limit: u32, lease: Lease) -> Self {
        let clock = Stopwatch(Instant::now());
        Self {
            transport: Http1::new(vec![host], clock, 0, opening_limit, lease, Arc::default()).unwrap(),
            clock,
            next: 0,
            in_flight: 0,
            started: Vec::new(),
            ended: Vec::new(),
            told_ahead: Vec::new(),
            response: Vec::new(),
            cut: false,
        }
    }

    pub fn channel(&mut self) -> ChannelId {
        self.transport.open_channel(HostIndex(0))
    }

    pub fn send(&mut self, channel: ChannelId, bytes: &[u8]) -> ExchangeId {
        self.submit(channel, bytes, false)
    }

    /// Sends, and keeps the response.
    pub fn ask(&mut self, channel: ChannelId, bytes: &[u8]) -> Vec<u8> {
        self.submit(channel, bytes, true);
        self.finish();
        self.response.clone()
    }

    fn submit(&mut self, channel: ChannelId, bytes: &[u8], keep_response: bool) -> ExchangeId {
        let request = Outgoing {
            bytes,
            head_request: false,
            keep_location: false,
            keep_cookies: false,
            keep_response,
            fresh_connection: false,
            closes: false,
        };
        let id = ExchangeId(self.next);
        self.next += 1;
        self.in_flight += 1;
        if let Submission::Started { .. } = self.transport.submit(id, channel, request) {
            self.started.push(id);
        }
        id
    }

    /// One wait of at most 5 ms, and all that it tells.
    pub fn turn(&mut self) {
        self.transport.wait(self.clock.now_ns() + 5_000_000);
        loop {
            let coming = self.transport.coming();
            let Some(event) = self.transport.next() else { return };
            match event {
                Event::Started { exchange, .. } => self.started.push(exchange),
                Event::Ended { exchange, outcome } => {
                    self.in_flight -= 1;
                    let kept = self.transport.response();
                    (self.response, self.cut) = (kept.bytes.to_vec(), kept.cut);
                    self.ended.push((exchange, outcome));
                    self.told_ahead.extend(coming.map(|coming| (coming, exchange)));
                }
                Event::Sample { .. } => {}
            }
        }
    }

    pub fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !done(self) {
            assert!(began.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
            self.turn();
        }
    }

    /// Takes turns until `told` says something.
    pub fn until_told<T>(&mut self, what: &str, told: &Receiver<T>) -> T {
        let began = Instant::now();
        loop {
            match told.try_recv() {
                Ok(said) => return said,
                Err(error) => assert!(began.elapsed() < PATIENCE, "{what}: {error}"),
            }
            self.turn();
        }
    }

    /// Takes turns until all that was sent has ended.
    pub fn finish(&mut self) {
        self.until("all end", |wire| wire.in_flight == 0);
    }

    /// Sends one after another, and what each ended with: its status, or its failure.
    pub fn one_by_one(&mut self, channel: ChannelId, count: usize) -> Vec<Result<u16, Failure>> {
        for _ in 0..count {
            self.send(channel, GET);
            self.finish();
        }
        self.results()
    }

    /// What each exchange ended with, in the order of their ends.
    pub fn results(&self) -> Vec<Result<u16, Failure>> {
        let ended = self.ended.iter();
        ended
            .map(|(_, outcome)| outcome.failure.map_or(Ok(outcome.status), Err))
            .collect()
    }

    pub fn now_ns(&self) -> u64 {
        self.clock.now_ns()
    }

    pub fn counters(&self) -> TransportCounters {
        self.transport.counters()
    }
}

/// One connection for each channel, no timeouts, no TLS.
pub fn host(address: SocketAddr) -> HostProfile {
    HostProfile {
        addresses: vec![Address::Tcp(address)],
        first_address: 0,
        connections: Connections::PerVu(1),
        timeouts: Timeouts::NONE,
        tls: None,
    }
}

/// A server that does with each connection what `script` says; the number counts them from 0.
pub fn serving<F>(script: F) -> SocketAddr
where
    F: Fn(TcpStream, usize) -> io::Result<()> + Clone + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let (stream, script) = (stream.unwrap(), script.clone());
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            // That the client goes away is one of the things that are tried.
            std::thread::spawn(move || drop(script(stream, number)));
        }
    });
    address
}

/// A head, with whatever came behind it; empty at the end of the stream.
pub fn read_head(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let (mut received, mut buffer) = (Vec::new(), [0; 4096]);
    while !received.windows(4).any(|four| four == b"\r\n\r\n") {
        match stream.read(&mut buffer)? {
            0 => return Ok(Vec::new()),
            length => received.extend_from_slice(&buffer[..length]),
        }
    }
    Ok(received)
}

/// What a test has told a server; an error ends its script.
pub fn heard<T>(told: &Receiver<T>) -> io::Result<T> {
    told.recv_timeout(PATIENCE)
        .map_err(|error: RecvTimeoutError| io::Error::other(error))
}

/// A POST of so many bytes.
pub fn post(body_bytes: usize) -> Vec<u8> {
    let mut request = format!("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: {body_bytes}\r\n\r\n").into_bytes();
    request.extend((0..body_bytes).map(|place| (place % 251) as u8));
    request
}
