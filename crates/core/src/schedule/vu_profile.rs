//! Which virtual users act, and when: a level that moves linearly from stage to stage.
//!
//! Virtual user j acts while the level is at least j + 1/2, so a level of v means exactly the users 0 to v - 1, and
//! a ramp starts and stops them at even distances. Integers only.

use crate::plan::VuStage;

/// A number of virtual users over time.
#[derive(Debug, Clone)]
pub struct VuProfile {
    /// Start, length, level at the start, level at the end.
    pieces: Vec<(u64, u64, i128, i128)>,
    highest: u64,
}

impl VuProfile {
    /// Starts with `vus`, moves through `stages`, and holds the last level until `end_ns`, at which it is cut.
    #[must_use]
    pub fn new(vus: u64, stages: &[VuStage], end_ns: u64) -> Self {
        let mut pieces = Vec::new();
        let (mut start_ns, mut from) = (0_u64, vus);
        for stage in stages {
            pieces.push((start_ns, stage.duration_ns, i128::from(from), i128::from(stage.vus)));
            start_ns = start_ns.saturating_add(stage.duration_ns);
            from = stage.vus;
        }
        if end_ns > start_ns {
            pieces.push((start_ns, end_ns - start_ns, i128::from(from), i128::from(from)));
        }
        let highest = stages.iter().map(|stage| stage.vus).max().unwrap_or(0).max(vus);
        Self { pieces, highest }
    }

    /// How many virtual users there are at the most.
    #[must_use]
    pub fn highest(&self) -> u64 {
        self.highest
    }

    /// When virtual user `number` acts: from, inclusive, to, exclusive, in order; none touch.
    #[must_use]
    pub fn active_spans(&self, number: u64) -> Vec<(u64, u64)> {
        let mut spans: Vec<(u64, u64)> = Vec::new();
        for (start_ns, length_ns, from, to) in &self.pieces {
            let Some((begin, end)) = active_within(i128::from(*length_ns), *from, *to, i128::from(number)) else {
                continue;
            };
            let (begin, end) = (start_ns + begin as u64, start_ns + end as u64);
            match spans.last_mut() {
                Some((_, last)) if *last == begin => *last = end,
                _ => spans.push((begin, end)),
            }
        }
        spans
    }
}

/// The part of a piece in which twice the level is at least 2 j + 1.
fn active_within(length: i128, from: i128, to: i128, number: i128) -> Option<(i128, i128)> {
    let needed = 2 * number + 1;
    let (begin, end) = if from == to {
        if 2 * from < needed {
            return None;
        }
        (0, length)
    } else if to > from {
        // 2 from + 2 (to - from) t / length >= needed
        (
            ceiling_division((needed - 2 * from) * length, 2 * (to - from)).max(0),
            length,
        )
    } else {
        (
            0,
            (((2 * from - needed) * length).div_euclid(2 * (from - to)) + 1).min(length),
        )
    };
    (begin < end).then_some((begin, end))
}

fn ceiling_division(dividend: i128, divisor: i128) -> i128 {
    -(-dividend).div_euclid(divisor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_constant_level_is_that_many_users_from_beginning_to_end() {
        let profile = VuProfile::new(3, &[], 100);
        assert_eq!(profile.active_spans(2), [(0, 100)]);
        assert_eq!(profile.active_spans(3), []);
    }

    #[test]
    fn a_ramp_up_and_down_starts_and_stops_users_one_by_one() {
        let stages = [
            VuStage {
                duration_ns: 100,
                vus: 10,
            },
            VuStage {
                duration_ns: 100,
                vus: 0,
            },
        ];
        let profile = VuProfile::new(0, &stages, 200);
        assert_eq!(profile.active_spans(0), [(5, 196)]);
        assert_eq!(profile.active_spans(9), [(95, 106)]);
        assert_eq!(profile.highest(), 10);
    }

    proptest! {
        #[test]
        fn at_every_moment_as_many_users_act_as_the_level_says(
            vus in 0_u64..30, stages in prop::collection::vec((1_u64..60, 0_u64..30), 0..5), rest in 1_u64..20,
        ) {
            let stages: Vec<VuStage> = stages.into_iter().map(|(duration_ns, vus)| VuStage { duration_ns, vus }).collect();
            let end_ns = stages.iter().map(|stage| stage.duration_ns).sum::<u64>() + rest;
            let profile = VuProfile::new(vus, &stages, end_ns);
            let spans: Vec<_> = (0..31).map(|number| profile.active_spans(number)).collect();
            for at_ns in 0..end_ns {
                let active = spans.iter().filter(|spans| spans.iter().any(|(from, to)| (*from..*to).contains(&at_ns))).count() as u64;
                let (start, length, from, to) = *profile.pieces.iter().rev().find(|piece| piece.0 <= at_ns).unwrap();
                // The level, rounded half up.
                let twice = 2 * from * i128::from(length) + 2 * (to - from) * i128::from(at_ns - start);
                let level = (twice + i128::from(length)).div_euclid(2 * i128::from(length)) as u64;
                prop_assert_eq!(active, level, "at {}", at_ns);
            }
        }
    }
}
