//! Requests whose text comes from Python: what they have in common is known before, and what is given can't break out of
//! its place.

use memchr::memchr;

use crate::request::{BaseUrl, is_token};

/// What whoever gives it may not say: how its request is framed, and how its connection is used.
const OURS: [&str; 3] = ["content-length", "transfer-encoding", "connection"];

/// A kind of request, as it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    method: Box<str>,
    /// Of the host's URL, before every path.
    base: Box<str>,
    /// Lines that are sent unless others of their name are given.
    defaults: Box<[(Box<str>, Box<str>)]>,
    /// Lines that are always sent.
    fixed: &'static str,
    /// Whether the method says it when it has no body.
    tells_no_body: bool,
}

/// What a process has given.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'p> {
    /// Path and query.
    pub target: &'p [u8],
    /// A line each, with its end.
    pub headers: &'p [u8],
    /// What is sent with it.
    pub body: Option<&'p [u8]>,
}

impl Given {
    /// Requests of a method to a host.
    #[must_use]
    pub fn new(method: &str, url: &BaseUrl, user_agent: &str, keepalive: bool) -> Self {
        let defaults = [("host", &*url.authority), ("user-agent", user_agent), ("accept", "*/*")];
        let titles = ["Host", "User-Agent", "Accept"];
        let lines = defaults.iter().zip(titles);
        Self {
            method: method.into(),
            base: url.path.trim_end_matches('/').into(),
            defaults: lines
                .map(|((name, value), title)| ((*name).into(), format!("{title}: {value}\r\n").into()))
                .collect(),
            fixed: if keepalive { "" } else { "Connection: close\r\n" },
            tells_no_body: matches!(method, "POST" | "PUT" | "PATCH"),
        }
    }

    /// Writes one, in place of what was there. `None`: what is given would break out of its place, and `out` is of no use.
    pub fn write(&self, parts: Parts<'_>, out: &mut Vec<u8>) -> Option<()> {
        out.clear();
        let fits = |byte: &u8| *byte > b' ' && *byte != 0x7f;
        if parts.target.first() != Some(&b'/') || !parts.target.iter().all(fits) {
            return None;
        }
        for part in [
            self.method.as_bytes(),
            b" ".as_slice(),
            self.base.as_bytes(),
            parts.target,
        ] {
            out.extend_from_slice(part);
        }
        out.extend_from_slice(b" HTTP/1.1\r\n");
        let mut given = [false; 3];
        let mut rest = parts.headers;
        while !rest.is_empty() {
            let (name, line);
            (name, line, rest) = split_line(rest)?;
            if OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours.as_bytes())) {
                return None;
            }
            for ((default, _), given) in self.defaults.iter().zip(&mut given) {
                *given |= name.eq_ignore_ascii_case(default.as_bytes());
            }
            out.extend_from_slice(line);
        }
        let defaults = self.defaults.iter().zip(given);
        for ((_, line), _) in defaults.filter(|(_, given)| !given) {
            out.extend_from_slice(line.as_bytes());
        }
        out.extend_from_slice(self.fixed.as_bytes());
        if parts.body.is_some() || self.tells_no_body {
            out.extend_from_slice(b"Content-Length: ");
            let length = parts.body.map_or(0, <[u8]>::len);
            out.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(parts.body.unwrap_or_default());
        Some(())
    }
}

/// Whether a request says itself which cookies it sends.
#[must_use]
pub fn has_own_cookies(request: &[u8]) -> bool {
    let lines = request.split(|byte| *byte == b'\n').skip(1);
    let mut head = lines.take_while(|line| !line.trim_ascii().is_empty());
    head.any(|line| line.len() > 7 && line[..7].eq_ignore_ascii_case(b"cookie:"))
}

/// The first line of headers: its name, the line with its end, and what stands behind it. `None`: it is no line of its own.
fn split_line(headers: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let end = memchr(b'\n', headers)?;
    let (line, rest) = headers.split_at(end + 1);
    let text = line.strip_suffix(b"\r\n")?;
    let (name, value) = text.split_at(memchr(b':', text)?);
    let whole = !name.is_empty() && name.iter().all(|byte| is_token(*byte));
    (whole && !value.iter().any(|byte| matches!(byte, b'\r' | 0))).then_some((name, line, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(method: &str, target: &str, headers: &str, body: Option<&str>) -> Option<String> {
        let url = BaseUrl::parse("http://a:8080/api/").unwrap();
        let given = Given::new(method, &url, "us", true);
        let mut out = b"left".to_vec();
        let parts = Parts {
            target: target.as_bytes(),
            headers: headers.as_bytes(),
            body: body.map(str::as_bytes),
        };
        given.write(parts, &mut out)?;
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn what_is_given_goes_out_with_what_is_ours() {
        let usual = "Host: a:8080\r\nUser-Agent: us\r\nAccept: */*\r\n";
        assert_eq!(
            written("GET", "/x?y=1", "", None),
            Some(format!("GET /api/x?y=1 HTTP/1.1\r\n{usual}\r\n"))
        );
        assert_eq!(
            written("POST", "/", "X-Id: 7\r\naccept: b\r\n", Some("hi")),
            Some(
                "POST /api/ HTTP/1.1\r\nX-Id: 7\r\naccept: b\r\nHost: a:8080\r\nUser-Agent: us\r\nContent-Length: 2\r\n\r\nhi"
                    .to_owned()
            )
        );
        assert_eq!(
            written("POST", "/", "HOST: b\r\n", None),
            Some(
                "POST /api/ HTTP/1.1\r\nHOST: b\r\nUser-Agent: us\r\nAccept: */*\r\nContent-Length: 0\r\n\r\n"
                    .to_owned()
            )
        );
    }

    #[test]
    fn nothing_that_is_given_writes_a_line_of_its_own() {
        for target in ["", "x", "//\r\nX: y", "/a b", "/\0", "/\u{7f}"] {
            assert_eq!(written("GET", target, "", None), None, "{target:?}");
        }
        for headers in [
            "X: a",
            "X: a\n",
            "X: a\r\n\r\n",
            "X: a\rY: b\r\n",
            "X: \0\r\n",
            ": a\r\n",
            "X y: a\r\n",
            " X: a\r\n",
            "X\r\n",
            "Content-Length: 5\r\n",
            "transfer-encoding: chunked\r\n",
            "Connection: close\r\n",
        ] {
            assert_eq!(written("GET", "/", headers, None), None, "{headers:?}");
        }
    }
}
