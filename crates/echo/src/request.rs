//! The head of a request, as it stands in the bytes that came.
//!
//! Borrowed, not owned: a plain request is answered without an allocation.

use crate::request_body::RequestBody;

/// Longest head that is read.
pub const HEAD_BYTES: usize = 64 * 1024;
const MOST_HEADERS: usize = 100;

/// The head of a request.
#[derive(Debug, PartialEq, Eq)]
pub struct Head<'input> {
    /// `GET`, `POST` ...
    pub method: &'input str,
    /// Without the query.
    pub path: &'input str,
    /// What follows the `?`, as it came.
    pub query: &'input str,
    /// The body that follows, if one does.
    pub body: Option<RequestBody>,
    /// Whether the client wants the connection closed after the answer.
    pub close: bool,
    /// Whether the client waits to be told to send its body.
    pub expects: bool,
    /// Of the head, up to where the body begins.
    pub length_bytes: usize,
}

/// What the bytes at hand amount to.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken<'input> {
    /// More is needed.
    Partial,
    /// A head.
    Head(Head<'input>),
    /// Something that is refused, with a status and why.
    Refused(u16, &'static str),
}

/// Reads the head off the front of `input`.
pub fn take(input: &[u8]) -> Taken<'_> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let length_bytes = match parsed.parse(input) {
        Ok(httparse::Status::Complete(length)) if length <= HEAD_BYTES => length,
        Ok(httparse::Status::Partial) if input.len() <= HEAD_BYTES => return Taken::Partial,
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Taken::Refused(431, "the head is too long"),
        Err(_) => return Taken::Refused(400, "this is no HTTP request"),
    };
    let (Some(method), Some(target), Some(version)) = (parsed.method, parsed.path, parsed.version) else {
        return Taken::Refused(400, "this is no HTTP request");
    };
    let (path, query) = split(target);
    let mut head = Head {
        method,
        path,
        query,
        body: None,
        close: version == 0,
        expects: false,
        length_bytes,
    };
    let mut length = None;
    let mut chunked = false;
    for header in parsed.headers.iter() {
        let value = header.value.trim_ascii();
        if header.name.eq_ignore_ascii_case("content-length") {
            match (number(value), length) {
                (Some(bytes), None) => length = Some(bytes),
                (Some(bytes), Some(before)) if bytes == before => {}
                _ => return Taken::Refused(400, "the Content-Length is no number, or there are two"),
            }
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            if !value.eq_ignore_ascii_case(b"chunked") || chunked {
                return Taken::Refused(501, "the only Transfer-Encoding that is read here is chunked");
            }
            chunked = true;
        } else if header.name.eq_ignore_ascii_case("connection") {
            for word in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                if word.eq_ignore_ascii_case(b"close") {
                    head.close = true;
                } else if word.eq_ignore_ascii_case(b"keep-alive") && version == 0 {
                    head.close = false;
                }
            }
        } else if header.name.eq_ignore_ascii_case("expect") {
            head.expects = value.eq_ignore_ascii_case(b"100-continue");
        }
    }
    head.body = match (chunked, length) {
        // Two lengths are how requests are smuggled; a test target should not teach anybody to send them.
        (true, Some(_)) => return Taken::Refused(400, "there is a Content-Length beside chunks"),
        (true, None) => Some(RequestBody::chunked()),
        (false, Some(bytes)) if bytes > 0 => Some(RequestBody::of_length(bytes)),
        (false, _) => None,
    };
    Taken::Head(head)
}

/// Digits only: `parse` would also take a sign.
fn number(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// Path and query. A proxy's request has a whole URL there.
fn split(target: &str) -> (&str, &str) {
    let target = match target.split_once("://") {
        Some((scheme, rest)) if !scheme.contains(['/', '?']) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        _ => target,
    };
    target.split_once('?').unwrap_or((target, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_complete_with_its_last_byte_and_no_sooner() {
        let whole = b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET";
        for length in 0..52 {
            assert_eq!(take(&whole[..length]), Taken::Partial, "{length}");
        }
        let Taken::Head(head) = take(whole) else {
            panic!("no head")
        };
        assert_eq!((head.method, head.path, head.query), ("POST", "/a", "b=c"));
        assert_eq!((head.length_bytes, head.body), (52, Some(RequestBody::of_length(3))));
    }

    #[test]
    fn a_connection_closes_when_the_client_says_so() {
        for (text, close) in [
            ("GET / HTTP/1.1\r\n\r\n", false),
            ("GET / HTTP/1.1\r\nConnection: Upgrade, close\r\n\r\n", true),
            ("GET / HTTP/1.0\r\n\r\n", true),
            ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", false),
        ] {
            let Taken::Head(head) = take(text.as_bytes()) else {
                panic!("{text}")
            };
            assert_eq!(head.close, close, "{text}");
        }
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for (text, expected) in [
            ("\x16\x03\x01\x02\0", 400),
            ("POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
            (
                "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                400,
            ),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        ] {
            assert!(
                matches!(take(text.as_bytes()), Taken::Refused(status, _) if status == expected),
                "{text:?}"
            );
        }
        let long = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(HEAD_BYTES));
        assert!(matches!(take(long.as_bytes()), Taken::Refused(431, _)));
    }

    #[test]
    fn a_whole_url_is_a_path_too() {
        assert_eq!(split("http://x:1/a?b"), ("/a", "b"));
        assert_eq!(split("http://x"), ("/", ""));
        assert_eq!(split("/a?next=http://x/"), ("/a", "next=http://x/"));
    }
}
