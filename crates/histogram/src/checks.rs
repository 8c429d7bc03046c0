//! How often each check of a scenario was looked at, and whether it passed.

use apibench_core::recorder::CheckIndex;

/// How often one check passed and failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CheckCount {
    /// It held.
    pub passed: u64,
    /// It did not.
    pub failed: u64,
}

/// The checks of a scenario, by their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckCounts {
    counts: Vec<CheckCount>,
}

impl CheckCounts {
    /// One more.
    #[inline]
    pub fn count(&mut self, check: CheckIndex, passed: bool) {
        let count = self.entry(check);
        if passed {
            count.passed += 1;
        } else {
            count.failed += 1;
        }
    }

    /// Adds what was counted elsewhere.
    pub fn add(&mut self, check: CheckIndex, more: CheckCount) {
        let count = self.entry(check);
        count.passed = count.passed.saturating_add(more.passed);
        count.failed = count.failed.saturating_add(more.failed);
    }

    /// Adds all of another.
    pub fn merge(&mut self, other: &Self) {
        for (check, count) in other.iter() {
            self.add(check, count);
        }
    }

    /// Those that were looked at, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (CheckIndex, CheckCount)> {
        let numbered = (0_u16..).zip(self.counts.iter().copied());
        numbered
            .filter(|(_, count)| *count != CheckCount::default())
            .map(|(number, count)| (CheckIndex(number), count))
    }

    #[inline]
    fn entry(&mut self, check: CheckIndex) -> &mut CheckCount {
        let place = check.0 as usize;
        if place >= self.counts.len() {
            self.make_room(place);
        }
        &mut self.counts[place]
    }

    /// Once for each check of a second: what every check goes through is then small enough to be inlined.
    #[cold]
    fn make_room(&mut self, place: usize) {
        self.counts.resize(place + 1, CheckCount::default());
    }
}
