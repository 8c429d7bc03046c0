//! The same seed gives the same iterations, requests and pauses on one, two and four threads.

use std::cell::RefCell;
use std::rc::Rc;

use crate::support::plans::{PATIENT, closed, open, plan, request, think};
use crate::support::runs::{Sealed, drive};
use crate::support::sums::check_equations;
use crate::support::{BARRIER, MS, S};
use apibench_core::clock::ManualClock;
use apibench_core::fake_target::{End, FakeHost, FakeTarget};
use apibench_core::plan::Plan;
use apibench_core::segment::Share;
use proptest::prelude::*;

/// What was sent where and when, after the barrier: with a target that answers all alike the moment is a fingerprint
/// of everything that was drawn before it. Sorted, because threads have no order among one another.
fn sent(plan: &Plan, threads: usize, service_ns: u64) -> Vec<(u64, Box<[u8]>)> {
    let sent = Rc::new(RefCell::new(Vec::new()));
    for share in Share::whole().split(&vec![1; threads]) {
        let (clock, seen) = (ManualClock::at(BARRIER), Rc::clone(&sent));
        let target = FakeTarget::new(clock.clone(), vec![FakeHost::ONE_EACH], move |arrived| {
            seen.borrow_mut()
                .push((arrived.started_ns - BARRIER, arrived.bytes.into()));
            End::answer(service_ns, 200).into()
        });
        let sealed = Sealed::default();
        drive(plan, &share, &clock, target, sealed.recorder(plan), |_, _| {});
        check_equations(&sealed.take());
    }
    let mut sent = sent.take();
    sent.sort_unstable();
    sent
}

/// Two requests with a drawn pause between them, and one of three others by weight.
fn steps() -> String {
    let named = |name: &str| request(name).replace("\"path\":\"/\"", &format!("\"path\":\"/{name}\""));
    let case = |weight: u64, name: &str| {
        format!(
            r#"{{"weight":{weight},"steps":[{},{}]}}"#,
            think(0, 90 * MS),
            named(name)
        )
    };
    let pick = |by: &str| {
        let cases = [case(5, "often"), case(2, "seldom"), case(1, "rarely")].join(",");
        format!(r#"{{"type":"pick","by":"{by}","cases":[{cases}],"source":null}}"#)
    };
    [named("first"), think(0, 500 * MS), pick("weight"), pick("turn")].join(",")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn an_open_load_sends_the_same_requests_at_the_same_moments_on_any_number_of_threads(
        seed: u64, poisson in any::<bool>(), rate in 1_u64..200, warmup_ms in 0_u64..1_500, service_ms in 1_u64..50,
    ) {
        let law = if poisson { "poisson" } else { "constant" };
        let plan = plan(seed, warmup_ms * MS, 60 * S, &[(steps(), open(rate, law, "grow", 1_000_000, 2 * S, PATIENT))]);
        let alone = sent(&plan, 1, service_ms * MS);
        prop_assert_eq!(&sent(&plan, 2, service_ms * MS), &alone);
        prop_assert_eq!(&sent(&plan, 4, service_ms * MS), &alone);
    }

    #[test]
    fn a_closed_load_of_iterations_sends_the_same_requests_on_any_number_of_threads(
        seed: u64, vus in 1_u64..40, iterations in 1_u64..300, service_ms in 1_u64..50,
    ) {
        let plan = plan(seed, 0, 60 * S, &[(steps(), closed(vus, None, Some(iterations)))]);
        let alone = sent(&plan, 1, service_ms * MS);
        prop_assert_eq!(alone.len() as u64, 3 * iterations);
        prop_assert_eq!(&sent(&plan, 2, service_ms * MS), &alone);
        prop_assert_eq!(&sent(&plan, 4, service_ms * MS), &alone);
    }

    #[test]
    fn another_seed_sends_others(seed: u64) {
        let load = || closed(10, None, Some(100));
        let one = sent(&plan(seed, 0, 60 * S, &[(steps(), load())]), 1, MS);
        let other = sent(&plan(seed ^ 1, 0, 60 * S, &[(steps(), load())]), 1, MS);
        prop_assert_ne!(one, other);
    }

    #[test]
    fn every_thread_of_an_open_load_has_its_part_of_the_virtual_users(max_vus in 4_u64..200, threads in 1_usize..5) {
        // As many as may act at once, all of them busy for ever: how many requests does each thread send?
        let load = open(1_000, "constant", "queue", max_vus, S, PATIENT);
        let plan = plan(1, 0, 0, &[(request("a"), load)]);
        let mut all = 0;
        for share in Share::whole().split(&vec![1; threads]) {
            let (clock, sent) = (ManualClock::at(BARRIER), Rc::new(RefCell::new(0_u64)));
            let seen = Rc::clone(&sent);
            let target = FakeTarget::new(clock.clone(), vec![FakeHost::ONE_EACH], move |_| {
                *seen.borrow_mut() += 1;
                End::Silence.into()
            });
            let sealed = Sealed::default();
            drive(&plan, &share, &clock, target, sealed.recorder(&plan), |_, _| {});
            let sent = *sent.borrow();
            prop_assert!(sent >= max_vus / threads as u64, "{} of {} on one of {}", sent, max_vus, threads);
            all += sent;
        }
        prop_assert_eq!(all, max_vus.min(1_000));
    }
}
