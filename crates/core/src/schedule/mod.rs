//! When each iteration is due: pure functions of the plan, the seed and the share of it that is asked for.
//!
//! Nothing here knows a clock. Every share of a plan walks its own arrivals and no others; all shares together
//! are the schedule of one machine, whatever the cut.

mod constant;
mod poisson;
pub mod random;
pub mod rate_profile;
pub mod vu_profile;

use crate::plan::Arrivals;
use crate::segment::Share;

use constant::ConstantArrivals;
use poisson::PoissonArrivals;
use rate_profile::RateProfile;

/// One iteration that the plan calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrival {
    /// When it is due: nanoseconds after the load begins. Response time counts from here.
    pub intended_ns: u64,
    /// Its number within the whole plan: no other arrival has it, on whatever worker.
    pub iteration: u64,
}

/// A share's arrivals, in the order of time.
pub trait Schedule {
    /// The next of this share's arrivals; `None` when there are no more.
    fn next(&mut self) -> Option<Arrival>;
}

/// The arrivals of an open load that belong to one share.
#[derive(Debug)]
pub enum OpenSchedule {
    /// At even distances.
    Constant(ConstantArrivals),
    /// At random, as independent users come.
    Poisson(Box<PoissonArrivals>),
}

impl OpenSchedule {
    /// The arrivals of `share`. Of the whole plan's arrivals only the first `limit` in time exist, if there is one.
    #[must_use]
    pub fn new(profile: RateProfile, arrivals: Arrivals, seed: u64, share: &Share, limit: Option<u64>) -> Self {
        match arrivals {
            Arrivals::Constant => Self::Constant(ConstantArrivals::new(profile, share, limit)),
            Arrivals::Poisson => Self::Poisson(Box::new(PoissonArrivals::new(profile, seed, share, limit))),
        }
    }

    /// How many are due from `from_ns` after the load begins until before `until_ns`; to the end without one.
    #[must_use]
    pub fn count_within(self, from_ns: u64, until_ns: Option<u64>) -> u64 {
        match self {
            Self::Constant(arrivals) => arrivals.count_within(from_ns, until_ns),
            Self::Poisson(arrivals) => arrivals.count_within(from_ns, until_ns),
        }
    }

    /// Passes over all that are due before `from_ns` after the load begins.
    pub fn skip_to(&mut self, from_ns: u64) {
        match self {
            Self::Constant(arrivals) => arrivals.skip_to(from_ns),
            Self::Poisson(arrivals) => arrivals.skip_to(from_ns),
        }
    }
}

impl Schedule for OpenSchedule {
    fn next(&mut self) -> Option<Arrival> {
        match self {
            Self::Constant(arrivals) => arrivals.next(),
            Self::Poisson(arrivals) => arrivals.next(),
        }
    }
}
