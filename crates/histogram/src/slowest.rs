//! The slowest requests of a run, so many and no more.
//!
//! Each interval brings those that were among the slowest of their thread's run so far when it was sealed. So the
//! slowest of all intervals of a run are exactly its slowest, while a second in which nothing unusual happens brings
//! nothing. Those of a part of a run are the slowest that were told of, which need not be all.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use apibench_core::slow::SlowRequest;

/// How many are kept of a run, and at most told of in an interval.
pub const SLOWEST_KEPT: usize = 50;

/// Some slow requests, the slowest first: at most [`SLOWEST_KEPT`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slowest(Vec<SlowRequest>);

impl Slowest {
    /// Of these, the slowest. Their order does not matter.
    #[must_use]
    pub fn of(mut requests: Vec<SlowRequest>) -> Self {
        // Equally slow ones need an order too, so that the same requests are the same bytes.
        requests.sort_unstable_by(|one, other| (other.response_ns.cmp(&one.response_ns)).then_with(|| one.cmp(other)));
        requests.truncate(SLOWEST_KEPT);
        Self(requests)
    }

    /// The slowest first.
    #[must_use]
    pub fn as_slice(&self) -> &[SlowRequest] {
        &self.0
    }

    /// Those for which `which` holds.
    #[must_use]
    pub fn only(&self, which: impl Fn(&SlowRequest) -> bool) -> Self {
        Self(self.0.iter().filter(|request| which(request)).cloned().collect())
    }

    /// Adds others; the slowest of all stay.
    pub fn merge(&mut self, other: &Self) {
        if !other.0.is_empty() {
            let own = std::mem::take(&mut self.0);
            *self = Self::of(own.into_iter().chain(other.0.iter().cloned()).collect());
        }
    }
}

/// The slowest of one thread so far. Takes no memory after it was made, but for what is handed over.
#[derive(Debug)]
pub struct SlowestSoFar {
    kept: Vec<SlowRequest>,
    /// Response times and places of `kept`, the least slow first.
    order: BinaryHeap<Reverse<(u64, u8)>>,
    /// The places of those that no interval has told of, a bit each.
    untold: u64,
}

impl Default for SlowestSoFar {
    fn default() -> Self {
        Self {
            kept: Vec::with_capacity(SLOWEST_KEPT),
            order: BinaryHeap::with_capacity(SLOWEST_KEPT),
            untold: 0,
        }
    }
}

impl SlowestSoFar {
    /// Whether a request of that response time is among them.
    #[inline]
    #[must_use]
    pub fn has_room_for(&self, response_ns: u64) -> bool {
        let least = self.order.peek();
        self.kept.len() < SLOWEST_KEPT || least.is_some_and(|Reverse((least_ns, _))| response_ns > *least_ns)
    }

    /// Takes a request in, for which there is room: the least slow one goes.
    pub fn insert(&mut self, request: SlowRequest) {
        let response_ns = request.response_ns;
        let place = if self.kept.len() < SLOWEST_KEPT {
            self.kept.push(request);
            (self.kept.len() - 1) as u8
        } else {
            let Some(Reverse((_, place))) = self.order.pop() else {
                return;
            };
            self.kept[usize::from(place)] = request;
            place
        };
        self.order.push(Reverse((response_ns, place)));
        self.untold |= 1 << place;
    }

    /// Those that came since the last call and are still among them.
    pub fn tell(&mut self) -> Slowest {
        let untold = std::mem::take(&mut self.untold);
        if untold == 0 {
            return Slowest::default();
        }
        let places = (0..self.kept.len()).filter(|place| untold & (1 << place) != 0);
        Slowest::of(places.map(|place| self.kept[place].clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use apibench_core::recorder::SeriesIndex;
    use proptest::prelude::*;

    use super::*;

    fn request(response_ns: u64, at_ns: u64) -> SlowRequest {
        SlowRequest {
            response_ns,
            at_ns,
            series: SeriesIndex(0),
            service_ns: None,
            schedule_lag_ns: 0,
            connection_wait_ns: 0,
            opening: None,
            first_byte_ns: None,
            status: 200,
            error: None,
            unfinished: false,
            address: None,
        }
    }

    proptest! {
        #[test]
        fn what_all_intervals_tell_has_the_slowest_of_the_run(
            seconds in prop::collection::vec(prop::collection::vec((0_u64..400, 0_usize..3), 0..120), 1..12),
        ) {
            let mut threads = [SlowestSoFar::default(), SlowestSoFar::default(), SlowestSoFar::default()];
            let (mut all, mut told) = (Vec::new(), Slowest::default());
            for second in seconds {
                for (response_ns, thread) in second {
                    all.push(response_ns);
                    if threads[thread].has_room_for(response_ns) {
                        threads[thread].insert(request(response_ns, all.len() as u64));
                    }
                }
                for thread in &mut threads {
                    let tells = thread.tell();
                    prop_assert!(tells.as_slice().len() <= SLOWEST_KEPT);
                    told.merge(&tells);
                }
            }
            all.sort_unstable_by_key(|response_ns| Reverse(*response_ns));
            all.truncate(SLOWEST_KEPT);
            let kept: Vec<u64> = told.as_slice().iter().map(|each| each.response_ns).collect();
            prop_assert_eq!(kept, all);
        }

        #[test]
        fn it_does_not_matter_how_they_are_added_up(
            responses in prop::collection::vec((0_u64..60, 0_u64..5), 0..200), cut in 0_usize..200,
        ) {
            let all: Vec<_> = responses.iter().map(|(response_ns, at_ns)| request(*response_ns, *at_ns)).collect();
            let (left, right) = all.split_at(cut.min(all.len()));
            let mut forth = Slowest::of(left.to_vec());
            forth.merge(&Slowest::of(right.to_vec()));
            let mut back = Slowest::of(right.to_vec());
            back.merge(&Slowest::of(left.to_vec()));
            prop_assert_eq!(&forth, &back);
            prop_assert_eq!(forth, Slowest::of(all));
        }
    }

    #[test]
    fn a_second_without_slower_ones_tells_nothing() {
        let mut so_far = SlowestSoFar::default();
        for response_ns in 0..60 {
            so_far.insert(request(100 + response_ns, response_ns));
        }
        assert_eq!(so_far.tell().as_slice().len(), SLOWEST_KEPT);
        assert!(!so_far.has_room_for(110) && so_far.has_room_for(111));
        assert_eq!(so_far.tell(), Slowest::default());
    }
}
