//! The plan as the engine reads it: the one JSON document that comes down through the seam.
//!
//! Python validates a plan, with words for people and a place for each fault, before it gets here. This side
//! trusts nothing all the same: an unknown field or an unknown word is refused, never ignored, because a plan
//! that runs without what it asked for is a lie about what was measured.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::expression::Template;
use crate::feeder::Feeder;
use crate::step::Step;

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// 1.
    pub version: u32,
    /// For people.
    pub name: String,
    /// Every random value follows from it.
    pub seed: u64,
    /// Time before the planned duration, counted apart.
    pub warmup_ns: u64,
    /// How long after the planned end what is in flight may still end.
    pub drain_ns: u64,
    /// Where requests go, by name.
    pub hosts: BTreeMap<String, Host>,
    /// What is done, in the plan's order.
    pub scenarios: Vec<Scenario>,
    /// What the run must hold. Judged above the seam; here only so that a plan is taken whole.
    pub thresholds: Vec<String>,
    /// Where rows of data come from, by name.
    pub feeders: BTreeMap<String, Feeder>,
    /// Done before it, as a plan of its own; here only so that a plan is taken whole.
    pub setup: Elsewhere,
    /// Done behind it, likewise.
    pub teardown: Elsewhere,
}

/// What the engine is given as a plan of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elsewhere;

impl<'de> Deserialize<'de> for Elsewhere {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

/// A word of the plan whose meaning is not built: only the empty value is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotBuilt;

impl<'de> Deserialize<'de> for NotBuilt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Null => Ok(Self),
            serde_json::Value::Array(items) if items.is_empty() => Ok(Self),
            other => Err(D::Error::custom(format!("this is not built yet: {other}"))),
        }
    }
}

/// A host.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Scheme, authority and a path that goes before every step's path.
    pub base_url: String,
    /// Which versions of HTTP are acceptable.
    pub http: HttpVersion,
    /// What is asked of certificates.
    pub tls: Tls,
    /// When to give up.
    pub timeouts: Timeouts,
    /// Not built.
    pub proxy: NotBuilt,
    /// Which addresses stand for the name.
    pub resolve: Resolve,
    /// Who owns connections.
    pub connections: Connections,
    /// Whether a connection may carry more than one request.
    pub keepalive: bool,
    /// How many redirects are followed; 0 for none.
    pub redirects: u32,
}

/// Versions of HTTP that the engine speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum HttpVersion {
    /// HTTP/1.1.
    #[serde(rename = "1.1")]
    One,
    /// Whatever is agreed on with the target, of those that are built: HTTP/1.1.
    #[serde(rename = "auto")]
    Auto,
}

/// What is asked of certificates.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Whether the certificate must be valid.
    pub verify: bool,
    /// A file of trusted certificates in PEM, instead of the system's.
    pub ca_file: Option<String>,
    /// The name to ask for, where it is not the URL's.
    pub server_name: Option<String>,
}

/// Timeouts in nanoseconds; `None` for none.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timeouts {
    /// Until a connection is usable.
    pub connect_ns: u64,
    /// From the first byte sent to the first byte received.
    pub first_byte_ns: Option<u64>,
    /// Between two reads of one response.
    pub idle_ns: Option<u64>,
    /// From the first byte sent to the last byte received.
    pub total_ns: u64,
}

/// Which addresses stand for a name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolve {
    /// Which family of addresses is acceptable.
    pub family: Family,
    /// Fixed addresses for a host and port, as curl's `--resolve`.
    pub addresses: Vec<FixedAddress>,
    /// Other hosts and ports to connect to, as curl's `--connect-to`; the first that matches holds.
    pub connect_to: Vec<ConnectTo>,
    /// A Unix socket to connect to.
    pub unix_socket: Option<String>,
}

/// A family of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Family {
    /// Both.
    #[serde(rename = "any")]
    Any,
    /// IPv4 only.
    #[serde(rename = "4")]
    V4,
    /// IPv6 only.
    #[serde(rename = "6")]
    V6,
}

/// A fixed address.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixedAddress {
    /// The name that it stands for.
    pub host: String,
    /// The port that it stands for.
    pub port: u16,
    /// An IP address.
    pub address: String,
}

/// Another place to connect to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectTo {
    /// The name that it stands for; `None` for any.
    pub host: Option<String>,
    /// The port that it stands for; `None` for any.
    pub port: Option<u16>,
    /// Where to connect instead.
    pub to_host: String,
    /// Where to connect instead.
    pub to_port: u16,
}

/// Who owns the connections to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Connections {
    /// Each virtual user, so many.
    PerVu {
        /// At the most.
        count: u32,
    },
    /// All virtual users together.
    Shared {
        /// At the most.
        count: u32,
    },
}

/// A named behaviour with its load.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Unique in the plan.
    pub name: String,
    /// When it begins, after the warm-up.
    pub start_ns: u64,
    /// Not built.
    pub after: NotBuilt,
    /// What holds for all its steps.
    pub defaults: Defaults,
    /// What a virtual user does once, before its iterations. Not of an open load.
    pub on_start: Vec<Step>,
    /// What one iteration does, in order.
    pub steps: Vec<Step>,
    /// What it does once, behind its last iteration. Not of an open load.
    pub on_stop: Vec<Step>,
    /// How many of them, and when.
    pub load: Load,
}

/// What holds for all steps of a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Defaults {
    /// Sent with every request that has none of the same name.
    pub headers: Vec<(String, Template)>,
    /// What becomes of the cookies that responses set.
    pub cookies: Cookies,
    /// What a failed request does to its iteration.
    pub on_fail: OnFail,
}

/// What becomes of the cookies that responses set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cookies {
    /// A virtual user sends them from then on.
    Keep,
    /// Likewise, to the end of its iteration.
    Iteration,
    /// Nobody looks at them.
    Off,
}

/// What a failed request does to its iteration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFail {
    /// The iteration ends as failed.
    EndIteration,
    /// The iteration goes on and ends as failed.
    Continue,
}

/// How many iterations, and when.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "model", rename_all = "snake_case", deny_unknown_fields)]
pub enum Load {
    /// Each virtual user begins the next iteration when its last has ended.
    Closed {
        /// How many at the start.
        vus: u64,
        /// How their number changes.
        stages: Vec<VuStage>,
        /// When it is over.
        ends: Ends,
    },
    /// Iterations fall due whether or not those before have ended.
    Open {
        /// Per second, or another time, at the start.
        rate: Rate,
        /// How the rate changes.
        stages: Vec<RateStage>,
        /// How arrivals lie within the rate.
        arrivals: Arrivals,
        /// What happens when every virtual user is busy.
        when_busy: WhenBusy,
        /// How many due iterations may wait; `None` for all.
        max_waiting: Option<u64>,
        /// How long a due iteration may wait; `None` for ever.
        max_wait_ns: Option<u64>,
        /// How many virtual users there may be.
        max_vus: u64,
        /// Behind schedule, at most so many times the planned rate, from 2; `None` for as fast as it goes.
        max_catchup: Option<u64>,
        /// When it is over.
        ends: Ends,
    },
}

/// When a load is over, whichever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ends {
    /// After this time, warm-up apart.
    pub duration_ns: Option<u64>,
    /// After so many iterations, warm-up apart.
    pub iterations: Option<u64>,
}

/// A rate: `count` iterations in `per_ns`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Iterations.
    pub count: u64,
    /// In so many nanoseconds; at least 1.
    pub per_ns: u64,
}

/// Moves the rate linearly to a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateStage {
    /// In this time.
    pub duration_ns: u64,
    /// To this level.
    pub rate: Rate,
}

/// Moves the number of virtual users linearly to a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VuStage {
    /// In this time.
    pub duration_ns: u64,
    /// To this level.
    pub vus: u64,
}

/// How arrivals lie within a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// At even distances.
    Constant,
    /// At random, as independent users arrive.
    Poisson,
}

/// What happens to a due iteration when every virtual user is busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenBusy {
    /// It waits for one of a fixed number of virtual users.
    Queue,
    /// Another virtual user takes it, up to the most that there may be; then it waits.
    Grow,
    /// It is dropped.
    Drop,
}

impl Plan {
    /// Reads a plan.
    ///
    /// # Errors
    /// What is wrong with it and where, in serde's words: a plan that Python let through and this side does not
    /// know means that the two are of different releases.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}
