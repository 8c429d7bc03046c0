//! What a server has seen and done, counted by itself: the other side of every claim of a load generator.

use std::collections::BTreeMap;

use serde::Serialize;

/// Totals since the start. `GET /_counts` asks for them, and is in none but `connections`, `closed` and, over TLS,
/// the bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Connections accepted.
    pub connections: u64,
    /// Connections closed, by whichever side.
    pub closed: u64,
    /// Complete requests received: with the last byte of the body, or of the head if there is none.
    pub requests: u64,
    /// By method; beyond forty the others are `(other)`.
    pub by_method: BTreeMap<String, u64>,
    /// By path without query; beyond a hundred paths the others are `(other)`.
    pub by_path: BTreeMap<String, u64>,
    /// Responses whose last byte the kernel took, by status. An answer that went wrong on purpose is not in here.
    pub responses: BTreeMap<u16, u64>,
    /// Answers that went wrong on purpose, by the knob that asked for it.
    pub faults: BTreeMap<&'static str, u64>,
    /// What was no request, and was refused.
    pub refused: u64,
    /// Bytes read and written, TLS included.
    pub received_bytes: u64,
    /// See `received_bytes`.
    pub sent_bytes: u64,
    /// TLS handshakes completed, and how many of those resumed an earlier session.
    pub handshakes: u64,
    /// See `handshakes`.
    pub resumed: u64,
}

/// Names counted by themselves; a name costs memory, and a client can invent any.
const MOST_METHODS: usize = 40;
const MOST_PATHS: usize = 100;

impl Counts {
    /// A complete request came.
    pub fn request(&mut self, method: &str, path: &str) {
        self.requests += 1;
        count(&mut self.by_method, method, MOST_METHODS);
        count(&mut self.by_path, path, MOST_PATHS);
    }

    /// Adds another thread's.
    pub fn add(&mut self, other: &Self) {
        self.connections += other.connections;
        self.closed += other.closed;
        self.requests += other.requests;
        self.refused += other.refused;
        self.received_bytes += other.received_bytes;
        self.sent_bytes += other.sent_bytes;
        self.handshakes += other.handshakes;
        self.resumed += other.resumed;
        add_all(&mut self.by_method, &other.by_method);
        add_all(&mut self.by_path, &other.by_path);
        add_all(&mut self.responses, &other.responses);
        add_all(&mut self.faults, &other.faults);
    }
}

/// Without an allocation, unless the name is new.
fn count(counts: &mut BTreeMap<String, u64>, name: &str, most: usize) {
    if let Some(count) = counts.get_mut(name) {
        *count += 1;
    } else {
        let name = if counts.len() < most { name } else { "(other)" };
        *counts.entry(name.to_owned()).or_default() += 1;
    }
}

fn add_all<K: Ord + Clone>(counts: &mut BTreeMap<K, u64>, others: &BTreeMap<K, u64>) {
    for (name, count) in others {
        *counts.entry(name.clone()).or_default() += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invented_paths_are_counted_together_and_none_is_lost() {
        let mut counts = Counts::default();
        for number in 0..1_000 {
            counts.request("GET", &format!("/{number}"));
        }
        assert_eq!(counts.by_path.len(), MOST_PATHS + 1);
        assert_eq!(counts.by_path["(other)"], 900);
        let mut total = counts.clone();
        total.add(&counts);
        assert_eq!((total.requests, total.by_path.values().sum()), (2_000, 2_000));
    }
}
