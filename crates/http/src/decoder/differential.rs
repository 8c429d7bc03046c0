//! The same heads to this decoder and to `httparse`: both take them or both refuse them, and what
//! decides framing is judged from `httparse`'s fields by a second, slow and plain, reading of the RFC.
//!
//! Known differences, all ours stricter: a status under 100, and what `httparse` leaves to its users
//! (101, the values of `Content-Length` and `Transfer-Encoding`).

use super::fuzz::decode;
use super::{Decoder, Expected, Progress, Violation};
use proptest::prelude::*;

/// How the first final response in some bytes is framed.
#[derive(Debug, PartialEq, Eq)]
enum Framing {
    None,
    Length(u64),
    Chunked,
    UntilClose,
}

#[derive(Debug, PartialEq, Eq)]
enum Judgement {
    Refused,
    Unfinished,
    Head {
        bytes: usize,
        status: u16,
        framing: Framing,
        keep_alive: bool,
    },
}

fn elements(response: &httparse::Response<'_, '_>, name: &str) -> Vec<Vec<u8>> {
    let fields = response
        .headers
        .iter()
        .filter(|field| field.name.eq_ignore_ascii_case(name));
    let elements = fields.flat_map(|field| field.value.split(|byte| *byte == b','));
    elements
        .map(|element| element.trim_ascii().to_ascii_lowercase())
        .collect()
}

fn by_httparse(stream: &[u8]) -> Judgement {
    let mut at = 0;
    loop {
        let mut fields = [httparse::EMPTY_HEADER; 200];
        let mut response = httparse::Response::new(&mut fields);
        let bytes = match response.parse(&stream[at..]) {
            Ok(httparse::Status::Complete(bytes)) => bytes,
            // A line that is judged at its end may already be wrong: our decoder refuses the status
            // line for more reasons, so what httparse has not finished is no verdict on it.
            Ok(httparse::Status::Partial) => return Judgement::Unfinished,
            Err(_) => return Judgement::Refused,
        };
        at += bytes;
        let status = response.code.unwrap();
        match status {
            ..100 | 101 => return Judgement::Refused,
            100 | 102..200 => continue,
            _ => {}
        }
        let connection = elements(&response, "connection");
        let http_1_1 = response.version == Some(1);
        let says = |option: &[u8]| connection.iter().any(|element| element == option);
        let Some(framing) = framing(&response, status, http_1_1) else {
            return Judgement::Refused;
        };
        let keep_alive = !says(b"close") && (http_1_1 || says(b"keep-alive")) && framing != Framing::UntilClose;
        return Judgement::Head {
            bytes: at,
            status,
            framing,
            keep_alive,
        };
    }
}

fn framing(response: &httparse::Response<'_, '_>, status: u16, http_1_1: bool) -> Option<Framing> {
    if matches!(status, 204 | 304) {
        return Some(Framing::None);
    }
    let lengths = elements(response, "content-length");
    let codings = elements(response, "transfer-encoding");
    if !codings.is_empty() {
        return (codings == [b"chunked"] && lengths.is_empty() && http_1_1).then_some(Framing::Chunked);
    }
    let Some(first) = lengths.first() else {
        return Some(Framing::UntilClose);
    };
    let number = |digits: &[u8]| -> Option<u64> {
        let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        plain.then(|| std::str::from_utf8(digits).unwrap().parse().ok())?
    };
    let length = number(first)?;
    let agree = lengths.iter().all(|other| number(other) == Some(length));
    agree.then_some(if length == 0 {
        Framing::None
    } else {
        Framing::Length(length)
    })
}

fn by_us(stream: &[u8]) -> Judgement {
    let mut decoder = Decoder::new();
    decoder.start(Expected::default());
    // Byte by byte, to see the very byte that ends the head.
    for (index, byte) in stream.iter().enumerate() {
        let Ok(progress) = decoder.feed(&[*byte]) else {
            return Judgement::Refused;
        };
        let framing = match progress {
            Progress::Complete { .. } => Framing::None,
            Progress::More { droppable: 1.. } => match progress {
                Progress::More { droppable } => Framing::Length(droppable),
                Progress::Complete { .. } => unreachable!(),
            },
            Progress::More { droppable: 0 } if decoder.clone().end_of_stream().is_ok() => Framing::UntilClose,
            // Only within a chunked body is this the start of a chunk.
            Progress::More { .. } if decoder.clone().feed(b"5\r\n") == Ok(Progress::More { droppable: 5 }) => {
                Framing::Chunked
            }
            Progress::More { .. } => continue,
        };
        return Judgement::Head {
            bytes: index + 1,
            status: decoder.status(),
            framing,
            keep_alive: decoder.keep_alive(),
        };
    }
    Judgement::Unfinished
}

fn compare(stream: &[u8]) -> Result<(), TestCaseError> {
    let theirs = by_httparse(stream);
    let ours = by_us(stream);
    match (&theirs, &ours) {
        // httparse judges byte by byte, we line by line: the end of the line brings it out.
        (Judgement::Refused, Judgement::Unfinished) => {
            let ended = [stream, b"\n"].concat();
            prop_assert_eq!(
                by_us(&ended),
                Judgement::Refused,
                "{:?}",
                stream.escape_ascii().to_string()
            );
        }
        // The other way about: values are judged by us as soon as their line is there.
        (Judgement::Unfinished, Judgement::Refused) => {
            let ended = [stream, b"\r\n\r\n"].concat();
            prop_assert_eq!(
                by_httparse(&ended),
                Judgement::Refused,
                "{:?}",
                stream.escape_ascii().to_string()
            );
        }
        _ => prop_assert_eq!(&theirs, &ours, "{:?}", stream.escape_ascii().to_string()),
    }
    Ok(())
}

fn line_end() -> impl Strategy<Value = &'static str> {
    prop_oneof![8 => Just("\r\n"), 1 => Just("\n")]
}

fn field() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        4 => "[A-Za-z-]{1,20}",
        1 => "[!-~]{1,8}",
        2 => Just("Content-Length".to_owned()),
        2 => Just("TRANSFER-encoding".to_owned()),
        2 => Just("connection".to_owned()),
        1 => Just("Keep-Alive".to_owned()),
    ];
    let value = prop_oneof![
        2 => "[ -~\t]{0,30}",
        1 => "[\t -~\u{80}-\u{ff}]{0,20}",
        3 => prop::sample::select(vec!["5", "0", "3, 3", "chunked", "gzip, chunked", "close", "keep-alive", "Close, x", "18446744073709551615", "99999999999999999999"])
            .prop_map(str::to_owned),
    ];
    (
        name,
        prop_oneof![5 => Just(": "), 1 => Just(":"), 1 => Just(":\t "), 1 => Just(" : ")],
        value,
        prop_oneof![5 => Just(""), 1 => Just(" \t")],
        line_end(),
    )
        .prop_map(|(name, colon, value, after, end)| format!("{name}{colon}{value}{after}{end}"))
}

fn head() -> impl Strategy<Value = Vec<u8>> {
    let version = prop_oneof![8 => Just("HTTP/1.1"), 2 => Just("HTTP/1.0"), 1 => "HTTP/[0-9].[0-9]".prop_map(|version| if version.starts_with("HTTP/1.") { "HTTP/1.3" } else { "HTTP/2.0" })];
    let status = prop_oneof![3 => Just("200 OK".to_owned()), 1 => "[0-9]{3}( [ -~\t]{0,9})?", 1 => prop::sample::select(vec!["204", "304 ", "100 Continue", "103 x", "101 x", "500 é"]).prop_map(str::to_owned)];
    let one = (
        version,
        status,
        line_end(),
        proptest::collection::vec(field(), 0..6),
        line_end(),
    )
        .prop_map(|(version, status, end, fields, last)| format!("{version} {status}{end}{}{last}", fields.concat()));
    (
        prop_oneof![6 => Just(""), 1 => Just("\r\n"), 1 => Just("\n")],
        proptest::collection::vec(one, 1..3),
    )
        .prop_map(|(before, heads)| format!("{before}{}", heads.concat()).into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn heads_are_taken_refused_and_framed_as_by_httparse(head in head()) {
        compare(&head)?;
    }

    #[test]
    fn mutated_heads_are_taken_and_refused_as_by_httparse(
        head in head(),
        mutations in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..4),
    ) {
        let mut head = head;
        for (place, byte, kind) in mutations {
            let at = place.index(head.len() + 1);
            match kind {
                0 if at < head.len() => head[at] = byte,
                1 if at < head.len() => drop(head.remove(at)),
                2 => head.insert(at, byte),
                _ => head.truncate(at),
            }
        }
        compare(&head)?;
    }

    #[test]
    fn chunk_sizes_that_we_take_are_what_httparse_reads(line in "[0-9a-fA-F]{0,18}[ \t;a-z=\"]{0,6}\r?\n?") {
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut decoder = Decoder::new();
        decoder.start(Expected::default());
        prop_assert_eq!(decoder.feed(head), Ok(Progress::More { droppable: 0 }));
        match (decoder.feed(line.as_bytes()), httparse::parse_chunk_size(line.as_bytes())) {
            (Ok(Progress::More { droppable: size @ 1.. }), theirs) => prop_assert_eq!(theirs, Ok(httparse::Status::Complete((line.len(), size)))),
            (Ok(_), theirs) => prop_assert!(matches!(theirs, Ok(httparse::Status::Partial | httparse::Status::Complete((_, 0))))),
            // Ours alone: an empty size, and a bare LF within an extension.
            (Err(Violation::ChunkSize), Ok(_)) => prop_assert!(line.starts_with([' ', '\t', ';', '\r', '\n']) || line.contains(';') && !line.contains("\r\n")),
            (Err(violation), _) => prop_assert_eq!(violation, Violation::ChunkSize),
        }
    }
}

#[test]
fn the_two_ways_to_run_the_decoder_agree_on_the_end_of_a_head() {
    let stream = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nsurplus";
    let Judgement::Head { bytes, .. } = by_us(stream) else {
        panic!("the head is right");
    };
    assert_eq!(
        decode(stream, Expected::default(), false, || usize::MAX).ended,
        Some(Ok(bytes))
    );
}
