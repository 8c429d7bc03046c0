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
use poisson::{PoissonArrivals, Walked};
use rate_profile::{RateProfile, TooFine};

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

/// Which arrivals of a whole open load exist, and how far they have been walked: worked out once, whatever the number of
/// shares.
#[derive(Debug, Clone)]
pub struct Extent {
    limit: Option<u64>,
    /// Only of the Poisson law, whose arrivals have to be walked.
    walked: Option<Walked>,
    walked_ns: u64,
    beyond: Option<Arrival>,
}

impl Extent {
    /// All arrivals of `profile`, or the first `limit` of them in time. Walks that far where only a walk can tell.
    ///
    /// # Errors
    /// [`TooFine`], if there is no room to calculate with the profile by this law.
    pub fn new(profile: &RateProfile, arrivals: Arrivals, seed: u64, limit: Option<u64>) -> Result<Self, TooFine> {
        let mut extent = Self {
            limit,
            walked: (arrivals == Arrivals::Poisson).then(Walked::default),
            walked_ns: 0,
            beyond: None,
        };
        extent.change(profile, seed, u64::MAX)?;
        Ok(extent)
    }

    /// Has been walked to `from_ns` after the load begins, if not further: what begins there begins quickly.
    pub fn walk_to(&mut self, profile: &RateProfile, seed: u64, from_ns: u64) {
        if let Some(walked) = &mut self.walked
            && from_ns > self.walked_ns
        {
            walked.walk_to(profile, seed, from_ns);
            self.walked_ns = from_ns;
        }
    }

    /// The load has another profile, which differs from `changed_ns` after its beginning on.
    ///
    /// # Errors
    /// [`TooFine`], as [`Self::new`].
    pub fn change(&mut self, profile: &RateProfile, seed: u64, changed_ns: u64) -> Result<(), TooFine> {
        let Some(walked) = &mut self.walked else { return Ok(()) };
        poisson::check(profile)?;
        if changed_ns < self.walked_ns {
            *walked = Walked::default();
            self.walked_ns = 0;
        }
        self.beyond = self.limit.and_then(|limit| walked.first_beyond(profile, seed, limit));
        Ok(())
    }
}

/// The arrivals of an open load that belong to one share.
#[derive(Debug, Clone)]
pub enum OpenSchedule {
    /// At even distances.
    Constant(ConstantArrivals),
    /// At random, as independent users come.
    Poisson(Box<PoissonArrivals>),
}

impl OpenSchedule {
    /// The arrivals of `share`, as far as they exist by the load's `extent` and have not been walked over.
    #[must_use]
    pub fn new(profile: RateProfile, seed: u64, share: &Share, extent: &Extent) -> Self {
        match &extent.walked {
            None => Self::Constant(ConstantArrivals::new(profile, share, extent.limit)),
            Some(walked) => Self::Poisson(Box::new(PoissonArrivals::resumed(
                walked,
                profile,
                seed,
                share,
                extent.beyond,
            ))),
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
