//! How a wait is slept so that it ends in time.
//!
//! Every sleep ends late, and the longer a processor has nothing to do the more so, for it sleeps more deeply. On
//! virtual machines a sleep of 50 ms was seen to end 170 µs late, one of 10 ms 130 µs, one of a millisecond 30 µs, one of
//! 80 µs 22 µs, and hardly one less than 13 µs. So a long wait is broken shortly before its end, and every sleep is
//! shorter by what those just before it were late at least. What is left of a wait and shorter than that can't be slept
//! in time: it is spent looking.

/// A wait longer than this is broken. At thousands of arrivals a second none is, and none costs a call more.
const LONG_NS: u64 = 1_000_000;
/// So much before its end a long wait is broken: each more than the sleep before it ends late.
const BREAKS_NS: [u64; 2] = [250_000, 80_000];
/// A shorter sleep is none: its timer runs out before the thread sleeps, and says nothing of how late a sleep is.
const LEAST_NS: u64 = 2_000;
/// Of so many sleeps the least late one counts. More of them find one that was less late, and end waits later.
const WINDOW: u32 = 4;
/// And at most this counts, whatever was seen: so long a spin at the end of each wait is the most that a machine which
/// is always late can cause.
const MOST_LEAD_NS: u64 = 50_000;

/// Says how long to sleep, and learns how late sleeps end.
pub struct Sleeper {
    spin_ns: u64,
    /// How late the last window's sleeps ended at least, and this one's so far.
    lead_ns: u64,
    least_late_ns: u64,
    seen: u32,
    long: bool,
    asked_ns: u64,
}

impl Sleeper {
    /// Of whoever does not sleep the last `spin_ns` of a wait.
    #[must_use]
    pub fn new(spin_ns: u64) -> Self {
        Self {
            spin_ns,
            lead_ns: 0,
            least_late_ns: u64::MAX,
            seen: 0,
            long: false,
            asked_ns: 0,
        }
    }

    /// A wait of `wait_ns` begins; how long to sleep first.
    #[inline]
    pub fn begin(&mut self, wait_ns: u64) -> u64 {
        self.long = wait_ns > LONG_NS;
        self.next_ns(wait_ns)
    }

    /// Nothing but time ended the sleep, after `slept_ns`, and `left_ns` are to go; how long to sleep now, 0 to look
    /// and ask again.
    #[inline]
    pub fn again(&mut self, slept_ns: u64, left_ns: u64) -> u64 {
        if self.asked_ns > 0 {
            self.learn(slept_ns.saturating_sub(self.asked_ns).min(MOST_LEAD_NS));
        }
        self.next_ns(left_ns)
    }

    #[inline]
    fn learn(&mut self, late_ns: u64) {
        self.lead_ns = self.lead_ns.min(late_ns);
        self.least_late_ns = self.least_late_ns.min(late_ns);
        self.seen += 1;
        if self.seen == WINDOW {
            self.lead_ns = self.least_late_ns;
            (self.least_late_ns, self.seen) = (u64::MAX, 0);
        }
    }

    #[inline]
    fn next_ns(&mut self, left_ns: u64) -> u64 {
        let mut rest_ns = self.spin_ns.max(self.lead_ns);
        if self.long {
            rest_ns = rest_ns.max(BREAKS_NS.into_iter().find(|rest_ns| left_ns > *rest_ns).unwrap_or(0));
        }
        self.asked_ns = left_ns.saturating_sub(rest_ns);
        if self.asked_ns < LEAST_NS {
            self.asked_ns = 0;
        }
        self.asked_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What one wait came to, in nanoseconds.
    struct Waited {
        slept: Vec<u64>,
        spun_ns: u64,
        late_ns: u64,
    }

    /// Waits once, where each sleep ends late by what `lateness` says of its length.
    fn wait(sleeper: &mut Sleeper, wait_ns: u64, lateness: impl Fn(u64) -> u64) -> Waited {
        let (mut left_ns, mut slept, mut spun_ns) = (wait_ns, Vec::new(), 0);
        let mut sleep_ns = sleeper.begin(wait_ns);
        while left_ns > 0 {
            assert!(sleep_ns <= left_ns);
            let passed_ns = if sleep_ns == 0 {
                1
            } else {
                sleep_ns + lateness(sleep_ns)
            };
            if sleep_ns > 0 {
                slept.push(sleep_ns);
            } else {
                spun_ns += 1;
            }
            let late_ns = passed_ns.saturating_sub(left_ns);
            left_ns = left_ns.saturating_sub(passed_ns);
            sleep_ns = sleeper.again(passed_ns, left_ns);
            if left_ns == 0 {
                return Waited {
                    slept,
                    spun_ns,
                    late_ns,
                };
            }
        }
        Waited {
            slept,
            spun_ns,
            late_ns: 0,
        }
    }

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
            for spin_ns in [0, 50_000, 400_000] {
                let waited = wait(&mut Sleeper::new(spin_ns), wait_ns, |_| 0);
                assert_eq!(waited.late_ns, 0);
                assert!(waited.spun_ns <= spin_ns.max(LEAST_NS));
                let sleeps = if wait_ns > LONG_NS { 3 } else { 1 };
                assert!(waited.slept.len() <= sleeps, "{wait_ns} {spin_ns}");
                let punctual = waited.slept.last().is_none_or(|last_ns| *last_ns <= BREAKS_NS[1]);
                assert!(
                    punctual || wait_ns <= LONG_NS || spin_ns > BREAKS_NS[1],
                    "{wait_ns} {spin_ns}"
                );
            }
        }
    }

    #[test]
    fn sleeps_that_end_late_are_shorter_by_what_the_least_late_of_them_was() {
        let mut sleeper = Sleeper::new(0);
        for late_ns in [16_000, 14_000, 13_000, 15_000] {
            let waited = wait(&mut sleeper, 50_000, |_| late_ns);
            assert_eq!((waited.slept, waited.late_ns), (vec![50_000], late_ns));
        }
        let waited = wait(&mut sleeper, 50_000, |_| 15_000);
        assert_eq!((waited.slept, waited.spun_ns, waited.late_ns), (vec![37_000], 0, 2_000));
        // No sleep is so short: this one is looked out, in time.
        let waited = wait(&mut sleeper, 13_000, |_| 15_000);
        assert_eq!((waited.slept, waited.spun_ns, waited.late_ns), (vec![], 13_000, 0));
    }

    #[test]
    fn a_sleep_less_late_than_all_before_it_counts_at_once_and_a_later_one_after_a_window() {
        let mut sleeper = Sleeper::new(0);
        for _ in 0..WINDOW {
            wait(&mut sleeper, 50_000, |_| 13_000);
        }
        let waited = wait(&mut sleeper, 50_000, |_| 3_000);
        assert_eq!(
            (waited.slept, waited.spun_ns, waited.late_ns),
            (vec![37_000, 7_000], 0, 0)
        );
        assert_eq!(wait(&mut sleeper, 50_000, |_| 3_000).slept, vec![47_000]);
        for _ in 0..2 * WINDOW {
            wait(&mut sleeper, 500_000, |_| 1_000_000);
        }
        assert_eq!(wait(&mut sleeper, 500_000, |_| 0).slept[0], 500_000 - MOST_LEAD_NS);
    }

    #[test]
    fn whatever_sleeps_do_no_wait_is_spun_for_longer_than_a_sleep_was_late() {
        let mut random = 1_u64;
        let mut sleeper = Sleeper::new(0);
        for _ in 0..20_000 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let (wait_ns, most_late_ns) = ((random >> 33) % 120_000, (random >> 50) % 40_000);
            let waited = wait(&mut sleeper, wait_ns, |sleep_ns| sleep_ns % (most_late_ns + 1));
            assert!(waited.spun_ns < 40_000 + LEAST_NS);
            assert!(waited.late_ns <= most_late_ns);
        }
    }
}
