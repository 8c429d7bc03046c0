//! Each knob, byte for byte, against a client written by hand.

mod support;

use std::io::Read;
use std::time::{Duration, Instant};

use support::{Client, counted, server};

const PLAIN: &str =
    "HTTP/1.1 200 OK\r\nServer: apibench-echo\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n";

#[test]
fn any_path_answers_the_same_few_bytes_and_the_connection_stays() {
    let server = server("");
    let mut client = Client::to(&server);
    for target in ["/", "/a/b", "/?x=y", "*", "http://elsewhere/a"] {
        client.send(&format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert_eq!(client.exactly(PLAIN.len()), PLAIN.as_bytes(), "{target}");
    }
}

#[test]
fn an_answer_is_held_for_its_delay_and_not_answered_before() {
    let server = server("");
    let mut client = Client::to(&server);
    for knob in ["delay=30ms", "delay=30ms:100", "delay=30ms%3A60,30ms%3A40"] {
        let asked = Instant::now();
        assert_eq!(client.get(&format!("/?{knob}")).body, b"ok\n");
        assert!(asked.elapsed() >= Duration::from_millis(30), "{knob}");
    }
}

#[test]
fn a_status_is_given_always_or_by_its_share() {
    let server = server("");
    let mut client = Client::to(&server);
    assert_eq!(
        client.get("/?status=503").head.lines().next(),
        Some("HTTP/1.1 503 Service Unavailable")
    );
    assert_eq!(client.get("/?status=599").status(), 599);
    let mixed = (0..300)
        .filter(|_| client.get("/?status=503:50").status() == 503)
        .count();
    assert!((100..200).contains(&mixed), "{mixed}");
    for status in [204, 304] {
        let answer = client.get(&format!("/?status={status}"));
        assert_eq!((answer.status(), answer.header("Content-Length")), (status, None));
    }
}

#[test]
fn a_body_is_as_long_as_asked_by_length_in_chunks_and_until_close() {
    let server = server("");
    for (size, bytes) in [("0", 0), ("1", 1), ("1k", 1024), ("200000", 200_000), ("3m", 3 << 20)] {
        let mut client = Client::to(&server);
        for framing in [
            "size",
            "chunked=1&size",
            "chunked=100k&size",
            "chunked=7&size",
            "until_close=1&size",
        ] {
            let answer = client.get(&format!("/?{framing}={size}"));
            assert_eq!(answer.body.len(), bytes, "{framing} {size}");
            assert!(answer.body.iter().all(|byte| *byte == b'x'));
        }
    }
}

#[test]
fn chunks_are_as_long_as_asked() {
    let server = server("");
    let mut client = Client::to(&server);
    client.send("GET /?size=10&chunked=4 HTTP/1.1\r\n\r\n");
    assert!(client.head().ends_with("Transfer-Encoding: chunked"));
    let expected = b"4\r\nxxxx\r\n4\r\nxxxx\r\n2\r\nxx\r\n0\r\n\r\n";
    assert_eq!(client.exactly(expected.len()), expected);
}

#[test]
fn a_gibibyte_is_streamed_and_never_held() {
    let server = server("");
    let mut client = Client::to(&server);
    client.send("GET /?size=1g&chunked=0 HTTP/1.1\r\n\r\n");
    assert!(client.head().contains("Content-Length: 1073741824"));
    // Enough of it to be sure that it goes on; then the client leaves, and the server still answers.
    assert_eq!(client.exactly(8 << 20).len(), 8 << 20);
    drop(client);
    assert_eq!(Client::to(&server).get("/").body, b"ok\n");
    assert_eq!(counted(&server, |counts| counts.closed == 2).responses[&200], 1);
}

#[test]
fn a_connection_closes_when_knob_client_or_version_say_so() {
    let server = server("");
    for (request, says_so) in [
        ("GET /?close=1 HTTP/1.1\r\n\r\n", true),
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", true),
        ("GET / HTTP/1.0\r\n\r\n", true),
        ("GET /?http10=1 HTTP/1.1\r\n\r\n", true),
        ("GET /?until_close=1 HTTP/1.1\r\n\r\n", true),
    ] {
        let mut client = Client::to(&server);
        client.send(request);
        let answer = client.answer();
        assert_eq!(answer.body, b"ok\n", "{request}");
        assert_eq!(answer.header("Connection") == Some("close"), says_so, "{request}");
        assert!(client.is_closed(), "{request}");
    }
    let mut client = Client::to(&server);
    client.send("GET /?http10=1&chunked=1 HTTP/1.1\r\n\r\n");
    let answer = client.answer();
    assert!(answer.head.starts_with("HTTP/1.0 200 OK"));
    assert_eq!(answer.header("Transfer-Encoding"), None);
    // The share of a mix closes, the rest stay.
    let mut client = Client::to(&server);
    let mut served = 0;
    loop {
        served += 1;
        if client.get("/?close=20").header("Connection").is_some() {
            break;
        }
    }
    assert!(client.is_closed() && served < 100);
}

#[test]
fn each_fault_goes_wrong_in_its_own_way() {
    let server = server("");
    let mut client = Client::to(&server);
    client.send("GET /?reset=1 HTTP/1.1\r\n\r\n");
    assert!(client.is_reset());

    let mut client = Client::to(&server);
    client.send("GET /?truncate=1&size=1k HTTP/1.1\r\n\r\n");
    assert!(client.head().contains("Content-Length: 1024"));
    assert_eq!(client.rest().unwrap().len(), 512);

    let mut client = Client::to(&server);
    client.send("GET /?truncate=1&size=10&chunked=5 HTTP/1.1\r\n\r\n");
    client.head();
    assert_eq!(client.rest().unwrap(), b"5\r\nxxxxx\r\n");

    let mut client = Client::to(&server);
    client.send("GET /?nonsense=1 HTTP/1.1\r\n\r\n");
    assert_eq!(client.rest().unwrap(), b"\x16\x03\x01 this is no HTTP\r\n\r\n");

    let mut client = Client::to(&server);
    client.send("GET /?stall=1 HTTP/1.1\r\n\r\n");
    client
        .stream
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    assert!(client.stream.read(&mut [0]).is_err());
    // What comes after a stall is not answered either.
    client.send("GET / HTTP/1.1\r\n\r\n");
    assert!(client.stream.read(&mut [0]).is_err());
    drop(client);

    let counts = counted(&server, |counts| counts.closed == 5);
    let faults: Vec<_> = counts.faults.into_iter().collect();
    assert_eq!(faults, [("nonsense", 1), ("reset", 1), ("stall", 1), ("truncate", 2)]);
    assert_eq!((counts.requests, counts.responses.len()), (5, 0));
}

#[test]
fn header_lines_without_end_come_at_a_mebibyte_a_second_at_most() {
    let server = server("");
    let mut client = Client::to(&server);
    let asked = Instant::now();
    client.send("GET /?endless=1 HTTP/1.1\r\n\r\n");
    let read = client.exactly(200 * 1024);
    // 20 pieces of 10 KiB, of which the first comes one pace after the status line.
    assert!(asked.elapsed() >= Duration::from_millis(185), "{:?}", asked.elapsed());
    let text = String::from_utf8(read).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("HTTP/1.1 200 OK"));
    // The last may be cut off.
    assert!(
        lines
            .take(3_000)
            .all(|line| line.starts_with("X-Endless: x") && line.len() == 62)
    );
    drop(client);
    counted(&server, |counts| counts.closed == 1 && counts.responses.is_empty());
}

#[test]
fn a_dripping_body_comes_byte_by_byte() {
    let server = server("");
    for (knobs, expected) in [
        ("drip=10ms&size=4", b"xxxx".as_slice()),
        ("drip=10ms", b"ok\n"),
        ("drip=10ms&chunked=1&size=4", b"xxxx"),
        ("drip=10ms&until_close=1&size=4", b"xxxx"),
    ] {
        let asked = Instant::now();
        let mut client = Client::to(&server);
        assert_eq!(client.get(&format!("/?{knobs}")).body, expected);
        let least = Duration::from_millis(10 * expected.len() as u64);
        assert!(asked.elapsed() >= least, "{knobs}");
    }
}

#[test]
fn redirects_count_down_and_keep_what_else_was_asked() {
    let server = server("");
    let mut client = Client::to(&server);
    let mut target = "/a?x=y&redirect=2&status=201".to_owned();
    for left in (0..2).rev() {
        let answer = client.get(&target);
        assert_eq!(answer.status(), 302);
        target = answer.header("Location").unwrap().to_owned();
        assert_eq!(target, format!("/a?redirect={left}&x=y&status=201"));
    }
    assert_eq!(client.get(&target).status(), 201);
}

#[test]
fn a_body_comes_back_however_it_was_sent() {
    let server = server("");
    let mut client = Client::to(&server);
    assert_eq!(client.post("/?echo=1", "hello").body, b"hello");
    client.send(
        "POST /?echo=1&chunked=2 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
    );
    assert_eq!(client.answer().body, b"abcde");
    let large = "y".repeat(3_000_000);
    assert_eq!(client.post("/?echo=1", &large).body, large.as_bytes());
    assert_eq!(client.post("/?echo=1", "").body, b"");
    // Without the knob it is read and thrown away.
    assert_eq!(client.post("/", &large).body, b"ok\n");
    assert_eq!(client.get("/?echo=1").body, b"");
}

#[test]
fn a_client_that_asks_first_is_told_to_go_on_once() {
    let server = server("");
    let mut client = Client::to(&server);
    client.send("POST /?echo=1 HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    assert_eq!(client.head(), "HTTP/1.1 100 Continue");
    client.send("ab");
    client.send("cd");
    assert_eq!(client.answer().body, b"abcd");
}

#[test]
fn head_gets_the_head_and_nothing_else() {
    let server = server("");
    let mut client = Client::to(&server);
    for (query, length) in [("", "3"), ("?size=1k", "1024"), ("?size=1k&drip=1s", "1024")] {
        client.send(&format!("HEAD /{query} HTTP/1.1\r\n\r\nGET /after HTTP/1.1\r\n\r\n"));
        assert!(client.head().ends_with(&format!("Content-Length: {length}")));
        assert_eq!(client.exactly(PLAIN.len()), PLAIN.as_bytes());
    }
}

#[test]
fn a_knob_that_cannot_be_read_is_named_and_the_connection_stays() {
    let server = server("");
    let mut client = Client::to(&server);
    let answer = client.get("/?delay=soon");
    assert_eq!(
        (answer.status(), answer.body.as_slice()),
        (400, b"The knob 'delay=soon' cannot be read.\n".as_slice())
    );
    assert_eq!(client.post("/?size=9g", "body").status(), 400);
    assert_eq!(client.get("/").status(), 200);
}

#[test]
fn the_servers_own_knobs_hold_unless_the_query_says_otherwise() {
    let server = server("status=503&size=5");
    let mut client = Client::to(&server);
    assert_eq!((client.get("/").status(), client.get("/").body.len()), (503, 5));
    let answer = client.get("/?status=200");
    assert_eq!((answer.status(), answer.body.len()), (200, 5));
}

#[test]
fn the_shop_sells() {
    let server = server("");
    let mut client = Client::to(&server);
    let json = |answer: &support::Answer| serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap();
    let answer = client.post("/login", r#"{"user":"a"}"#);
    assert_eq!(answer.header("Content-Type"), Some("application/json"));
    assert_eq!(json(&answer)["token"].as_str().unwrap().len(), 16);
    assert_eq!(json(&client.get("/products?page=2"))["items"][0]["id"], 11);
    assert_eq!(json(&client.get("/products/7"))["name"], "Product 7");
    assert_eq!(client.get("/products/700").status(), 404);
    let ordered = client.post("/orders?status=201", r#"{"product":7}"#);
    assert_eq!(
        (ordered.status(), json(&ordered)["state"].as_str()),
        (201, Some("accepted"))
    );
    assert_eq!(client.post("/orders?status=503", "").status(), 503);
    assert_eq!(server.counts().by_path["/products/{id}"], 2);
}

#[test]
fn what_is_no_request_is_refused_and_the_client_can_read_why() {
    let server = server("");
    for (request, status) in [
        ("\u{1}\u{2}\r\n\r\n".to_owned(), 400),
        (format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(70_000)), 431),
        (
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_owned(),
            400,
        ),
        (
            format!(
                "POST /?echo=1 HTTP/1.1\r\nContent-Length: 9000000\r\n\r\n{}",
                "z".repeat(9_000_000)
            ),
            413,
        ),
    ] {
        let mut client = Client::to(&server);
        client.send(&request);
        let answer = client.answer();
        assert_eq!((answer.status(), answer.header("Connection")), (status, Some("close")));
        assert!(client.is_closed());
    }
    let counts = counted(&server, |counts| counts.refused == 4);
    assert_eq!(counts.requests, 0);
}
