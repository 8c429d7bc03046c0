//! Which processor a thread runs on.

/// Keeps the calling thread on one processor. A processor that is not ours to use is no error: the thread then
/// stays where the kernel puts it, and the result's lag shows what that costs.
pub fn pin(processor: usize) {
    if processor >= libc::CPU_SETSIZE as usize {
        return;
    }
    // SAFETY: an all-zero `cpu_set_t` is an empty set; `processor` is within its size; the call only reads it.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(processor, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set);
    }
}
