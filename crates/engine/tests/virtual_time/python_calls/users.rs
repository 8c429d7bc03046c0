//! Whole users in Python: the loop does as they wish, whatever becomes of the process in which they live.

use std::collections::BTreeMap;

use super::*;

pub(super) const BEGIN: u8 = 0;
pub(super) const RESPONSE: u8 = 1;
pub(super) const FAILED: u8 = 3;
pub(super) const SLEPT: u8 = 4;
pub(super) const ENDED: u8 = 5;

/// A message to a user, taken apart by the table of `message.rs` and by none of its code.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Told {
    pub(super) number: u32,
    pub(super) user: u32,
    pub(super) kind: u8,
    pub(super) failure: String,
    pub(super) status: u16,
    pub(super) head: Vec<u8>,
    pub(super) body: Vec<u8>,
}

fn told(frame: &[u8]) -> Vec<Told> {
    assert_eq!(frame[0], 1);
    let (mut rest, mut all) = (&frame[1..], Vec::new());
    while !rest.is_empty() {
        let u32_at = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
        let (failure, head, body) = (rest[9] as usize, u32_at(12) as usize, u32_at(16) as usize);
        let texts = &rest[28..28 + failure + head + body];
        all.push(Told {
            number: u32_at(0),
            user: u32_at(4),
            kind: rest[8],
            failure: String::from_utf8(texts[..failure].to_vec()).unwrap(),
            status: u16::from_le_bytes([rest[10], rest[11]]),
            head: texts[failure..failure + head].to_vec(),
            body: texts[failure + head..].to_vec(),
        });
        rest = &rest[28 + failure + head + body..];
    }
    all
}

/// What a user says.
#[derive(Debug, Clone, Default)]
pub(super) struct Says {
    pub(super) kind: u8,
    pub(super) flag: bool,
    pub(super) number: u16,
    pub(super) expected: Vec<u16>,
    pub(super) target: &'static str,
    pub(super) headers: &'static str,
    pub(super) body: &'static str,
    pub(super) value: u64,
}

pub(super) fn get(target: &'static str) -> Says {
    Says {
        target,
        ..Says::default()
    }
}

pub(super) fn sleep(value: u64) -> Says {
    Says {
        kind: 1,
        value,
        ..Says::default()
    }
}

pub(super) fn check(number: u16, flag: bool) -> Says {
    Says {
        kind: 2,
        number,
        flag,
        ..Says::default()
    }
}

pub(super) fn end(reason: &'static str) -> Says {
    Says {
        kind: 3,
        flag: reason.is_empty(),
        headers: reason,
        ..Says::default()
    }
}

impl Says {
    pub(super) fn message(&self, told: &Told, took_ns: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&told.number.to_le_bytes());
        bytes.extend_from_slice(&told.user.to_le_bytes());
        bytes.extend_from_slice(&[self.kind, u8::from(self.flag)]);
        let (ranges, target) = (self.expected.len() as u16 / 2, self.target.len() as u16);
        for number in [self.number, ranges, target] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        for length in [self.headers.len(), self.body.len()] {
            bytes.extend_from_slice(&(length as u32).to_le_bytes());
        }
        bytes.extend_from_slice(&took_ns.to_le_bytes());
        bytes.extend_from_slice(&self.value.to_le_bytes());
        self.expected
            .iter()
            .for_each(|status| bytes.extend_from_slice(&status.to_le_bytes()));
        for text in [self.target, self.headers, self.body] {
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes
    }
}

pub(super) fn say(process: &mut Process, messages: &[Vec<u8>]) {
    process.write(&[&[1][..], &messages.concat()].concat());
}

pub(super) fn hear(process: &mut Process) -> Vec<Told> {
    process.frames().iter().flat_map(|frame| told(frame)).collect()
}

pub(super) fn shopper(arguments: &[Value]) -> String {
    json!({
        "type": "python_user",
        "function": "shopper",
        "host": "h",
        "arguments": arguments,
        "requests": [{"name": "GET /items", "method": "GET"}, {"name": "POST /orders", "method": "POST"}],
        "checks": ["has a price"],
        "source": null,
    })
    .to_string()
}

/// Has each user say one after the other, the checks in between at once.
fn script(process: &mut Process, says: &[Says], at: &mut BTreeMap<u32, usize>) -> Vec<Told> {
    let heard = hear(process);
    for each in &heard {
        let place = at.entry(each.user).or_default();
        if each.kind == BEGIN {
            *place = 0;
        }
        if each.kind == ENDED {
            continue;
        }
        let mut messages = Vec::new();
        loop {
            let next = &says[*place];
            *place += 1;
            messages.push(next.message(each, 7));
            if next.kind != 2 {
                break;
            }
        }
        say(process, &messages);
    }
    heard
}

#[test]
fn a_user_sends_what_it_likes_and_is_told_what_came_of_it() {
    let says = [
        get("/items?page=1"),
        check(0, true),
        check(0, false),
        sleep(5 * MS),
        Says {
            number: 1,
            flag: true,
            target: "/orders",
            headers: "X-Id: 7\r\n",
            body: "{}",
            ..Says::default()
        },
        end(""),
    ];
    let arrivals = Arc::default();
    let mut process = Process::arriving(&arrivals, 1);
    let (mut at, mut heard) = (BTreeMap::new(), Vec::new());
    let user = shopper(&[json!({"type": "constant", "value": "ann"})]);
    let ran = run(&of(&[user], 2), &arrivals, r#"{"id":1}"#, |_, _| {
        heard.extend(script(&mut process, &says, &mut at));
    });
    assert_eq!(
        lines(&ran.wire),
        ["GET /items?page=1", "POST /orders", "GET /items?page=1", "POST /orders"]
    );
    assert!(ran.wire[1].contains("\r\nX-Id: 7\r\n") && ran.wire[1].ends_with("\r\n\r\n{}"));
    let kinds: Vec<u8> = heard.iter().map(|told| told.kind).collect();
    assert_eq!(kinds, [BEGIN, RESPONSE, SLEPT, RESPONSE].repeat(2));
    assert_eq!(heard[0].body, br#"[0,["ann"]]"#);
    assert_eq!(heard[0].head.len(), 32);
    assert_ne!(
        heard[0].head, heard[4].head,
        "each iteration has random values of its own"
    );
    assert_eq!(
        (heard[1].status, &*heard[1].failure, &heard[1].body[..]),
        (200, "", &br#"{"id":1}"#[..])
    );
    assert!(heard[1].head.starts_with(b"HTTP/1.1 200"));
    let sums = ran.sums();
    assert_eq!((sums.iterations_ok, sums.ok), (2, 4));
    assert_eq!(ran.check("has a price"), (2, 2));
    assert_eq!(ran.check("python shopper"), (2, 0));
}

#[test]
fn a_request_that_is_not_ok_is_told_and_its_iteration_goes_on_and_has_failed() {
    let expects = Says {
        expected: vec![400, 404, 500, 500],
        ..get("/b")
    };
    for (says, failure, ok) in [(get("/a"), "http.4xx", 0), (expects, "", 1)] {
        let says = [says, get("/c"), end("")];
        let arrivals = Arc::default();
        let mut process = Process::arriving(&arrivals, 1);
        let (mut at, mut heard, mut count) = (BTreeMap::new(), Vec::new(), 0);
        let reply = Reply::response(MS, 404, "", "none");
        let mut plan = of(&[shopper(&[])], 1);
        plan.scenarios[0].defaults.on_fail = OnFail::EndIteration;
        let ran = run_with(&plan, &arrivals, reply, |_, _| {
            heard.extend(script(&mut process, &says, &mut at));
            count += 1;
        });
        assert_eq!(ran.wire.len(), 2, "on_fail is about the step, which has not failed");
        assert_eq!(
            (heard[1].kind, &*heard[1].failure, heard[1].status),
            (RESPONSE, failure, 404)
        );
        assert_eq!(ran.sums().ok, ok);
        assert_eq!(ran.sums().iterations_failed, 1);
        assert_eq!(ran.check("python shopper"), (1, 0));
    }
}

#[test]
fn a_user_that_raises_fails_its_iteration_by_its_reason_and_no_other() {
    let says = [get("/items"), end("ValueError: no price")];
    let arrivals = Arc::default();
    let mut process = Process::arriving(&arrivals, 1);
    let mut at = BTreeMap::new();
    let steps = [shopper(&[]), gets("behind", &json!("/behind"))];
    let ran = run(&of(&steps, 3), &arrivals, "{}", |_, _| {
        script(&mut process, &says, &mut at);
    });
    assert_eq!(lines(&ran.wire), ["GET /items"; 3]);
    assert_eq!((ran.sums().iterations_failed, ran.sums().failed), (3, 0));
    assert_eq!(ran.reasons(), [("ValueError: no price", 3)]);
    assert_eq!(ran.check("python shopper"), (0, 3));
}

#[test]
fn what_a_user_does_between_being_told_and_its_next_wish_is_in_no_request() {
    let arrivals = Arc::default();
    let mut process = Process::arriving(&arrivals, 1);
    let (mut waiting, mut count): (Option<(u64, Told)>, usize) = (None, 0);
    let ran = run(&of(&[shopper(&[])], 1), &arrivals, "{}", |now_ns, _| {
        if let Some(told) = hear(&mut process).pop() {
            waiting = Some((now_ns, told));
        }
        if let Some((_, told)) = waiting.take_if(|(since_ns, _)| now_ns >= *since_ns + 100 * MS) {
            let says = if count < 2 { get("/items") } else { end("") };
            count += 1;
            say(&mut process, &[says.message(&told, 60 * MS)]);
        }
    });
    let responses = crate::support::sums::over_all(&ran.intervals, |counts| &counts.response);
    assert_eq!(responses.count(), 2);
    assert!(responses.max_ns() < Some(30 * MS), "{:?}", responses.max_ns());
    let waits: u64 = scenario_sum(&ran, |counts| counts.python_wait.count());
    assert_eq!(waits, 3);
}

fn scenario_sum(ran: &Ran, of: fn(&apibench_histogram::interval::ScenarioCounts) -> u64) -> u64 {
    let counts = ran.intervals.iter().flat_map(|each| each.scenarios.values());
    counts.map(of).sum()
}

#[test]
fn where_its_process_dies_a_user_fails_by_the_reason_and_goes_on_in_another() {
    // It waits to be told, is in a pause, or has a request in flight.
    for (says, sent) in [(None, 0), (Some(sleep(50 * MS)), 0), (Some(get("/items")), 1)] {
        let arrivals: Arc<Arrivals> = Arc::default();
        let mut process = Process::arriving(&arrivals, 1);
        let mut number = 1;
        let ran = run(&of(&[shopper(&[])], 2), &arrivals, "{}", |_, _| {
            for each in hear(&mut process) {
                if number > 1 {
                    say(&mut process, &[end("").message(&each, 1)]);
                    continue;
                }
                if let Some(says) = &says {
                    say(&mut process, &[says.message(&each, 1)]);
                }
                arrivals.ends(1, "MemoryError: too large");
                process.die();
                number += 1;
                process = Process::arriving(&arrivals, number);
                break;
            }
        });
        assert_eq!(ran.wire.len(), sent);
        assert_eq!((ran.sums().iterations_ok, ran.sums().iterations_failed), (1, 1));
        assert_eq!(ran.reasons(), [("MemoryError: too large", 1)]);
    }
}

#[test]
fn who_says_what_it_cant_is_not_believed_any_more() {
    let cut = |told: &Told| get("/items").message(told, 1)[..30].to_vec();
    let unknown = |told: &Told| {
        let says = Says {
            number: 2,
            ..get("/items")
        };
        says.message(told, 1)
    };
    let breaks_out = |told: &Told| get("/ HTTP/1.1\r\nX: y").message(told, 1);
    let no_check = |told: &Told| check(1, true).message(told, 1);
    let no_kind = |told: &Told| {
        let says = Says {
            kind: 9,
            ..Says::default()
        };
        says.message(told, 1)
    };
    type Message<'m> = &'m dyn Fn(&Told) -> Vec<u8>;
    let nonsense: [Message<'_>; 5] = [&cut, &unknown, &breaks_out, &no_check, &no_kind];
    for message in nonsense {
        let arrivals: Arc<Arrivals> = Arc::default();
        let mut process = Process::arriving(&arrivals, 1);
        let ran = run(&of(&[shopper(&[])], 1), &arrivals, "{}", |_, _| {
            for each in hear(&mut process) {
                say(&mut process, &[message(&each)]);
            }
        });
        assert!(ran.wire.is_empty());
        assert_eq!(ran.sums().iterations_failed, 1);
        assert_eq!(ran.reasons(), [("its process died", 1)]);
    }
}

#[test]
fn behind_a_stop_a_user_is_told_that_it_is_over_and_nothing_of_it_is_sent() {
    let mut plan = of(&[shopper(&[])], 1);
    plan.scenarios[0].load = serde_json::from_str(&closed(2, Some(S), None)).unwrap();
    let arrivals: Arc<Arrivals> = Arc::default();
    let mut process = Process::arriving(&arrivals, 1);
    let (mut begun, mut ended, mut stopped) = (Vec::new(), Vec::new(), false);
    let ran = run(&plan, &arrivals, "{}", |now_ns, control| {
        for each in hear(&mut process) {
            match each.kind {
                BEGIN => begun.push(each),
                ENDED => ended.push(each.user),
                kind => panic!("{kind}"),
            }
        }
        if now_ns >= 500 * MS && !stopped {
            control.command(Command::Stop);
            let late: Vec<_> = begun.iter().map(|told| get("/late").message(told, 1)).collect();
            say(&mut process, &late);
            stopped = true;
        }
    });
    ended.extend(
        hear(&mut process)
            .iter()
            .filter(|told| told.kind == ENDED)
            .map(|told| told.user),
    );
    ended.sort_unstable();
    assert_eq!(ended, [0, 1]);
    assert!(ran.wire.is_empty());
    assert_eq!(
        (ran.sums().iterations_started, ran.sums().iterations_unfinished),
        (2, 2)
    );
}

#[test]
fn a_process_that_wants_nobody_keeps_its_users_to_the_end_of_their_iterations() {
    let arrivals: Arc<Arrivals> = Arc::default();
    let mut processes = [Process::arriving(&arrivals, 1), Process::arriving(&arrivals, 2)];
    let says = [get("/items"), get("/items"), end("")];
    let (mut at, mut heard) = ([BTreeMap::new(), BTreeMap::new()], [Vec::new(), Vec::new()]);
    let mut left = false;
    let ran = run(&of(&[shopper(&[])], 4), &arrivals, "{}", |_, _| {
        for (place, process) in processes.iter_mut().enumerate() {
            let new = script(process, &says, &mut at[place]);
            if !left && !new.is_empty() {
                left = true;
                process.write(b"");
            }
            heard[place].extend(new);
        }
    });
    assert_eq!(ran.sums().iterations_ok, 4);
    let mut begun = heard.map(|all| all.iter().filter(|told| told.kind == BEGIN).count());
    begun.sort_unstable();
    assert_eq!(begun, [1, 3]);
}
