//! What is due and waits, however much it is: in an overload it grows by tens of thousands a second, and neither its
//! memory nor the work at a seal may grow with it, or the target's overload would look like a pause of ours.
//!
//! Only the longest waiting stand in a queue. Those far behind are a number and a copy of the walk that led to them,
//! which goes the same way again when their turn comes. Ages are told by spans of intended time, narrow beside the ages
//! themselves.

use std::collections::VecDeque;

use crate::upcoming::{DueIteration, Upcoming, WARMUP_ITERATION};

/// How many stand in the queue before further ones are only counted.
const NEAR: usize = 8_192;
/// The widest span of what has just come.
const SPAN_NS: u64 = 100_000;
/// A span is merged with its neighbour if they are no wider than this part of their age, as the cells of a histogram.
const AGE_PARTS: u64 = 1_000;

/// Neighbours in time, told together.
#[derive(Debug, Clone, Copy)]
struct Span {
    first_ns: u64,
    last_ns: u64,
    warmup: bool,
    count: u64,
}

/// Everything that waits, the longest waiting first.
#[derive(Debug, Default)]
pub struct Backlog {
    near: VecDeque<DueIteration>,
    /// Leads to those behind `near`, as long as there are any.
    walk: Option<Upcoming>,
    far: u64,
    spans: VecDeque<Span>,
}

impl Backlog {
    /// How many wait.
    #[must_use]
    #[inline]
    pub fn len(&self) -> u64 {
        self.near.len() as u64 + self.far
    }

    /// Whether nothing waits.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.near.is_empty()
    }

    /// The one that has waited longest.
    #[must_use]
    #[inline]
    pub fn front(&self) -> Option<&DueIteration> {
        self.near.front()
    }

    /// The next of `upcoming` waits. `bounded`: it may be asked for from behind, so that it stands in the queue.
    #[inline]
    pub fn push(&mut self, due: DueIteration, upcoming: &Upcoming, bounded: bool) {
        let warmup = due.iteration & WARMUP_ITERATION != 0;
        match self.spans.back_mut() {
            Some(span) if span.warmup == warmup && due.intended_ns - span.first_ns <= SPAN_NS => {
                span.last_ns = due.intended_ns;
                span.count += 1;
            }
            _ => self.spans.push_back(Span {
                first_ns: due.intended_ns,
                last_ns: due.intended_ns,
                warmup,
                count: 1,
            }),
        }
        if self.far == 0 && (bounded || self.near.len() < NEAR) {
            self.near.push_back(due);
            return;
        }
        self.walk.get_or_insert_with(|| upcoming.clone());
        self.far += 1;
    }

    /// Takes the one that has waited longest.
    #[inline]
    pub fn pop_front(&mut self) -> Option<DueIteration> {
        let due = self.near.pop_front()?;
        if let Some(span) = self.spans.front_mut() {
            span.count -= 1;
            if span.count == 0 {
                self.spans.pop_front();
            }
        }
        // Not before half of them are gone: otherwise a queue about this long would copy its walk again and again.
        if self.far > 0 && self.near.len() < NEAR / 2 {
            self.draw_near();
        }
        Some(due)
    }

    fn draw_near(&mut self) {
        self.near.extend(self.walk.as_mut().and_then(Upcoming::pop));
        self.far -= 1;
        if self.far == 0 {
            self.walk = None;
        }
    }

    /// Takes the last that came. Only of a bounded queue.
    pub fn pop_back(&mut self) -> Option<DueIteration> {
        debug_assert_eq!(self.far, 0, "a bounded queue stands in full");
        let due = self.near.pop_back()?;
        if let Some(span) = self.spans.back_mut() {
            span.count -= 1;
            if span.count == 0 {
                self.spans.pop_back();
            }
        }
        Some(due)
    }

    /// Tells all that wait at `at_ns`: an intended time, not before their own and later by no more than the resolution of
    /// the figures, and how many it stands for. The work depends on how long they have waited, and not on how many they are.
    pub fn tell(&mut self, at_ns: u64, mut told: impl FnMut(u64, u64)) {
        let mut kept = 0;
        for place in 0..self.spans.len() {
            let span = self.spans[place];
            if kept > 0 {
                let before = &mut self.spans[kept - 1];
                let widest_ns = at_ns.saturating_sub(span.last_ns) / AGE_PARTS;
                if before.warmup == span.warmup && span.last_ns - before.first_ns <= widest_ns {
                    before.last_ns = span.last_ns;
                    before.count += span.count;
                    continue;
                }
            }
            self.spans[kept] = span;
            kept += 1;
        }
        self.spans.truncate(kept);
        for span in &self.spans {
            told(span.last_ns, span.count);
        }
    }

    /// Gives all up at `at_ns`, and tells them as [`Self::tell`] does; one by one as long as all of them stand in the queue.
    pub fn clear(&mut self, at_ns: u64, mut told: impl FnMut(u64, u64)) {
        if self.far == 0 {
            self.near.iter().for_each(|due| told(due.intended_ns, 1));
        } else {
            self.tell(at_ns, told);
        }
        *self = Self::default();
    }

    /// A change of the plan concerns those far behind too: they are worked out again.
    pub fn change(&mut self, change: impl FnOnce(&mut Upcoming)) {
        if let Some(walk) = &mut self.walk {
            change(walk);
        }
    }
}
