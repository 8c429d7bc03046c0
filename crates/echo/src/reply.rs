//! An answer: its head as bytes, what of the body follows, and what becomes of the connection.

use std::io::Write as _;

use crate::knobs::{Drawn, Fault, Framing, Knobs};
use crate::request::Head;
use crate::response_body::{Pace, ResponseBody, Source};

/// What a plain request gets: the commonest answer is copied, not made.
const PLAIN: &[u8] =
    b"HTTP/1.1 200 OK\r\nServer: apibench-echo\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n";
/// The body of `PLAIN`, and of any answer that nobody asked a body for.
pub const PLAIN_BODY: &[u8] = b"ok\n";
const NONSENSE: &[u8] = b"\x16\x03\x01 this is no HTTP\r\n\r\n";

/// What becomes of a connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The next request is waited for.
    KeepAlive,
    /// It closes.
    Close,
    /// It closes without a word of farewell inside TLS.
    Cut,
    /// Our side closes; the client's is read until it closes too, or a while.
    Linger,
    /// It is reset, and nothing is sent.
    Reset,
    /// Nothing is sent, and it stays open.
    Stall,
}

/// What an answer is made of, its bytes apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub ending: Ending,
    pub fault: Option<Fault>,
    /// What follows the bytes that are at hand.
    pub body: ResponseBody,
}

/// What an answer has as its body, before the knobs have their say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Nothing in particular.
    Plain,
    /// What the request sent.
    Echoed,
    /// What the shop says.
    Json,
}

impl Reply {
    /// The answer to `head`, with its head written to `output`. `known` is the content if `content` is not plain.
    pub fn write(
        head: &Head<'_>,
        knobs: &Knobs,
        drawn: Drawn,
        content: Content,
        known: &mut Vec<u8>,
        output: &mut Vec<u8>,
    ) -> Self {
        let mut reply = Self {
            status: drawn.status.unwrap_or(200),
            ending: Ending::KeepAlive,
            fault: drawn.fault,
            body: ResponseBody::NONE,
        };
        if head.close || drawn.close || knobs.http10 {
            reply.ending = Ending::Close;
        }
        match drawn.fault {
            Some(Fault::Reset) => reply.ending = Ending::Reset,
            Some(Fault::Stall) => reply.ending = Ending::Stall,
            Some(Fault::Nonsense) => {
                output.extend_from_slice(NONSENSE);
                reply.ending = Ending::Cut;
            }
            Some(Fault::Endless) => {
                output.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
                reply.body = ResponseBody::ENDLESS;
                reply.ending = Ending::Cut;
            }
            Some(Fault::Truncate) | None => reply.write_answer(head, knobs, content, known, output),
        }
        reply
    }

    fn write_answer(
        &mut self,
        head: &Head<'_>,
        knobs: &Knobs,
        content: Content,
        known: &mut Vec<u8>,
        output: &mut Vec<u8>,
    ) {
        let is_head = head.method == "HEAD";
        if knobs.redirect > 0 {
            self.status = 302;
        } else if knobs.has_plain_form()
            && content == Content::Plain
            && (self.status, self.ending, self.fault) == (200, Ending::KeepAlive, None)
            && !is_head
        {
            output.extend_from_slice(PLAIN);
            return;
        }
        let framing = match knobs.framing {
            // HTTP/1.0 knows no chunks.
            Framing::Chunked(_) if knobs.http10 => Framing::UntilClose,
            framing => framing,
        };
        let has_body = knobs.redirect == 0 && !matches!(self.status, 204 | 304);
        if framing == Framing::UntilClose && has_body {
            self.ending = Ending::Close;
        }
        if self.fault == Some(Fault::Truncate) {
            self.ending = Ending::Cut;
        }
        let source = match (content, knobs.size) {
            (Content::Plain, Some(_)) => Source::Filler,
            (Content::Plain, None) => {
                known.clear();
                known.extend_from_slice(PLAIN_BODY);
                Source::Known
            }
            (Content::Echoed | Content::Json, _) => Source::Known,
        };
        let length = match (source, knobs.size) {
            (Source::Filler, Some(size)) => size,
            _ => known.len() as u64,
        };
        let kind = match content {
            Content::Plain => "text/plain",
            Content::Echoed => "application/octet-stream",
            Content::Json => "application/json",
        };
        let (version, status) = (u8::from(!knobs.http10), self.status);
        // Into memory: cannot fail. The same of all that follow.
        let _ = write!(
            output,
            "HTTP/1.{version} {status} {}\r\nServer: apibench-echo\r\n",
            reason(status)
        );
        if knobs.redirect > 0 {
            write_location(head, knobs.redirect - 1, output);
            output.extend_from_slice(b"Content-Length: 0\r\n");
        } else if has_body {
            let _ = write!(output, "Content-Type: {kind}\r\n");
            match framing {
                Framing::Length => drop(write!(output, "Content-Length: {length}\r\n")),
                Framing::Chunked(_) => output.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
                Framing::UntilClose => {}
            }
        }
        if matches!(self.ending, Ending::Close | Ending::Cut) {
            output.extend_from_slice(b"Connection: close\r\n");
        }
        output.extend_from_slice(b"\r\n");
        if !has_body || is_head {
            return;
        }
        let is_whole = self.fault.is_none();
        self.body = ResponseBody {
            source,
            at: 0,
            length: if is_whole { length } else { length / 2 },
            chunk_bytes: match framing {
                Framing::Chunked(bytes) => bytes,
                Framing::Length | Framing::UntilClose => 0,
            },
            ends: is_whole && matches!(framing, Framing::Chunked(_)),
            pace: (knobs.drip_ns > 0).then_some(Pace {
                bytes: 1,
                every_ns: knobs.drip_ns,
            }),
        };
    }

    /// A refusal, after which the connection closes: what comes next on it cannot be known.
    pub fn refusal(status: u16, why: &str, output: &mut Vec<u8>) -> Self {
        Self::text(status, "text/plain", why, Ending::Linger, output)
    }

    /// An answer with a short text.
    pub fn text(status: u16, kind: &str, text: &str, ending: Ending, output: &mut Vec<u8>) -> Self {
        let close = if ending == Ending::KeepAlive {
            ""
        } else {
            "Connection: close\r\n"
        };
        // Into memory: cannot fail.
        let _ = write!(
            output,
            "HTTP/1.1 {status} {}\r\nServer: apibench-echo\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n{close}\r\n{text}\n",
            reason(status),
            text.len() + 1
        );
        Self {
            status,
            ending,
            fault: None,
            body: ResponseBody::NONE,
        }
    }
}

/// To where the request was, with one redirect less and everything else that it asked for.
fn write_location(head: &Head<'_>, left: u32, output: &mut Vec<u8>) {
    let _ = write!(output, "Location: {}?redirect={left}", head.path);
    let is_other = |word: &&str| !word.is_empty() && *word != "redirect" && !word.starts_with("redirect=");
    for word in head.query.split('&').filter(is_other) {
        let _ = write!(output, "&{word}");
    }
    output.extend_from_slice(b"\r\n");
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        302 => "Found",
        304 => "Not Modified",
        400 => "Bad Request",
        404 => "Not Found",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    }
}
