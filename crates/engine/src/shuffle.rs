//! Rows in another order: the same for the same seed on every machine, and without a list of them.

use apibench_core::schedule::random::mix;

/// How often the halves of a number are mixed with each other.
const ROUNDS: u64 = 4;
/// For halves of more bits nothing is remembered: of so many rows the same ones seldom come again.
const MOST_REMEMBERED_BITS: u32 = 8;
/// No half that is remembered comes to so much.
const UNKNOWN: u32 = u32::MAX;

/// Where the numbers below a count stand when they are mixed, in each pass anew: a permutation (a Feistel network over the
/// next power of four, walked until it is below the count). It remembers of a pass what halves come to.
#[derive(Debug)]
pub struct Shuffle {
    count: u64,
    half_bits: u32,
    seed: u64,
    pass: Option<u64>,
    pass_seed: u64,
    /// By round and half.
    known: Box<[u32]>,
}

impl Shuffle {
    /// Of so many numbers.
    #[must_use]
    pub fn new(count: u64, seed: u64) -> Self {
        let bits = u64::BITS - count.saturating_sub(1).leading_zeros();
        Self {
            count,
            half_bits: bits.div_ceil(2).max(1),
            seed,
            pass: None,
            pass_seed: 0,
            known: Box::default(),
        }
    }

    /// Which one comes in a place of a pass.
    pub fn at(&mut self, pass: u64, place: u64) -> u64 {
        if self.pass != Some(pass) {
            self.begin(pass);
        }
        let mut at = place;
        loop {
            let (mut high, mut low) = (at >> self.half_bits, at & self.mask());
            for round in 0..ROUNDS {
                (high, low) = (low, high ^ self.mixed(round, low));
            }
            at = (high << self.half_bits) | low;
            if at < self.count {
                return at;
            }
        }
    }

    #[cold]
    fn begin(&mut self, pass: u64) {
        self.pass = Some(pass);
        self.pass_seed = mix(self.seed ^ mix(pass));
        if self.half_bits <= MOST_REMEMBERED_BITS {
            self.known.fill(UNKNOWN);
            if self.known.is_empty() {
                self.known = vec![UNKNOWN; (ROUNDS as usize) << self.half_bits].into_boxed_slice();
            }
        }
    }

    #[inline(always)]
    fn mixed(&mut self, round: u64, half: u64) -> u64 {
        let place = (round << self.half_bits) | half;
        match self.known.get(place as usize) {
            Some(known) if *known != UNKNOWN => u64::from(*known),
            _ => self.mix(round, half, place as usize),
        }
    }

    fn mix(&mut self, round: u64, half: u64, place: usize) -> u64 {
        let mixed = mix(self.pass_seed ^ mix(half ^ (round << 60))) & self.mask();
        if let Some(known) = self.known.get_mut(place) {
            *known = mixed as u32;
        }
        mixed
    }

    fn mask(&self) -> u64 {
        (1 << self.half_bits) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    proptest! {
        #[test]
        fn mixed_numbers_are_the_same_numbers(count in 1_u64..2_000, seed: u64, pass: u64) {
            let mut shuffle = Shuffle::new(count, seed);
            let mixed: BTreeSet<u64> = (0..count).map(|place| shuffle.at(pass, place)).collect();
            prop_assert_eq!(mixed, (0..count).collect());
        }

        #[test]
        fn what_is_remembered_changes_nothing(
            count in prop_oneof![1_u64..40, 65_000_u64..66_000, 1_u64 << 40..1 << 50],
            seed: u64,
            asked in prop::collection::vec((0_u64..3, any::<u64>()), 1..60),
        ) {
            let mut shuffle = Shuffle::new(count, seed);
            for (pass, place) in asked {
                let place = place % count;
                prop_assert_eq!(shuffle.at(pass, place), Shuffle::new(count, seed).at(pass, place));
            }
        }
    }

    #[test]
    fn the_order_of_a_seed_is_the_same_in_every_version() {
        let order = |count, pass| {
            let mut shuffle = Shuffle::new(count, 7);
            (0..9).map(|place| shuffle.at(pass, place)).collect::<Vec<_>>()
        };
        assert_eq!(order(9, 0), [3, 5, 0, 1, 8, 6, 7, 2, 4]);
        assert_eq!(order(9, 1), [6, 4, 0, 3, 8, 1, 7, 5, 2]);
        assert_eq!(order(9_000, 0), [1795, 2238, 3311, 533, 4057, 1697, 233, 3544, 364]);
        assert_eq!(
            order(10_000_000, 3),
            [
                5_779_187, 5_958_674, 5_822_471, 9_029_284, 2_604_416, 9_240_953, 4_411_944, 1_886_555, 7_173_500
            ]
        );
    }
}
