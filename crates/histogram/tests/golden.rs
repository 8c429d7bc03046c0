//! Bytes written once, elsewhere: what is stored today must be read by every later version.

use apibench_histogram::Histogram;

const GOLDEN: &str = include_str!("data/golden.txt");

/// The values of every line that begins with `word`.
fn lines(word: &str) -> impl Iterator<Item = Vec<&'static str>> {
    GOLDEN
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .filter(move |line| line[0] == word)
}

fn recorded() -> Histogram {
    let mut histogram = Histogram::default();
    for line in lines("record") {
        histogram.record_n(line[1].parse().unwrap(), line[2].parse().unwrap());
    }
    histogram
}

#[test]
fn the_same_values_give_the_golden_payload() {
    let payload: String = recorded()
        .to_payload()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(payload, lines("payload").next().unwrap()[1]);
}

#[test]
fn the_golden_text_is_read_as_the_values_that_it_was_made_from() {
    let read = Histogram::from_text(lines("text").next().unwrap()[1]).unwrap();
    assert!(read.cells().eq(recorded().cells()));
    assert_eq!(read.count(), 1_073_913);
}

#[test]
fn quantiles_are_the_golden_ones_within_the_recorded_maximum() {
    let histogram = recorded();
    let expected: Vec<(f64, u64)> = lines("quantile")
        .map(|line| (line[1].parse().unwrap(), line[2].parse().unwrap()))
        .collect();
    assert_eq!(expected.len(), 5);
    for (q, value) in expected {
        assert_eq!(histogram.quantile(q), Some(value.min(3_600_000_000_000)));
    }
}
