//! The log of holds and freezes agrees with what clients saw, on the same clock.

mod support;

use std::path::PathBuf;

use apibench_core::clock::Clock;
use apibench_echo::{Config, Freeze};
use serde_json::Value;
use support::{Client, Monotonic, started};

const MS: u64 = 1_000_000;

struct Log(PathBuf);

impl Log {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("apibench-echo-{}-{name}.ndjson", std::process::id())))
    }

    /// The values of these fields of all lines of this kind, in the order of the log.
    fn read<const N: usize>(&self, kind: &str, fields: [&str; N]) -> Vec<[u64; N]> {
        let text = std::fs::read_to_string(&self.0).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.last().unwrap(), &serde_json::json!({"end": {"lost_lines": 0}}));
        let found = lines.iter().filter_map(|line| line.get(kind));
        found
            .map(|entry| fields.map(|field| entry[field].as_u64().unwrap()))
            .collect()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

#[test]
fn every_hold_lies_within_what_its_client_saw_and_ends_no_sooner_than_due() {
    let log = Log::new("holds");
    let server = started(&Config {
        log: Some(log.0.clone()),
        knobs: "delay=2ms:50,5ms:25".to_owned(),
        seed: 4,
        ..Config::default()
    });
    let mut client = Client::to(&server);
    let mut seen = Vec::new();
    for _ in 0..200 {
        let asked_ns = Monotonic.now_ns();
        client.get("/");
        seen.push((asked_ns, Monotonic.now_ns()));
    }
    server.stop();
    let holds = log.read("hold", ["received_ns", "due_ns", "sent_ns"]);
    let mut of_client = seen.iter();
    for [received_ns, due_ns, sent_ns] in &holds {
        assert!(received_ns < due_ns && due_ns <= sent_ns);
        assert!([2 * MS, 5 * MS].contains(&(due_ns - received_ns)));
        // One client: its next answer that was held.
        assert!(of_client.any(|(asked_ns, ended_ns)| asked_ns < received_ns && sent_ns < ended_ns));
    }
    assert!(holds.is_sorted_by_key(|[_, _, sent_ns]| *sent_ns));
    // Three of four are held; plain answers are not in the log.
    assert!((120..180).contains(&holds.len()), "{}", holds.len());
}

#[test]
fn nothing_is_received_or_sent_within_a_freeze() {
    let log = Log::new("freezes");
    let started_ns = Monotonic.now_ns();
    let server = started(&Config {
        log: Some(log.0.clone()),
        knobs: "delay=1ms".to_owned(),
        freeze: Some(Freeze {
            every_ns: 100 * MS,
            for_ns: 40 * MS,
        }),
        ..Config::default()
    });
    let mut client = Client::to(&server);
    let mut slowest_ns = 0;
    while Monotonic.now_ns() < started_ns + 500 * MS {
        let asked_ns = Monotonic.now_ns();
        client.get("/");
        slowest_ns = slowest_ns.max(Monotonic.now_ns() - asked_ns);
    }
    server.stop();
    let freezes = log.read("freeze", ["from_ns", "to_ns"]);
    let holds = log.read("hold", ["received_ns", "sent_ns"]);
    assert!((3..=6).contains(&freezes.len()), "{}", freezes.len());
    for [from_ns, to_ns] in &freezes {
        assert!(from_ns < to_ns);
        let is_outside = |at_ns: &u64| at_ns <= from_ns || at_ns >= to_ns;
        assert!(holds.iter().flatten().all(is_outside));
    }
    // The client cannot have missed it: it asks again at once, whatever happens.
    let longest_ns = freezes.iter().map(|[from_ns, to_ns]| to_ns - from_ns).max().unwrap();
    assert!(slowest_ns >= longest_ns.min(30 * MS), "{slowest_ns} {longest_ns}");
    // The first period has to pass first, and each freeze ends it.
    for ([_, to_ns], period) in freezes.iter().zip(1..) {
        assert!(*to_ns >= started_ns + period * 100 * MS);
    }
}

/// Ten clients ask at once, each as soon as it is answered; one request is served at a time, each for 2 ms, and twice
/// the server is frozen. A simulation that knows nothing but when requests came and when the freezes were says when
/// each had to be answered.
#[test]
fn a_serial_server_is_a_queue_that_a_simulation_reproduces() {
    const SERVE_NS: u64 = 2 * MS;
    let log = Log::new("serial");
    let server = started(&Config {
        log: Some(log.0.clone()),
        serve_ns: SERVE_NS,
        freeze: Some(Freeze {
            every_ns: 90 * MS,
            for_ns: 25 * MS,
        }),
        ..Config::default()
    });
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                let mut client = Client::to(&server);
                for _ in 0..12 {
                    client.get("/");
                }
            });
        }
    });
    server.stop();
    let freezes = log.read("freeze", ["from_ns", "to_ns"]);
    let mut holds = log.read("hold", ["received_ns", "due_ns", "sent_ns"]);
    assert_eq!(holds.len(), 120);
    assert!(freezes.len() >= 2);
    holds.sort_by_key(|[received_ns, ..]| *received_ns);
    let mut free_ns = 0;
    for [received_ns, due_ns, sent_ns] in holds {
        let begun_ns = received_ns.max(free_ns);
        free_ns = begun_ns + SERVE_NS;
        for [from_ns, to_ns] in &freezes {
            // Work that a freeze came upon takes that much longer.
            if begun_ns < *to_ns && free_ns > *from_ns {
                free_ns += to_ns - from_ns;
            }
        }
        assert_eq!(due_ns, free_ns);
        assert!(sent_ns >= due_ns);
    }
}
