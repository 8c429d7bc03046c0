//! The equations once more, before targets with everything that connections can do to a request. proptest prints the
//! seed of what fails.

use crate::support::plans::{PATIENT, closed, open, plan, request, think};
use crate::support::runs::{measure, stop_at};
use crate::support::sums::{Sums, check_equations, over_all};
use crate::support::{BARRIER, MS, S};
use apibench_core::clock::ManualClock;
use apibench_core::failure::Failure;
use apibench_core::fake_target::{Arrived, End, FakeHost, FakeTarget, Ownership, Reply, Sample};
use apibench_core::phase::Phase;
use apibench_core::schedule::random::{draw, uniform};
use apibench_engine::control::Command;
use proptest::prelude::*;

fn host() -> impl Strategy<Value = FakeHost> {
    let ownership = prop_oneof![
        (1_u32..4).prop_map(Ownership::PerChannel),
        (1_u32..12).prop_map(Ownership::Shared)
    ];
    let refusal = prop::option::weighted(0.1, Just(Failure::TcpRefused));
    (ownership, 1_u32..4, 0_u64..300, refusal).prop_map(|(ownership, streams, opening_ms, refusal)| FakeHost {
        ownership,
        streams,
        opening_ns: opening_ms * MS,
        refusal,
    })
}

/// Fast, slow, failing, silent, and full of messages nobody asked for.
fn moody(seed: u64, slowest_ms: u64, faults: u64) -> impl FnMut(&Arrived<'_>) -> Reply {
    let mut number = 0;
    move |_| {
        number += 1;
        let roll = |which| draw(seed, which, number, 0, 0);
        let after_ns = uniform(roll(0), slowest_ms * MS) + 1;
        let end = match uniform(roll(1), 100) {
            mood if mood >= faults => End::answer(after_ns, 200),
            0..3 => End::Silence,
            3..8 => End::Fail {
                after_ns,
                failure: Failure::Timeout,
            },
            8..20 => End::Fail {
                after_ns,
                failure: Failure::TcpReset,
            },
            _ => End::answer(after_ns, 503),
        };
        let samples = (0..uniform(roll(2), 3))
            .map(|kind| Sample {
                kind: kind as u8,
                after_ns: after_ns * (kind + 1) / 4,
                received_bytes: 1,
            })
            .collect();
        Reply {
            samples,
            end,
            response: Vec::new(),
        }
    }
}

/// A target with everything that connections can do, and a loop with everything that can happen to it.
#[derive(Debug)]
struct World {
    seed: u64,
    vus: u64,
    rate: u64,
    host: FakeHost,
    slowest_ms: u64,
    faults: u64,
    drain_ms: u64,
    submission_us: u64,
    /// When the loop loses its processor, and for how long, in milliseconds.
    naps: Vec<(u64, u64)>,
    /// When it is stopped, in milliseconds, and whether it is aborted.
    stop: Option<(u64, bool)>,
}

fn hold_to_the_equations(world: &World) {
    let World { seed, vus, rate, .. } = *world;
    let steps = [request("a"), think(0, 100 * MS), request("b")].join(",");
    let both = [
        (steps.clone(), closed(vus, Some(2 * S), Some(200))),
        (steps, open(rate, "poisson", "queue", vus, 2 * S, PATIENT)),
    ];
    let plan = plan(seed, 500 * MS, world.drain_ms * MS, &both);
    let clock = ManualClock::at(BARRIER);
    let mut naps: Vec<_> = world
        .naps
        .iter()
        .map(|(at_ms, ms)| (BARRIER + at_ms * MS, ms * MS))
        .collect();
    naps.sort_unstable();
    let target = FakeTarget::new(
        clock.clone(),
        vec![world.host],
        moody(seed, world.slowest_ms, world.faults),
    )
    .with_submissions_of(world.submission_us * 1_000)
    .with_naps(naps);
    let (at_ms, abort) = world.stop.unwrap_or((u64::MAX / MS, false));
    let command = if abort { Command::Abort } else { Command::Stop };
    let intervals = measure(&plan, &clock, target, stop_at(at_ms.saturating_mul(MS), command));
    check_equations(&intervals);
    let sums = Sums::of(&intervals, &Phase::ALL);
    let sends: u64 = intervals.iter().map(|interval| interval.transport.sends).sum();
    // What was given up before its first byte counts as started; everything else went out once an attempt.
    let attempts = sums.started + sums.stale_retries;
    assert!(sends <= attempts, "{attempts} attempts, {sends} sends");
    if world.host.refusal.is_none() && world.stop.is_none() && sums.unfinished == 0 {
        assert_eq!(sends, attempts, "attempts = started + stale retries");
    }
    let parts = [
        over_all(&intervals, |counts| &counts.schedule_lag).count(),
        over_all(&intervals, |counts| &counts.connection_wait).count(),
    ];
    assert_eq!(
        parts, [sums.started; 2],
        "every request that starts says why it did so no earlier"
    );
}

#[test]
fn what_went_out_just_before_it_was_given_up_counts_as_started() {
    hold_to_the_equations(&World {
        seed: 8_920_346_668_695_980_007,
        vus: 24,
        rate: 201,
        host: FakeHost {
            ownership: Ownership::Shared(10),
            streams: 3,
            opening_ns: 278 * MS,
            refusal: None,
        },
        slowest_ms: 450,
        faults: 6,
        drain_ms: 1_281,
        submission_us: 1_491,
        naps: vec![(1_861, 1_899)],
        stop: None,
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn every_equation_holds_whatever_connections_do(
        seed: u64,
        vus in 1_u64..25,
        rate in 1_u64..300,
        host in host(),
        slowest_ms in 1_u64..500,
        faults in 0_u64..40,
        drain_ms in 0_u64..3_000,
        submission_us in 0_u64..3_000,
        naps in prop::collection::vec((0_u64..3_000, 0_u64..2_500), 0..3),
        stop in prop::option::of((0_u64..5_000, any::<bool>())),
    ) {
        hold_to_the_equations(&World { seed, vus, rate, host, slowest_ms, faults, drain_ms, submission_us, naps, stop });
    }
}
