//! What a run needs to know beside its plan: this host's part in it.

use serde::{Deserialize, Serialize};

/// What is told of iterations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tells {
    /// Nothing.
    #[default]
    Nothing,
    /// What each step came to, and no text of requests and responses.
    Steps,
    /// These, too.
    Everything,
}

/// How this process runs its share of a plan. Nothing here changes which requests exist or when they are due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// Threads that generate load; at least 1.
    pub threads: usize,
    /// The processors that the threads are pinned to, one each, in turn; empty for none.
    pub pin: Vec<usize>,
    /// How long before an arrival a thread stops sleeping and spins; 0 never to spin.
    pub spin_ns: u64,
    /// Whether somebody else's installation makes the load: then addresses are denied that are nobody's target.
    pub guarded: bool,
    /// What is told of what iterations do, step by step: for a few of them, never for a load.
    pub tells: Tells,
    /// Which segment of its run it has: no other has the same.
    pub segment: u32,
    /// Address ranges that may be connected to, like `10.0.0.0/8`; empty for all that are not denied.
    pub allowed: Vec<String>,
}
