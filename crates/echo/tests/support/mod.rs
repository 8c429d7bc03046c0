//! A blocking client, written by hand so that it takes nothing for granted, and the means to set a server up.

// Each test file uses its own part of this.
#![allow(dead_code)]

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use apibench_core::clock::Clock;
use apibench_echo::{Config, Counts, Server};

/// `CLOCK_MONOTONIC`.
#[derive(Clone)]
pub struct Monotonic;

impl Clock for Monotonic {
    fn now_ns(&self) -> u64 {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` is valid for writing.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
        time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
    }
}

/// A server set up like this.
pub fn started(config: &Config) -> Server {
    Server::start(config, &Monotonic).unwrap()
}

/// A server with these knobs.
pub fn server(knobs: &str) -> Server {
    started(&Config {
        knobs: knobs.to_owned(),
        ..Config::default()
    })
}

/// Waits until the counts are as they should be: the server learns of a close after the client has made it.
pub fn counted(server: &Server, is_right: impl Fn(&Counts) -> bool) -> Counts {
    for _ in 0..400 {
        let counts = server.counts();
        if is_right(&counts) {
            return counts;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("the counts stay at {:?}", server.counts())
}

/// An answer, as read.
#[derive(Debug)]
pub struct Answer {
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1);
        let mut fields = lines.filter_map(|line| line.split_once(": "));
        fields
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

/// One connection, over whatever carries bytes.
pub struct Client<S: Read + Write> {
    pub stream: S,
    read: Vec<u8>,
}

impl Client<TcpStream> {
    pub fn to(server: &Server) -> Self {
        let address = server.address().strip_prefix("http://").unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream)
    }
}

impl<S: Read + Write> Client<S> {
    pub fn over(stream: S) -> Self {
        Self {
            stream,
            read: Vec::new(),
        }
    }

    pub fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    pub fn get(&mut self, target: &str) -> Answer {
        self.send(&format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
        self.answer()
    }

    pub fn post(&mut self, target: &str, body: &str) -> Answer {
        let length = body.len();
        self.send(&format!(
            "POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}"
        ));
        self.answer()
    }

    pub fn head(&mut self) -> String {
        let end = loop {
            if let Some(end) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
            assert!(self.read_more(), "the connection ended within a head: {:?}", self.read);
        };
        let head = String::from_utf8(self.read.drain(..end + 4).collect()).unwrap();
        head.trim_end().to_owned()
    }

    pub fn answer(&mut self) -> Answer {
        let mut answer = Answer {
            head: self.head(),
            body: Vec::new(),
        };
        if let Some(length) = answer.header("Content-Length") {
            answer.body = self.exactly(length.parse().unwrap());
        } else if answer.header("Transfer-Encoding") == Some("chunked") {
            loop {
                let size = self.line();
                let size = usize::from_str_radix(&size, 16).unwrap();
                answer.body.extend(self.exactly(size));
                assert_eq!(self.exactly(2), b"\r\n");
                if size == 0 {
                    break;
                }
            }
        } else if !matches!(answer.status(), 204 | 304) {
            answer.body = self.rest().unwrap();
        }
        answer
    }

    pub fn line(&mut self) -> String {
        let end = loop {
            if let Some(end) = self.read.windows(2).position(|window| window == b"\r\n") {
                break end;
            }
            assert!(self.read_more());
        };
        let line = self.read.drain(..end + 2).take(end).collect();
        String::from_utf8(line).unwrap()
    }

    pub fn exactly(&mut self, length: usize) -> Vec<u8> {
        while self.read.len() < length {
            assert!(self.read_more(), "the connection ended within a body");
        }
        self.read.drain(..length).collect()
    }

    /// Everything until the connection ends.
    pub fn rest(&mut self) -> std::io::Result<Vec<u8>> {
        let mut rest = std::mem::take(&mut self.read);
        self.stream.read_to_end(&mut rest)?;
        Ok(rest)
    }

    /// Whether the server has closed, after everything that was read.
    pub fn is_closed(&mut self) -> bool {
        self.read.is_empty() && matches!(self.stream.read(&mut [0]), Ok(0))
    }

    /// Whether the server has reset it.
    pub fn is_reset(&mut self) -> bool {
        matches!(self.stream.read(&mut [0]), Err(error) if error.kind() == ErrorKind::ConnectionReset)
    }

    fn read_more(&mut self) -> bool {
        let mut piece = [0; 16 * 1024];
        let length = self.stream.read(&mut piece).unwrap();
        self.read.extend_from_slice(&piece[..length]);
        length > 0
    }
}
