//! Users in Python through random histories of the processes in which they live.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::users::{BEGIN, ENDED, FAILED, RESPONSE, SLEPT, Says, Told, check, end, get, hear, say, shopper, sleep};
use super::*;

/// What a user of a random history does next.
fn any_says() -> impl Strategy<Value = Says> {
    prop_oneof![
        5 => Just(get("/items")),
        2 => (0..30 * MS).prop_map(sleep),
        2 => any::<bool>().prop_map(|passed| check(0, passed)),
        2 => Just(end("")),
        1 => Just(end("ValueError: no")),
    ]
}

/// What becomes of a process when it is looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Lives,
    Waits,
    Dies,
    Leaves,
    Raves,
}

fn any_fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        30 => Just(Fate::Lives),
        10 => Just(Fate::Waits),
        1 => Just(Fate::Dies),
        1 => Just(Fate::Leaves),
        1 => Just(Fate::Raves),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_processes_do_all_is_accounted_for_and_nobody_is_told_what_is_for_another(
        says in proptest::collection::vec(any_says(), 20..60),
        fates in proptest::collection::vec(any_fate(), 10..60),
        vus in 1_u64..5,
        stop_ms in 50_u64..400,
    ) {
        let mut plan = of(&[shopper(&[])], 1);
        plan.scenarios[0].load = serde_json::from_str(&closed(vus, Some(300 * MS), None)).unwrap();
        plan.drain_ns = 50 * MS;
        let arrivals: Arc<Arrivals> = Arc::default();
        let mut processes = vec![Process::arriving(&arrivals, 1), Process::arriving(&arrivals, 2)];
        let mut number = 2;
        let (mut next, mut fate) = (says.iter().cycle(), fates.iter().cycle());
        // By process and user: what it has asked for and not been told yet.
        let mut asked: Vec<BTreeMap<u32, u8>> = vec![BTreeMap::new(), BTreeMap::new()];
        let mut held: VecDeque<(u32, Told)> = VecDeque::new();
        let ran = run(&plan, &arrivals, "{}", |now_ns, control| {
            if now_ns >= stop_ms * MS {
                control.command(Command::Stop);
            }
            for (place, process) in processes.iter_mut().enumerate() {
                if process.stream.is_none() {
                    continue;
                }
                for each in hear(process) {
                    let known = asked[place].remove(&each.user);
                    match each.kind {
                        BEGIN => assert!(known.is_none()),
                        RESPONSE | FAILED => assert_eq!(known, Some(0)),
                        SLEPT => assert_eq!(known, Some(1)),
                        ENDED => {
                            held.retain(|(own, told)| (*own as usize, told.user) != (place, each.user));
                            continue;
                        }
                        kind => panic!("{kind}"),
                    }
                    held.push_back((place as u32, each));
                }
            }
            let mut keep = VecDeque::new();
            while let Some((place, told)) = held.pop_front() {
                let process = &mut processes[place as usize];
                let fate_of_it = *fate.next().unwrap();
                match fate_of_it {
                    Fate::Lives => {
                        let mut messages = Vec::new();
                        let kind = loop {
                            let says = next.next().unwrap();
                            messages.push(says.message(&told, 1));
                            if says.kind != 2 {
                                break says.kind;
                            }
                        };
                        if kind != 3 {
                            asked[place as usize].insert(told.user, kind);
                        }
                        say(process, &messages);
                        continue;
                    }
                    Fate::Waits => {
                        keep.push_back((place, told));
                        continue;
                    }
                    Fate::Leaves => {
                        process.write(b"");
                        keep.push_back((place, told));
                    }
                    Fate::Raves | Fate::Dies => {
                        if fate_of_it == Fate::Raves {
                            process.write(b"\x01nonsense");
                        }
                        process.die();
                        held.retain(|(own, _)| *own != place);
                        keep.retain(|(own, _)| *own != place);
                    }
                }
                // Another comes for each that goes, or wants nobody.
                number += 1;
                processes.push(Process::arriving(&arrivals, number));
                asked.push(BTreeMap::new());
            }
            held = keep;
        });
        // The equations were looked at when it had run.
        let sums = ran.sums();
        let unsent: u64 = ran.intervals.iter().map(|interval| interval.driver.unsent).sum();
        prop_assert_eq!(sums.started, ran.wire.len() as u64 + unsent);
        prop_assert!(sums.iterations_started > 0);
        let (passed, failed) = ran.check("python shopper");
        prop_assert_eq!(failed, ran.reasons().iter().map(|(_, count)| count).sum::<u64>());
        prop_assert_eq!(passed + failed + sums.iterations_unfinished, sums.iterations_started);
    }
}
