//! Having memory fetched before it is needed. With thousands of connections what belongs to one of them has left the
//! near caches by the time it answers; the loop knows which comes next, and the processor cannot guess.

/// What processors fetch at once.
#[cfg(target_arch = "x86_64")]
const LINE_BYTES: usize = 64;

/// Has the processor fetch the first so many cache lines of an item, as far as it has them. One that does not exist is
/// passed over.
#[inline]
pub fn prefetch<T>(items: &[T], index: usize, lines: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(item) = items.get(index) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let first = std::ptr::from_ref(item).cast::<i8>();
        for line in 0..lines.min(size_of::<T>().div_ceil(LINE_BYTES)) {
            // SAFETY: a prefetch reads nothing that the program sees, and every line begins within the item.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(first.add(line * LINE_BYTES)) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (items, index, lines);
}
