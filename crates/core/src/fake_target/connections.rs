//! The connections of the fake target: which pool they belong to, their streams, and the lines before them.

use std::collections::VecDeque;

use crate::failure::Failure;
use crate::transport::HostIndex;

use super::reply::{FakeHost, Ownership};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Opening,
    Open,
    Closed,
}

#[derive(Debug)]
struct Connection {
    pool: usize,
    state: State,
    in_use: u32,
    served: u64,
}

#[derive(Debug)]
struct Pool {
    host: usize,
    limit: u32,
    /// Its connections that are not closed, the one that was used longest ago first.
    connections: VecDeque<usize>,
    line: VecDeque<u64>,
}

/// All connections, pools and channels.
#[derive(Debug)]
pub(super) struct Connections {
    hosts: Vec<FakeHost>,
    opened: Vec<[u64; 1]>,
    /// The pool of each host whose connections are shared.
    shared: Vec<Option<usize>>,
    pools: Vec<Pool>,
    /// The pool of each channel.
    channels: Vec<usize>,
    all: Vec<Connection>,
}

impl Connections {
    pub(super) fn new(hosts: Vec<FakeHost>) -> Self {
        let mut pools = Vec::new();
        let shared = hosts
            .iter()
            .enumerate()
            .map(|(host, known)| match known.ownership {
                Ownership::PerChannel(_) => None,
                Ownership::Shared(limit) => {
                    pools.push(Pool::new(host, limit));
                    Some(pools.len() - 1)
                }
            })
            .collect();
        Self {
            opened: vec![[0]; hosts.len()],
            hosts,
            shared,
            pools,
            channels: Vec::new(),
            all: Vec::new(),
        }
    }

    pub(super) fn open_channel(&mut self, host: HostIndex) -> usize {
        let host = host.0 as usize;
        let pool = self.shared[host].unwrap_or_else(|| {
            let (Ownership::PerChannel(limit) | Ownership::Shared(limit)) = self.hosts[host].ownership;
            self.pools.push(Pool::new(host, limit));
            self.pools.len() - 1
        });
        self.channels.push(pool);
        self.channels.len() - 1
    }

    /// The connections that go with a channel.
    pub(super) fn close_channel(&mut self, channel: usize) -> Vec<usize> {
        let pool = self.channels[channel];
        if self.shared.contains(&Some(pool)) {
            return Vec::new();
        }
        self.pools[pool].connections.iter().copied().collect()
    }

    pub(super) fn pool_of(&self, channel: usize) -> usize {
        self.channels[channel]
    }

    pub(super) fn host_of(&self, connection: usize) -> HostIndex {
        HostIndex(self.pools[self.all[connection].pool].host as u16)
    }

    fn host(&self, connection: usize) -> &FakeHost {
        &self.hosts[self.pools[self.all[connection].pool].host]
    }

    pub(super) fn streams_of(&self, connection: usize) -> u32 {
        self.host(connection).streams
    }

    pub(super) fn opening_ns(&self, connection: usize) -> u64 {
        self.host(connection).opening_ns
    }

    pub(super) fn refusal(&self, connection: usize) -> Option<Failure> {
        self.host(connection).refusal
    }

    pub(super) fn by_address(&self, host: HostIndex) -> &[u64] {
        &self.opened[host.0 as usize]
    }

    /// An open connection with a stream to spare. `fresh`: one that has carried nothing.
    pub(super) fn free_stream(&self, pool: usize, fresh: bool) -> Option<usize> {
        let streams = self.hosts[self.pools[pool].host].streams;
        self.pools[pool].connections.iter().copied().find(|connection| {
            let known = &self.all[*connection];
            known.state == State::Open && known.in_use < streams && !(fresh && known.served > 0)
        })
    }

    /// An open connection that carries nothing.
    pub(super) fn idle(&self, pool: usize) -> Option<usize> {
        let mut connections = self.pools[pool].connections.iter().copied();
        connections.find(|connection| self.all[*connection].state == State::Open && self.all[*connection].in_use == 0)
    }

    pub(super) fn has_room(&self, pool: usize) -> bool {
        (self.pools[pool].connections.len() as u32) < self.pools[pool].limit
    }

    pub(super) fn open(&mut self, pool: usize) -> usize {
        self.opened[self.pools[pool].host][0] += 1;
        self.all.push(Connection {
            pool,
            state: State::Opening,
            in_use: 0,
            served: 0,
        });
        self.pools[pool].connections.push_back(self.all.len() - 1);
        self.all.len() - 1
    }

    pub(super) fn opened(&mut self, connection: usize) {
        self.all[connection].state = State::Open;
    }

    /// Takes a stream and returns how many exchanges the connection had carried before.
    pub(super) fn take_stream(&mut self, connection: usize) -> u64 {
        let pool = &mut self.pools[self.all[connection].pool];
        pool.connections.retain(|other| *other != connection);
        pool.connections.push_back(connection);
        let known = &mut self.all[connection];
        known.in_use += 1;
        known.served += 1;
        known.served - 1
    }

    pub(super) fn free_stream_of(&mut self, connection: usize) {
        let known = &mut self.all[connection];
        known.in_use = known.in_use.saturating_sub(1);
    }

    /// Whether it was open until now. Its other streams go on to their own ends.
    pub(super) fn close(&mut self, connection: usize) -> bool {
        let known = &mut self.all[connection];
        let pool = &mut self.pools[known.pool];
        pool.connections.retain(|other| *other != connection);
        std::mem::replace(&mut known.state, State::Closed) != State::Closed
    }

    pub(super) fn first_in_line(&self, pool: usize) -> Option<u64> {
        self.pools[pool].line.front().copied()
    }

    pub(super) fn join_line(&mut self, pool: usize, number: u64) {
        self.pools[pool].line.push_back(number);
    }

    pub(super) fn leave_line(&mut self, pool: usize, number: u64) {
        self.pools[pool].line.retain(|waiting| *waiting != number);
    }
}

impl Pool {
    fn new(host: usize, limit: u32) -> Self {
        Self {
            host,
            limit,
            connections: VecDeque::new(),
            line: VecDeque::new(),
        }
    }
}
