//! A rate over time, and the moment at which a given number of iterations has fallen due: exact, by integers.
//!
//! All levels are brought to one denominator D, in iterations per nanosecond. Twice the cumulative rate times D is
//! then an integer at every joint, and within a stage of length d a quadratic with integer coefficients once
//! multiplied by d. A floating-point root only serves as a first guess; integers decide, so that the result is the
//! same on every machine.

use crate::plan::{Rate, RateStage};

/// A stretch in which the rate moves linearly.
#[derive(Debug, Clone, Copy)]
struct Piece {
    start_ns: u64,
    length_ns: u64,
    /// Level at its start and end, in units of 1/D per nanosecond.
    from: i128,
    to: i128,
    /// 2D times the iterations due before it.
    before: i128,
}

/// A rate over time.
#[derive(Debug, Clone)]
pub struct RateProfile {
    pieces: Vec<Piece>,
    denominator: i128,
    /// 2D times the iterations due in all.
    total: i128,
    end_ns: u64,
}

/// A profile whose arrivals cannot be worked out exactly in 128 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooFine;

impl std::fmt::Display for TooFine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("its rates and stages cannot be scheduled exactly: use rounder rates or shorter stages")
    }
}

impl RateProfile {
    /// Starts at `rate`, moves through `stages`, and holds the last level until `end_ns`, at which it is cut.
    ///
    /// # Errors
    /// [`TooFine`], if a rate has no common denominator with the others that leaves room to calculate.
    pub fn new(rate: Rate, stages: &[RateStage], end_ns: u64) -> Result<Self, TooFine> {
        let denominator = stages
            .iter()
            .map(|stage| stage.rate.per_ns)
            .try_fold(i128::from(rate.per_ns), |common, per_ns| {
                common
                    .checked_mul(i128::from(per_ns))
                    .map(|product| product / gcd(common, i128::from(per_ns)))
            })
            .ok_or(TooFine)?;
        let level = |rate: Rate| {
            i128::from(rate.count)
                .checked_mul(denominator / i128::from(rate.per_ns))
                .ok_or(TooFine)
        };
        let mut profile = Self {
            pieces: Vec::new(),
            denominator,
            total: 0,
            end_ns: 0,
        };
        let mut from = level(rate)?;
        for stage in stages {
            let to = level(stage.rate)?;
            profile.push(stage.duration_ns, from, to)?;
            from = to;
        }
        if end_ns > profile.end_ns {
            profile.push(end_ns - profile.end_ns, from, from)?;
        }
        profile.end_ns = end_ns;
        profile.total = profile.cumulative(end_ns);
        Ok(profile)
    }

    /// The same until `at_ns`, and `rate` from there to its end. Before `at_ns` nothing is due at another moment than it
    /// was, to the nanosecond; a change at or after the end changes nothing.
    ///
    /// # Errors
    /// [`TooFine`], if the new rate has no common denominator with the others that leaves room to calculate.
    pub fn then(&self, at_ns: u64, rate: Rate) -> Result<Self, TooFine> {
        let (own, other) = (self.denominator, i128::from(rate.per_ns));
        let denominator = (own / gcd(own, other)).checked_mul(other).ok_or(TooFine)?;
        let factor = denominator / own;
        let wider = |value: i128| value.checked_mul(factor).ok_or(TooFine);
        let level = i128::from(rate.count).checked_mul(denominator / other).ok_or(TooFine)?;
        let mut profile = Self {
            pieces: Vec::new(),
            denominator,
            total: wider(self.total)?,
            end_ns: self.end_ns,
        };
        for piece in self.pieces.iter().filter(|piece| piece.start_ns < at_ns) {
            let piece = Piece {
                from: wider(piece.from)?,
                to: wider(piece.to)?,
                before: wider(piece.before)?,
                ..*piece
            };
            piece.check()?;
            profile.pieces.push(piece);
        }
        if at_ns < self.end_ns {
            profile.total = profile.cumulative(at_ns);
            profile.end_ns = at_ns;
            profile.push(self.end_ns - at_ns, level, level)?;
        }
        Ok(profile)
    }

    fn push(&mut self, length_ns: u64, from: i128, to: i128) -> Result<(), TooFine> {
        if length_ns == 0 {
            return Ok(());
        }
        let piece = Piece {
            start_ns: self.end_ns,
            length_ns,
            from,
            to,
            before: self.total,
        };
        self.total = piece.check()?;
        self.pieces.push(piece);
        self.end_ns += length_ns;
        Ok(())
    }

    /// When it ends.
    #[must_use]
    pub fn end_ns(&self) -> u64 {
        self.end_ns
    }

    /// 2D: what one iteration is in the units of [`Self::inverse`].
    #[must_use]
    pub fn unit(&self) -> i128 {
        2 * self.denominator
    }

    /// How many iterations a constant law offers: the cumulative rate, rounded half up.
    #[must_use]
    pub fn offered(&self) -> u64 {
        ((self.total + self.denominator) / (2 * self.denominator)) as u64
    }

    /// 2D times the iterations due in all.
    #[must_use]
    pub fn total(&self) -> i128 {
        self.total
    }

    /// 2D times the iterations due by `at_ns`, rounded down.
    #[must_use]
    pub fn cumulative(&self, at_ns: u64) -> i128 {
        let Some(piece) = self.pieces.iter().rev().find(|piece| piece.start_ns <= at_ns) else {
            return 0;
        };
        let within = i128::from((at_ns - piece.start_ns).min(piece.length_ns));
        if piece.from == piece.to {
            return piece.before + 2 * piece.from * within;
        }
        piece.before + piece.scaled(within) / i128::from(piece.length_ns)
    }

    /// The moment, rounded down, at which 2D times the cumulative rate reaches `target`; `None` if it never does.
    /// `hint` is the piece to begin with: targets are mostly asked for in order.
    #[must_use]
    pub fn inverse(&self, target: i128, hint: &mut usize) -> Option<u64> {
        if target > self.total {
            return None;
        }
        if self.pieces.get(*hint).is_none_or(|piece| target < piece.before) {
            *hint = 0;
        }
        while self.pieces.get(*hint + 1).is_some_and(|next| next.before < target) {
            *hint += 1;
        }
        let piece = self.pieces.get(*hint)?;
        let within = piece.reach(target - piece.before);
        // An arrival due at the very end still belongs to the profile, whose last moment is the one before.
        Some((piece.start_ns + within).min(self.end_ns - 1))
    }
}

impl Piece {
    /// 2D times the iterations due by its end.
    ///
    /// # Errors
    /// [`TooFine`], if there is no room to calculate with it.
    fn check(&self) -> Result<i128, TooFine> {
        let length = i128::from(self.length_ns);
        let own = (self.from + self.to).checked_mul(length).ok_or(TooFine)?;
        let after = self.before.checked_add(own).ok_or(TooFine)?;
        if self.from != self.to {
            // The quadratic of a ramp is multiplied by its length, and may be asked for beyond its end.
            own.checked_mul(length)
                .and_then(|scaled| scaled.checked_mul(4))
                .ok_or(TooFine)?;
        }
        after.checked_mul(4).ok_or(TooFine)?;
        Ok(after)
    }

    /// 2D times its length times the iterations due after `within` nanoseconds of it.
    fn scaled(&self, within: i128) -> i128 {
        2 * i128::from(self.length_ns) * self.from * within + (self.to - self.from) * within * within
    }

    /// The last nanosecond of it by which at most `target` (2D times iterations) has been reached.
    fn reach(&self, target: i128) -> u64 {
        let length = i128::from(self.length_ns);
        if self.from == self.to {
            // Constant, and more than 0: a piece of no rate reaches nothing.
            return if self.from == 0 {
                0
            } else {
                (target / (2 * self.from)).min(length) as u64
            };
        }
        let goal = target * length;
        // The stable root: no difference of nearly equal numbers, no division by a slope near 0.
        let (from, slope) = (self.from as f64, (self.to - self.from) as f64 / length as f64);
        let root = (from * from + slope * target as f64).max(0.0).sqrt();
        let guess = if from + root > 0.0 {
            target as f64 / (from + root)
        } else {
            0.0
        };
        let guess = (guess as i128).clamp(0, length);
        let reached = |within: i128| self.scaled(within) <= goal;
        // A bracket around the guess, widened until it holds the answer, then halved.
        let (mut low, mut high, mut margin) = (0, length, 1);
        while margin < length {
            let (below, above) = ((guess - margin).max(0), (guess + margin).min(length));
            if reached(below) && !reached(above) {
                (low, high) = (below, above);
                break;
            }
            margin *= 16;
        }
        if reached(high) {
            return high as u64;
        }
        while high - low > 1 {
            let middle = i128::midpoint(low, high);
            if reached(middle) {
                low = middle;
            } else {
                high = middle;
            }
        }
        low as u64
    }
}

fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: u64 = 1_000_000_000;

    fn per_s(count: u64) -> Rate {
        Rate { count, per_ns: S }
    }

    fn stage(seconds: u64, count: u64) -> RateStage {
        RateStage {
            duration_ns: seconds * S,
            rate: per_s(count),
        }
    }

    fn due(profile: &RateProfile) -> Vec<u64> {
        let mut hint = 0;
        (0..)
            .map_while(|k| profile.inverse(i128::from(2 * k + 1_u64) * profile.unit() / 2, &mut hint))
            .collect()
    }

    #[test]
    fn a_constant_rate_is_due_at_the_middles_of_its_periods() {
        let profile = RateProfile::new(per_s(4), &[], S).unwrap();
        assert_eq!(due(&profile), [S / 8, 3 * S / 8, 5 * S / 8, 7 * S / 8]);
        assert_eq!(profile.offered(), 4);
    }

    #[test]
    fn two_and_a_half_iterations_are_three_and_the_last_is_due_just_before_the_end() {
        let profile = RateProfile::new(
            Rate {
                count: 5,
                per_ns: 2 * S,
            },
            &[],
            S,
        )
        .unwrap();
        assert_eq!((profile.offered(), due(&profile)), (3, vec![S / 5, 3 * S / 5, S - 1]));
    }

    #[test]
    fn a_ramp_from_nothing_offers_the_area_under_it() {
        let profile = RateProfile::new(per_s(0), &[stage(10, 100), stage(10, 0)], 20 * S).unwrap();
        assert_eq!(profile.offered(), 1_000);
        let due = due(&profile);
        assert_eq!(due.len(), 1_000);
        // 5 t² = 1/2 at t = 0.3162 s; symmetric about 10 s.
        assert_eq!(due[0], 316_227_766);
        assert!(
            due.iter()
                .zip(due.iter().rev())
                .all(|(early, late)| (early + late).abs_diff(20 * S) <= 1)
        );
    }

    /// What every arrival must satisfy, without the solver: the cumulative rate has not passed it, and has one
    /// nanosecond later.
    fn check(profile: &RateProfile, due: &[u64]) {
        for (k, at_ns) in due.iter().enumerate() {
            let target = (2 * k as i128 + 1) * profile.unit() / 2;
            let at = |at_ns: u64| {
                let piece = profile
                    .pieces
                    .iter()
                    .rev()
                    .find(|piece| piece.start_ns <= at_ns)
                    .unwrap();
                let within = i128::from(at_ns - piece.start_ns);
                (
                    piece.before * i128::from(piece.length_ns) + piece.scaled(within),
                    target * i128::from(piece.length_ns),
                )
            };
            let (now, goal) = at(*at_ns);
            assert!(now <= goal, "arrival {k} is early");
            if at_ns + 1 < profile.end_ns() {
                let (later, goal) = at(at_ns + 1);
                assert!(later >= goal, "arrival {k} is late");
            }
        }
    }

    proptest! {
        #[test]
        fn every_arrival_is_due_in_the_very_nanosecond_in_which_the_area_reaches_it(
            start in 0_u64..2_000,
            stages in prop::collection::vec((1_u64..20 * S, 0_u64..2_000, prop::sample::select(vec![S, 60 * S, S / 1_000])), 0..5),
            rest in 1_u64..5 * S,
        ) {
            let stages: Vec<RateStage> = stages
                .into_iter()
                .map(|(duration_ns, count, per_ns)| RateStage { duration_ns, rate: Rate { count: if per_ns < S { count / 1_000 } else { count }, per_ns } })
                .collect();
            let end_ns = stages.iter().map(|stage| stage.duration_ns).sum::<u64>() + rest;
            let profile = RateProfile::new(per_s(start), &stages, end_ns).unwrap();
            let due = due(&profile);
            prop_assert_eq!(due.len() as u64, profile.offered());
            prop_assert!(due.is_sorted());
            check(&profile, &due);
        }
    }

    #[test]
    fn thirty_days_at_ten_million_a_second_are_exact_to_the_last_arrival() {
        const DAYS_30: u64 = 30 * 86_400 * S;
        let profile = RateProfile::new(per_s(10_000_000), &[], DAYS_30).unwrap();
        assert_eq!(profile.offered(), 25_920_000_000_000);
        let last = i128::from(profile.offered()) * profile.unit() - profile.unit() / 2;
        assert_eq!(profile.inverse(last, &mut 0), Some(DAYS_30 - 50));
        assert_eq!(profile.inverse(last + profile.unit(), &mut 0), None);
    }

    #[test]
    fn what_cannot_be_exact_is_refused() {
        let odd = [999_999_937, 999_999_929, 999_999_893].map(|per_ns| RateStage {
            duration_ns: 86_400 * S,
            rate: Rate { count: 7, per_ns },
        });
        assert_eq!(RateProfile::new(per_s(1), &odd, 4 * 86_400 * S).err(), Some(TooFine));
    }
}
