//! A queue worked out by hand: when each arrival is due, when somebody is free to serve it, where the freezes lie. It shares
//! nothing with the engine but the random numbers of the seed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use apibench_core::schedule::random::{draw, open_unit};

use crate::support::S;

/// When work of `work_ns` that begins at `at_ns` is done: in the first second of every ten nothing is.
pub fn done_ns(at_ns: u64, work_ns: u64) -> u64 {
    let thawed = |at_ns: u64| {
        if at_ns % (10 * S) < S {
            at_ns - at_ns % (10 * S) + S
        } else {
            at_ns
        }
    };
    let begun_ns = thawed(at_ns);
    let freeze_ns = begun_ns - begun_ns % (10 * S) + 10 * S;
    if begun_ns + work_ns <= freeze_ns {
        begun_ns + work_ns
    } else {
        freeze_ns + S + (begun_ns + work_ns - freeze_ns)
    }
}

/// When the arrivals of a constant rate are due.
pub fn even(rate: u64, length_s: u64) -> Vec<u64> {
    (0..rate * length_s).map(|k| (2 * k + 1) * S / (2 * rate)).collect()
}

/// When those of a Poisson process are, of the only scenario of a plan: 1,024 processes, each with its part of the rate.
pub fn random(rate: u64, length_s: u64, plan_seed: u64) -> Vec<u64> {
    let seed = draw(plan_seed, 0, 0, 0, 0);
    let mut due_ns = Vec::new();
    for slot in 0..1_024 {
        let mut sum = 0.0;
        for count in 0.. {
            sum -= libm::log(open_unit(draw(seed, 1_024, slot, count, 0)));
            let at_s = sum * 1_024.0 / rate as f64;
            if at_s >= length_s as f64 {
                break;
            }
            due_ns.push((at_s * S as f64) as u64);
        }
    }
    due_ns.sort_unstable();
    due_ns
}

/// The response times, sorted, of arrivals that are served first come, first served, by so many servers.
pub fn response_times(due_ns: &[u64], servers: usize, work_ns: u64) -> Vec<u64> {
    let mut free_from_ns: BinaryHeap<Reverse<u64>> = (0..servers).map(|_| Reverse(0)).collect();
    let mut times = Vec::with_capacity(due_ns.len());
    for due_ns in due_ns {
        let Reverse(free_ns) = free_from_ns.pop().expect("there is a server");
        let ended_ns = done_ns(free_ns.max(*due_ns), work_ns);
        free_from_ns.push(Reverse(ended_ns));
        times.push(ended_ns - due_ns);
    }
    times.sort_unstable();
    times
}
