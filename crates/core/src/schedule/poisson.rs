//! Arrivals at random, as many independent users come: a Poisson process whose rate may change over time.
//!
//! The ring has 1,024 fixed slots. Each is a Poisson process of its own, with its own seed and a 1,024th of the
//! rate; together they are one of the whole rate, exactly. A share owns the slots whose first position it owns, so
//! a re-cut moves whole slots and never changes an arrival.
//!
//! Gaps are unit exponentials on the scale of the cumulative rate, in fixed point of 2^-40 iterations, and moments
//! follow by the profile's exact inverse. The logarithm is libm's in pure Rust, which gives the same bits on every
//! machine; the platform's does not promise that.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::schedule::random::{draw, open_unit};
use crate::schedule::rate_profile::{RateProfile, TooFine};
use crate::schedule::{Arrival, Schedule};
use crate::segment::Share;

/// Slots of the ring.
pub const SLOTS: u64 = 1_024;
/// Fixed point of gaps: 2^-40 iterations of a slot.
const FRACTION_BITS: u32 = 40;

/// The longest gap that can be drawn, rounded up, in iterations of a slot: 53 binary logarithms.
const LONGEST_GAP: i128 = 37;

/// One slot's own process.
#[derive(Debug, Clone, Copy)]
struct Slot {
    number: u64,
    /// How many it has had.
    count: u64,
    /// The sum of their gaps, in 2^-40 iterations.
    sum: u128,
    piece: usize,
}

impl Slot {
    /// The sum of its gaps up to its next iteration.
    #[inline]
    fn next_sum(&self, seed: u64) -> u128 {
        #[cfg(test)]
        tests::DRAWN.set(tests::DRAWN.get() + 1);
        let gap = -libm::log(open_unit(draw(seed, SLOTS, self.number, self.count, 0)));
        self.sum + (gap * (1_u64 << FRACTION_BITS) as f64) as u128
    }

    /// Passes over all that are due before the profile's cumulative rate reaches `until`, without asking when. Whatever
    /// the rate does later, they were due before.
    fn pass(&mut self, seed: u64, unit: i128, until: i128) {
        loop {
            let sum = self.next_sum(seed);
            if target(sum, unit) >= until {
                return;
            }
            self.sum = sum;
            self.count += 1;
        }
    }
}

/// Where the whole plan's cumulative rate stands, in the units of the profile, when a slot's sum of gaps is reached: a
/// slot has a 1,024th of the rate, so its n-th iteration is due when the whole plan has had 1,024 n.
#[inline]
fn target(sum: u128, unit: i128) -> i128 {
    // It fits: see `check`.
    (sum as i128 * unit) >> (FRACTION_BITS - SLOTS.ilog2())
}

/// Whether every moment of a profile can be worked out.
///
/// # Errors
/// [`TooFine`], if the product of a sum of gaps and the profile's unit may be beyond 127 bits.
pub fn check(profile: &RateProfile) -> Result<(), TooFine> {
    let unit = profile.unit();
    let beyond = profile
        .total()
        .checked_add(unit.checked_mul(LONGEST_GAP << SLOTS.ilog2()).ok_or(TooFine)?);
    beyond
        .and_then(|highest| highest.checked_mul(1 << (FRACTION_BITS - SLOTS.ilog2())))
        .map_or(Err(TooFine), |_| Ok(()))
}

/// How far the whole plan has been walked: so that nobody walks it from the beginning again who begins later.
#[derive(Debug, Clone)]
pub struct Walked {
    slots: Vec<Slot>,
}

impl Default for Walked {
    fn default() -> Self {
        let slots = (0..SLOTS).map(|number| Slot {
            number,
            count: 0,
            sum: 0,
            piece: 0,
        });
        Self { slots: slots.collect() }
    }
}

impl Walked {
    /// Walks on over what is due before `from_ns`, or nearly all of it. It stays true of every profile that differs from
    /// this one only later.
    pub fn walk_to(&mut self, profile: &RateProfile, seed: u64, from_ns: u64) {
        let until = profile.cumulative(from_ns);
        for slot in &mut self.slots {
            slot.pass(seed, profile.unit(), until);
        }
    }

    /// The first arrival of the whole plan that does not exist, because `limit` exist before it.
    #[must_use]
    pub fn first_beyond(&self, profile: &RateProfile, seed: u64, limit: u64) -> Option<Arrival> {
        let passed: u64 = self.slots.iter().map(|slot| slot.count).sum();
        let mut whole = PoissonArrivals::resumed(self, profile.clone(), seed, &Share::whole(), None);
        let mut next = whole.next();
        for _ in passed..limit {
            next?;
            next = whole.next();
        }
        next
    }
}

/// The Poisson law.
#[derive(Debug, Clone)]
pub struct PoissonArrivals {
    profile: RateProfile,
    seed: u64,
    slots: Vec<Slot>,
    /// The next arrival of each slot that has one, and the slot's place.
    upcoming: BinaryHeap<Reverse<(Arrival, usize)>>,
    /// The first arrival of the whole plan that does not exist.
    beyond: Option<Arrival>,
}

impl PoissonArrivals {
    /// The arrivals of `share` that come before `beyond` and have not been walked over. The profile has been
    /// [checked](check).
    pub fn resumed(walked: &Walked, profile: RateProfile, seed: u64, share: &Share, beyond: Option<Arrival>) -> Self {
        let slots = walked.slots.iter().copied();
        let slots: Vec<Slot> = slots.filter(|slot| share.holds(slot.number << 54)).collect();
        let upcoming = BinaryHeap::with_capacity(slots.len());
        let mut arrivals = Self {
            profile,
            seed,
            slots,
            upcoming,
            beyond,
        };
        for place in 0..arrivals.slots.len() {
            arrivals.look_ahead(place);
        }
        arrivals
    }

    /// Passes over all that are due before `from_ns`. Each slot's gaps are a chain, so this walks them.
    pub fn skip_to(&mut self, from_ns: u64) {
        // Nearly all of them by their gaps alone: it is the moments that cost time.
        let until = self.profile.cumulative(from_ns);
        for Reverse((arrival, place)) in std::mem::take(&mut self.upcoming) {
            if arrival.intended_ns >= from_ns {
                self.upcoming.push(Reverse((arrival, place)));
            } else {
                self.slots[place].pass(self.seed, self.profile.unit(), until);
                self.look_ahead(place);
            }
        }
        while self
            .upcoming
            .peek()
            .is_some_and(|Reverse((arrival, _))| arrival.intended_ns < from_ns)
        {
            if self.next().is_none() {
                return;
            }
        }
    }

    /// How many are due from `from_ns` until before `until_ns`. Slot by slot: nobody needs them in order.
    pub fn count_within(mut self, from_ns: u64, until_ns: Option<u64>) -> u64 {
        let mut count = 0;
        let upcoming = std::mem::take(&mut self.upcoming);
        for Reverse((first, place)) in upcoming {
            let mut next = Some(first);
            while let Some(arrival) = next {
                let over = until_ns.is_some_and(|until_ns| arrival.intended_ns >= until_ns);
                if over || self.beyond.is_some_and(|beyond| arrival >= beyond) {
                    break;
                }
                count += u64::from(arrival.intended_ns >= from_ns);
                next = self.next_of(place);
            }
        }
        count
    }

    /// Finds the next arrival of a slot.
    fn look_ahead(&mut self, place: usize) {
        if let Some(arrival) = self.next_of(place) {
            self.upcoming.push(Reverse((arrival, place)));
        }
    }

    /// The next arrival of a slot.
    fn next_of(&mut self, place: usize) -> Option<Arrival> {
        let slot = &mut self.slots[place];
        slot.sum = slot.next_sum(self.seed);
        let intended_ns = self
            .profile
            .inverse(target(slot.sum, self.profile.unit()), &mut slot.piece)?;
        let arrival = Arrival {
            intended_ns,
            iteration: slot.count * SLOTS + slot.number,
        };
        slot.count += 1;
        Some(arrival)
    }
}

impl Schedule for PoissonArrivals {
    fn next(&mut self) -> Option<Arrival> {
        let Reverse((arrival, place)) = self.upcoming.pop()?;
        if self.beyond.is_some_and(|beyond| arrival >= beyond) {
            self.upcoming.clear();
            return None;
        }
        self.look_ahead(place);
        Some(arrival)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::plan::{Rate, RateStage};
    use proptest::prelude::*;

    const S: u64 = 1_000_000_000;

    thread_local! {
        /// Gaps that were drawn on this thread: all the work there is, but for moments, of which there are no more.
        pub(super) static DRAWN: Cell<u64> = const { Cell::new(0) };
    }

    /// What comes of some work, and how many gaps it drew.
    fn drawing<T>(work: impl FnOnce() -> T) -> (T, u64) {
        let before = DRAWN.get();
        let result = work();
        (result, DRAWN.get() - before)
    }

    fn steady(rate: u64, length_ns: u64) -> RateProfile {
        RateProfile::new(Rate { count: rate, per_ns: S }, &[], length_ns).unwrap()
    }

    fn profile(from: u64, to: u64) -> RateProfile {
        let stage = RateStage {
            duration_ns: 2 * S,
            rate: Rate { count: to, per_ns: S },
        };
        RateProfile::new(Rate { count: from, per_ns: S }, &[stage], 3 * S).unwrap()
    }

    fn all(profile: &RateProfile, seed: u64, share: &Share, limit: Option<u64>) -> Vec<Arrival> {
        let walked = Walked::default();
        let beyond = limit.and_then(|limit| walked.first_beyond(profile, seed, limit));
        let mut arrivals = PoissonArrivals::resumed(&walked, profile.clone(), seed, share, beyond);
        std::iter::from_fn(|| arrivals.next()).collect()
    }

    /// The same law told plainly: every slot on its own, then sorted.
    fn reference(profile: &RateProfile, seed: u64) -> Vec<Arrival> {
        let mut arrivals = Vec::new();
        for slot in 0..SLOTS {
            let mut sum = 0_u128;
            for count in 0.. {
                let gap = -libm::log(open_unit(draw(seed, 1_024, slot, count, 0)));
                sum += (gap * 1_099_511_627_776.0) as u128;
                let Some(intended_ns) = profile.inverse((sum as i128 * profile.unit()) >> 30, &mut 0) else {
                    break;
                };
                arrivals.push(Arrival {
                    intended_ns,
                    iteration: count * 1_024 + slot,
                });
            }
        }
        arrivals.sort_unstable();
        arrivals
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn any_split_gives_the_one_schedule_that_the_reference_gives(
            seed: u64, from in 0_u64..3_000, to in 1_u64..3_000, weights in prop::collection::vec(1_u64..50, 1..8),
        ) {
            let profile = profile(from, to);
            let mut parts: Vec<Arrival> = Share::whole().split(&weights).iter().flat_map(|share| {
                let part = all(&profile, seed, share, None);
                assert!(part.is_sorted());
                part
            }).collect();
            parts.sort_unstable();
            prop_assert_eq!(&parts, &all(&profile, seed, &Share::whole(), None));
            prop_assert_eq!(&parts, &reference(&profile, seed));
        }

        #[test]
        fn a_limit_leaves_the_first_of_the_whole_plan_however_it_is_cut(seed: u64, limit in 0_u64..5_000) {
            let profile = profile(1_000, 1_000);
            let mut parts: Vec<Arrival> = Share::whole().split(&[1, 2, 3]).iter().flat_map(|share| all(&profile, seed, share, Some(limit))).collect();
            parts.sort_unstable();
            let mut first = all(&profile, seed, &Share::whole(), None);
            first.truncate(limit as usize);
            prop_assert_eq!(parts, first);
        }
    }

    #[test]
    fn a_share_draws_the_gaps_that_it_owns_and_no_others() {
        let profile = steady(50_000, 10 * S);
        // A hundredth of the ring: 10 or 11 of the slots.
        for share in Share::whole().split(&[1; 100]).iter().step_by(33) {
            let walked = Walked::default();
            let arrivals = PoissonArrivals::resumed(&walked, profile.clone(), 7, share, None);
            let slots = arrivals.slots.len() as u64;
            let (owned, drawn) = drawing(|| all(&profile, 7, share, None));
            assert!((10..=11).contains(&slots));
            assert_eq!(
                drawn,
                owned.len() as u64 + slots,
                "each, and one beyond the end for each slot"
            );

            // Half of them passed over, and counted: no more than that, once more for what is looked at twice.
            let behind = owned.iter().filter(|arrival| arrival.intended_ns >= 5 * S).count() as u64;
            let mut late = arrivals.clone();
            let ((), drawn) = drawing(|| late.skip_to(5 * S));
            assert!(drawn <= owned.len() as u64 - behind + 2 * slots, "{drawn}");
            let (count, drawn) = drawing(|| arrivals.clone().count_within(5 * S, None));
            assert_eq!(count, behind);
            assert!(drawn <= owned.len() as u64 + 2 * slots, "{drawn}");
        }
    }

    #[test]
    fn who_begins_after_hours_draws_what_it_owns_from_there_on_and_nothing_of_the_hours() {
        let hours_ns = 3 * 3_600 * S;
        let profile = steady(100, hours_ns + 10 * S);
        let mut walked = Walked::default();
        // Bit by bit, as a run goes on: each gap once, and one more for each slot and bit.
        let ((), drawn) = drawing(|| {
            for bit in 1..=10 {
                walked.walk_to(&profile, 7, hours_ns / 10 * bit);
            }
        });
        let passed: u64 = walked.slots.iter().map(|slot| slot.count).sum();
        assert!(passed > 1_000_000);
        assert_eq!(drawn, passed + 10 * SLOTS);

        let share = &Share::whole().split(&[1; 4])[2];
        let ((last, slots), drawn) = drawing(|| {
            let mut arrivals = PoissonArrivals::resumed(&walked, profile.clone(), 7, share, None);
            arrivals.skip_to(hours_ns);
            let last: Vec<Arrival> = std::iter::from_fn(|| arrivals.next()).collect();
            (last, arrivals.slots.len() as u64)
        });
        assert!(drawn <= last.len() as u64 + 3 * slots, "{drawn} for {}", last.len());
        // And they are those of who was there from the beginning.
        let mut whole = all(&profile, 7, share, None);
        whole.retain(|arrival| arrival.intended_ns >= hours_ns);
        assert_eq!(last, whole);
    }

    #[test]
    fn gaps_are_exponential() {
        let profile = steady(20_000, S);
        let arrivals = all(&profile, 42, &Share::whole(), None);
        let mut gaps: Vec<f64> = arrivals
            .windows(2)
            .map(|pair| (pair[1].intended_ns - pair[0].intended_ns) as f64 * 20_000.0 / S as f64)
            .collect();
        gaps.sort_unstable_by(f64::total_cmp);
        let count = gaps.len() as f64;
        // Kolmogorov and Smirnov: beyond 1.95 / √n in one of a thousand seeds; this one is fixed.
        let distance = gaps
            .iter()
            .enumerate()
            .map(|(place, gap)| ((1.0 - (-gap).exp()) - (place as f64 + 0.5) / count).abs())
            .fold(0.0, f64::max);
        assert!(distance < 1.95 / count.sqrt(), "{distance}");
        // The count itself is Poisson: 20,000 within four standard deviations.
        assert!((count - 20_000.0).abs() < 4.0 * 20_000.0_f64.sqrt(), "{count}");
    }
}
