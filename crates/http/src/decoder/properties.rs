//! What a response says is what the decoder reports, however the stream is cut.

use super::fuzz::{Outcome, decode};
use super::{Coding, Decoder, Expected, HEAD_LIMIT_BYTES, Progress, Violation};
use proptest::prelude::*;

const PLAIN: Expected = Expected {
    head_request: false,
    keep_location: false,
    keep_cookies: false,
};

fn whole(stream: &[u8]) -> Outcome {
    decode(stream, PLAIN, false, || stream.len())
}

fn violation(stream: &str) -> Option<Violation> {
    whole(stream.as_bytes()).ended.and_then(Result::err)
}

/// How a generated body is framed, and its data.
#[derive(Debug, Clone)]
enum Framing {
    Length(Vec<u8>),
    Chunks(Vec<Vec<u8>>),
    Close(Vec<u8>),
}

prop_compose! {
    fn harmless_field()(name in "[A-Za-z0-9!#$%&'*+.^_`|~-]{1,30}", value in "[ -~\t\u{80}-\u{ff}]{0,40}") -> String {
        // The prefix keeps it from being one of the fields that matter.
        format!("X{name}: {value}\r\n")
    }
}

fn framing() -> impl Strategy<Value = Framing> {
    let data = || proptest::collection::vec(any::<u8>(), 0..200);
    prop_oneof![
        data().prop_map(Framing::Length),
        proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..60), 0..6).prop_map(Framing::Chunks),
        data().prop_map(Framing::Close),
    ]
}

proptest! {
    #[test]
    fn a_response_is_reported_as_it_was_made_however_it_is_cut(
        status in (200u16..1000).prop_filter("has a body", |status| !matches!(status, 204 | 304)),
        hints in 0u16..3,
        fields in proptest::collection::vec(harmless_field(), 0..8),
        framing in framing(),
        close: bool,
        keep_alive in proptest::option::of(0u32..100_000),
        coded: bool,
        surplus in proptest::collection::vec(any::<u8>(), 0..30),
        cuts in proptest::collection::vec(1usize..50, 1..20),
        head_request: bool,
    ) {
        let mut stream = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(hints.into());
        stream.extend(format!("HTTP/1.1 {status} Some reason\r\n{}", fields.concat()).into_bytes());
        if close {
            stream.extend(b"cOnnEction: x,  CLOSE\r\n");
        }
        if let Some(seconds) = keep_alive {
            stream.extend(format!("Keep-Alive: max=9, Timeout={seconds}\r\n").into_bytes());
        }
        if coded {
            stream.extend(b"content-Encoding: br\r\n");
        }
        let mut body = Vec::new();
        let data: Vec<u8> = match &framing {
            Framing::Length(data) => {
                stream.extend(format!("content-length: {}\r\n\r\n", data.len()).into_bytes());
                body.clone_from(data);
                data.clone()
            }
            Framing::Chunks(chunks) => {
                stream.extend(b"Transfer-Encoding: chunked\r\n\r\n");
                for chunk in chunks {
                    body.extend(format!("{:x};x\r\n", chunk.len()).into_bytes());
                    body.extend(chunk);
                    body.extend(b"\r\n");
                }
                body.extend(b"0\r\nTrailer: 1\r\n\r\n");
                chunks.concat()
            }
            Framing::Close(data) => {
                stream.extend(b"\r\n");
                body.clone_from(data);
                data.clone()
            }
        };
        // To a HEAD nothing comes in chunks, whatever is said.
        let in_chunks = matches!(framing, Framing::Chunks(_)) && !head_request;
        let plain_body_at = (!coded && !in_chunks).then_some(stream.len());
        let until_close = matches!(framing, Framing::Close(_)) && !head_request;
        if !head_request {
            stream.extend(&body);
        }
        let used = stream.len();
        if !until_close {
            stream.extend(&surplus);
        }
        let expected = Outcome {
            ended: (!until_close).then_some(Ok(used)),
            end_of_stream: Ok(()),
            started: true,
            status,
            keep_alive: !close && !until_close,
            keep_alive_timeout_s: keep_alive,
            location: None,
            body_bytes: if head_request { 0 } else { data.len() as u64 },
            interim: hints,
            plain_body_at,
        };
        let request = Expected { head_request, keep_location: true, keep_cookies: true };
        for drop in [false, true] {
            prop_assert_eq!(&decode(&stream, request, drop, || usize::MAX), &expected);
            prop_assert_eq!(&decode(&stream, request, drop, || 1), &expected);
            let mut cuts = cuts.iter().cycle();
            prop_assert_eq!(&decode(&stream, request, drop, || *cuts.next().unwrap()), &expected);
        }
        // Cut off anywhere, it is never taken for complete.
        for cut in 1..used {
            let end_of_stream = whole_of(&stream[..cut], request).end_of_stream;
            prop_assert_eq!(end_of_stream.is_ok(), until_close && cut >= used - data.len(), "cut at {}", cut);
        }
    }
}

fn whole_of(stream: &[u8], expected: Expected) -> Outcome {
    decode(stream, expected, false, || usize::MAX)
}

#[test]
fn head_1xx_204_and_304_have_no_body_whatever_their_fields_say() {
    let lies = "Content-Length: 5\r\nContent-Length: x\r\nTransfer-Encoding: gzip\r\n\r\n";
    for (status, head_request) in [(200, true), (404, true), (204, false), (304, false)] {
        let head = format!("HTTP/1.1 {status} x\r\n{lies}");
        let outcome = whole_of(
            format!("{head}HTTP/1.1").as_bytes(),
            Expected {
                head_request,
                keep_location: false,
                keep_cookies: false,
            },
        );
        assert_eq!(
            (outcome.ended, outcome.keep_alive),
            (Some(Ok(head.len())), true),
            "{status}"
        );
    }
    let stream = format!("HTTP/1.1 102 x\r\n{lies}HTTP/1.1 200 x\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(whole(stream.as_bytes()).ended, Some(Ok(stream.len())));
}

#[test]
fn what_an_interim_head_says_does_not_outlive_it() {
    let interim = "HTTP/1.0 103 x\r\nConnection: close\r\nKeep-Alive: timeout=5\r\nLocation: /a\r\n\r\n";
    let stream = format!("{interim}HTTP/1.1 200 x\r\nContent-Length: 0\r\n\r\n");
    let request = Expected {
        head_request: false,
        keep_location: true,
        keep_cookies: false,
    };
    let outcome = whole_of(stream.as_bytes(), request);
    assert_eq!((outcome.status, outcome.interim), (200, 1));
    assert!(outcome.keep_alive);
    assert_eq!((outcome.keep_alive_timeout_s, outcome.location), (None, None));
}

#[test]
fn every_breach_has_its_name() {
    let response = |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
    for (fields, expected) in [
        (
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            Violation::ContentLengthDiffers,
        ),
        ("Content-Length: 5, 6\r\n", Violation::ContentLengthDiffers),
        ("Content-Length: +5\r\n", Violation::ContentLength),
        ("Content-Length: -5\r\n", Violation::ContentLength),
        ("Content-Length: 5,\r\n", Violation::ContentLength),
        ("Content-Length:\r\n", Violation::ContentLength),
        ("Content-Length: 5 5\r\n", Violation::ContentLength),
        ("Content-Length: 0x5\r\n", Violation::ContentLength),
        (
            "Content-Length: 18446744073709551616\r\n",
            Violation::ContentLengthTooLarge,
        ),
        ("Content-Length: 99999999999999999999999x\r\n", Violation::ContentLength),
        (
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            Violation::ContentLengthWithTransferEncoding,
        ),
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            Violation::ContentLengthWithTransferEncoding,
        ),
        (
            "Transfer-Encoding: gzip, chunked\r\n",
            Violation::TransferCoding(Coding::Gzip),
        ),
        (
            "Transfer-Encoding: chunked, X-Compress\r\n",
            Violation::TransferCoding(Coding::Compress),
        ),
        (
            "Transfer-Encoding: deflate\r\n",
            Violation::TransferCoding(Coding::Deflate),
        ),
        (
            "Transfer-Encoding: identity\r\n",
            Violation::TransferCoding(Coding::Identity),
        ),
        (
            "Transfer-Encoding: chunked;q=1\r\n",
            Violation::TransferCoding(Coding::Unknown),
        ),
        ("Transfer-Encoding:\r\n", Violation::TransferCoding(Coding::Unknown)),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            Violation::TransferCoding(Coding::ChunkedTwice),
        ),
        (" folded: x\r\n", Violation::FoldedField),
        ("A: b\r\n\tc\r\n", Violation::FoldedField),
        (": x\r\n", Violation::FieldName),
        ("A : x\r\n", Violation::FieldName),
        ("no colon\r\n", Violation::FieldName),
        ("no-colon\r\n", Violation::FieldName),
        ("A: \0\r\n", Violation::FieldValue),
        ("A: x\ry\r\n", Violation::FieldValue),
        ("A: x\r\r\n", Violation::FieldValue),
        ("A: \x7f\r\n", Violation::FieldValue),
    ] {
        assert_eq!(violation(&response(fields)), Some(expected), "{fields:?}");
    }
    for (stream, expected) in [
        (
            "HTTP/1.1 101 Switching Protocols\r\n\r\n",
            Violation::SwitchingProtocols,
        ),
        ("HTTP/2 200\r\n\r\n", Violation::Version),
        ("HTTP/1.2 200 OK\r\n\r\n", Violation::Version),
        ("ICY 200 OK\r\n\r\n", Violation::NotHttp),
        ("http/1.1 200 OK\r\n\r\n", Violation::NotHttp),
        ("HTTP/1.1 099 OK\r\n\r\n", Violation::StatusLine),
        ("HTTP/1.1 20 OK\r\n\r\n", Violation::StatusLine),
        ("HTTP/1.1 2000 OK\r\n\r\n", Violation::StatusLine),
        ("HTTP/1.1  200 OK\r\n\r\n", Violation::StatusLine),
        ("HTTP/1.1 200 O\0K\r\n\r\n", Violation::StatusLine),
        (
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            Violation::TransferEncodingInHttp10,
        ),
    ] {
        assert_eq!(violation(stream), Some(expected), "{stream:?}");
    }
}

#[test]
fn http_1_0_lives_on_only_where_it_says_so_and_close_wins() {
    let head = |version: &str, fields: &str| format!("HTTP/{version} 200 OK\r\nContent-Length: 0\r\n{fields}\r\n");
    for (version, fields, lives) in [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: keep-alive\r\nConnection: close\r\n", false),
        ("1.1", "Connection: upgrade , Close\r\n", false),
        ("1.1", "Connection: closed\r\n", true),
        ("1.0", "", false),
        ("1.0", "Connection: keep-alive\r\n", true),
        ("1.0", "Connection: Keep-Alive, close\r\n", false),
    ] {
        assert_eq!(
            whole(head(version, fields).as_bytes()).keep_alive,
            lives,
            "{version} {fields:?}"
        );
    }
    let until_close = whole(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n");
    assert!(!until_close.keep_alive);
}

#[test]
fn the_end_of_the_stream_says_what_was_missing() {
    for (stream, expected) in [
        ("", Err(Violation::ClosedBeforeResponse)),
        ("HTTP/1.", Err(Violation::Truncated)),
        ("\r\n", Err(Violation::Truncated)),
        ("\x15\x03\x01", Err(Violation::NotHttp)),
        ("HTTP/3", Err(Violation::Version)),
        ("HTTP/1.1 100 x\r\n\r\n", Err(Violation::Truncated)),
        ("HTTP/1.1 200 OK\r\n", Err(Violation::Truncated)),
        ("HTTP/1.1 200 OK\r\n\r\n", Ok(())),
        ("HTTP/1.1 200 OK\r\n\r\nbody", Ok(())),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbody",
            Err(Violation::Truncated),
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
            Err(Violation::Truncated),
        ),
    ] {
        assert_eq!(whole(stream.as_bytes()).end_of_stream, expected, "{stream:?}");
        assert_eq!(
            decode(stream.as_bytes(), PLAIN, false, || 1).end_of_stream,
            expected,
            "{stream:?}"
        );
    }
}

#[test]
fn heads_and_trailers_are_bounded_to_the_byte() {
    let filler = |bytes: usize| format!("A: {}\r\n", "x".repeat(bytes - 5));
    let (start, end) = ("HTTP/1.1 204 x\r\n", "\r\n");
    for (extra, expected) in [(0, None), (1, Some(Violation::HeadTooLarge))] {
        let long = filler(HEAD_LIMIT_BYTES - start.len() - end.len() + extra);
        assert_eq!(violation(&format!("{start}{long}{end}")), expected);
        // Many fields are as good as a long one: their number has no limit of its own.
        let many = format!(
            "{}{}",
            "A:\r\n".repeat(10_000),
            filler(HEAD_LIMIT_BYTES - start.len() - end.len() - 40_000 + extra)
        );
        assert_eq!(violation(&format!("{start}{many}{end}")), expected);
        let interim = "HTTP/1.1 100 x\r\n\r\n";
        let after = filler(HEAD_LIMIT_BYTES - interim.len() - start.len() - end.len() + extra);
        assert_eq!(violation(&format!("{interim}{start}{after}{end}")), expected);

        let chunked = "HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
        let trailer = filler(HEAD_LIMIT_BYTES - end.len() + extra);
        let expected = expected.map(|_| Violation::TrailersTooLarge);
        assert_eq!(violation(&format!("{chunked}{trailer}{end}")), expected);
    }
    // A line that never ends is refused without being kept.
    assert_eq!(
        violation(&"x".repeat(HEAD_LIMIT_BYTES + 1)),
        Some(Violation::HeadTooLarge)
    );
    assert_eq!(
        decode(&vec![b'x'; HEAD_LIMIT_BYTES + 1], PLAIN, false, || 999).ended,
        Some(Err(Violation::HeadTooLarge))
    );
}

#[test]
fn one_decoder_serves_exchange_after_exchange_and_forgets_the_last() {
    let mut decoder = Decoder::new();
    assert_eq!(decoder.feed(b"early"), Ok(Progress::Complete { consumed: 0 }));
    decoder.start(Expected {
        head_request: false,
        keep_location: true,
        keep_cookies: false,
    });
    let first = b"HTTP/1.1 302 x\r\nLocation:  /a \r\nKeep-Alive: timeout=5\r\nConnection: close\r\nContent-Length: 3\r\n\r\nab";
    assert_eq!(decoder.feed(first), Ok(Progress::More { droppable: 1 }));
    assert_eq!(decoder.dropped(1), Progress::Complete { consumed: 0 });
    assert_eq!(decoder.location().as_deref(), Some("/a"));
    assert_eq!(
        (decoder.status(), decoder.body_bytes(), decoder.keep_alive_timeout_s()),
        (302, 3, Some(5))
    );

    decoder.start(PLAIN);
    assert!(!decoder.started());
    let second = b"HTTP/1.1 200 x\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(decoder.feed(second), Ok(Progress::Complete { consumed: second.len() }));
    assert_eq!(
        (decoder.status(), decoder.body_bytes(), decoder.keep_alive()),
        (200, 0, true)
    );
    assert_eq!((decoder.location(), decoder.keep_alive_timeout_s()), (None, None));
}

#[test]
fn what_is_droppable_is_known_within_a_chunk_and_unknown_until_close() {
    let mut decoder = Decoder::new();
    decoder.start(PLAIN);
    assert_eq!(
        decoder.feed(b"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n10000"),
        Ok(Progress::More { droppable: 0 })
    );
    assert_eq!(decoder.feed(b"\r\nabc"), Ok(Progress::More { droppable: 65_533 }));
    assert_eq!(decoder.dropped(65_533), Progress::More { droppable: 0 });
    assert_eq!(decoder.feed(b"\r\n0\r\n\r\n"), Ok(Progress::Complete { consumed: 7 }));
    assert_eq!(decoder.body_bytes(), 65_536);
    decoder.start(PLAIN);
    assert_eq!(
        decoder.feed(b"HTTP/1.1 200 x\r\n\r\nabc"),
        Ok(Progress::More { droppable: 0 })
    );
}

#[test]
fn only_a_cut_line_is_copied_and_a_long_one_is_not_kept_for_ever() {
    let head = format!(
        "HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 1\r\n\r\n!",
        "x".repeat(9_000)
    );
    let mut decoder = Decoder::new();
    decoder.start(PLAIN);
    decoder.feed(head.as_bytes()).unwrap();
    assert_eq!(decoder.cut_line.capacity(), 0);
    decoder.start(PLAIN);
    decoder.feed(&head.as_bytes()[..5_000]).unwrap();
    assert!(decoder.cut_line.len() < 5_000 && decoder.cut_line.len() > 4_900);
    decoder.start(PLAIN);
    assert_eq!(decoder.cut_line.capacity(), 0);
}

#[test]
fn a_decoder_fits_in_96_bytes() {
    assert!(size_of::<Decoder>() <= 96, "{}", size_of::<Decoder>());
}
