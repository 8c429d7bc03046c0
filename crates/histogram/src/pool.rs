//! Pages that wait to be used again, so that in the steady state nothing is allocated.
//!
//! One pool serves the threads that record and the one that merges and clears: pages cleared
//! there are taken again here. **Nobody ever waits for it.** Who finds the lock taken goes to
//! the allocator instead: a microsecond at worst, whereas a recording thread that waited for a
//! merging one which the kernel has just put aside would be late by milliseconds, and its
//! lateness would stand in the very histogram that it wanted the page for.

use std::sync::{Arc, Mutex};

use crate::layout::CELLS_PER_PAGE;
use crate::page::{NarrowCells, Page, WideCells};

/// Free narrow pages kept, at 2 KiB each: 16 MiB, twice what 800 histograms of 5 pages touch.
const NARROW_KEPT: usize = 8_192;

/// Free wide pages kept, at 8 KiB each: 8 MiB.
const WIDE_KEPT: usize = 1_024;

/// A free list of pages. Clones share it; it may be shared between threads.
#[derive(Clone, Default)]
pub struct PagePool {
    free: Arc<Mutex<FreePages>>,
}

/// Every page in here is all zero, so that taking one is a pop. Boxed, because what is handed
/// over is the page itself: a list of bare arrays would copy 2 KiB each way.
#[derive(Default)]
#[expect(clippy::vec_box)]
struct FreePages {
    narrow: Vec<Box<NarrowCells>>,
    wide: Vec<Box<WideCells>>,
}

impl PagePool {
    /// A pool that holds nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Put `narrow_pages` free pages of 2 KiB in, so that even first touches find one.
    ///
    /// More than 8,192 are not kept: a free list must not outgrow what it saves.
    pub fn fill(&self, narrow_pages: usize) {
        let mut pages: Vec<Page> = (0..narrow_pages)
            .map(|_| Page::Narrow(Box::new([0; CELLS_PER_PAGE])))
            .collect();
        self.give_back(&mut pages);
    }

    /// A page of 1,024 zeros.
    pub(crate) fn take_narrow(&self) -> Box<NarrowCells> {
        let free = self.free.try_lock().ok().and_then(|mut free| free.narrow.pop());
        free.unwrap_or_else(|| Box::new([0; CELLS_PER_PAGE]))
    }

    /// A page of 1,024 zeros, 64 bits each.
    pub(crate) fn take_wide(&self) -> Box<WideCells> {
        let free = self.free.try_lock().ok().and_then(|mut free| free.wide.pop());
        free.unwrap_or_else(|| Box::new([0; CELLS_PER_PAGE]))
    }

    /// Leave all `pages` untouched, and keep what they held for the next who takes one.
    pub(crate) fn give_back(&self, pages: &mut [Page]) {
        // Zeroed before the lock is taken: it is then held for a few pointers only.
        for page in &mut *pages {
            match page {
                Page::Untouched => {}
                Page::Narrow(cells) => cells.fill(0),
                Page::Wide(cells) => cells.fill(0),
            }
        }
        let mut free = self.free.try_lock().ok();
        for page in pages {
            match (std::mem::take(page), &mut free) {
                (Page::Narrow(cells), Some(free)) if free.narrow.len() < NARROW_KEPT => {
                    free.narrow.push(cells);
                }
                (Page::Wide(cells), Some(free)) if free.wide.len() < WIDE_KEPT => {
                    free.wide.push(cells);
                }
                _ => {} // beyond the limit, or the lock is taken: back to the allocator
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_come_back_zeroed_and_are_the_same_ones() {
        let pool = PagePool::new();
        let (mut narrow, mut wide) = (pool.take_narrow(), pool.take_wide());
        (narrow[7], wide[7]) = (7, 7);
        let addresses = (narrow.as_ptr(), wide.as_ptr());

        pool.give_back(&mut [Page::Narrow(narrow), Page::Wide(wide)]);

        let (narrow, wide) = (pool.take_narrow(), pool.take_wide());
        assert_eq!((narrow.as_ptr(), wide.as_ptr()), addresses);
        assert!(narrow.iter().all(|n| *n == 0) && wide.iter().all(|n| *n == 0));
    }

    #[test]
    fn who_finds_the_pool_taken_does_not_wait() {
        let pool = PagePool::new();
        pool.fill(1);
        let held = pool.free.lock().unwrap();

        assert!(pool.take_narrow().iter().all(|n| *n == 0)); // would never return if it waited
        pool.give_back(&mut [Page::Wide(pool.take_wide())]);

        assert_eq!((held.narrow.len(), held.wide.len()), (1, 0));
    }

    #[test]
    fn the_free_list_is_bounded() {
        let pool = PagePool::new();
        pool.fill(NARROW_KEPT + 1);
        pool.fill(1);
        assert_eq!(pool.free.lock().unwrap().narrow.len(), NARROW_KEPT);
    }
}
