//! Arrivals at even distances: number k when the cumulative rate reaches k + 1/2.
//!
//! The half puts no arrival on a second's boundary, and makes the count of a window the rate times its length,
//! rounded half up. Each moment is worked out from the arrival's number, never from the one before, so that
//! nothing drifts.

use crate::schedule::rate_profile::RateProfile;
use crate::schedule::{Arrival, Schedule};
use crate::segment::Share;

/// The constant law.
#[derive(Debug, Clone)]
pub struct ConstantArrivals {
    profile: RateProfile,
    share: Share,
    /// Arrivals of the whole plan.
    count: u64,
    cursor: u64,
    piece: usize,
}

impl ConstantArrivals {
    /// The arrivals of `share`, of the first `limit` of the whole plan.
    pub fn new(profile: RateProfile, share: &Share, limit: Option<u64>) -> Self {
        let count = profile.offered().min(limit.unwrap_or(u64::MAX));
        Self {
            profile,
            share: share.clone(),
            count,
            cursor: 0,
            piece: 0,
        }
    }
}

impl ConstantArrivals {
    /// Passes over all that are due before `from_ns`, without walking them.
    pub fn skip_to(&mut self, from_ns: u64) {
        self.cursor = self.first_due(from_ns);
    }

    /// How many are due from `from_ns` until before `until_ns`, without walking them.
    pub fn count_within(mut self, from_ns: u64, until_ns: Option<u64>) -> u64 {
        let end = until_ns.map_or(self.count, |until_ns| self.first_due(until_ns));
        let begin = self.first_due(from_ns).min(end);
        self.share.owned_below(end) - self.share.owned_below(begin)
    }

    /// The number of the first arrival, of anybody's, that is not due before `from_ns`.
    fn first_due(&mut self, from_ns: u64) -> u64 {
        let (mut low, mut high) = (self.cursor, self.count);
        while low < high {
            let middle = u64::midpoint(low, high);
            if self
                .intended_ns(middle)
                .is_some_and(|intended_ns| intended_ns < from_ns)
            {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    fn intended_ns(&mut self, iteration: u64) -> Option<u64> {
        let target = (2 * i128::from(iteration) + 1) * (self.profile.unit() / 2);
        self.profile.inverse(target, &mut self.piece)
    }
}

impl Schedule for ConstantArrivals {
    fn next(&mut self) -> Option<Arrival> {
        let iteration = self.share.next_owned(self.cursor).filter(|k| *k < self.count)?;
        self.cursor = iteration + 1;
        let intended_ns = self.intended_ns(iteration)?;
        Some(Arrival { intended_ns, iteration })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Rate, RateStage};
    use proptest::prelude::*;

    fn all(profile: &RateProfile, share: &Share, limit: Option<u64>) -> Vec<Arrival> {
        let mut arrivals = ConstantArrivals::new(profile.clone(), share, limit);
        std::iter::from_fn(|| arrivals.next()).collect()
    }

    proptest! {
        #[test]
        fn any_split_gives_the_one_schedule(
            from in 0_u64..3_000, to in 0_u64..3_000, weights in prop::collection::vec(1_u64..50, 1..8), limit in prop::option::of(0_u64..3_000),
        ) {
            let stage = RateStage { duration_ns: 1_500_000_000, rate: Rate { count: to, per_ns: 1_000_000_000 } };
            let profile = RateProfile::new(Rate { count: from, per_ns: 1_000_000_000 }, &[stage], 2_000_000_000).unwrap();
            let whole = all(&profile, &Share::whole(), limit);
            let mut parts: Vec<Arrival> = Share::whole().split(&weights).iter().flat_map(|share| {
                let part = all(&profile, share, limit);
                assert!(part.is_sorted());
                part
            }).collect();
            parts.sort_unstable();
            prop_assert_eq!(&parts, &whole);
            prop_assert_eq!(whole.len() as u64, profile.offered().min(limit.unwrap_or(u64::MAX)));
        }
    }
}
