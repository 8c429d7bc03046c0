//! What a histogram promises of itself: exact figures, exact merges, nothing lost unsaid.

use apibench_histogram::{Histogram, PagePool, layout};
use proptest::prelude::*;

const HOUR: u64 = layout::HIGHEST_NS;

/// A value and whether it is a lower bound.
type Sample = (u64, bool);

fn recorded(samples: &[Sample]) -> Histogram {
    let mut histogram = Histogram::default();
    for (value, censored) in samples {
        if *censored {
            histogram.record_censored(*value);
        } else {
            histogram.record(*value);
        }
    }
    histogram
}

fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let value = (0_u32..44, any::<u64>()).prop_map(|(bits, noise)| noise & ((2 << bits) - 1));
    prop::collection::vec((value, prop::bool::weighted(0.1)), 0..300)
}

#[test]
fn an_empty_histogram_says_that_it_is_empty() {
    let histogram = Histogram::default();
    assert!(histogram.is_empty());
    assert_eq!(
        (
            histogram.count(),
            histogram.sum_ns(),
            histogram.clamped(),
            histogram.censored()
        ),
        (0, 0, 0, 0)
    );
    assert_eq!(
        (histogram.min_ns(), histogram.max_ns(), histogram.censored_min_ns()),
        (None, None, None)
    );
    assert_eq!(
        (histogram.quantile(0.5), histogram.share_at_or_below(HOUR)),
        (None, None)
    );
    assert!(!histogram.quantile_is_censored(1.0));
    assert_eq!((histogram.cells().count(), histogram.page_bytes()), (0, 0));
}

#[test]
fn zero_is_a_value_like_any_other() {
    let histogram = recorded(&[(0, false), (0, false), (5, false)]);
    assert_eq!(
        (histogram.count(), histogram.min_ns(), histogram.sum_ns()),
        (3, Some(0), 5)
    );
    assert_eq!((histogram.quantile(0.5), histogram.quantile(1.0)), (Some(0), Some(5)));
    assert_eq!(histogram.cells().collect::<Vec<_>>(), [(0, 2), (5, 1)]);
}

#[test]
fn what_is_beyond_one_hour_counts_as_one_hour_and_as_clamped() {
    let mut histogram = recorded(&[(HOUR, false), (HOUR + 1, false), (u64::MAX, true)]);
    histogram.record_n(u64::MAX, 7);
    assert_eq!((histogram.count(), histogram.clamped()), (10, 9));
    assert_eq!((histogram.min_ns(), histogram.max_ns()), (Some(HOUR), Some(HOUR)));
    assert_eq!(histogram.sum_ns(), 10 * u128::from(HOUR));
    assert_eq!(histogram.censored_min_ns(), Some(HOUR));
    assert_eq!(histogram.quantile(0.5), Some(HOUR)); // its cell ends 2.1 s above
}

/// 98 quick ones, one given up after 10 s, one that really took 20 s. From p99 on nobody knows.
#[test]
fn a_quantile_that_reaches_into_censored_values_says_so() {
    let mut histogram = Histogram::default();
    histogram.record_n(1_000_000, 98);
    histogram.record_censored(10_000_000_000);
    histogram.record(20_000_000_000);

    assert_eq!(
        (histogram.censored(), histogram.censored_min_ns()),
        (1, Some(10_000_000_000))
    );
    assert!(!histogram.quantile_is_censored(0.98));
    assert!(histogram.quantile_is_censored(0.99));
    assert!(histogram.quantile_is_censored(1.0));
}

/// 690 quick ones and one that was cut off at once: the median is known, the highest is not.
#[test]
fn a_few_cut_off_early_leave_the_quantiles_known_that_they_cannot_move() {
    let mut histogram = Histogram::default();
    for number in 0..690 {
        histogram.record(2_000_000 + number * 2_000);
    }
    histogram.record_censored(10);
    assert!(!histogram.quantile_is_censored(0.5));
    assert!(!histogram.quantile_is_censored(0.99));
    assert!(histogram.quantile_is_censored(1.0));
    assert_eq!(histogram.quantile_at_most(1.0), None);
    // 346 of 691 are at or below it; without the one that may lie above, it is the 347th.
    assert_eq!(histogram.quantile_at_most(0.5), histogram.quantile(347.0 / 691.0));
    assert!(histogram.quantile_at_most(0.5) > histogram.quantile(0.5));
}

#[test]
fn a_quantile_names_the_cell_where_the_cumulative_count_reaches_its_rank() {
    let mut histogram = Histogram::default();
    for value in 1..=1_000 {
        histogram.record(value);
    }
    assert_eq!(histogram.quantile(0.0), Some(1)); // rank 1 at least
    assert_eq!(histogram.quantile(0.0001), Some(1));
    assert_eq!(histogram.quantile(0.5), Some(500));
    assert_eq!(histogram.quantile(0.5001), Some(501));
    assert_eq!(histogram.quantile(0.999), Some(999));
    assert_eq!(histogram.quantile(2.0), Some(1_000));
    assert_eq!(
        recorded(&[(300_000, false), (400_000, false)]).quantile(0.0),
        Some(300_031)
    );
    assert_eq!(histogram.quantile(f64::NAN), Some(1));
    assert_eq!(histogram.share_at_or_below(250), Some(0.25));
    assert_eq!(histogram.share_at_or_below(u64::MAX), Some(1.0));
}

/// The lowest count that does not fit a 16-bit cell, reached from every side.
#[test]
fn a_cell_counts_on_exactly_where_its_page_must_widen() {
    let mut one_by_one = Histogram::default();
    for _ in 0..65_537 {
        one_by_one.record(3_000);
    }
    let mut at_once = Histogram::default();
    at_once.record_n(3_000, 65_537);
    let (mut merged, mut part) = (Histogram::default(), Histogram::default());
    merged.record_n(3_000, 65_535);
    part.record_n(3_000, 2);
    let narrow_bytes = merged.page_bytes();
    merged.merge(&part);

    assert_eq!(
        one_by_one.cells().collect::<Vec<_>>(),
        [(layout::index_of(3_000), 65_537)]
    );
    assert_eq!(one_by_one, at_once);
    assert_eq!(one_by_one, merged);
    assert_eq!((narrow_bytes, merged.page_bytes()), (2_048, 8_192));
}

#[test]
fn recording_nothing_changes_nothing() {
    let mut histogram = recorded(&[(5, false)]);
    histogram.record_n(u64::MAX, 0);
    assert_eq!(histogram, recorded(&[(5, false)]));
}

#[test]
#[should_panic(expected = "at most 2^63 - 1 values")]
fn a_count_that_would_overflow_is_refused() {
    let mut histogram = Histogram::default();
    histogram.record_n(1, apibench_histogram::MAX_COUNT);
    histogram.record_n(2, 1);
}

#[test]
fn a_cleared_histogram_is_as_good_as_new() {
    let pool = PagePool::new();
    let mut histogram = Histogram::new(&pool);
    histogram.record_n(7, 1 << 40);
    histogram.record_censored(u64::MAX);
    histogram.clear();
    assert_eq!(histogram, Histogram::default());
    assert_eq!(histogram.page_bytes(), 0);

    histogram.record(7);
    assert_eq!(histogram, recorded(&[(7, false)]));
}

#[test]
fn a_histogram_may_be_cleared_by_another_thread_than_records() {
    let pool = PagePool::new();
    let mut histogram = Histogram::new(&pool);
    histogram.record(7);
    let mut histogram = std::thread::spawn(move || {
        histogram.clear();
        histogram
    })
    .join()
    .unwrap();
    histogram.record(8);
    assert_eq!(histogram, recorded(&[(8, false)]));
}

proptest! {
    #[test]
    fn count_sum_and_extremes_are_exact(samples in samples()) {
        let histogram = recorded(&samples);
        let clamped: Vec<u64> = samples.iter().map(|(value, _)| *value.min(&HOUR)).collect();
        let bounds = samples.iter().filter(|(_, censored)| *censored).map(|(value, _)| *value.min(&HOUR));
        prop_assert_eq!(histogram.count(), samples.len() as u64);
        prop_assert_eq!(histogram.sum_ns(), clamped.iter().map(|value| u128::from(*value)).sum::<u128>());
        prop_assert_eq!(histogram.min_ns(), clamped.iter().min().copied());
        prop_assert_eq!(histogram.max_ns(), clamped.iter().max().copied());
        prop_assert_eq!(histogram.clamped(), samples.iter().filter(|(value, _)| *value > HOUR).count() as u64);
        prop_assert_eq!(histogram.censored(), bounds.clone().count() as u64);
        prop_assert_eq!(histogram.censored_min_ns(), bounds.min());
        prop_assert_eq!(histogram.cells().map(|(_, count)| count).sum::<u64>(), histogram.count());
    }

    #[test]
    fn any_partition_merges_to_the_same_payload_in_any_order(
        samples in samples(),
        parts in prop::collection::vec(0_usize..5, 300),
        order in Just([0, 1, 2, 3, 4]).prop_shuffle(),
        weight in prop::sample::select(vec![1_u64, 400, 65_535, 70_000]),
    ) {
        let mut whole = recorded(&samples);
        let mut workers: Vec<Histogram> = (0..5)
            .map(|worker| {
                let own = samples.iter().zip(&parts).filter(|(_, part)| **part == worker);
                recorded(&own.map(|(sample, _)| *sample).collect::<Vec<_>>())
            })
            .collect();
        for ((value, _), part) in samples.iter().zip(&parts).take(20) {
            whole.record_n(*value, weight); // so that some pages are wide and others are not
            workers[*part].record_n(*value, weight);
        }

        let mut merged = Histogram::default();
        for worker in order {
            merged.merge(&workers[worker]);
        }
        let [a, b, c, d, e] = &mut workers[..] else { unreachable!("five were made") };
        d.merge(e);
        b.merge(c);
        d.merge(b);
        a.merge(d);
        let nested = a;

        prop_assert_eq!(merged.to_payload(), whole.to_payload());
        prop_assert_eq!(nested.to_payload(), whole.to_payload());
        prop_assert_eq!(&merged, &whole);
        prop_assert_eq!(&*nested, &whole);
    }

    #[test]
    fn recording_n_at_once_is_recording_n_times(samples in samples(), n in 0_u64..5) {
        let (mut at_once, mut one_by_one) = (Histogram::default(), Histogram::default());
        for (value, _) in samples {
            at_once.record_n(value, n);
            for _ in 0..n {
                one_by_one.record(value);
            }
        }
        prop_assert_eq!(at_once, one_by_one);
    }

    #[test]
    fn quantiles_never_fall_and_lie_within_a_thousandth_of_the_sample(samples in samples(), q in 0.0..=1.0_f64) {
        prop_assume!(!samples.is_empty());
        let histogram = recorded(&samples);
        let mut sorted: Vec<u64> = samples.iter().map(|(value, _)| *value.min(&HOUR)).collect();
        sorted.sort_unstable();
        let rank = ((q * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len());
        let (value, exact) = (histogram.quantile(q).unwrap(), sorted[rank - 1]);
        prop_assert!(value >= exact && value - exact <= exact / 1_000);
        prop_assert!(histogram.quantile((q + 0.01).min(1.0)).unwrap() >= value);
    }
}
