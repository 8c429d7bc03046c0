//! What came of calls of Python, function by function: how long they took in all, and why they failed.

/// Reasons of a function that are counted by themselves; further ones by the kind of their error.
const KEPT: usize = 10;

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which of the program's functions.
    pub function: u16,
    /// `ValueError: no such key`.
    pub reason: Box<str>,
    /// How often.
    pub count: u64,
}

/// Of one thread, or of several.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// In the order in which they were first seen.
    failures: Vec<Failure>,
    /// By the numbers of functions.
    took_ns: Vec<u64>,
}

impl Account {
    /// A call took so long; or it was so long before it was given up.
    pub fn took(&mut self, function: u16, took_ns: u64) {
        let place = function as usize;
        if place >= self.took_ns.len() {
            self.took_ns.resize(place + 1, 0);
        }
        self.took_ns[place] = self.took_ns[place].saturating_add(took_ns);
    }

    /// One has failed.
    pub fn failed(&mut self, function: u16, reason: &str) {
        self.add(function, reason, 1);
    }

    /// Adds what was counted elsewhere.
    pub fn merge(&mut self, other: &Self) {
        for each in &other.failures {
            self.add(each.function, &each.reason, each.count);
        }
        for (function, took_ns) in (0_u16..).zip(&other.took_ns) {
            self.took(function, *took_ns);
        }
    }

    /// Why they failed.
    #[must_use]
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// How long they took in all, by the numbers of functions; those behind the last took nothing.
    #[must_use]
    pub fn took_ns(&self) -> &[u64] {
        &self.took_ns
    }

    fn add(&mut self, function: u16, reason: &str, count: u64) {
        let own = |each: &&Failure| each.function == function;
        if !self.has(function, reason) && self.failures.iter().filter(own).count() >= KEPT {
            // Texts that have the values of their iterations in them are as many as those.
            let kind = reason.split(':').next().unwrap_or_default();
            self.put(function, &format!("{kind}: other messages"), count);
        } else {
            self.put(function, reason, count);
        }
    }

    fn has(&self, function: u16, reason: &str) -> bool {
        self.failures
            .iter()
            .any(|each| each.function == function && &*each.reason == reason)
    }

    fn put(&mut self, function: u16, reason: &str, count: u64) {
        let known = self
            .failures
            .iter_mut()
            .find(|each| each.function == function && &*each.reason == reason);
        match known {
            Some(known) => known.count += count,
            None => self.failures.push(Failure {
                function,
                reason: reason.into(),
                count,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_that_differ_without_end_are_counted_by_their_kind() {
        let mut account = Account::default();
        for number in 0..1_000 {
            account.failed(0, &format!("KeyError: {number}"));
            account.failed(1, "ValueError: the same");
        }
        let of = |function| account.failures().iter().filter(move |each| each.function == function);
        assert_eq!(of(0).count(), KEPT + 1);
        assert_eq!(of(0).map(|each| each.count).sum::<u64>(), 1_000);
        assert!(of(0).any(|each| &*each.reason == "KeyError: other messages" && each.count == 990));
        assert_eq!(of(1).map(|each| each.count).collect::<Vec<_>>(), [1_000]);
    }
}
