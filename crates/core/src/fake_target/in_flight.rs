//! An exchange whose request has arrived, and what is still to come back.

use std::collections::VecDeque;

use crate::transport::Outcome;

use super::reply::{End, Sample};

#[derive(Debug)]
pub struct InFlight {
    pub connection: usize,
    pub started_ns: u64,
    pub sent_bytes: u64,
    pub keep_location: bool,
    pub keep_cookies: bool,
    pub response: Vec<u8>,
    pub reused: bool,
    /// What still comes back, the next in front.
    pub samples: VecDeque<Sample>,
    pub end: End,
}

impl InFlight {
    /// When the next of what comes back does; `None` for what never comes by itself.
    pub fn next_ns(&self) -> Option<u64> {
        let after_ns = match (self.samples.front(), &self.end) {
            (Some(sample), _) => sample.after_ns,
            (None, End::Answer { after_ns, .. } | End::Fail { after_ns, .. } | End::Cut { after_ns, .. }) => *after_ns,
            (None, End::Held | End::Silence) => return None,
        };
        Some(self.started_ns + after_ns)
    }

    pub fn outcome(&self, now_ns: u64, readable_ns: u64) -> Outcome {
        let ended = Outcome {
            readable_ns: readable_ns.min(now_ns),
            sent_bytes: self.sent_bytes,
            ..nothing(now_ns)
        };
        match &self.end {
            End::Answer {
                status,
                received_bytes,
                location,
                ..
            } => Outcome {
                status: *status,
                received_bytes: *received_bytes,
                location: location.clone().filter(|_| self.keep_location),
                cookies: if self.keep_cookies {
                    cookies_in(&self.response)
                } else {
                    Vec::new()
                },
                ..ended
            },
            End::Fail { failure, .. } => Outcome {
                failure: Some(*failure),
                stale: self.reused && End::closes_unanswered(*failure),
                ..ended
            },
            End::Cut { failure, stale, .. } => Outcome {
                failure: Some(*failure),
                stale: *stale,
                ..ended
            },
            End::Held | End::Silence => unreachable!("silence has no end"),
        }
    }
}

/// An end at which nothing came.
pub fn nothing(now_ns: u64) -> Outcome {
    Outcome {
        status: 0,
        failure: None,
        first_byte_ns: now_ns,
        ended_ns: now_ns,
        readable_ns: now_ns,
        sent_bytes: 0,
        received_bytes: 0,
        stale: false,
        location: None,
        cookies: Vec::new(),
        waited_ns: 0,
    }
}

/// What the head of a response sets.
fn cookies_in(response: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(response);
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    let fields = head.lines().filter_map(|line| line.split_once(": "));
    let set = fields.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    let values: String = set.map(|(_, value)| format!("{value}\n")).collect();
    values.into_bytes()
}
