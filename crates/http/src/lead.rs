//! How much earlier than planned a sleep is ended, because all sleeps end late.
//!
//! Waking takes a machine about as long each time: 20 µs were seen on virtual machines. Whoever asks to be woken that much
//! earlier wakes in time. It is learned from the sleeps themselves, and to the low side: who wakes too early has to look at
//! the clock until it is time.

/// Which part of all sleeps end earlier than is learned: one in four.
const EARLIER: u64 = 1;
const LATER: u64 = 3;
/// How much one sleep can teach.
const STEP_NS: u64 = 250;
/// Most that is ever waited through without sleep. Beyond it a machine is busy, and no wait is to make it busier.
const MOST_NS: u64 = 40_000;

/// By how much sleeps end late, at least in three of four cases.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lead {
    ns: u64,
}

impl Lead {
    /// So much before its end a wait is slept no longer; at most 40 µs.
    #[inline]
    pub fn ns(self) -> u64 {
        self.ns
    }

    /// A sleep has ended so much later than was asked for.
    #[inline]
    pub fn learn(&mut self, late_ns: u64) {
        self.ns = if late_ns > self.ns {
            (self.ns + STEP_NS * EARLIER).min(MOST_NS)
        } else {
            self.ns.saturating_sub(STEP_NS * LATER)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(late_ns: impl Fn(u64) -> u64) -> u64 {
        let mut lead = Lead::default();
        for number in 0..10_000 {
            lead.learn(late_ns(number));
        }
        lead.ns()
    }

    #[test]
    fn it_comes_to_what_three_sleeps_of_four_are_late_at_least() {
        assert!((19_000..=20_500).contains(&learned(|_| 20_000)));
        let spread = learned(|number| 10_000 + number * 7_919 % 20_000);
        assert!((13_500..16_500).contains(&spread), "{spread}");
        let stalls = learned(|number| if number % 5 == 0 { 10_000_000 } else { 15_000 });
        assert!((13_500..15_500).contains(&stalls), "{stalls}");
    }

    #[test]
    fn it_is_bounded_and_forgets() {
        assert_eq!(learned(|_| 5_000_000), MOST_NS);
        assert_eq!(learned(|number| if number < 5_000 { 30_000 } else { 0 }), 0);
    }
}
