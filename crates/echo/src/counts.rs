//! What a server has seen and done, counted by itself: the other side of every claim of a load generator.

use std::collections::BTreeMap;

use serde::Serialize;

/// Totals since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Connections accepted.
    pub connections: u64,
    /// Connections closed, by whichever side.
    pub closed: u64,
    /// Complete requests received.
    pub requests: u64,
    /// By method.
    pub by_method: BTreeMap<String, u64>,
    /// By path without query; beyond a hundred paths the others are `(other)`.
    pub by_path: BTreeMap<String, u64>,
    /// Responses whose last byte the kernel took, by status.
    pub responses: BTreeMap<u16, u64>,
    /// Bytes read and written, TLS included.
    pub received_bytes: u64,
    /// See `received_bytes`.
    pub sent_bytes: u64,
    /// TLS handshakes completed, and how many of those resumed an earlier session.
    pub handshakes: u64,
    /// See `handshakes`.
    pub resumed: u64,
}

/// Paths counted by name.
const MOST_PATHS: usize = 100;

impl Counts {
    /// A complete request came.
    pub fn request(&mut self, method: &str, path: &str) {
        self.requests += 1;
        match self.by_method.get_mut(method) {
            Some(count) => *count += 1,
            None => {
                self.by_method.insert(method.to_owned(), 1);
            }
        }
        let room = self.by_path.len() < MOST_PATHS;
        match self.by_path.get_mut(path) {
            Some(count) => *count += 1,
            None if room => {
                self.by_path.insert(path.to_owned(), 1);
            }
            None => *self.by_path.entry("(other)".to_owned()).or_default() += 1,
        }
    }

    /// Adds another thread's.
    pub fn add(&mut self, other: &Self) {
        self.connections += other.connections;
        self.closed += other.closed;
        self.requests += other.requests;
        self.received_bytes += other.received_bytes;
        self.sent_bytes += other.sent_bytes;
        self.handshakes += other.handshakes;
        self.resumed += other.resumed;
        for (method, count) in &other.by_method {
            *self.by_method.entry(method.clone()).or_default() += count;
        }
        for (path, count) in &other.by_path {
            *self.by_path.entry(path.clone()).or_default() += count;
        }
        for (status, count) in &other.responses {
            *self.responses.entry(*status).or_default() += count;
        }
    }
}
