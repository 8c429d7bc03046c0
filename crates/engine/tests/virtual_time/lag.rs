//! Where time goes: our own lateness is schedule lag, the target's is wait, and each count falls into its second.

use crate::support::plans::{PATIENT, closed, open, plan, request};
use crate::support::runs::{drive, measure, prompt};
use crate::support::sums::{Sums, check_equations, over_all};
use crate::support::{BARRIER, MS, S};
use apibench_core::clock::ManualClock;
use apibench_core::fake_recorder::{FakeRecorder, Told};
use apibench_core::fake_target::{End, FakeHost, FakeTarget, Ownership};
use apibench_core::segment::Share;

#[test]
fn a_late_loop_is_lag_and_no_wait() {
    // 100/s from 5 ms on, each served in 1 ms by a virtual user of its own. The loop looks at 505 ms and then not
    // again before 1,005 ms, when 51 are due: those of 505 to 1,005 ms, late by 500, 490, … 0 ms.
    let plan = plan(
        1,
        0,
        S,
        &[(request("a"), open(100, "constant", "grow", 100, 2 * S, PATIENT))],
    );
    let clock = ManualClock::at(BARRIER);
    let target = prompt(&clock, MS).with_naps([(BARRIER + 505 * MS, 500 * MS)]);
    let intervals = measure(&plan, &clock, target, |_, _| {});
    check_equations(&intervals);
    let lag = over_all(&intervals, |counts| &counts.schedule_lag);
    assert_eq!(lag.max_ns(), Some(500 * MS));
    assert_eq!(lag.sum_ns(), (0..=50).map(|k| u128::from(k * 10 * MS)).sum());
    assert_eq!(over_all(&intervals, |counts| &counts.connection_wait).max_ns(), Some(0));
    // It is charged to response time, and never to service time.
    assert_eq!(over_all(&intervals, |counts| &counts.response).max_ns(), Some(501 * MS));
    assert_eq!(over_all(&intervals, |counts| &counts.service).max_ns(), Some(MS));
    let gaps: Vec<u64> = intervals
        .iter()
        .map(|interval| interval.driver.longest_gap_ns)
        .collect();
    assert_eq!(gaps, [500 * MS, 0], "and the second in which it was away says so");
}

#[test]
fn the_burst_after_a_late_loop_is_lag_until_the_loop_is_there_and_wait_from_then_on() {
    // As above, but two virtual users have to work the burst of 51 off, 1 ms each: the j-th starts at 1,005 + j/2 ms.
    let plan = plan(
        1,
        0,
        S,
        &[(request("a"), open(100, "constant", "queue", 2, 2 * S, PATIENT))],
    );
    let clock = ManualClock::at(BARRIER);
    let target = prompt(&clock, MS).with_naps([(BARRIER + 505 * MS, 500 * MS)]);
    let intervals = measure(&plan, &clock, target, |_, _| {});
    let lag = over_all(&intervals, |counts| &counts.schedule_lag);
    assert_eq!(lag.sum_ns(), (0..=50).map(|k| u128::from(k * 10 * MS)).sum());
    let burst: u128 = (0..=50).map(|j| u128::from(j / 2 * MS)).sum();
    let wait = over_all(&intervals, |counts| &counts.connection_wait);
    // Those due at 1,015 and 1,025 ms stand behind it and start at 1,030 and 1,031 ms; after that all is calm.
    assert_eq!(wait.sum_ns(), burst + u128::from(15 * MS) + u128::from(6 * MS));
}

#[test]
fn a_stalled_target_is_wait_and_no_lag() {
    // Two connections for all, 100/s, 1 ms each; the two that start from 505 ms on take a second.
    let plan = plan(
        1,
        0,
        5 * S,
        &[(request("a"), open(100, "constant", "grow", 1_000, 2 * S, PATIENT))],
    );
    let clock = ManualClock::at(BARRIER);
    let host = FakeHost {
        ownership: Ownership::Shared(2),
        ..FakeHost::ONE_EACH
    };
    let target = FakeTarget::new(clock.clone(), vec![host], |arrived| {
        let stalls = (505 * MS..=515 * MS).contains(&(arrived.started_ns - BARRIER));
        End::answer(if stalls { S } else { MS }, 200).into()
    });
    let intervals = measure(&plan, &clock, target, |_, _| {});
    check_equations(&intervals);
    assert_eq!(over_all(&intervals, |counts| &counts.schedule_lag).max_ns(), Some(0));
    // Due at 525 ms, started when the first of the two ended.
    let wait = over_all(&intervals, |counts| &counts.connection_wait);
    assert_eq!(wait.max_ns(), Some(980 * MS));
    let response = over_all(&intervals, |counts| &counts.response);
    let service = over_all(&intervals, |counts| &counts.service);
    assert_eq!(response.sum_ns(), service.sum_ns() + wait.sum_ns());
}

#[test]
fn a_wait_for_a_virtual_user_is_wait_and_only_the_rest_is_lag() {
    // One virtual user, due at 50 and 150 ms, 300 ms each: the second waits from 150 to 350 ms. The loop hears of
    // the first end at 350 ms, but not of the second's before 1,000 ms, and of nothing of that is the start late.
    let plan = plan(
        1,
        0,
        5 * S,
        &[(request("a"), open(10, "constant", "queue", 1, S / 5, PATIENT))],
    );
    let clock = ManualClock::at(BARRIER);
    let target = prompt(&clock, 300 * MS).with_naps([(BARRIER + 650 * MS, 350 * MS)]);
    let intervals = measure(&plan, &clock, target, |_, _| {});
    assert_eq!(
        over_all(&intervals, |counts| &counts.connection_wait).max_ns(),
        Some(200 * MS)
    );
    assert_eq!(over_all(&intervals, |counts| &counts.schedule_lag).max_ns(), Some(0));
    // Read 350 ms late: stamped when it was read, and started - intended + service is the response.
    assert_eq!(over_all(&intervals, |counts| &counts.response).max_ns(), Some(850 * MS));
    assert_eq!(over_all(&intervals, |counts| &counts.service).max_ns(), Some(650 * MS));
}

#[test]
fn what_was_readable_and_not_read_is_receive_lag_in_whole_steps() {
    // Three answers are there when the loop comes back; sending the next request, 700 ns, stands between reading them:
    // 0, 700 and 1,400 ns. Of the three after them each wakes the loop by itself.
    let plan = plan(1, 0, 5 * S, &[(request("a"), closed(3, None, Some(6)))]);
    let clock = ManualClock::at(BARRIER);
    let target = prompt(&clock, MS)
        .with_submissions_of(700)
        .with_naps([(BARRIER + MS, MS)]);
    let intervals = measure(&plan, &clock, target, |_, _| {});
    let lag = over_all(&intervals, |counts| &counts.receive_lag);
    assert_eq!((lag.count(), lag.sum_ns()), (6, u128::from(2 * 512 + 3 * 512_u64)));
    assert_eq!(lag.max_ns(), Some(3 * 512), "an upper bound, never less than it was");
}

#[test]
fn a_paid_opening_is_neither_lag_nor_wait() {
    let plan = plan(1, 0, 5 * S, &[(request("a"), closed(1, None, Some(3)))]);
    let clock = ManualClock::at(BARRIER);
    let host = FakeHost {
        opening_ns: 30 * MS,
        ..FakeHost::ONE_EACH
    };
    let target = FakeTarget::new(clock.clone(), vec![host], |_| End::answer(MS, 200).into());
    let intervals = measure(&plan, &clock, target, |_, _| {});
    let opening = over_all(&intervals, |counts| &counts.connection_opening);
    assert_eq!((opening.count(), opening.max_ns()), (1, Some(30 * MS)));
    assert_eq!(over_all(&intervals, |counts| &counts.schedule_lag).max_ns(), Some(0));
    assert_eq!(over_all(&intervals, |counts| &counts.connection_wait).max_ns(), Some(0));
    assert_eq!(over_all(&intervals, |counts| &counts.response).max_ns(), Some(31 * MS));
}

#[test]
fn counts_fall_into_the_second_of_their_own_event_however_late_the_loop_is() {
    // 10/s for five seconds; the loop is away from 1.25 s to 4.25 s. What was due in the seconds that it missed is
    // offered in them and waits at their ends; it starts in the fifth second, in which it is sent.
    let plan = plan(
        1,
        0,
        S,
        &[(request("a"), open(10, "constant", "grow", 100, 5 * S, PATIENT))],
    );
    let clock = ManualClock::at(BARRIER);
    let target = prompt(&clock, MS).with_naps([(BARRIER + 1_250 * MS, 3 * S)]);
    let intervals = measure(&plan, &clock, target, |_, _| {});
    check_equations(&intervals);
    let counted: Vec<_> = intervals
        .iter()
        .map(|interval| {
            let waiting: u64 = interval.scenarios.values().map(|counts| counts.waiting).sum();
            let sums = Sums::of([interval], &apibench_core::phase::Phase::ALL);
            (
                interval.end_ns / MS,
                sums.offered,
                sums.iterations_started,
                sums.ok,
                waiting,
            )
        })
        .collect();
    // The arrival of 1.25 s finds the loop away: 12 were sent before it. The run is over with its last answer.
    let expected = [
        (1_000, 10, 10, 10, 0),
        (2_000, 10, 2, 2, 8),
        (3_000, 10, 0, 0, 18),
        (4_000, 10, 0, 0, 28),
        (4_951, 10, 38, 38, 0),
    ];
    assert_eq!(counted, expected);
}

#[test]
fn every_arrival_is_offered_before_the_seal_of_its_own_second_and_seals_are_in_order() {
    // The loop is away from 0.7 to 3.3 s, and each submission takes 3 ms; 50/s all the same, warm-up and all.
    let load = open(50, "constant", "queue", 2, 3 * S, PATIENT);
    let plan = plan(3, 1_500 * MS, S, &[(request("a"), load)]);
    let clock = ManualClock::at(BARRIER);
    let target = prompt(&clock, 70 * MS)
        .with_submissions_of(3 * MS)
        .with_naps([(BARRIER + 700 * MS, 2_600 * MS)]);
    let recorder = FakeRecorder::default();
    drive(&plan, &Share::whole(), &clock, target, recorder.clone(), |_, _| {});
    let (mut seals, mut offered) = (Vec::new(), 0);
    for told in recorder.told() {
        match told {
            Told::Offered { count, .. } => offered += count,
            Told::Sealed { end_ns, .. } => seals.push((end_ns / MS, std::mem::take(&mut offered))),
            _ => {}
        }
    }
    assert_eq!(
        seals[..5],
        [(500, 25), (1_500, 50), (2_500, 50), (3_500, 50), (4_500, 50)]
    );
    assert!(seals.is_sorted() && seals[5..].iter().all(|(_, offered)| *offered == 0));
    assert!(matches!(recorder.told().last(), Some(Told::Sealed { .. })));
}
