//! Plans as text.

use apibench_core::plan::Plan;

use super::S;

/// A plan of one scenario for each `(steps, load)`.
pub fn plan(seed: u64, warmup_ns: u64, drain_ns: u64, scenarios: &[(String, String)]) -> Plan {
    let scenarios: Vec<String> = scenarios
        .iter()
        .enumerate()
        .map(|(number, (steps, load))| {
            format!(
                r#"{{"name":"s{number}","start_ns":0,"after":null,"defaults":{{"headers":[],"cookies":"off","on_fail":"end_iteration"}},
                "on_start":[],"steps":[{steps}],"on_stop":[],"load":{load}}}"#
            )
        })
        .collect();
    let text = format!(
        r#"{{"version":1,"name":"test","seed":{seed},"warmup_ns":{warmup_ns},"drain_ns":{drain_ns},
        "hosts":{{"h":{{"base_url":"http://127.0.0.1:1","http":"auto","tls":{{"verify":true,"ca_file":null,"server_name":null}},
        "timeouts":{{"connect_ns":1,"first_byte_ns":null,"idle_ns":null,"total_ns":1}},"proxy":null,
        "resolve":{{"family":"any","addresses":[],"connect_to":[],"unix_socket":null}},
        "connections":{{"type":"per_vu","count":1}},"keepalive":true,"redirects":0}}}},
        "feeders":{{}},"setup":null,"teardown":null,"scenarios":[{}],"thresholds":[]}}"#,
        scenarios.join(",")
    );
    Plan::from_json(&text).expect("the test's own plan")
}

pub fn request(name: &str) -> String {
    format!(
        r#"{{"type":"request","host":"h","method":"GET","path":"/","name":"{name}","headers":[],"body":null,
        "expect":{{"status":[{{"first":100,"last":399}}]}},"timeout_ns":null,"source":null}}"#
    )
}

pub fn think(min_ns: u64, max_ns: u64) -> String {
    format!(r#"{{"type":"think","constant_ns":null,"uniform":{{"min_ns":{min_ns},"max_ns":{max_ns}}},"source":null}}"#)
}

pub fn closed(vus: u64, duration_ns: Option<u64>, iterations: Option<u64>) -> String {
    format!(
        r#"{{"model":"closed","vus":{vus},"stages":[],"ends":{}}}"#,
        ends(duration_ns, iterations)
    )
}

/// An open load at a constant rate per second.
pub fn open(rate: u64, arrivals: &str, when_busy: &str, max_vus: u64, duration_ns: u64, rest: &str) -> String {
    format!(
        r#"{{"model":"open","rate":{{"count":{rate},"per_ns":{S}}},"stages":[],"arrivals":"{arrivals}","when_busy":"{when_busy}",
        "max_vus":{max_vus},{rest},"ends":{}}}"#,
        ends(Some(duration_ns), None)
    )
}

/// Nothing may wait too long, and any number may wait.
pub const PATIENT: &str = r#""max_waiting":null,"max_wait_ns":null"#;

fn ends(duration_ns: Option<u64>, iterations: Option<u64>) -> String {
    let number = |value: Option<u64>| value.map_or("null".to_owned(), |value| value.to_string());
    format!(
        r#"{{"duration_ns":{},"iterations":{}}}"#,
        number(duration_ns),
        number(iterations)
    )
}
