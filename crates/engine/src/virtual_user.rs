//! A virtual user: who acts. It keeps its connections from one iteration to the next.

use apibench_core::phase::Phase;
use apibench_core::recorder::IterationEnd;
use apibench_core::transport::ChannelId;

use crate::cookies::Jar;
use crate::counter::Counts;
use crate::expression::Draws;
use crate::groups::OpenGroups;
use crate::program::Program;
use crate::variables::Variables;

/// What is kept of a request that was rendered when its iteration is over: large ones are rare, and users many.
const KEPT_REQUEST_BYTES: usize = 64 * 1024;

/// What a virtual user is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// It has nothing to do.
    Idle,
    /// A request of its is in flight or waits for a connection.
    Requesting,
    /// It waits for a function of Python.
    Calling,
    /// It pauses between two steps.
    Pausing,
    /// Its iteration has been written down, and what it does next has not been looked at.
    Ended,
}

/// What the steps of a virtual user belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It has not done yet what comes before its iterations.
    New,
    /// Its iterations.
    Iterating,
    /// What it does behind them.
    Stopping,
    /// It has done all that, and never acts again.
    Gone,
}

/// A virtual user and its present iteration. What every request touches comes first, in this order, so that it lies in
/// one cache line.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct VirtualUser {
    /// The place of its scenario.
    pub scenario: u16,
    /// What it is about.
    pub activity: Activity,
    /// Whether this iteration counts as started: its first byte is out, or it did something else before.
    pub begun: bool,
    /// Whether a request of this iteration has failed.
    pub failed: bool,
    /// Whether one has timed out: it might have gone on for any time.
    pub timed_out: bool,
    /// By the intended time of the iteration.
    pub phase: Phase,
    /// What it does belongs to an iteration, or not.
    pub life: Life,
    /// Its seat in a closed load.
    pub place: u32,
    /// The operation that it is at.
    pub operation: u32,
    /// Its way to the first host of its scenario.
    pub channel: ChannelId,
    /// How many iterations in a row have sent nothing: see `driver/resting.rs`.
    pub silent: u16,
    /// Whether this iteration has sent a request.
    pub sent: bool,
    /// When the iteration was due (open) or began (closed).
    pub intended_ns: u64,
    /// From when on it had nothing else to do.
    pub free_ns: u64,
    /// Since when all of its scenario had been busy before it took the iteration; `u64::MAX` if one was free.
    pub busy_since_ns: u64,
    /// Which stream of random values the iteration draws from, and how many it has drawn. In the open model
    /// the stream is the iteration's number and `round` is 0; in the closed model they are the number of the
    /// virtual user and of its iteration: nothing depends on which thread it lives on.
    pub round: u64,
    /// See `round`.
    pub draws: u64,
    /// See `round`.
    pub stream: u64,
    /// Its ways to the other hosts of its scenario, in their order; nearly always none.
    pub other_channels: Box<[ChannelId]>,
    /// What its iteration knows by name.
    pub variables: Variables,
    /// What responses have set, if any has: for as long as its scenario says.
    pub cookies: Option<Box<Jar>>,
    /// The groups of steps that it is in.
    pub groups: OpenGroups,
    /// What it counts with.
    pub counts: Counts,
    /// The request that it sent last, if that had to be rendered: it may have to be sent again.
    pub rendered: Vec<u8>,
}

impl VirtualUser {
    /// A virtual user that has not acted yet.
    #[must_use]
    pub fn new(scenario: u16, channel: ChannelId, other_channels: Box<[ChannelId]>, variables: Variables) -> Self {
        Self {
            variables,
            cookies: None,
            groups: OpenGroups::default(),
            counts: Counts::default(),
            rendered: Vec::new(),
            scenario,
            place: 0,
            activity: Activity::Idle,
            begun: false,
            failed: false,
            timed_out: false,
            phase: Phase::Main,
            life: Life::New,
            operation: 0,
            intended_ns: 0,
            free_ns: 0,
            busy_since_ns: 0,
            stream: 0,
            round: 0,
            draws: 0,
            silent: 0,
            sent: false,
            channel,
            other_channels,
        }
    }

    /// Its variables, and where it draws its random values.
    pub fn values(&mut self, program: &Program) -> (&mut Variables, Draws<'_>) {
        let (variables, draws, _) = self.values_and_request(program);
        (variables, draws)
    }

    /// The same, and where its requests are rendered.
    #[inline]
    pub fn values_and_request(&mut self, program: &Program) -> (&mut Variables, Draws<'_>, &mut Vec<u8>) {
        let draws = Draws {
            seed: program.seed,
            wall_clock: program.wall_clock,
            scenario: u64::from(self.scenario),
            stream: self.stream,
            round: self.round,
            drawn: &mut self.draws,
            counts: &mut self.counts,
        };
        (&mut self.variables, draws, &mut self.rendered)
    }

    /// Whether it does what comes before its iterations while one that is due waits for it.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.life == Life::New && !self.begun && self.activity != Activity::Idle
    }

    /// Its iteration is over: the next knows nothing of it.
    #[inline(always)]
    pub fn forget(&mut self) {
        self.variables.clear();
        self.groups.clear();
        self.rendered.clear();
        if self.rendered.capacity() > KEPT_REQUEST_BYTES {
            self.rendered.shrink_to(KEPT_REQUEST_BYTES);
        }
    }

    /// How an iteration ends whose steps are done.
    #[must_use]
    pub fn end(&self) -> IterationEnd {
        match (self.failed, self.timed_out) {
            (_, true) => IterationEnd::TimedOut,
            (true, false) => IterationEnd::Failed,
            (false, false) => IterationEnd::Ok,
        }
    }
}

const _: () = assert!(
    std::mem::offset_of!(VirtualUser, draws) + size_of::<u64>() <= 64,
    "what every request touches lies in one cache line"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    #[test]
    fn what_large_texts_took_is_given_back_with_their_iteration() {
        let mut user = VirtualUser::new(0, ChannelId(0), Box::default(), Variables::new(1, 0));
        user.variables.set(0, &Value::Integer(7));
        user.rendered = vec![0; 2 * KEPT_REQUEST_BYTES];
        user.forget();
        assert!(user.variables.get(0).is_err());
        assert_eq!(user.rendered.capacity(), KEPT_REQUEST_BYTES);
        user.rendered.extend_from_slice(&[0; 100]);
        user.forget();
        assert_eq!(
            user.rendered.capacity(),
            KEPT_REQUEST_BYTES,
            "the next request needs no memory of its own"
        );
    }
}
