//! The equations of the numbers, over random plans, targets and ends. proptest prints the seed of what fails.

use crate::support::plans::{closed, open, plan, request, think};
use crate::support::runs::{measure, numbered, stop_at};
use crate::support::sums::{Sums, check_equations};
use crate::support::{BARRIER, MS, S};
use apibench_core::clock::ManualClock;
use apibench_core::failure::Failure;
use apibench_core::fake_target::End;
use apibench_core::phase::Phase;
use apibench_core::schedule::random::{draw, uniform};
use apibench_engine::control::Command;
use proptest::prelude::*;

/// A target with moods: fast, slow, failing, stale, silent for ever, all by the number of the exchange.
fn moody(seed: u64, slowest_ns: u64, faults: u64) -> impl FnMut(u64) -> End {
    move |number| {
        let roll = |which| draw(seed, which, number, 0, 0);
        let after_ns = uniform(roll(0), slowest_ns) + 1;
        let cut = |failure, stale| End::Cut {
            after_ns,
            failure,
            stale,
        };
        match uniform(roll(1), 100) {
            mood if mood >= faults => End::answer(after_ns, 200),
            0 => End::Silence,
            1..4 => cut(Failure::Timeout, false),
            4..8 => cut(Failure::TcpReset, false),
            8..12 => cut(Failure::TcpClosed, true),
            _ => End::answer(after_ns, 503),
        }
    }
}

fn load() -> impl Strategy<Value = String> {
    let closed_load = (1_u64..20, 1_u64..4_000, prop::option::of(1_u64..200))
        .prop_map(|(vus, duration_ms, iterations)| closed(vus, Some(duration_ms * MS), iterations));
    let open_load = (
        1_u64..400,
        prop::sample::select(vec!["constant", "poisson"]),
        prop::sample::select(vec!["queue", "grow", "drop"]),
        1_u64..30,
        1_u64..4_000,
        prop::option::of(1_u64..50),
        prop::option::of(1_u64..2_000),
    )
        .prop_map(|(rate, arrivals, when_busy, max_vus, duration_ms, most, wait_ms)| {
            let number = |value: Option<u64>| value.map_or("null".to_owned(), |value| value.to_string());
            let rest = format!(
                r#""max_waiting":{},"max_wait_ns":{}"#,
                number(most),
                number(wait_ms.map(|ms| ms * MS))
            );
            open(rate, arrivals, when_busy, max_vus, duration_ms * MS, &rest)
        });
    prop_oneof![closed_load, open_load]
}

fn steps() -> impl Strategy<Value = String> {
    prop::collection::vec((0_u8..3, 0_u64..300), 1..4).prop_map(|kinds| {
        let mut steps = vec![request("first")];
        for (number, (kind, ms)) in kinds.into_iter().enumerate() {
            steps.push(match kind {
                0 => request(&format!("step {number}")),
                1 => think(0, ms * MS),
                _ => format!(r#"{{"type":"pace","period_ns":{},"source":null}}"#, ms * MS + 1),
            });
        }
        steps.join(",")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn every_equation_holds_in_every_interval_whatever_happens(
        seed: u64,
        scenarios in prop::collection::vec((steps(), load()), 1..3),
        warmup_ms in prop_oneof![Just(0_u64), 1_u64..2_500],
        drain_ms in 0_u64..3_000,
        connections in 1_u32..50,
        slowest_ms in 1_u64..800,
        faults in 0_u64..30,
        stop in prop::option::of((0_u64..6_000, any::<bool>())),
    ) {
        let plan = plan(seed, warmup_ms * MS, drain_ms * MS, &scenarios);
        let (at_ms, abort) = stop.unwrap_or((u64::MAX / MS, false));
        let command = if abort { Command::Abort } else { Command::Stop };
        let clock = ManualClock::at(BARRIER);
        let target = numbered(&clock, connections, moody(seed, slowest_ms * MS, faults));
        let intervals = measure(&plan, &clock, target, stop_at(at_ms.saturating_mul(MS), command));
        check_equations(&intervals);
        prop_assert!(intervals.iter().all(|interval| interval.end_ns - interval.start_ns <= S));
        let warm: Vec<_> = intervals.iter().filter(|interval| interval.start_ns < warmup_ms * MS).collect();
        prop_assert_eq!(Sums::of(warm, &[Phase::Main]).offered, 0, "nothing of the planned duration is due in the warm-up");
    }
}
