//! One connection of a client, and the request it is at.

use apibench_http::sys::Stream;
use rustls::ServerConnection;

use crate::reply::Reply;

/// Longest head that is read.
const HEAD_BYTES: usize = 64 * 1024;
/// Longest body that is kept to be sent back.
const BODY_BYTES: u64 = 8 * 1024 * 1024;
const MOST_HEADERS: usize = 100;

/// A connection.
pub struct Connection {
    pub stream: Stream,
    pub tls: Option<Box<ServerConnection>>,
    pub generation: u32,
    /// What has been read and belongs to no request yet.
    pub input: Vec<u8>,
    /// What is still to be sent, from where on, and how much filler follows.
    pub output: Vec<u8>,
    pub sent: usize,
    pub filler: u64,
    /// The status that counts once everything is sent.
    pub answering: Option<u16>,
    pub close_after: bool,
    /// An answer that waits for its time, and when the request had come.
    pub held: Option<(Reply, u64, u64)>,
    /// Nothing is ever answered on it again.
    pub stalled: bool,
    pub finished: bool,
    pub shaken: bool,
}

/// A complete request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub query: String,
    pub body: Vec<u8>,
    pub close: bool,
}

/// What the input at hand amounts to.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// More is needed.
    Partial,
    /// More is needed, and the client waits to be told to send it.
    Expecting,
    /// A request, of so many bytes.
    Request(Request, usize),
    /// Something that is refused, with a status and why.
    Refused(u16, &'static str),
}

/// Reads a request off the front of `input`.
pub fn take(input: &[u8]) -> Taken {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let length = match head.parse(input) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if input.len() > HEAD_BYTES => {
            return Taken::Refused(413, "the head is too long");
        }
        Ok(httparse::Status::Partial) => return Taken::Partial,
        Err(_) => return Taken::Refused(400, "this is no HTTP request"),
    };
    let mut body_length = 0_u64;
    let mut close = head.version == Some(0);
    let mut expects = false;
    for header in head.headers.iter() {
        let value = std::str::from_utf8(header.value).unwrap_or("").trim();
        if header.name.eq_ignore_ascii_case("content-length") {
            let Ok(length) = value.parse() else {
                return Taken::Refused(400, "the Content-Length is no number");
            };
            body_length = length;
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            return Taken::Refused(411, "a body needs a Content-Length here");
        } else if header.name.eq_ignore_ascii_case("connection") {
            close = value.eq_ignore_ascii_case("close") || (close && !value.eq_ignore_ascii_case("keep-alive"));
        } else if header.name.eq_ignore_ascii_case("expect") {
            expects = value.eq_ignore_ascii_case("100-continue");
        }
    }
    if body_length > BODY_BYTES {
        return Taken::Refused(413, "the body is too long");
    }
    let whole = length + body_length as usize;
    if input.len() < whole {
        return if expects && input.len() == length {
            Taken::Expecting
        } else {
            Taken::Partial
        };
    }
    let target = head.path.unwrap_or("/");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let request = Request {
        method: head.method.unwrap_or("GET").to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        body: input[length..whole].to_vec(),
        close,
    };
    Taken::Request(request, whole)
}

impl Connection {
    /// A connection that has just been accepted.
    pub fn new(stream: Stream, tls: Option<Box<ServerConnection>>, generation: u32) -> Self {
        Self {
            stream,
            tls,
            generation,
            input: Vec::new(),
            output: Vec::new(),
            sent: 0,
            filler: 0,
            answering: None,
            close_after: false,
            held: None,
            stalled: false,
            finished: false,
            shaken: false,
        }
    }

    /// Whether an answer is under way: the next request waits its turn.
    pub fn is_busy(&self) -> bool {
        self.held.is_some() || self.stalled || self.has_output()
    }

    /// Whether something is still to be sent.
    pub fn has_output(&self) -> bool {
        self.sent < self.output.len() || self.filler > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_complete_with_the_last_byte_of_its_body() {
        let whole = b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET";
        for length in 0..whole.len() - 3 {
            assert_eq!(take(&whole[..length]), Taken::Partial, "{length}");
        }
        let Taken::Request(request, length) = take(whole) else {
            panic!("no request")
        };
        assert_eq!(
            (
                request.path.as_str(),
                request.query.as_str(),
                request.body.as_slice(),
                length
            ),
            ("/a", "b=c", b"abc".as_slice(), 55)
        );
    }

    #[test]
    fn what_is_no_request_is_refused() {
        assert!(matches!(take(b"\x16\x03\x01\x02\x00"), Taken::Refused(400, _)));
        assert!(matches!(
            take(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"),
            Taken::Refused(411, _)
        ));
        assert!(matches!(
            take(b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n"),
            Taken::Refused(413, _)
        ));
        assert_eq!(
            take(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"),
            Taken::Expecting
        );
    }
}
