//! The groups of steps that a virtual user is in: stretches of an iteration that are timed as a whole.
//!
//! A pause in a group is no time of it: how long a person thinks says nothing of the target. So a pause moves the moment
//! from which the time of all groups around it counts.

use apibench_core::phase::Phase;
use apibench_core::recorder::GroupIndex;

/// Most groups within one another.
pub const MAX_DEPTH: usize = 8;

/// A group that a virtual user is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenGroup {
    /// Which.
    pub group: GroupIndex,
    /// By the moment at which it began.
    pub phase: Phase,
    /// Whether something of the iteration had failed before it.
    pub failed_before: bool,
    /// Likewise, whether something had timed out.
    pub timed_out_before: bool,
    /// From when on its time counts: its beginning, and the length of all pauses in it.
    since_ns: u64,
}

/// Those that it is in, the outermost first. Nearly always none.
#[derive(Debug, Default)]
pub struct OpenGroups {
    open: Vec<OpenGroup>,
    /// When the last pause ends.
    resumes_ns: u64,
}

impl OpenGroups {
    /// Whether it is in none.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// It is in one more from `since_ns` on. `failed` and `timed_out`: what has become of the iteration so far.
    pub fn enter(&mut self, group: GroupIndex, phase: Phase, since_ns: u64, failed: bool, timed_out: bool) {
        self.open.push(OpenGroup {
            group,
            phase,
            failed_before: failed,
            timed_out_before: timed_out,
            since_ns,
        });
    }

    /// It has left the innermost at `at_ns`. Returns it, and its time.
    pub fn leave(&mut self, at_ns: u64) -> Option<(OpenGroup, u64)> {
        let group = self.open.pop()?;
        Some((group, self.age_ns(&group, at_ns)))
    }

    /// It pauses.
    pub fn pause(&mut self, from_ns: u64, until_ns: u64) {
        self.resumes_ns = until_ns;
        for group in &mut self.open {
            group.since_ns = group.since_ns.saturating_add(until_ns.saturating_sub(from_ns));
        }
    }

    /// Those that it is in, each with how long so far.
    pub fn ages(&self, at_ns: u64) -> impl Iterator<Item = (OpenGroup, u64)> {
        self.open.iter().map(move |group| (*group, self.age_ns(group, at_ns)))
    }

    /// It is in none, and nobody asks for how long it was.
    pub fn clear(&mut self) {
        self.open.clear();
        self.resumes_ns = 0;
    }

    /// Of a pause that goes on none is left in it.
    fn age_ns(&self, group: &OpenGroup, at_ns: u64) -> u64 {
        at_ns.max(self.resumes_ns).saturating_sub(group.since_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(since_ns: u64) -> OpenGroups {
        let mut groups = OpenGroups::default();
        groups.enter(GroupIndex(0), Phase::Main, since_ns, false, false);
        groups
    }

    #[test]
    fn a_pause_is_no_time_of_any_group_around_it() {
        let mut groups = inside(100);
        groups.enter(GroupIndex(1), Phase::Main, 200, false, false);
        groups.pause(300, 1_300);
        assert_eq!(
            groups.leave(1_400).map(|(group, ns)| (group.group.0, ns)),
            Some((1, 200))
        );
        assert_eq!(
            groups.leave(1_500).map(|(group, ns)| (group.group.0, ns)),
            Some((0, 400))
        );
        assert_eq!(groups.leave(1_500), None);
    }

    #[test]
    fn while_it_pauses_a_group_is_as_old_as_it_was_when_that_began() {
        let mut groups = inside(100);
        groups.pause(300, 1_300);
        for at_ns in [300, 800, 1_300] {
            assert_eq!(groups.ages(at_ns).map(|(_, ns)| ns).collect::<Vec<_>>(), [200]);
        }
        assert_eq!(groups.leave(800).map(|(_, ns)| ns), Some(200));
    }
}
