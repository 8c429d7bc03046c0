//! Intervals on the wire: nothing is lost there and back, the same counts are the same bytes, and whatever comes is
//! either an interval or refused.

mod intervals;

use apibench_core::failure::Failure;
use apibench_core::phase::Phase;
use apibench_core::recorder::{DriverCounters, ScenarioIndex, SeriesIndex};
use apibench_core::slow::SlowRequest;
use apibench_histogram::interval::{Interval, SeriesCounts};
use apibench_histogram::slowest::{SLOWEST_KEPT, Slowest};
use apibench_histogram::wire::{MAX_WIRE_BYTES, WireError, decode, encode, merge};
use apibench_histogram::{Histogram, PagePool};
use intervals::{Event, Numbers, an_example, count, damaged, event, interval_of};
use proptest::prelude::*;

fn assert_same(read: &Interval, written: &Interval) {
    assert_eq!(
        (read.start_ns, read.end_ns, read.cpu_ns),
        (written.start_ns, written.end_ns, written.cpu_ns)
    );
    assert_eq!((read.transport, read.driver), (written.transport, written.driver));
    assert_eq!(read.slowest, written.slowest);
    let keys = |interval: &Interval| {
        (
            interval.scenarios.keys().copied().collect::<Vec<_>>(),
            interval.series.keys().copied().collect::<Vec<_>>(),
            interval.groups.keys().copied().collect::<Vec<_>>(),
        )
    };
    assert_eq!(keys(read), keys(written));
    for (read, written) in read.scenarios.values().zip(written.scenarios.values()) {
        // Every field, so that one that is forgotten on the wire shows.
        assert_eq!(format!("{read:?}"), format!("{written:?}"));
        assert_eq!(read.time, written.time);
    }
    for (read, written) in read.groups.values().zip(written.groups.values()) {
        assert_eq!(format!("{read:?}"), format!("{written:?}"));
        assert_eq!((&read.time, &read.pending), (&written.time, &written.pending));
    }
    for (read, written) in read.series.values().zip(written.series.values()) {
        let sorted = |counts: &SeriesCounts| {
            let mut by_status = counts.by_status.clone();
            by_status.sort_unstable();
            by_status
        };
        assert_eq!(sorted(read), sorted(written));
        assert_eq!(read.by_failure, written.by_failure);
        assert_eq!(read.by_new_name, written.by_new_name);
        let counters = |counts: &SeriesCounts| {
            [
                counts.started,
                counts.ok,
                counts.failed,
                counts.unfinished,
                counts.stale_retries,
                counts.in_flight,
                counts.opening,
                counts.sent_bytes,
                counts.received_bytes,
            ]
        };
        assert_eq!(counters(read), counters(written));
        assert_eq!(read.histograms(), written.histograms());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_written_is_read(events in prop::collection::vec(event(), 0..60)) {
        let written = interval_of(&events);
        let bytes = encode(&written);
        let read = decode(&bytes).unwrap();
        assert_same(&read, &written);
        prop_assert_eq!(encode(&read), bytes);
    }

    #[test]
    fn however_it_is_cut_into_threads_and_workers_it_adds_up_to_the_same_bytes(
        events in prop::collection::vec((event(), 0_usize..4, 0_usize..3), 0..60),
    ) {
        let whole = encode(&interval_of(events.iter().map(|(event, _, _)| event)));
        let mut total = interval_of([]);
        for worker in (0..3).rev() {
            let of_worker = |thread: usize| {
                let own = events.iter().filter(move |(_, of_thread, of_worker)| (*of_thread, *of_worker) == (thread, worker));
                interval_of(own.map(|(event, _, _)| event))
            };
            let mut sum = of_worker(3);
            for thread in 0..3 {
                sum.merge(of_worker(thread));
            }
            total.merge_from(&decode(&encode(&sum)).unwrap(), &PagePool::new());
        }
        prop_assert_eq!(encode(&total), whole);
    }

    #[test]
    fn what_is_added_as_bytes_is_what_is_added_decoded(
        first in prop::collection::vec(event(), 0..40),
        second in prop::collection::vec(event(), 0..40),
    ) {
        let pool = PagePool::new();
        let (first, second) = (encode(&interval_of(&first)), encode(&interval_of(&second)));
        let (mut sum, mut other) = (Interval::default(), decode(&first).unwrap());
        merge(&first, &mut sum, &pool).unwrap();
        merge(&second, &mut sum, &pool).unwrap();
        other.merge(decode(&second).unwrap());
        prop_assert_eq!(encode(&sum), encode(&other));
    }

    #[test]
    fn bytes_that_are_cut_off_add_nothing(events in prop::collection::vec(event(), 1..40), at in any::<prop::sample::Index>()) {
        let whole = encode(&interval_of(&events));
        let mut sum = decode(&whole).unwrap();
        if merge(&whole[..at.index(whole.len())], &mut sum, &PagePool::new()).is_err() {
            prop_assert_eq!(encode(&sum), whole);
        }
    }

    #[test]
    fn bytes_at_random_are_no_interval_or_one_that_can_be_written(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(interval) = decode(&bytes) {
            prop_assert!(decode(&encode(&interval)).is_ok());
        }
    }
}

#[test]
fn a_hundred_thousand_damaged_intervals_are_refused_or_read_and_never_more() {
    let sound = encode(&an_example());
    let mut numbers = Numbers(0x2545_F491_4F6C_DD1D);
    let (mut refused, mut sum) = (0, Interval::default());
    for case in 0..100_000 {
        let bytes = damaged(&sound, &mut numbers);
        match decode(&bytes) {
            Err(error) => {
                assert!(!error.to_string().is_empty());
                refused += 1;
            }
            Ok(interval) => {
                // What passes must be fit for all that is done with intervals.
                let again = decode(&encode(&interval)).expect("what was read can be written");
                if case % 16 == 0 && sum.has_room_for(&again) {
                    sum.merge(again);
                }
            }
        }
    }
    assert!(refused > 50_000, "{refused} of 100,000");
    assert!(decode(&encode(&sum)).is_ok() || sum.series.values().any(|counts| counts.response.count() > 0));
}

#[test]
fn what_is_too_large_is_refused_before_it_is_unpacked() {
    assert_eq!(decode(&vec![0; MAX_WIRE_BYTES + 1]).unwrap_err(), WireError::TooLong);
    // Two bytes each, of which every one would be a kilobyte.
    let series: Vec<u8> = [0x2a, 0].repeat(1 << 20);
    assert_eq!(decode(&series).unwrap_err(), WireError::TooLong);
    assert_eq!(
        decode(&[0x32, 0].repeat(SLOWEST_KEPT + 1)).unwrap_err(),
        WireError::TooLong
    );
    // A few bytes that name a cell in each page, which takes 8 KiB each, over and over.
    let mut wide = Interval::default();
    let pool = PagePool::new();
    for number in 0..1_200_u16 {
        let mut counts = Box::new(SeriesCounts::new(&pool));
        if number == 0 {
            for shift in 0..41 {
                counts.response.record_n(1 << shift, 70_000);
            }
        }
        wide.series.insert((SeriesIndex(number), Phase::Main), counts);
    }
    let one = encode(&wide).len();
    assert!(one < 20_000, "{one} bytes");
    let first = wide.series[&(SeriesIndex(0), Phase::Main)].response.to_times();
    for counts in wide.series.values_mut() {
        counts.response = Histogram::from_times(&first).unwrap();
    }
    let bytes = encode(&wide);
    assert!(bytes.len() < 1 << 20, "{} bytes", bytes.len());
    assert_eq!(decode(&bytes).unwrap_err(), WireError::TooLong);
}

#[test]
fn what_contradicts_itself_is_refused_by_the_name_of_the_field() {
    let changed = |change: &dyn Fn(&mut Interval)| {
        let mut interval = an_example();
        change(&mut interval);
        decode(&encode(&interval)).unwrap_err()
    };
    assert_eq!(changed(&|interval| interval.end_ns = 0), WireError::Invalid("end_ns"));
    let named = |interval: &mut Interval, names: &dyn Fn(u64) -> String, count| {
        let counts = interval.series.get_mut(&(SeriesIndex(0), Phase::Main)).unwrap();
        counts
            .by_new_name
            .extend((0..count).map(|number| (names(number).into_boxed_str(), 1)));
    };
    assert_eq!(
        changed(&|interval| named(interval, &|number| format!("new.{number}"), 65)),
        WireError::Invalid("by_error")
    );
    assert_eq!(
        changed(&|interval| named(interval, &|_| "n".repeat(65), 1)),
        WireError::Invalid("by_error")
    );
    assert_eq!(
        changed(&|interval| named(interval, &|_| String::new(), 1)),
        WireError::Invalid("by_error")
    );
    let slow = |change: &dyn Fn(&mut SlowRequest)| {
        changed(&|interval| {
            count(interval, &Event::Slow(1, 1, true), &PagePool::new());
            let mut request = interval.slowest.as_slice()[0].clone();
            change(&mut request);
            interval.slowest = Slowest::of(vec![request]);
        })
    };
    assert_eq!(
        slow(&|request| request.error = Some("n".repeat(65).into())),
        WireError::Invalid("slowest.error")
    );
    assert_eq!(
        slow(&|request| request.address = Some("n".repeat(129).into())),
        WireError::Invalid("slowest.address")
    );
    // Fields 1 and 9, each one more than fits.
    assert_eq!(
        decode(&[0x32, 4, 0x08, 0x80, 0x80, 0x04]).unwrap_err(),
        WireError::Invalid("slowest.series")
    );
    assert_eq!(
        decode(&[0x32, 4, 0x48, 0x80, 0x80, 0x04]).unwrap_err(),
        WireError::Invalid("slowest.status")
    );
    let twice = [0x5a, 3, 0x0a, 1, b'a', 0x5a, 3, 0x0a, 1, b'a'];
    let refused = decode(&[&[0x2a, 10][..], &twice].concat()).unwrap_err();
    assert_eq!(refused.to_string(), "`by_error` of the interval holds what it can't");

    // Twice the same scenario, and one without a phase: messages that follow one another are one message.
    let whole = encode(&an_example());
    assert_eq!(
        decode(&[whole.clone(), whole].concat()).unwrap_err(),
        WireError::Invalid("scenarios")
    );
    assert_eq!(decode(&[0x22, 0]).unwrap_err(), WireError::Invalid("phase"));
    assert_eq!(
        decode(&[0x2a, 5, 0x08, 0x80, 0x80, 0x04, 0x10])
            .unwrap_err()
            .to_string()
            .split(':')
            .next(),
        Some("the bytes are no apibench.v1.Interval")
    );
    assert_eq!(
        decode(&[0x2a, 6, 0x08, 0x80, 0x80, 0x04, 0x10, 2]).unwrap_err(),
        WireError::Invalid("series")
    );
    // A histogram that says it holds one more than its cells do: `count` of 1, and no cells at all.
    let lying = decode(&[0x22, 8, 0x10, 2, 0x6a, 4, 0x10, 1, 0x18, 0]).unwrap_err();
    assert!(lying.to_string().starts_with("`time` of the interval: "), "{lying}");
}

#[test]
fn fields_of_a_later_release_are_passed_over() {
    let sound = encode(&an_example());
    let extended = [sound.clone(), vec![0xfa, 0x3f, 3, 1, 2, 3]].concat();
    assert_eq!(encode(&decode(&extended).unwrap()), sound);
}

#[test]
fn sums_beyond_all_numbers_stay_sums() {
    let mut total = Interval::default();
    let mut largest = an_example();
    largest.cpu_ns = u64::MAX;
    largest.driver = DriverCounters {
        longest_gap_ns: 1,
        unstarted: u64::MAX,
        unsent: u64::MAX,
    };
    largest.series.get_mut(&(SeriesIndex(0), Phase::Main)).unwrap().ok = u64::MAX;
    largest
        .scenarios
        .get_mut(&(ScenarioIndex(0), Phase::Main))
        .unwrap()
        .offered = u64::MAX;
    for _ in 0..3 {
        total.merge_from(&decode(&encode(&largest)).unwrap(), &PagePool::new());
    }
    assert_eq!((total.cpu_ns, total.driver.unstarted), (u64::MAX, u64::MAX));
    assert_eq!(total.series[&(SeriesIndex(0), Phase::Main)].started, 120);
}

#[test]
fn a_dead_worker_s_books_are_closed() {
    let last = an_example();
    let closing = last.unfinished_of_pending(&[(ScenarioIndex(0), Phase::Main, 7)], &PagePool::new());
    assert_eq!((closing.start_ns, closing.end_ns), (last.end_ns, last.end_ns));
    let key = (SeriesIndex(0), Phase::Main);
    let counts = &closing.series[&key];
    // Two in flight and one opening, which counts as started when it is given up.
    assert_eq!(
        (
            counts.started,
            counts.unfinished,
            counts.ok,
            counts.in_flight,
            counts.opening
        ),
        (1, 3, 0, 0, 0)
    );
    assert_eq!(last.series[&key].in_flight + counts.started, counts.unfinished);
    assert_eq!((counts.response.count(), counts.response.censored()), (3, 3));
    assert_eq!(counts.response.censored_min_ns(), Some(3_000_000_000));
    assert_eq!(closing.series.len(), 1);
    let iterations = &closing.scenarios[&(ScenarioIndex(0), Phase::Main)];
    assert_eq!(
        (iterations.unfinished, iterations.started, iterations.offered),
        (7, 0, 0)
    );
    assert!(decode(&encode(&closing)).is_ok());
}

#[test]
fn parts_of_an_interval_and_what_does_not_add_up_over_time() {
    let mut interval = an_example();
    let part = interval.only(&[1].into(), &PagePool::new());
    assert_eq!(part.series.keys().map(|(series, _)| series.0).collect::<Vec<_>>(), [1]);
    assert_eq!(
        part.series[&(SeriesIndex(1), Phase::Main)].failed,
        Failure::COUNT as u64 + 1
    );
    assert!(part.scenarios.is_empty() && part.cpu_ns == 0 && part.end_ns == interval.end_ns);

    interval.clear_pending();
    assert!(interval.scenarios.values().all(|counts| counts.waiting == 0));
    assert!(
        interval
            .series
            .values()
            .all(|counts| counts.in_flight + counts.opening == 0 && counts.pending.is_empty())
    );
    assert_eq!(interval.series[&(SeriesIndex(0), Phase::Main)].ok, 40);

    interval.add_lost(ScenarioIndex(0), Phase::Main, 5, 3, &PagePool::new());
    let counts = &interval.scenarios[&(ScenarioIndex(0), Phase::Main)];
    assert_eq!((counts.lost, counts.offered), (4 + 5, 40 + 3));
    assert!(!interval.is_blank() && Interval::default().is_blank());
}

/// Field numbers are for ever: what the file says of each message is what is written here.
#[test]
fn the_proto_file_says_what_is_written() {
    const PROTO: &str = include_str!("../../../proto/apibench/v1/interval.proto");
    const MESSAGES: &str = include_str!("../src/wire/messages.rs");
    let mut of_proto: Vec<(String, String, String)> = Vec::new();
    let mut message = String::new();
    for line in PROTO.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
        if let Some(name) = line.strip_prefix("message ").and_then(|rest| rest.split(' ').next()) {
            name.clone_into(&mut message);
        } else if let Some((field, number)) = line.strip_suffix(';').and_then(|line| line.split_once(" = ")) {
            let name = field.rsplit(' ').next().unwrap();
            if field.contains(' ') && field != "syntax" {
                of_proto.push((message.clone(), name.to_owned(), number.to_owned()));
            }
        }
    }
    let mut of_code = Vec::new();
    let mut number = String::new();
    for line in MESSAGES.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("pub struct ").and_then(|rest| rest.split(' ').next()) {
            name.clone_into(&mut message);
        } else if let Some(rest) = line.split("tag = \"").nth(1) {
            rest.split('"').next().unwrap().clone_into(&mut number);
        } else if let Some(name) = line.strip_prefix("pub ").and_then(|rest| rest.split(':').next())
            && line.ends_with(',')
        {
            of_code.push((message.clone(), name.to_owned(), number.clone()));
        }
    }
    assert_eq!(of_code.len(), 99);
    assert_eq!(of_proto, of_code);
}
