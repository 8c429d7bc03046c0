//! How a wait is slept: whoever sleeps for long wakes late, so that a long sleep is broken shortly before its end.
//!
//! A processor that has nothing to do for longer sleeps more deeply. On virtual machines a sleep of 50 ms was seen to end
//! 170 µs late, one of 10 ms 130 µs, one of a millisecond 30 µs, and one of 80 µs 22 µs.

/// A wait longer than this is broken. At thousands of arrivals a second none is, and none costs a call more.
const LONG_NS: u64 = 1_000_000;
/// So much before its end a long wait is broken: each more than the sleep before it ends late.
const BREAKS_NS: [u64; 2] = [250_000, 80_000];

/// One wait, in as many sleeps as it takes to wake in time.
pub struct Legs {
    long: bool,
    spin_ns: u64,
}

impl Legs {
    /// Of a wait of `wait_ns`, the last `spin_ns` of which are not slept.
    #[inline]
    pub fn of(wait_ns: u64, spin_ns: u64) -> Self {
        Self {
            long: wait_ns > LONG_NS,
            spin_ns,
        }
    }

    /// How long to sleep at once when `left_ns` are to go; 0 while they are spun.
    #[inline]
    pub fn next_ns(&self, left_ns: u64) -> u64 {
        let mut rest_ns = 0;
        if self.long {
            rest_ns = BREAKS_NS.into_iter().find(|rest_ns| left_ns > *rest_ns).unwrap_or(0);
        }
        left_ns.saturating_sub(rest_ns.max(self.spin_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_sleep_of_a_wait_is_no_long_one_and_all_but_the_spin_is_slept() {
        for wait_ns in [
            0,
            1,
            200_000,
            999_999,
            1_000_000,
            1_000_001,
            20_000_000,
            3_600_000_000_000,
        ] {
            for spin_ns in [0, 50_000, 400_000, 30_000_000] {
                let (legs, mut left_ns, mut slept) = (Legs::of(wait_ns, spin_ns), wait_ns, Vec::new());
                while left_ns > spin_ns {
                    slept.push(legs.next_ns(left_ns));
                    left_ns -= slept[slept.len() - 1];
                }
                assert_eq!(left_ns, wait_ns.min(spin_ns));
                assert!(
                    slept.len() <= if wait_ns > LONG_NS { 3 } else { 1 },
                    "{wait_ns} {spin_ns}"
                );
                let punctual = slept.last().is_none_or(|last_ns| *last_ns <= BREAKS_NS[1]);
                assert!(
                    punctual || wait_ns <= LONG_NS || spin_ns > BREAKS_NS[1],
                    "{wait_ns} {spin_ns}"
                );
            }
        }
    }
}
