//! How late this host's own timers are: the floor below which no generator on it can be punctual.

use apibench_core::clock::Clock;
use apibench_histogram::{Histogram, PagePool};
use apibench_http::sleeper::Sleeper;
use apibench_http::sys::{Epoll, Ready, sharpen_timers};

use crate::monotonic::MonotonicClock;

/// Waits for `rate_per_s` moments a second for `duration_ns`, doing nothing at each, and returns how late each
/// waking was. As the loop waits, with the same calls and no spinning.
///
/// # Errors
/// If the kernel gives no epoll instance.
pub fn measure(rate_per_s: u64, duration_ns: u64) -> std::io::Result<Histogram> {
    let epoll = Epoll::new()?;
    let clock = MonotonicClock;
    let mut lag = Histogram::new(&PagePool::new());
    let mut ready = [Ready::NONE];
    sharpen_timers();
    let start_ns = clock.now_ns() + 100_000;
    let mut sleeper = Sleeper::new(0);
    let count = u128::from(rate_per_s) * u128::from(duration_ns) / 1_000_000_000;
    for k in 0..count as u64 {
        let due_ns = start_ns + (u128::from(k) * 1_000_000_000 / u128::from(rate_per_s)) as u64;
        let mut now_ns = clock.now_ns();
        let mut sleep_ns = sleeper.begin(due_ns.saturating_sub(now_ns));
        while now_ns < due_ns {
            epoll.wait(&mut ready, sleep_ns)?;
            let before_ns = std::mem::replace(&mut now_ns, clock.now_ns());
            sleep_ns = sleeper.again(now_ns - before_ns, due_ns.saturating_sub(now_ns));
        }
        lag.record(now_ns - due_ns);
    }
    Ok(lag)
}
