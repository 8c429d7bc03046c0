//! An answer as bytes.

use crate::knobs::{Drawn, Fault, Framing, Knobs};

/// What a plain request gets.
const PLAIN_BODY: &[u8] = b"ok\n";
/// Body bytes in one chunk.
const CHUNK_BYTES: usize = 1_000;

/// What is sent, and what becomes of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Head, and body as far as it is at hand.
    pub bytes: Vec<u8>,
    /// Filler that follows, of so many bytes: a large body is never held.
    pub filler: u64,
    /// The connection closes after it.
    pub close: bool,
    /// The connection is reset instead.
    pub reset: bool,
    /// Nothing is sent, and the connection stays open.
    pub stall: bool,
    /// For the counts.
    pub status: u16,
}

impl Reply {
    /// The answer to a request for `path`, by its knobs. `head`: it was HEAD.
    #[must_use]
    pub fn new(knobs: &Knobs, drawn: Drawn, path: &str, body: Vec<u8>, head: bool, client_closes: bool) -> Self {
        let mut reply = Self {
            bytes: Vec::new(),
            filler: 0,
            close: drawn.close || client_closes,
            reset: false,
            stall: false,
            status: drawn.status,
        };
        match drawn.fault {
            Some(Fault::Reset) => {
                reply.reset = true;
                return reply;
            }
            Some(Fault::Stall) => {
                reply.stall = true;
                return reply;
            }
            Some(Fault::Nonsense) => {
                reply.bytes = b"\x16\x03\x01 this is no HTTP\r\n\r\n".to_vec();
                reply.close = true;
                return reply;
            }
            Some(Fault::Endless) => {
                reply.bytes = b"HTTP/1.1 200 OK\r\nX-Endless: ".to_vec();
                reply.filler = crate::knobs::MOST_BYTES;
                reply.close = true;
                return reply;
            }
            Some(Fault::Truncate) | None => {}
        }
        if let Some(left) = knobs.redirect.filter(|left| *left > 0) {
            reply.status = 302;
            reply.bytes =
                format!("HTTP/1.1 302 Found\r\nServer: apibench-echo\r\nLocation: {path}?redirect={}\r\nContent-Length: 0\r\n\r\n", left - 1)
                    .into_bytes();
            return reply;
        }
        let length = if knobs.echo {
            body.len() as u64
        } else {
            knobs.size.unwrap_or(PLAIN_BODY.len() as u64)
        };
        let known = if knobs.echo {
            body
        } else if knobs.size.is_none() {
            PLAIN_BODY.to_vec()
        } else {
            Vec::new()
        };
        let framing = if knobs.http10 && knobs.framing == Framing::Chunked {
            Framing::Length
        } else {
            knobs.framing
        };
        reply.close |= framing == Framing::UntilClose || knobs.http10;
        let version = if knobs.http10 { "1.0" } else { "1.1" };
        let mut text = format!(
            "HTTP/{version} {} {}\r\nServer: apibench-echo\r\nContent-Type: text/plain\r\n",
            drawn.status,
            reason(drawn.status)
        );
        match framing {
            Framing::Length => text.push_str(&format!("Content-Length: {length}\r\n")),
            Framing::Chunked => text.push_str("Transfer-Encoding: chunked\r\n"),
            Framing::UntilClose => {}
        }
        if reply.close && !knobs.http10 {
            text.push_str("Connection: close\r\n");
        }
        text.push_str("\r\n");
        reply.bytes = text.into_bytes();
        if head || matches!(drawn.status, 204 | 304) {
            return reply;
        }
        let sent = if drawn.fault == Some(Fault::Truncate) {
            length / 2
        } else {
            length
        };
        reply.close |= drawn.fault == Some(Fault::Truncate);
        if framing == Framing::Chunked {
            let known = if known.is_empty() {
                vec![b'x'; usize::try_from(length.min(1 << 20)).unwrap_or(0)]
            } else {
                known
            };
            for chunk in known.chunks(CHUNK_BYTES) {
                reply.bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
                reply.bytes.extend_from_slice(chunk);
                reply.bytes.extend_from_slice(b"\r\n");
            }
            if drawn.fault != Some(Fault::Truncate) {
                reply.bytes.extend_from_slice(b"0\r\n\r\n");
            }
        } else if known.is_empty() {
            reply.filler = sent;
        } else {
            reply
                .bytes
                .extend_from_slice(&known[..usize::try_from(sent).unwrap_or(0).min(known.len())]);
        }
        reply
    }

    /// A refusal, after which the connection closes.
    #[must_use]
    pub fn refusal(status: u16, why: &str) -> Self {
        let bytes = format!(
            "HTTP/1.1 {status} {}\r\nServer: apibench-echo\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{why}\n",
            reason(status),
            why.len() + 1
        );
        Self {
            bytes: bytes.into_bytes(),
            filler: 0,
            close: true,
            reset: false,
            stall: false,
            status,
        }
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        304 => "Not Modified",
        400 => "Bad Request",
        404 => "Not Found",
        411 => "Length Required",
        413 => "Content Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Status",
    }
}
