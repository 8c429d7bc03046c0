//! Deadlines that cost nothing per request.
//!
//! A timeout is almost never reached, so arming and disarming one for each request is wasted work. Here
//! each connection has at most one entry that counts, at a moment *no later* than its true deadline. When
//! the moment comes, the transport works out the true deadline and either acts or arms again. A connection
//! that answers 50,000 requests in a second is looked at once per timeout.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Moments at which to look at something again, earliest first.
#[derive(Debug, Default)]
pub struct Deadlines {
    heap: BinaryHeap<Reverse<(u64, u64)>>,
}

impl Deadlines {
    /// Looks at `token` again at `at_ns`.
    pub fn arm(&mut self, at_ns: u64, token: u64) {
        self.heap.push(Reverse((at_ns, token)));
    }

    /// When to wake up; `u64::MAX` if nothing is armed.
    pub fn next_ns(&self) -> u64 {
        self.heap.peek().map_or(u64::MAX, |Reverse((at_ns, _))| *at_ns)
    }

    /// The next that is due at `now_ns`, with the moment it was armed for.
    pub fn pop_due(&mut self, now_ns: u64) -> Option<(u64, u64)> {
        if self.next_ns() > now_ns {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_come_in_the_order_of_time_and_never_before_it() {
        let mut deadlines = Deadlines::default();
        deadlines.arm(30, 3);
        deadlines.arm(10, 1);
        deadlines.arm(20, 2);
        assert_eq!(deadlines.next_ns(), 10);
        assert_eq!(deadlines.pop_due(9), None);
        assert_eq!(deadlines.pop_due(25), Some((10, 1)));
        assert_eq!(deadlines.pop_due(25), Some((20, 2)));
        assert_eq!(deadlines.pop_due(25), None);
        assert_eq!(deadlines.next_ns(), 30);
    }
}
