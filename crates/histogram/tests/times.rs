//! Histograms in documents: nothing is lost there and back, and nothing foreign gets in.

use apibench_histogram::{DecodeError, Histogram, MAX_PAYLOAD_BYTES, Times, layout};
use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, write::ZlibEncoder};
use proptest::prelude::*;
use std::io::Write;

/// 1 ms to 3 s, one of them given up, one beyond one hour.
fn example() -> Histogram {
    let mut histogram = Histogram::default();
    for step in 1..=3_000 {
        histogram.record(step * 1_000_000);
    }
    histogram.record_censored(2_500_000_000);
    histogram.record(u64::MAX);
    histogram
}

fn text_of(payload: &[u8]) -> String {
    let mut stream = ZlibEncoder::new(vec![], Compression::best());
    stream.write_all(payload).unwrap();
    let stream = stream.finish().unwrap();
    let length = u32::try_from(stream.len()).unwrap();
    let bytes = [&0x1c84_9314_u32.to_be_bytes()[..], &length.to_be_bytes(), &stream].concat();
    STANDARD.encode(bytes)
}

fn payload_of(cells: &[u8]) -> Vec<u8> {
    let mut payload = Histogram::default().to_payload();
    payload.truncate(40);
    payload.extend_from_slice(cells);
    payload[4..8].copy_from_slice(&u32::try_from(cells.len()).unwrap().to_be_bytes());
    payload
}

#[test]
fn a_document_holds_the_sum_as_text_and_the_cells_as_histf() {
    let mut histogram = Histogram::default();
    histogram.record(1_000);
    histogram.record_n(layout::HIGHEST_NS, 1 << 20);
    let document = serde_json::to_value(histogram.to_times()).unwrap();

    assert_eq!(document["sum_ns"], "3774873600000001000"); // beyond what JSON readers keep exact
    assert_eq!(document["count"], 1_048_577);
    assert!(document["hdr"].as_str().unwrap().starts_with("HISTF"));
    let mut names: Vec<&String> = document.as_object().unwrap().keys().collect();
    names.sort();
    let expected = [
        "censored",
        "censored_min_ns",
        "clamped",
        "count",
        "hdr",
        "max_ns",
        "min_ns",
        "sum_ns",
    ];
    assert_eq!(names, expected);
}

#[test]
fn an_empty_histogram_is_all_zeros_and_comes_back_empty() {
    let times = Histogram::default().to_times();
    let zeros = Times {
        count: 0,
        sum_ns: 0,
        min_ns: 0,
        max_ns: 0,
        clamped: 0,
        censored: 0,
        censored_min_ns: 0,
        hdr: times.hdr.clone(),
    };
    assert_eq!(times, zeros);
    assert_eq!(Histogram::from_times(&times), Ok(Histogram::default()));
}

#[test]
fn a_sum_that_is_no_plain_decimal_is_refused() {
    let mut document = serde_json::to_value(example().to_times()).unwrap();
    for wrong in ["", "+5", "-5", " 5", "5.0", "340282366920938463463374607431768211456"] {
        document["sum_ns"] = wrong.into();
        assert!(serde_json::from_value::<Times>(document.clone()).is_err(), "{wrong:?}");
    }
    document["sum_ns"] = 5.into();
    assert!(serde_json::from_value::<Times>(document).is_err());
}

#[test]
fn every_figure_that_contradicts_the_cells_is_refused_by_its_name() {
    type Forge = fn(&mut Times);
    let hour = layout::HIGHEST_NS;
    let forgeries: [(&str, Forge); 14] = [
        ("count", |times| times.count += 1),
        ("sum_ns", |times| times.sum_ns *= 2),
        ("sum_ns", |times| times.sum_ns = 0),
        ("min_ns", |times| times.min_ns = 0),
        ("min_ns", |times| times.min_ns = u64::MAX),
        ("max_ns", |times| times.max_ns = 3_000_000_000),
        ("max_ns", |times| times.max_ns += 1),
        ("clamped", |times| times.clamped = 2),
        ("clamped", |times| times.max_ns -= 1),
        ("censored", |times| times.censored = times.count + 1),
        ("censored_min_ns", |times| times.censored = 0),
        ("censored_min_ns", |times| times.censored_min_ns = 0),
        ("censored_min_ns", |times| times.censored_min_ns = u64::MAX),
        ("count", |times| times.hdr = Histogram::default().to_text()),
    ];
    assert_eq!(example().max_ns(), Some(hour));
    for (field, forge) in forgeries {
        let mut times = example().to_times();
        forge(&mut times);
        assert_eq!(Histogram::from_times(&times), Err(DecodeError::Contradiction { field }));
    }
}

#[test]
fn a_minimum_above_the_maximum_is_refused_though_both_lie_in_the_right_cell() {
    let mut histogram = Histogram::default();
    histogram.record_n(300_000, 2);
    let mut times = histogram.to_times();
    (times.min_ns, times.max_ns) = (300_010, 300_005);
    assert_eq!(
        Histogram::from_times(&times),
        Err(DecodeError::Contradiction { field: "max_ns" })
    );
}

#[test]
fn another_layout_is_refused_with_the_one_that_is_needed() {
    let payload = Histogram::default().to_payload();
    // (place in the header, new byte): offset, digits, lowest, highest, ratio
    for (at, byte) in [(11, 1), (15, 2), (23, 2), (28, 0), (32, 0)] {
        let mut other = payload.clone();
        other[at] = byte;
        let refusal = Histogram::from_payload(&other).unwrap_err();
        assert!(matches!(refusal, DecodeError::OtherLayout { .. }), "{at}: {refusal:?}");
        assert!(
            refusal
                .to_string()
                .contains("highest 3600000000000 ns and 3 digits are needed")
        );
        assert_eq!(Histogram::from_text(&text_of(&other)), Err(refusal));
    }
}

#[test]
fn a_small_text_that_unpacks_to_a_large_payload_is_refused() {
    let bomb = text_of(&vec![0; 100 << 20]);
    assert!(bomb.len() < 200_000);
    assert_eq!(
        Histogram::from_text(&bomb),
        Err(DecodeError::TooLong {
            limit_bytes: MAX_PAYLOAD_BYTES
        })
    );
    let long = Histogram::from_text(&"A".repeat(1 << 20));
    assert!(matches!(long, Err(DecodeError::TooLong { .. })));
    let long = Histogram::from_payload(&payload_of(&vec![0; MAX_PAYLOAD_BYTES]));
    assert_eq!(
        long,
        Err(DecodeError::TooLong {
            limit_bytes: MAX_PAYLOAD_BYTES
        })
    );
}

#[test]
fn the_longest_legal_payload_is_read() {
    // Every cell counts 0, in nine bytes where one would do.
    let zero_in_nine_bytes = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0];
    let payload = payload_of(&zero_in_nine_bytes.repeat(layout::CELLS));
    assert_eq!(payload.len(), MAX_PAYLOAD_BYTES);
    assert_eq!(Histogram::from_payload(&payload), Ok(Histogram::default()));
    assert_eq!(Histogram::from_text(&text_of(&payload)), Ok(Histogram::default()));
}

#[test]
fn malformed_cells_are_refused() {
    let refused = |cells: &[u8]| Histogram::from_payload(&payload_of(cells)).unwrap_err();
    let damaged = |cells: &[u8]| matches!(refused(cells), DecodeError::Damaged { .. });

    assert!(damaged(&[0x80])); // ends within a number
    assert!(damaged(&[0xff; 9])); // skips 2^63 cells: the negation that overflows in the crate
    assert!(damaged(&[0x85, 0x90, 0x04])); // skips 33,795 cells
    assert!(damaged(&[0xff, 0x8f, 0x04, 2])); // a count in the cell after the last, 33,792
    assert!(damaged(&[0xf1, 0x8a, 0x04, 2])); // a count in cell 33,465, beyond one hour
    assert_eq!(
        refused(&[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        DecodeError::TooMany
    );
    // 2^53 - 1 is the last count accepted, in one cell or in two
    let most = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f];
    assert_eq!(
        Histogram::from_payload(&payload_of(&most)).unwrap().count(),
        (1 << 53) - 1
    );
    assert_eq!(refused(&[&most[..], &[2]].concat()), DecodeError::TooMany);
    // However many there are, no sum of them comes round to a small one.
    assert_eq!(refused(&most.repeat(4_096)), DecodeError::TooMany);
    assert_eq!(refused(&[&most.repeat(4_096)[..], &[2]].concat()), DecodeError::TooMany);
    assert!(damaged(&[0xff; 9].repeat(512)));
    assert!(damaged(&[0xff, 0x7f].repeat(100_000))); // skips 8,192 cells, again and again
    assert!(damaged(&[&[0xff, 0x7f].repeat(5)[..], &[2]].concat())); // and then there is a count
    assert!(damaged(&[0xff, 0x8f])); // ends within a number, behind two bytes of it
}

#[test]
fn a_number_may_have_more_bytes_than_it_needs() {
    let cells = |cells: &[u8]| Histogram::from_payload(&payload_of(cells)).unwrap();
    assert_eq!(cells(&[0x86, 0x00]), cells(&[6]));
    assert_eq!(cells(&[0x85, 0x80, 0x00, 0x86, 0x80, 0x80, 0x00]), cells(&[5, 6]));
}

#[test]
fn what_is_no_histogram_at_all_is_refused() {
    let payload = example().to_payload();
    let text = example().to_text();
    assert_eq!(Histogram::from_payload(&[]), Err(DecodeError::NotV2));
    assert_eq!(Histogram::from_payload(&[7; 40]), Err(DecodeError::NotV2));
    assert!(matches!(
        Histogram::from_payload(&payload[..60]),
        Err(DecodeError::Damaged { .. })
    ));
    let mut cut = payload_of(&[2, 2, 2]);
    cut.pop(); // between two numbers: the stated length alone tells
    assert!(matches!(
        Histogram::from_payload(&cut),
        Err(DecodeError::Damaged { .. })
    ));
    assert_eq!(Histogram::from_text("no base64"), Err(DecodeError::NotBase64));
    assert_eq!(Histogram::from_text(""), Err(DecodeError::NotV2));
    assert_eq!(
        Histogram::from_text(&STANDARD.encode(&payload)),
        Err(DecodeError::NotV2)
    ); // not deflated

    let mut bytes = STANDARD.decode(&text).unwrap();
    bytes.extend_from_slice(&[0; 3]);
    assert!(matches!(
        Histogram::from_text(&STANDARD.encode(&bytes)),
        Err(DecodeError::Damaged { .. })
    ));
    let length = u32::try_from(bytes.len() - 8).unwrap();
    bytes[4..8].copy_from_slice(&length.to_be_bytes()); // now the length agrees, and still
    assert!(matches!(
        Histogram::from_text(&STANDARD.encode(&bytes)),
        Err(DecodeError::Damaged { .. })
    ));
    bytes.truncate(30);
    bytes[4..8].copy_from_slice(&22_u32.to_be_bytes());
    assert!(matches!(
        Histogram::from_text(&STANDARD.encode(&bytes)),
        Err(DecodeError::Damaged { .. })
    ));
    assert_eq!(Histogram::from_text(&text).unwrap().to_payload(), payload); // the scratch is unharmed
}

proptest! {
    #[test]
    fn a_histogram_comes_back_from_its_document_as_it_was(
        values in prop::collection::vec((0_u32..44, any::<u64>(), any::<bool>(), 0_u64..100_000), 0..200),
    ) {
        let mut histogram = Histogram::default();
        for (bits, noise, censored, n) in values {
            let value = noise & ((2 << bits) - 1);
            histogram.record_n(value, n);
            if censored {
                histogram.record_censored(value);
            }
        }
        let document = serde_json::to_string(&histogram.to_times()).unwrap();
        let times: Times = serde_json::from_str(&document).unwrap();
        let read = Histogram::from_times(&times).unwrap();
        prop_assert_eq!(&read, &histogram);
        prop_assert_eq!(read.to_payload(), histogram.to_payload());
        prop_assert!(Histogram::from_payload(&histogram.to_payload()).unwrap().cells().eq(histogram.cells()));
    }

    #[test]
    fn no_bytes_and_no_text_make_it_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0_usize..200, text in "\\PC{0,40}",
    ) {
        let mut payload = example().to_payload();
        let at = at.min(payload.len());
        payload.splice(at..(at + bytes.len()).min(payload.len()), bytes.iter().copied());
        for payload in [&payload, &payload_of(&bytes), &bytes] {
            if let Ok(read) = Histogram::from_payload(payload) {
                prop_assert_eq!(Histogram::from_payload(&read.to_payload()), Ok(read));
            }
        }
        prop_assert!(Histogram::from_text(&text).is_err());
        prop_assert!(Histogram::from_text(&STANDARD.encode(&bytes)).is_err());
    }
}
