//! Intervals that tests are made of, and what may happen to their bytes.

// Each test is a program of its own, and none needs all of them.
#![allow(dead_code)]

use apibench_core::failure::Failure;
use apibench_core::phase::Phase;
use apibench_core::recorder::{CheckIndex, GroupIndex, IterationEnd, ScenarioIndex, SeriesIndex};
use apibench_core::slow::SlowRequest;
use apibench_core::transport::{Opening, TransportCounters};
use apibench_histogram::PagePool;
use apibench_histogram::groups::GroupCounts;
use apibench_histogram::interval::{Interval, ScenarioCounts, SeriesCounts};
use apibench_histogram::slowest::Slowest;
use proptest::prelude::*;

/// One thing that an engine counts.
#[derive(Debug, Clone)]
pub enum Event {
    Offered(u16, Phase, u64),
    Iteration(u16, Phase, u64),
    Waiting(u16, Phase),
    Checked(u16, Phase, u16, bool),
    Called(u16, Phase, u64, bool),
    Ok(u16, Phase, u16, u64),
    Failed(u16, Phase, usize, u64),
    NewName(u16, Phase, u8),
    Pending(u16, Phase, u64),
    Slow(u16, u64, bool),
    Group(u16, Phase, u64),
    Generator(u64),
}

pub fn event() -> impl Strategy<Value = Event> {
    let phase = || prop::sample::select(Phase::ALL.to_vec());
    let time = || prop_oneof![0_u64..5_000, 0_u64..10_000_000_000, Just(u64::MAX)];
    prop_oneof![
        (0_u16..3, phase(), 1_u64..100).prop_map(|(s, p, n)| Event::Offered(s, p, n)),
        (0_u16..3, phase(), time()).prop_map(|(s, p, t)| Event::Iteration(s, p, t)),
        (0_u16..3, phase()).prop_map(|(s, p)| Event::Waiting(s, p)),
        (0_u16..3, phase(), 0_u16..9, any::<bool>())
            .prop_map(|(s, p, check, passed)| Event::Checked(s, p, check, passed)),
        (0_u16..3, phase(), time(), any::<bool>()).prop_map(|(s, p, t, whole)| Event::Called(s, p, t, whole)),
        (0_u16..4, phase(), 200_u16..600, time()).prop_map(|(s, p, status, t)| Event::Ok(s, p, status, t)),
        (0_u16..4, phase(), 0..Failure::COUNT, time()).prop_map(|(s, p, f, t)| Event::Failed(s, p, f, t)),
        (0_u16..4, phase(), 0_u8..5).prop_map(|(s, p, name)| Event::NewName(s, p, name)),
        (0_u16..4, phase(), time()).prop_map(|(s, p, t)| Event::Pending(s, p, t)),
        (0_u16..4, time(), any::<bool>()).prop_map(|(s, t, whole)| Event::Slow(s, t, whole)),
        (0_u16..3, phase(), time()).prop_map(|(g, p, t)| Event::Group(g, p, t)),
        (0_u64..1 << 40).prop_map(Event::Generator),
    ]
}

pub fn count(interval: &mut Interval, event: &Event, pool: &PagePool) {
    let scenario = |interval: &mut Interval, number: u16, phase: Phase, f: &dyn Fn(&mut ScenarioCounts)| {
        let counts = interval.scenarios.entry((ScenarioIndex(number), phase));
        f(counts.or_insert_with(|| ScenarioCounts::new(pool)));
    };
    let series = |interval: &mut Interval, number: u16, phase: Phase, f: &dyn Fn(&mut SeriesCounts)| {
        let counts = interval.series.entry((SeriesIndex(number), phase));
        f(counts.or_insert_with(|| Box::new(SeriesCounts::new(pool))));
    };
    match event {
        Event::Offered(number, phase, n) => scenario(interval, *number, *phase, &|counts| {
            counts.offered += n;
            counts.dropped_cap += 1;
            counts.dropped_deadline += 2;
            counts.dropped_ended += 3;
            counts.dropped_dry += 4;
            counts.lost += 4;
        }),
        Event::Iteration(number, phase, time) => scenario(interval, *number, *phase, &|counts| {
            counts.started += 3;
            counts.ok += 1;
            counts.failed += 1;
            counts.unfinished += 1;
            counts.time.record(*time);
            counts.time.record_censored(*time / 2);
        }),
        Event::Waiting(number, phase) => scenario(interval, *number, *phase, &|counts| counts.waiting += 1),
        Event::Checked(number, phase, check, passed) => scenario(interval, *number, *phase, &|counts| {
            counts.checks.count(CheckIndex(*check), *passed);
        }),
        Event::Called(number, phase, time, whole) => scenario(interval, *number, *phase, &|counts| {
            if *whole {
                counts.python_wait.record(*time);
                counts.python_time.record(*time / 2);
            } else {
                counts.python_time.record_censored(*time);
            }
        }),
        Event::Ok(number, phase, status, time) => series(interval, *number, *phase, &|counts| {
            counts.started += 1;
            counts.ok += 1;
            counts.stale_retries += 1;
            counts.sent_bytes += 100;
            counts.received_bytes += u64::from(*status);
            match counts.by_status.iter_mut().find(|(known, _)| known == status) {
                Some((_, count)) => *count += 1,
                None => counts.by_status.push((*status, 1)),
            }
            counts.response.record(*time);
            counts.service.record(*time / 2);
            counts.first_byte.record(*time / 3);
            counts.schedule_lag.record(*time / 5);
            counts.connection_wait.record(0);
            counts.receive_lag.record(1);
            counts.connection_opening.record(*time / 7);
            counts.connect.record(*time / 8);
            counts.dns.record(*time / 9);
            counts.tls.record(*time / 10);
        }),
        Event::Failed(number, phase, failure, time) => series(interval, *number, *phase, &|counts| {
            counts.started += 1;
            counts.failed += 1;
            counts.by_failure[*failure] += 1;
            counts.failed_time.record(*time);
            counts.response.record_censored(*time);
        }),
        Event::NewName(number, phase, name) => series(interval, *number, *phase, &|counts| {
            counts.started += 1;
            counts.failed += 1;
            *counts.by_new_name.entry(format!("new.{name}").into()).or_default() += 1;
        }),
        Event::Pending(number, phase, age) => series(interval, *number, *phase, &|counts| {
            counts.in_flight += 2;
            counts.opening += 1;
            counts.pending.record_n(*age, 3);
        }),
        Event::Group(number, phase, time) => {
            let counts = interval.groups.entry((GroupIndex(*number), *phase));
            let counts = counts.or_insert_with(|| GroupCounts::new(pool));
            counts.count(IterationEnd::Ok, *time);
            counts.count(IterationEnd::Failed, *time);
            counts.count(IterationEnd::Unfinished, *time / 2);
            counts.pending.record_n(*time / 3, 2);
        }
        Event::Slow(number, time, whole) => interval.slowest.merge(&Slowest::of(vec![SlowRequest {
            response_ns: *time,
            at_ns: *time / 2,
            series: SeriesIndex(*number),
            service_ns: whole.then_some(*time / 3),
            schedule_lag_ns: 1,
            connection_wait_ns: 2,
            opening: whole.then_some(Opening {
                dns_ns: 3,
                connect_ns: 4,
                tls_ns: 5,
                total_ns: 6,
            }),
            first_byte_ns: whole.then_some(0),
            status: if *whole { 200 } else { 0 },
            error: (!whole).then_some(if *number == 0 {
                "new.0".to_owned().into()
            } else {
                Failure::Timeout.name().into()
            }),
            unfinished: *whole,
            address: whole.then(|| "192.0.2.1:443".into()),
        }])),
        Event::Generator(n) => {
            interval.cpu_ns += n;
            interval.driver.unstarted += n;
            interval.driver.unsent += 2 * n;
            interval.driver.longest_gap_ns = interval.driver.longest_gap_ns.max(*n);
            let done = TransportCounters {
                waits: 1,
                sends: 2,
                receives: 3,
                connections_opened: 4,
                connections_reused: 5,
                closed_by_peer: 6,
                closed_by_us: *n,
            };
            interval.transport.add(&done);
        }
    }
}

pub fn interval_of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Interval {
    let pool = PagePool::new();
    let mut interval = Interval {
        start_ns: 1_000_000_000,
        end_ns: 2_000_000_000,
        ..Interval::default()
    };
    for event in events {
        count(&mut interval, event, &pool);
    }
    interval
}

/// A small generator of its own, so that 100,000 cases take no time.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

pub fn an_example() -> Interval {
    let mut events: Vec<Event> = (0..Failure::COUNT)
        .map(|failure| Event::Failed(1, Phase::Main, failure, 1_000_000 * failure as u64))
        .collect();
    events.extend((0..40).map(|step| Event::Ok(0, Phase::Main, 200, 1_000_000 + step * 77_777)));
    events.extend([
        Event::Offered(0, Phase::Main, 40),
        Event::Iteration(0, Phase::Warmup, 5_000_000),
        Event::Waiting(0, Phase::Main),
        Event::NewName(1, Phase::Main, 1),
        Event::Pending(0, Phase::Main, 3_000_000_000),
        Event::Group(2, Phase::Main, 7_000_000),
        Event::Generator(123_456_789),
    ]);
    interval_of(&events)
}

/// A second of so many series, each with so many requests, most of which take a millisecond and some twenty.
pub fn a_second(series: u16, requests: usize) -> Interval {
    let mut numbers = Numbers(0x2545_F491_4F6C_DD1D);
    let pool = PagePool::new();
    let mut interval = interval_of([]);
    for number in 0..series {
        let mut counts = Box::new(SeriesCounts::new(&pool));
        for _ in 0..requests {
            let base = if numbers.below(10) == 0 { 20_000_000 } else { 1_000_000 };
            let service = base + (numbers.below(300) * numbers.below(3_000)) as u64;
            let lag = (300 + numbers.below(600)) as u64;
            counts.first_byte.record(service);
            counts.service.record(service);
            counts.response.record(service + lag);
            counts.schedule_lag.record(lag);
            counts.receive_lag.record((numbers.below(200) * 512) as u64);
        }
        counts.started = requests as u64;
        counts.ok = requests as u64;
        interval.series.insert((SeriesIndex(number), Phase::Main), counts);
    }
    interval
}

/// Those bytes with up to four faults.
pub fn damaged(sound: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = sound.to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len());
        match numbers.below(5) {
            0 => bytes[at] ^= 1 << numbers.below(8),
            1 => bytes[at] = numbers.below(256) as u8,
            2 => bytes.truncate(at + 1),
            3 => bytes.insert(at, [0, 0x7f, 0x80, 0xff][numbers.below(4)]),
            _ => {
                let until = (at + numbers.below(40)).min(bytes.len());
                let piece = bytes[at..until].to_vec();
                let to = numbers.below(bytes.len());
                bytes.splice(to..to, piece);
            }
        }
    }
    bytes
}
