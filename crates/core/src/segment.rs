//! Shares of a plan: intervals of a ring of 2^64 positions.
//!
//! Arrival number k (or virtual user k) stands at `k · φ` on the ring. Whoever owns that position owns the arrival,
//! so any cut of the ring is a cut of the schedule: the parts add up to exactly the schedule of one machine, with
//! any weights, and a re-cut needs to know nothing of the past. Multiples of the golden ratio spread more evenly
//! than random numbers do: of the first k arrivals a share of the ring holds its share of k, within about three.

/// 2^64 divided by the golden ratio, odd.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Where number `k` stands on the ring.
#[must_use]
pub fn ring_position(k: u64) -> u64 {
    k.wrapping_mul(GOLDEN)
}

/// An interval of the ring, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// The lowest position.
    pub low: u64,
    /// The highest position; not below `low`.
    pub high: u64,
}

impl Segment {
    /// The whole ring.
    pub const WHOLE: Self = Self { low: 0, high: u64::MAX };

    /// Whether a position lies in it.
    #[must_use]
    pub fn holds(&self, position: u64) -> bool {
        (self.low..=self.high).contains(&position)
    }

    /// The first number, from `cursor` on, whose position lies in it.
    fn next_owned(&self, cursor: u64) -> Option<u64> {
        if *self == Self::WHOLE {
            return Some(cursor);
        }
        // Seen from the cursor's position, which numbers behind it fall between these two?
        let from = ring_position(cursor);
        let (low, high) = (self.low.wrapping_sub(from), self.high.wrapping_sub(from));
        if low > high || low == 0 {
            return Some(cursor);
        }
        let ahead = first_multiple_within(u128::from(GOLDEN), 1 << 64, u128::from(low), u128::from(high))?;
        cursor.checked_add(u64::try_from(ahead).ok()?)
    }
}

/// The lowest x with `low <= step · x mod modulus <= high`, for 0 < low <= high < modulus. As Euclid's algorithm
/// does, it halves the problem at every step.
fn first_multiple_within(step: u128, modulus: u128, low: u128, high: u128) -> Option<u128> {
    if low == 0 {
        return Some(0);
    }
    let step = step % modulus;
    if step == 0 {
        return None;
    }
    if 2 * step > modulus {
        // Backwards by the rest is the same, with shorter steps.
        return first_multiple_within(modulus - step, modulus, modulus - high, modulus - low);
    }
    let multiples = low.div_ceil(step);
    if multiples * step <= high {
        return Some(multiples);
    }
    // No multiple fits before the first wrap: how many wraps until one does?
    let wraps = first_multiple_within(step - modulus % step, step, low % step, high % step)?;
    Some((low + modulus * wraps).div_ceil(step))
}

/// How many x below `count` have `step · x mod modulus < bound`, for bound <= modulus: of `step · x` and of
/// `step · x + modulus - bound` the second has wrapped once more often for all the others.
fn multiples_below(step: u128, modulus: u128, count: u128, bound: u128) -> u64 {
    let others = wraps(step, modulus, count, modulus - bound).wrapping_sub(wraps(step, modulus, count, 0));
    count.wrapping_sub(others) as u64
}

/// The sum of `(step · x + offset) / modulus`, each rounded down, over all x below `count`; modulo 2^128, as only
/// differences of such sums are asked for. As Euclid's algorithm does, it shrinks the problem at every step.
fn wraps(mut step: u128, mut modulus: u128, mut count: u128, mut offset: u128) -> u128 {
    let mut sum = 0_u128;
    loop {
        let pairs = if count.is_multiple_of(2) {
            (count / 2).wrapping_mul(count.wrapping_sub(1))
        } else {
            count.wrapping_mul(count / 2)
        };
        sum = sum.wrapping_add(pairs.wrapping_mul(step / modulus));
        sum = sum.wrapping_add(count.wrapping_mul(offset / modulus));
        (step, offset) = (step % modulus, offset % modulus);
        // Below 2^128: a count that is below 2^64, and a step and an offset below 2^64.
        let reached = step * count + offset;
        if reached < modulus {
            return sum;
        }
        // Turned around: how often each wrap is behind a number.
        (count, offset) = (reached / modulus, reached % modulus);
        (step, modulus) = (modulus, step);
    }
}

/// What one worker or thread owns: some intervals of the ring that do not overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    segments: Vec<Segment>,
}

impl Share {
    /// The whole plan.
    #[must_use]
    pub fn whole() -> Self {
        Self {
            segments: vec![Segment::WHOLE],
        }
    }

    /// A share of these intervals.
    #[must_use]
    pub fn new(segments: Vec<Segment>) -> Self {
        Self { segments }
    }

    /// A share of these intervals, if it is one: none ends before it begins, and no two overlap.
    ///
    /// # Errors
    /// In words.
    pub fn checked(mut segments: Vec<Segment>) -> Result<Self, String> {
        segments.sort_unstable_by_key(|segment| segment.low);
        if let Some(segment) = segments.iter().find(|segment| segment.high < segment.low) {
            return Err(format!(
                "{:#x} to {:#x} is no interval of the ring",
                segment.low, segment.high
            ));
        }
        if segments.windows(2).any(|pair| pair[1].low <= pair[0].high) {
            return Err("intervals of one share overlap".to_owned());
        }
        Ok(Self { segments })
    }

    /// Whether number `k` belongs to it.
    #[must_use]
    pub fn owns(&self, k: u64) -> bool {
        self.holds(ring_position(k))
    }

    /// Whether a position of the ring belongs to it.
    #[must_use]
    pub fn holds(&self, position: u64) -> bool {
        self.segments.iter().any(|segment| segment.holds(position))
    }

    /// The first number from `cursor` on that belongs to it.
    #[must_use]
    pub fn next_owned(&self, cursor: u64) -> Option<u64> {
        self.segments
            .iter()
            .filter_map(|segment| segment.next_owned(cursor))
            .min()
    }

    /// How many numbers below `count` belong to it, without walking them.
    #[must_use]
    pub fn owned_below(&self, count: u64) -> u64 {
        self.segments
            .iter()
            .map(|segment| {
                let below = |position: u128| multiples_below(u128::from(GOLDEN), 1 << 64, u128::from(count), position);
                below(u128::from(segment.high) + 1) - below(u128::from(segment.low))
            })
            .sum()
    }

    /// How many of `count` like things fall to it: its share, rounded so that the parts of any split add up to
    /// `count`. For what has no number of its own, like a limit. The numbers that it [owns](Self::owns) would be as
    /// many in the long run, but of a few they can be three more or less, and then a part of a small limit is none.
    #[must_use]
    pub fn portion(&self, count: u64) -> u64 {
        // Below a position; rounded up, because positions are cut downwards.
        let below = |position: u128| (u128::from(count) * position).div_ceil(1 << 64);
        let parts = self.segments.iter();
        let sum: u128 = parts
            .map(|segment| below(u128::from(segment.high) + 1) - below(u128::from(segment.low)))
            .sum();
        sum as u64
    }

    /// Where it begins, of `count` places around the ring: shares that take turns begin at different ones.
    #[must_use]
    pub fn place_of(&self, count: usize) -> usize {
        let low = self.segments.first().map_or(0, |segment| u128::from(segment.low));
        ((low * count as u128) >> 64) as usize
    }

    /// Parts of it by weight. They do not overlap, and together they are the whole of it. A weight of 0 gets a
    /// part that owns nothing.
    ///
    /// # Panics
    /// If all weights are 0.
    #[must_use]
    pub fn split(&self, weights: &[u64]) -> Vec<Self> {
        let total: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
        assert!(total > 0, "nobody would own anything");
        let mut parts: Vec<Vec<Segment>> = vec![Vec::new(); weights.len()];
        for segment in &self.segments {
            let length = u128::from(segment.high - segment.low) + 1;
            let mut sum = 0;
            let mut low = u128::from(segment.low);
            for (part, weight) in parts.iter_mut().zip(weights) {
                sum += u128::from(*weight);
                let end = u128::from(segment.low) + scaled(length, sum, total);
                if end > low {
                    // Both lie within the segment, so both fit.
                    part.push(Segment {
                        low: low as u64,
                        high: (end - 1) as u64,
                    });
                    low = end;
                }
            }
        }
        parts.into_iter().map(Self::new).collect()
    }
}

/// `length · part / whole`, for a length of up to 2^64 and parts of any size.
fn scaled(length: u128, part: u128, whole: u128) -> u128 {
    // part, whole < 2^96 only with 2^32 weights of the largest kind; shrink both until the product fits.
    let excess = (128 - whole.leading_zeros()).saturating_sub(63);
    let (part, whole) = if part == whole {
        (1, 1)
    } else {
        (part >> excess, (whole >> excess).max(1))
    };
    length * part / whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_number_belongs_to_exactly_one_part(weights in prop::collection::vec(0_u64..1_000, 1..20), k: u64) {
            prop_assume!(weights.iter().any(|weight| *weight > 0));
            let parts = Share::whole().split(&weights);
            prop_assert_eq!(parts.iter().filter(|part| part.owns(k)).count(), 1);
        }

        #[test]
        fn portions_add_up_to_the_whole_and_equal_parts_differ_by_one_at_most(parts in 1_usize..40, count in 0_u64..1_000_000) {
            let portions: Vec<u64> = Share::whole().split(&vec![1; parts]).iter().map(|part| part.portion(count)).collect();
            prop_assert_eq!(portions.iter().sum::<u64>(), count);
            let least = count / parts as u64;
            prop_assert!(portions.iter().all(|portion| (least..=least + 1).contains(portion)), "{:?}", portions);
        }

        #[test]
        fn parts_of_parts_are_parts(first in 1_u64..1_000_000, second in 1_u64..1_000_000, k: u64) {
            let parts = Share::whole().split(&[first, second, 1]);
            let finer: Vec<Share> = parts.iter().flat_map(|part| part.split(&[second, first])).collect();
            prop_assert_eq!(finer.iter().filter(|part| part.owns(k)).count(), 1);
        }

        #[test]
        fn the_next_owned_number_is_the_one_a_walk_finds(low: u64, length in 1_u64 << 50.., cursor: u64) {
            let cursor = cursor / 2;
            let segment = Segment { low, high: low.saturating_add(length) };
            let share = Share::new(vec![segment]);
            let walked = (cursor..).take(100_000).find(|k| share.owns(*k));
            if let Some(walked) = walked {
                prop_assert_eq!(share.next_owned(cursor), Some(walked));
            } else if let Some(next) = share.next_owned(cursor) {
                prop_assert!(next >= cursor + 100_000 && share.owns(next));
            }
        }

        #[test]
        fn as_many_numbers_are_owned_as_a_walk_finds(weights in prop::collection::vec(0_u64..1_000, 1..6), from in 0_u64..3_000, count in 0_u64..3_000) {
            prop_assume!(weights.iter().any(|weight| *weight > 0));
            for part in Share::whole().split(&weights) {
                let walked = (from..from + count).filter(|k| part.owns(*k)).count() as u64;
                prop_assert_eq!(part.owned_below(from + count) - part.owned_below(from), walked);
            }
        }

        #[test]
        fn far_out_as_many_numbers_are_owned_as_a_walk_finds(low: u64, length: u64, cursor in 0_u64..1 << 63) {
            let share = Share::new(vec![Segment { low, high: low.saturating_add(length) }]);
            let walked = (cursor..cursor + 500).filter(|k| share.owns(*k)).count() as u64;
            prop_assert_eq!(share.owned_below(cursor + 500) - share.owned_below(cursor), walked);
        }

        #[test]
        fn all_parts_together_own_all_numbers(weights in prop::collection::vec(1_u64..1_000, 1..9), count: u64) {
            let owned: u128 = Share::whole().split(&weights).iter().map(|part| u128::from(part.owned_below(count))).sum();
            prop_assert_eq!(owned, u128::from(count));
        }

        #[test]
        fn of_the_first_numbers_every_part_owns_its_share_within_three(parts in 1_usize..9, count in 1_u64..3_000) {
            for part in Share::whole().split(&vec![1; parts]) {
                let owned = (0..count).filter(|k| part.owns(*k)).count() as f64;
                prop_assert!((owned - count as f64 / parts as f64).abs() <= 3.0);
            }
        }
    }

    #[test]
    fn a_tiny_share_finds_its_next_number_without_a_walk() {
        let share = Share::whole().split(&[1, 100_000_000_000]).swap_remove(0);
        let mut cursor = 0;
        for _ in 0..100 {
            let next = share.next_owned(cursor).unwrap();
            assert!(next >= cursor && share.owns(next));
            cursor = next + 1;
        }
        assert!(cursor > 1_000_000_000_000);
    }
}
