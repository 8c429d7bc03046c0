//! The other end of a stream: what a process of Python would be.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use apibench_engine::python::Arrivals;
use serde_json::Value;

/// A process that does what a test says.
pub struct Process {
    pub stream: Option<UnixStream>,
    received: Vec<u8>,
    /// The calls that have come so far.
    pub calls: Vec<(u64, Value)>,
}

impl Process {
    pub fn arriving(arrivals: &Arrivals, number: u32) -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        for stream in [&ours, &theirs] {
            stream.set_nonblocking(true).unwrap();
        }
        arrivals.put(number, OwnedFd::from(theirs));
        Self {
            stream: Some(ours),
            received: Vec::new(),
            calls: Vec::new(),
        }
    }

    /// The calls that have come since it last looked.
    pub fn hear(&mut self) -> Vec<(u64, Value)> {
        let frames = self.frames().into_iter();
        let calls: Vec<(u64, Value)> = frames
            .flat_map(|frame| serde_json::from_slice::<Vec<_>>(&frame).unwrap())
            .collect();
        self.calls.extend(calls.iter().cloned());
        calls
    }

    /// The frames that have come since it last looked.
    pub fn frames(&mut self) -> Vec<Vec<u8>> {
        let Some(stream) = &mut self.stream else {
            return Vec::new();
        };
        let mut buffer = [0; 4096];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => self.received.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // Who was not believed is not read any more.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
                Err(error) => panic!("{error}"),
            }
        }
        let mut frames = Vec::new();
        while self.received.len() >= 4 {
            let length = u32::from_le_bytes(self.received[..4].try_into().unwrap()) as usize;
            if self.received.len() < 4 + length {
                break;
            }
            frames.push(self.received[4..4 + length].to_vec());
            self.received.drain(..4 + length);
        }
        frames
    }

    pub fn say(&mut self, answers: &Value) {
        self.write(answers.to_string().as_bytes());
    }

    pub fn write(&mut self, frame: &[u8]) {
        let stream = self.stream.as_mut().unwrap();
        stream.write_all(&(frame.len() as u32).to_le_bytes()).unwrap();
        stream.write_all(frame).unwrap();
    }

    pub fn die(&mut self) {
        self.stream = None;
    }
}
