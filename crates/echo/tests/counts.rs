//! The server's own counts are exact, whatever clients do to it.

mod support;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use apibench_echo::Config;
use support::{Client, counted, server, started};

/// Of the answer to a plain request.
const PLAIN_BYTES: usize = 90;

#[test]
fn every_request_is_counted_once_under_pipelining() {
    let server = server("");
    let mut client = Client::to(&server);
    let mut sent = 0;
    for batch in [1, 7, 100, 1_000] {
        let text = "GET /a HTTP/1.1\r\nHost: x\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi".repeat(batch);
        sent += text.len();
        client.send(&text);
        for _ in 0..2 * batch {
            assert_eq!(client.answer().body, b"ok\n");
        }
    }
    let counts = server.counts();
    assert_eq!((counts.requests, counts.responses[&200]), (2_216, 2_216));
    assert_eq!((counts.by_method["GET"], counts.by_method["POST"]), (1_108, 1_108));
    assert_eq!((counts.by_path["/a"], counts.by_path["/b"]), (1_108, 1_108));
    assert_eq!((counts.connections, counts.received_bytes), (1, sent as u64));
    assert_eq!(counts.sent_bytes, 2_216 * PLAIN_BYTES as u64);
}

/// What is pipelined behind a large answer is served when the client has read that one.
#[test]
fn nothing_is_forgotten_behind_an_answer_that_had_to_wait_for_its_reader() {
    let server = server("");
    let mut client = Client::to(&server);
    client.send(&format!(
        "GET /?size=20m HTTP/1.1\r\n\r\n{}",
        "GET / HTTP/1.1\r\n\r\n".repeat(3)
    ));
    counted(&server, |counts| counts.sent_bytes > 1_000_000);
    // Whatever the socket's buffers hold by now: the rest waits for us.
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(client.answer().body.len(), 20 << 20);
    for _ in 0..3 {
        assert_eq!(client.answer().body, b"ok\n");
    }
    assert_eq!(server.counts().responses[&200], 4);
}

/// A client that sends on and on while it is not answered is made to wait by TCP, and is then served to the last.
#[test]
fn a_flood_behind_a_held_answer_waits_outside_and_is_served() {
    let server = server("");
    let mut client = Client::to(&server);
    client.send("GET /?delay=200ms HTTP/1.1\r\n\r\n");
    let mut writer = client.stream.try_clone().unwrap();
    let request = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "y".repeat(1_000));
    let writing = std::thread::spawn(move || writer.write_all(request.repeat(20_000).as_bytes()).unwrap());
    for _ in 0..20_001 {
        assert_eq!(client.answer().body, b"ok\n");
    }
    writing.join().unwrap();
    assert_eq!(server.counts().responses[&200], 20_001);
}

#[test]
fn requests_that_come_in_single_bytes_are_counted_like_any_other() {
    let server = server("");
    let mut client = Client::to(&server);
    let request = "POST /p HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n";
    for (index, byte) in request.bytes().enumerate() {
        assert_eq!(server.counts().requests, 0, "{index}");
        client.stream.write_all(&[byte]).unwrap();
    }
    assert_eq!(client.answer().body, b"ok\n");
    assert_eq!(server.counts().requests, 1);
}

#[test]
fn a_request_counts_with_its_last_byte_even_if_the_client_is_gone() {
    let server = server("");
    // A head without its body is no request.
    let mut client = Client::to(&server);
    client.send("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabcd");
    drop(client);
    counted(&server, |counts| counts.closed == 1 && counts.requests == 0);
    // Half closed: the client has said all, and still listens.
    let mut client = Client::to(&server);
    client.send("GET /?delay=20ms HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\nGET");
    client.stream.shutdown(Shutdown::Write).unwrap();
    let rest = client.rest().unwrap();
    assert_eq!(rest.len(), 2 * PLAIN_BYTES);
    let counts = counted(&server, |counts| counts.closed == 2);
    assert_eq!((counts.requests, counts.responses[&200]), (2, 2));
    // Gone by a reset, while its answer was held.
    let mut client = Client::to(&server);
    client.send("GET /?delay=30s HTTP/1.1\r\n\r\n");
    counted(&server, |counts| counts.requests == 3);
    socket2::SockRef::from(&client.stream)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(client);
    let counts = counted(&server, |counts| counts.closed == 3);
    assert_eq!((counts.requests, counts.responses[&200]), (3, 2));
}

#[test]
fn resets_are_requests_and_no_responses() {
    let server = server("reset=30");
    let (mut answered, mut reset) = (0, 0);
    let mut client = Client::to(&server);
    for _ in 0..200 {
        client.send("GET / HTTP/1.1\r\n\r\n");
        let mut answer = [0; PLAIN_BYTES];
        if client.stream.read_exact(&mut answer).is_ok() {
            answered += 1;
        } else {
            reset += 1;
            client = Client::to(&server);
        }
    }
    drop(client);
    let counts = counted(&server, |counts| counts.closed == counts.connections);
    assert_eq!(counts.requests, 200);
    assert_eq!((counts.responses[&200], counts.faults["reset"]), (answered, reset));
    assert_eq!(counts.connections, reset + 1);
    assert!(reset > 30);
}

#[test]
fn asking_for_the_counts_changes_none() {
    let server = server("");
    let mut client = Client::to(&server);
    client.get("/a?status=404");
    let before = server.counts();
    for _ in 0..3 {
        let told: serde_json::Value = serde_json::from_slice(&client.get("/_counts").body).unwrap();
        assert_eq!(told, serde_json::to_value(&before).unwrap());
    }
    assert_eq!(told_paths(&mut client), ["/a"]);
    assert_eq!(server.counts(), before);
}

fn told_paths(client: &mut Client<std::net::TcpStream>) -> Vec<String> {
    let told: serde_json::Value = serde_json::from_slice(&client.get("/_counts").body).unwrap();
    told["by_path"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn several_threads_are_dealt_the_same_and_count_together() {
    let server = started(&Config {
        threads: 3,
        knobs: "status=503:50".to_owned(),
        seed: 9,
        ..Config::default()
    });
    let mut clients: Vec<_> = (0..30).map(|_| Client::to(&server)).collect();
    let mut failed = 0;
    for round in 0..20 {
        for client in &mut clients {
            failed += u64::from(client.get(&format!("/{round}")).status() == 503);
        }
    }
    let counts = server.counts();
    assert_eq!((counts.connections, counts.requests), (30, 600));
    assert_eq!((counts.responses[&503], counts.responses[&200]), (failed, 600 - failed));
    // Drawn by number, whichever thread serves it: the same as of one thread.
    let alone = started(&Config {
        knobs: "status=503:50".to_owned(),
        seed: 9,
        ..Config::default()
    });
    let mut client = Client::to(&alone);
    for _ in 0..600 {
        client.get("/");
    }
    assert_eq!(alone.counts().responses, counts.responses);
}
