//! A closed load on one thread: which of its virtual users act, when, and for how many iterations.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};

use apibench_core::prefetch::prefetch;

/// Marks the iterations of the warm-up, whose numbers begin again at 0: those of the planned duration must not
/// depend on how many the warm-up had time for.
const WARMUP_ROUND: u64 = 1 << 63;

/// A virtual user of the plan that lives on this thread.
#[derive(Debug)]
pub struct Member {
    /// Its number within the whole plan.
    pub number: u64,
    /// When it acts: from, inclusive, to, exclusive; in order.
    pub spans: VecDeque<(u64, u64)>,
    /// How many iterations of the planned duration it has left; `None` for no bound.
    pub quota: Option<u64>,
    /// The number of its first iteration here: beyond all that somebody else may have done of it before.
    pub first_round: u64,
}

/// A member and what it is doing. What every iteration touches comes first, in one cache line.
#[derive(Debug)]
#[repr(C, align(64))]
struct Seat {
    until_ns: u64,
    rounds: u64,
    warmup_rounds: u64,
    /// How many iterations of the planned duration it has left.
    quota: Option<u64>,
    /// Between an activation and the iteration that it could not begin any more.
    acting: bool,
    virtual_user: Option<u32>,
    /// When it was held before a change; it was busy until then.
    held_ns: u64,
    number: u64,
    /// When it acts after that.
    spans: VecDeque<(u64, u64)>,
}

const _: () = assert!(
    std::mem::offset_of!(Seat, held_ns) + size_of::<u64>() <= 64,
    "what every iteration touches lies in one cache line"
);

impl Seat {
    fn new(member: Member) -> Self {
        Self {
            until_ns: 0,
            rounds: member.first_round,
            warmup_rounds: 0,
            quota: member.quota,
            acting: false,
            virtual_user: None,
            held_ns: 0,
            number: member.number,
            spans: member.spans,
        }
    }
}

/// A virtual user whose time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activation {
    /// Its place on this thread.
    pub place: u32,
    /// Its number within the whole plan.
    pub number: u64,
    /// When its time came.
    pub from_ns: u64,
    /// The virtual user of the loop, if it has acted before.
    pub virtual_user: Option<u32>,
}

/// The closed load of one scenario on one thread.
#[derive(Debug)]
pub struct ClosedLoad {
    seats: Vec<Seat>,
    upcoming: BinaryHeap<Reverse<(u64, u32)>>,
}

impl ClosedLoad {
    /// A load of these virtual users.
    #[must_use]
    pub fn new(members: Vec<Member>) -> Self {
        let mut load = Self {
            seats: members.into_iter().map(Seat::new).collect(),
            upcoming: BinaryHeap::new(),
        };
        load.look_ahead();
        load
    }

    fn look_ahead(&mut self) {
        self.upcoming = (0_u32..)
            .zip(&self.seats)
            .filter(|(_, seat)| !seat.acting)
            .filter_map(|(place, seat)| seat.spans.front().map(|(from_ns, _)| Reverse((*from_ns, place))))
            .collect();
    }

    /// All act `by_ns` later than they did. Before anybody acted.
    pub fn shift(&mut self, by_ns: u64) {
        for (from_ns, until_ns) in self.seats.iter_mut().flat_map(|seat| &mut seat.spans) {
            *from_ns += by_ns;
            *until_ns = until_ns.saturating_add(by_ns);
        }
        self.look_ahead();
    }

    /// When the next virtual user begins to act.
    #[must_use]
    pub fn next_due_ns(&self) -> u64 {
        self.upcoming.peek().map_or(u64::MAX, |Reverse((from_ns, _))| *from_ns)
    }

    /// Whether no virtual user begins to act any more.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.upcoming.is_empty()
    }

    /// A virtual user whose time has come by `now_ns`.
    pub fn pop_active(&mut self, now_ns: u64) -> Option<Activation> {
        if self.next_due_ns() > now_ns {
            return None;
        }
        let Reverse((_, place)) = self.upcoming.pop()?;
        let seat = &mut self.seats[place as usize];
        let (from_ns, until_ns) = seat.spans.pop_front()?;
        seat.until_ns = until_ns;
        seat.acting = true;
        Some(Activation {
            place,
            number: seat.number,
            from_ns: from_ns.max(seat.held_ns),
            virtual_user: seat.virtual_user,
        })
    }

    /// Has fetched what the next iteration at a place touches.
    #[inline]
    pub fn prefetch(&self, place: u32) {
        prefetch(&self.seats, place as usize, 1);
    }

    /// Which virtual user of the loop sits at a place.
    pub fn bind(&mut self, place: u32, virtual_user: u32) {
        self.seats[place as usize].virtual_user = Some(virtual_user);
    }

    /// The number of the iteration that the virtual user at `place` begins at `at_ns`, if it may. `main`: the
    /// moment lies in the planned duration.
    pub fn begin_iteration(&mut self, place: u32, at_ns: u64, main: bool) -> Option<u64> {
        let seat = &mut self.seats[place as usize];
        if at_ns >= seat.until_ns {
            seat.acting = false;
            if let Some((from_ns, _)) = seat.spans.front() {
                // Its next time may have come while it was busy with this iteration.
                self.upcoming.push(Reverse(((*from_ns).max(at_ns), place)));
            }
            return None;
        }
        if !main {
            seat.warmup_rounds += 1;
            return Some((seat.warmup_rounds - 1) | WARMUP_ROUND);
        }
        if let Some(quota) = &mut seat.quota {
            if *quota == 0 {
                seat.acting = false;
                seat.spans.clear();
                return None;
            }
            *quota -= 1;
        }
        seat.rounds += 1;
        Some(seat.rounds - 1)
    }

    /// Until when the virtual user at `place` may rest that has nothing to send; `None` if it goes on at once, because
    /// only so many iterations are left of what was asked for. `main`: it is in the planned duration.
    #[must_use]
    pub fn may_rest_until(&self, place: u32, main: bool) -> Option<u64> {
        let seat = &self.seats[place as usize];
        (!main || seat.quota.is_none()).then_some(seat.until_ns)
    }

    /// The virtual user at `place` was ready for its next iteration at `at_ns`, but a change of that moment has not come
    /// yet: it waits for it.
    pub fn hold(&mut self, place: u32, at_ns: u64) {
        let seat = &mut self.seats[place as usize];
        seat.acting = false;
        seat.held_ns = at_ns;
        if at_ns < seat.until_ns {
            seat.spans.push_front((at_ns, seat.until_ns));
        }
        if let Some((from_ns, _)) = seat.spans.front() {
            self.upcoming.push(Reverse(((*from_ns).max(at_ns), place)));
        }
    }

    /// From `effective_ns` on these virtual users act, and no others. One that acted before keeps its count.
    pub fn change(&mut self, effective_ns: u64, members: Vec<Member>) {
        for seat in &mut self.seats {
            seat.until_ns = seat.until_ns.min(effective_ns);
            seat.spans.retain_mut(|(from_ns, until_ns)| {
                *until_ns = (*until_ns).min(effective_ns);
                from_ns < until_ns
            });
        }
        // The load goes on meanwhile: a search for each of thousands would be a stall of our own.
        let places: HashMap<u64, usize> = (0..)
            .zip(&self.seats)
            .map(|(place, seat)| (seat.number, place))
            .collect();
        for mut member in members {
            let Some(&place) = places.get(&member.number) else {
                self.seats.push(Seat::new(member));
                continue;
            };
            let seat = &mut self.seats[place];
            // Who acts at that moment and goes on is not interrupted by it.
            let acts = seat.acting || !seat.spans.is_empty();
            if acts
                && let Some((from_ns, until_ns)) = member.spans.front().copied()
                && from_ns == effective_ns
            {
                let last = seat
                    .spans
                    .back_mut()
                    .map_or(&mut seat.until_ns, |(_, until_ns)| until_ns);
                if *last == effective_ns {
                    *last = until_ns;
                    member.spans.pop_front();
                }
            }
            seat.spans.append(&mut member.spans);
        }
        self.look_ahead();
    }

    /// Whether the virtual user at `place` will not act again.
    #[must_use]
    pub fn is_done(&self, place: u32) -> bool {
        let seat = &self.seats[place as usize];
        !seat.acting && seat.spans.is_empty()
    }

    /// The virtual user at `place` begins no further iteration.
    pub fn retire(&mut self, place: u32) {
        let seat = &mut self.seats[place as usize];
        seat.spans.clear();
        seat.until_ns = 0;
    }

    /// No virtual user begins another iteration.
    pub fn stop(&mut self) {
        self.upcoming.clear();
        for seat in &mut self.seats {
            seat.spans.clear();
            seat.until_ns = 0;
        }
    }
}
