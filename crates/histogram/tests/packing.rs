//! Intervals as they are stored: every byte of the wire form comes back, in half of what a general compressor takes, and
//! whatever else comes is refused.

mod intervals;

use std::io::Write as _;

use apibench_histogram::packing::{PackingError, pack, unpack};
use apibench_histogram::wire::{MAX_WIRE_BYTES, decode, encode};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use intervals::{Numbers, a_second, an_example, damaged, event, interval_of};
use proptest::prelude::*;

/// A line of the golden file, of which every later version must make the same.
fn golden(word: &str) -> Vec<u8> {
    let lines = include_str!("data/packed.txt").lines();
    let hex = lines.filter_map(|line| line.strip_prefix(word)).next().unwrap().trim();
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// One series that has one histogram, of these bytes.
fn with_histogram(histogram: &[u8]) -> Vec<u8> {
    let series = [&[0xaa, 0x01, histogram.len() as u8], histogram].concat();
    [&[0x2a, series.len() as u8], &series[..]].concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_byte_of_an_interval_comes_back(events in prop::collection::vec(event(), 0..60)) {
        let wire = encode(&interval_of(&events));
        prop_assert_eq!(unpack(&pack(&wire).unwrap()).unwrap(), wire);
    }

    #[test]
    fn and_every_byte_of_what_is_none(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(unpack(&pack(&bytes).unwrap()).unwrap(), bytes);
    }

    #[test]
    fn and_of_an_interval_that_is_cut_off(events in prop::collection::vec(event(), 1..40), at in any::<prop::sample::Index>()) {
        let wire = encode(&interval_of(&events));
        let cut = &wire[..at.index(wire.len())];
        prop_assert_eq!(unpack(&pack(cut).unwrap()).unwrap(), cut);
    }

    #[test]
    fn bytes_at_random_are_refused(mut bytes in prop::collection::vec(any::<u8>(), 1..300)) {
        bytes[0] = 1;
        prop_assert!(unpack(&bytes).is_err());
    }
}

#[test]
fn a_second_of_many_requests_takes_two_thirds_of_its_deflated_form() {
    for (series, requests) in [(50, 600), (10, 100)] {
        let wire = encode(&a_second(series, requests));
        let packed = pack(&wire).unwrap();
        let most = deflated(&wire).len() * 2 / 3;
        assert!(
            packed.len() < most,
            "{series} of {requests}: {} of {most}",
            packed.len()
        );
        assert_eq!(unpack(&packed).unwrap(), wire);
    }
}

#[test]
fn a_sum_of_intervals_comes_back() {
    let mut sum = a_second(3, 1_000);
    for _ in 0..7 {
        sum.merge(a_second(4, 300));
        sum.merge(an_example());
    }
    let wire = encode(&sum);
    let again = unpack(&pack(&wire).unwrap()).unwrap();
    assert_eq!(again, wire);
    assert!(decode(&again).is_ok());
}

#[test]
fn histograms_in_a_form_that_nobody_writes_come_back_as_they_were() {
    let sound = encode(&an_example());
    let payload = apibench_histogram::Histogram::default().to_payload();
    let no_cells = [&[0x0a, payload.len() as u8], &payload[..]].concat();
    for histogram in [
        &[][..],
        // No payload, an empty one, and one that ends early; each beside a count.
        &[0x10, 5],
        &[0x0a, 0, 0x10, 5],
        &[0x0a, 9, 0x10, 5],
        // The count first, and one of two bytes where one would do.
        &[0x10, 5, 0x0a, 1, 7],
        &[0x0a, 0x81, 0, 7, 0x10, 5],
        &[0x0a, 1, 7, 0x10, 0x85, 0],
        // Fields of kinds that no message has.
        &[0x0d, 1, 2, 3, 4],
        &[0x0b, 0x0c],
        &no_cells,
        &[&no_cells[..], &[0x10, 0]].concat(),
    ] {
        let wire = [with_histogram(histogram), sound.clone()].concat();
        assert_eq!(unpack(&pack(&wire).unwrap()).unwrap(), wire, "{histogram:?}");
    }
    let twice = [sound.clone(), sound].concat();
    assert_eq!(unpack(&pack(&twice).unwrap()).unwrap(), twice);
    let many = with_histogram(&[]).repeat(100_000);
    assert_eq!(unpack(&pack(&many).unwrap()).unwrap(), many);
}

#[test]
fn what_is_damaged_is_refused() {
    let wire = encode(&a_second(3, 100));
    let sound = pack(&wire).unwrap();
    let mut numbers = Numbers(0x2545_F491_4F6C_DD1D);
    for case in 0..20_000 {
        let bytes = damaged(&sound, &mut numbers);
        match unpack(&bytes) {
            Ok(unpacked) => assert_eq!(unpacked, wire, "case {case}"),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    for length in 0..sound.len() {
        assert!(unpack(&sound[..length]).is_err(), "{length} bytes");
    }
    assert!(unpack(&[&sound[..], &[0, 0]].concat()).is_err());
}

#[test]
fn what_was_stored_before_there_was_packing_is_read() {
    let wire = encode(&an_example());
    assert_eq!(unpack(&deflated(&wire)).unwrap(), wire);
    assert!(unpack(&[deflated(&wire), vec![0]].concat()).is_err());
    assert!(unpack(&deflated(&wire)[..100]).is_err());
}

#[test]
fn a_form_of_a_later_release_is_told_from_damage() {
    for bytes in [&[][..], &[0], &[2, 3, 4]] {
        assert_eq!(unpack(bytes).unwrap_err(), PackingError::Unknown);
    }
}

#[test]
fn what_is_too_long_is_neither_packed_nor_unpacked() {
    let longest = vec![0; MAX_WIRE_BYTES];
    assert_eq!(unpack(&pack(&longest).unwrap()).unwrap(), longest);
    let longer = vec![0; MAX_WIRE_BYTES + 1];
    assert_eq!(pack(&longer).unwrap_err(), PackingError::TooLong);
    assert_eq!(unpack(&deflated(&longer)).unwrap_err(), PackingError::TooLong);
}

#[test]
fn the_golden_bytes_are_unpacked_to_the_golden_interval() {
    let wire = unpack(&golden("packed")).unwrap();
    assert_eq!(wire, golden("wire"));
    assert_eq!(wire, encode(&a_second(2, 40)));
}
