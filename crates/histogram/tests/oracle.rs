//! Held against the `hdrhistogram` crate: the same cells, quantiles and bytes for the same values.

use apibench_histogram::{Histogram, layout};
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer, V2Serializer};
use proptest::prelude::*;

fn oracle(values: &[u64]) -> hdrhistogram::Histogram<u64> {
    let mut oracle = hdrhistogram::Histogram::new_with_bounds(1, 3_600_000_000_000, 3).unwrap();
    for value in values {
        oracle.record((*value).min(3_600_000_000_000)).unwrap();
    }
    oracle
}

fn recorded(values: &[u64]) -> Histogram {
    let mut histogram = Histogram::default();
    for value in values {
        histogram.record(*value);
    }
    histogram
}

fn payload_of(oracle: &hdrhistogram::Histogram<u64>) -> Vec<u8> {
    let mut payload = vec![];
    V2Serializer::new().serialize(oracle, &mut payload).unwrap();
    payload
}

/// Every order of magnitude alike, the values around page borders, and what is beyond one hour.
fn value() -> impl Strategy<Value = u64> {
    prop_oneof![
        8 => (0_u32..42, any::<u64>()).prop_map(|(bits, noise)| noise & ((2 << bits) - 1)),
        2 => (0_u32..42, 0_u64..3).prop_map(|(bit, offset)| ((1_u64 << bit) + offset).saturating_sub(1)),
        1 => prop::sample::select(vec![0, 1, 2_047, 2_048, layout::HIGHEST_NS, layout::HIGHEST_NS + 1, u64::MAX]),
    ]
}

fn values() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(value(), 0..400)
}

#[test]
fn the_layout_has_as_many_cells_as_the_crates() {
    assert_eq!(oracle(&[]).distinct_values(), layout::CELLS);
}

#[test]
fn the_legal_extremes_have_the_cells_and_the_bytes_of_the_crate() {
    let extremes = [
        0,
        1,
        2_047,
        2_048,
        2_049,
        layout::HIGHEST_NS - 1,
        layout::HIGHEST_NS,
        u64::MAX,
    ];
    for value in extremes {
        assert_eq!(
            recorded(&[value]).to_payload(),
            payload_of(&oracle(&[value])),
            "{value}"
        );
    }
    assert_eq!(recorded(&extremes).to_payload(), payload_of(&oracle(&extremes)));
    assert_eq!(recorded(&[]).to_payload(), payload_of(&oracle(&[])));
}

proptest! {
    #[test]
    fn bounds_of_a_cell_are_the_crates(value in value()) {
        let (value, oracle) = (value.min(layout::HIGHEST_NS), oracle(&[]));
        let index = layout::index_of(value);
        prop_assert_eq!(layout::lowest_equivalent(index), oracle.lowest_equivalent(value));
        prop_assert_eq!(layout::highest_equivalent(index), oracle.highest_equivalent(value));
    }

    #[test]
    fn counts_are_the_crates_cell_by_cell(values in values()) {
        let (histogram, oracle) = (recorded(&values), oracle(&values));
        let mut counts = vec![0; layout::CELLS];
        for (index, count) in histogram.cells() {
            counts[index] = count;
        }
        for (index, count) in counts.into_iter().enumerate() {
            prop_assert_eq!(count, oracle.count_at(layout::lowest_equivalent(index)));
        }
    }

    #[test]
    fn quantiles_are_the_crates_within_the_exact_extremes(values in values(), q in 1e-9..=1.0_f64) {
        let (histogram, oracle) = (recorded(&values), oracle(&values));
        for q in [q, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999, 1.0] {
            let expected = histogram.min_ns().zip(histogram.max_ns())
                .map(|(min, max)| oracle.value_at_quantile(q).clamp(min, max));
            prop_assert_eq!(histogram.quantile(q), expected);
        }
    }

    #[test]
    fn the_share_below_a_value_is_the_crates(values in values(), at in value()) {
        let share = recorded(&values).share_at_or_below(at);
        let expected = oracle(&values).quantile_below(at.min(layout::HIGHEST_NS));
        prop_assert_eq!(share, (!values.is_empty()).then_some(expected));
    }

    #[test]
    fn payloads_are_the_crates_bit_for_bit(values in values(), n in 1..1_u64 << 40) {
        let (mut histogram, mut oracle) = (recorded(&values), oracle(&values));
        for value in values.iter().take(5) {
            histogram.record_n(*value, n); // counts of many bytes
            oracle.record_n((*value).min(layout::HIGHEST_NS), n).unwrap();
        }
        prop_assert_eq!(histogram.to_payload(), payload_of(&oracle));
    }

    #[test]
    fn the_crate_reads_our_text_and_we_read_the_crates(values in values()) {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let (histogram, oracle) = (recorded(&values), oracle(&values));

        let ours = STANDARD.decode(histogram.to_text()).unwrap();
        let read: hdrhistogram::Histogram<u64> = Deserializer::new().deserialize(&mut &ours[..]).unwrap();
        prop_assert_eq!(&read, &oracle);

        let mut theirs = vec![];
        V2DeflateSerializer::new().serialize(&oracle, &mut theirs).unwrap();
        let read = Histogram::from_text(&STANDARD.encode(theirs)).unwrap();
        prop_assert!(read.cells().eq(histogram.cells()));
    }

    /// Our reader is our own, on bytes that nobody has checked: what it takes, the crate's takes
    /// too, and reads as the same cells.
    #[test]
    fn whatever_payload_we_accept_the_crate_reads_alike(
        values in values(), at in 40_usize..2_000, garbage in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let mut payload = recorded(&values).to_payload();
        let at = at.min(payload.len());
        payload.splice(at..at, garbage);
        let length = u32::try_from(payload.len() - 40).unwrap();
        payload[4..8].copy_from_slice(&length.to_be_bytes());

        if let Ok(histogram) = Histogram::from_payload(&payload) {
            let read: hdrhistogram::Histogram<u64> = Deserializer::new().deserialize(&mut &payload[..]).unwrap();
            for (index, count) in histogram.cells() {
                prop_assert_eq!(count, read.count_at(layout::lowest_equivalent(index)));
            }
            prop_assert_eq!(histogram.count(), read.len());
        }
    }
}
