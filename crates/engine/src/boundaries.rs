//! Where one interval ends and the next begins.
//!
//! Intervals are a second long and aligned to the beginning of the planned duration, so that the warm-up ends
//! on a boundary; the planned end is a boundary too, so that rates "inside the planned window" are sums of whole
//! intervals. The first and the last of each part may be shorter.

/// One second.
pub const INTERVAL_NS: u64 = 1_000_000_000;

/// The boundaries of a run. All times are of one clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boundaries {
    /// Where the planned duration begins.
    pub main_start_ns: u64,
    /// Where it ends, if that is known beforehand.
    pub planned_end_ns: Option<u64>,
}

impl Boundaries {
    /// The first boundary after `at_ns`.
    #[must_use]
    pub fn after(&self, at_ns: u64) -> u64 {
        if at_ns < self.main_start_ns {
            let left_ns = self.main_start_ns - at_ns;
            return self.main_start_ns - (left_ns - 1) / INTERVAL_NS * INTERVAL_NS;
        }
        match self.planned_end_ns {
            Some(end_ns) if at_ns < end_ns => next_step(self.main_start_ns, at_ns).min(end_ns),
            Some(end_ns) => next_step(end_ns.max(self.main_start_ns), at_ns),
            None => next_step(self.main_start_ns, at_ns),
        }
    }
}

fn next_step(from_ns: u64, at_ns: u64) -> u64 {
    from_ns + ((at_ns - from_ns) / INTERVAL_NS + 1) * INTERVAL_NS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(boundaries: Boundaries, from_ns: u64, count: usize) -> Vec<u64> {
        std::iter::successors(Some(boundaries.after(from_ns)), |at| Some(boundaries.after(*at)))
            .take(count)
            .collect()
    }

    #[test]
    fn the_warm_up_and_the_planned_end_are_boundaries_and_no_interval_is_longer_than_a_second() {
        const S: u64 = INTERVAL_NS;
        let boundaries = Boundaries {
            main_start_ns: 10 * S + S / 2,
            planned_end_ns: Some(12 * S + 3 * S / 4),
        };
        let expected = [
            9 * S + S / 2,
            10 * S + S / 2,
            11 * S + S / 2,
            12 * S + S / 2,
            12 * S + 3 * S / 4,
            13 * S + 3 * S / 4,
            14 * S + 3 * S / 4,
        ];
        assert_eq!(walk(boundaries, 9 * S, 7), expected);
    }

    #[test]
    fn without_a_planned_end_every_second_is_a_boundary() {
        let boundaries = Boundaries {
            main_start_ns: 5,
            planned_end_ns: None,
        };
        assert_eq!(walk(boundaries, 5, 2), [5 + INTERVAL_NS, 5 + 2 * INTERVAL_NS]);
    }
}
