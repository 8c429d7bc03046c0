//! The requests in flight, by the number under which the transport knows them.
//!
//! Several may share a connection, and most of what is known of a virtual user outlives them, so what is known of a
//! request lives here and not in either of them.

use apibench_core::phase::Phase;
use apibench_core::prefetch::prefetch;
use apibench_core::recorder::SeriesIndex;
use apibench_core::transport::{ExchangeId, Opening};

use crate::redirect::Hop;

/// A request that has been submitted and has not ended. It fills one cache line.
#[derive(Debug)]
#[repr(align(64))]
pub struct Exchange {
    /// Whose it is.
    pub virtual_user: u32,
    /// Which request of the program.
    pub request: u32,
    /// Where it is counted: the request's series, or that of its redirects.
    pub series: SeriesIndex,
    /// By its intended time.
    pub phase: Phase,
    /// When it was due (the first of an open iteration) or its virtual user was ready for it.
    pub intended_ns: u64,
    /// How long no virtual user was free for it; and no connection, once it has started or has failed without.
    pub waited_ns: u64,
    /// When its first byte went to the kernel; 0 while it has not.
    pub started_ns: u64,
    /// What opening a connection took, if it paid for one. Elsewhere: few do.
    pub opening: Option<Box<Opening>>,
    /// The transport has it and has not sent it: it waits for a connection, perhaps for its second attempt.
    pub waits: bool,
    /// It has been sent again after it met a closed connection.
    pub retried: bool,
    /// It was rendered for this one iteration, and is the virtual user's: late values, or cookies.
    pub rendered: bool,
    /// How many redirects led to it.
    pub hops: u32,
    /// What is sent instead of the request, if a redirect led to it.
    pub hop: Option<Box<Hop>>,
}

impl Exchange {
    /// How late our loop was with it although something was free; 0 before its first byte is out.
    #[must_use]
    #[inline]
    pub fn schedule_lag_ns(&self) -> u64 {
        let explained_ns = self.waited_ns + self.opening.as_ref().map_or(0, |opening| opening.total_ns);
        self.started_ns
            .saturating_sub(self.intended_ns)
            .saturating_sub(explained_ns)
    }

    /// Ended less started; before its first byte is out, its age since it was submitted; if the opening
    /// of its connection has failed, since that began.
    #[must_use]
    #[inline]
    pub fn served_ns(&self, ended_ns: u64) -> u64 {
        let from_ns = if self.started_ns == 0 {
            self.intended_ns + self.waited_ns
        } else {
            self.started_ns
        };
        ended_ns.saturating_sub(from_ns)
    }
}

/// The requests in flight. A virtual user has at most one, whose number is its own: so whoever is told the one knows where
/// to find the other, and nothing is allocated once the most have been.
#[derive(Debug, Default)]
pub struct Exchanges {
    places: Vec<Option<Exchange>>,
}

impl Exchanges {
    /// Takes the place of its virtual user, which must be free.
    pub fn insert(&mut self, exchange: Exchange) -> ExchangeId {
        let place = exchange.virtual_user as usize;
        if place >= self.places.len() {
            self.places.resize_with(place + 1, || None);
        }
        debug_assert!(self.places[place].is_none(), "a virtual user has one request at a time");
        self.places[place] = Some(exchange);
        ExchangeId(place as u32)
    }

    /// The request at a place, if there is one.
    #[must_use]
    pub fn get(&self, id: ExchangeId) -> Option<&Exchange> {
        self.places.get(id.0 as usize)?.as_ref()
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, id: ExchangeId) -> Option<&mut Exchange> {
        self.places.get_mut(id.0 as usize)?.as_mut()
    }

    /// Frees a place.
    pub fn remove(&mut self, id: ExchangeId) -> Option<Exchange> {
        self.places.get_mut(id.0 as usize)?.take()
    }

    /// Has one fetched into the cache.
    #[inline]
    pub fn prefetch(&self, id: ExchangeId) {
        prefetch(&self.places, id.0 as usize, 1);
    }

    /// All that are in flight.
    pub fn iter(&self) -> impl Iterator<Item = (ExchangeId, &Exchange)> {
        self.places
            .iter()
            .enumerate()
            .filter_map(|(place, exchange)| Some((ExchangeId(place as u32), exchange.as_ref()?)))
    }
}

const _: () = assert!(size_of::<Option<Exchange>>() == 64, "one cache line");
