//! Where a redirect leads, and the request that follows it.
//!
//! Only redirects to the origin that sent them are followed. Another origin is a target that the plan does not
//! name: its address was not looked up, its owner may not have agreed to a load test, and its times would count as
//! those of the step.

use crate::request::BaseUrl;

/// A request that follows a redirect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// Head and body.
    pub bytes: Vec<u8>,
    /// The method has become GET, so the response has a body and no request body is sent.
    pub turned_get: bool,
}

/// Why a redirect is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotFollowed {
    /// It leads to another origin.
    Elsewhere,
    /// Its location cannot be understood.
    Unreadable,
}

/// Whether a status asks to go elsewhere.
#[must_use]
pub fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// The request that follows a redirect of `sent`, a request to `origin` which has `turned_get` on the way or not.
///
/// # Errors
/// [`NotFollowed`].
pub fn follow(
    sent: &[u8],
    origin: &BaseUrl,
    turned_get: bool,
    status: u16,
    location: &str,
) -> Result<Hop, NotFollowed> {
    let (method, from, after_line) = taken_apart(sent).ok_or(NotFollowed::Unreadable)?;
    let target = resolve(origin, from, location)?;
    // RFC 9110 §15.4: 303 asks for GET; 301 and 302 turn a POST into a GET, as every client does.
    let turns = status == 303 || (matches!(status, 301 | 302) && method == "POST");
    let turns = turns && method != "HEAD";
    let method = if turns { "GET" } else { method };
    let mut bytes = format!("{method} {target} HTTP/1.1\r\n").into_bytes();
    if turns {
        push_without_body(after_line, &mut bytes);
    } else {
        bytes.extend_from_slice(after_line);
    }
    Ok(Hop {
        bytes,
        turned_get: turned_get || turns,
    })
}

/// The method and target of a request of ours, and what follows its first line.
fn taken_apart(sent: &[u8]) -> Option<(&str, &str, &[u8])> {
    let end = sent.windows(2).position(|two| two == b"\r\n")?;
    let line = std::str::from_utf8(&sent[..end]).ok()?;
    let mut words = line.split(' ');
    Some((words.next()?, words.next()?, &sent[end + 2..]))
}

/// What follows the first line, without the body and the headers that describe it.
fn push_without_body(after_line: &[u8], out: &mut Vec<u8>) {
    for line in after_line.split_inclusive(|byte| *byte == b'\n') {
        if line == b"\r\n" {
            break;
        }
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        if !describes_body(name) {
            out.extend_from_slice(line);
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Whether a header says something of the body, so that it goes where the body goes (RFC 9110 §15.4, RFC 9530).
fn describes_body(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with(b"content-") || matches!(&*name, b"digest" | b"repr-digest" | b"last-modified")
}

/// RFC 3986 §5.2, for what a location can be: an absolute URL of the same origin, or a path.
fn resolve(origin: &BaseUrl, from: &str, location: &str) -> Result<String, NotFollowed> {
    let location = location.split('#').next().unwrap_or_default();
    if location.bytes().any(|byte| byte <= b' ' || byte >= 0x7f) {
        return Err(NotFollowed::Unreadable);
    }
    let scheme = if origin.tls { "https" } else { "http" };
    let absolute = if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else {
        location.to_owned()
    };
    if absolute.starts_with("http://") || absolute.starts_with("https://") {
        let (url, query) = absolute
            .split_once('?')
            .map_or((absolute.as_str(), None), |(url, query)| (url, Some(query)));
        let url = BaseUrl::parse(url).map_err(|_| NotFollowed::Unreadable)?;
        let same = url.tls == origin.tls && url.port == origin.port && url.host.eq_ignore_ascii_case(&origin.host);
        if !same {
            return Err(NotFollowed::Elsewhere);
        }
        let path = if url.path.is_empty() { "/".to_owned() } else { url.path };
        return Ok(query.map_or_else(|| path.clone(), |query| format!("{path}?{query}")));
    }
    if location
        .split(['/', '?'])
        .next()
        .is_some_and(|first| first.contains(':'))
    {
        return Err(NotFollowed::Elsewhere);
    }
    let path = from.split('?').next().unwrap_or("/");
    if location.is_empty() {
        return Ok(from.to_owned());
    }
    if location.starts_with('?') {
        return Ok(format!("{path}{location}"));
    }
    let joined = if location.starts_with('/') {
        location.to_owned()
    } else {
        format!("{}/{location}", path.rsplit_once('/').map_or("", |(folder, _)| folder))
    };
    Ok(without_dots(&joined))
}

/// RFC 3986 §5.2.4: takes `.` and `..` out of a path; the query stays.
fn without_dots(target: &str) -> String {
    let (path, query) = target
        .split_once('?')
        .map_or((target, None), |(path, query)| (path, Some(query)));
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." if last => kept.push(""),
            "." => {}
            ".." => {
                kept.pop();
                if last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    let path = format!("/{}", kept.join("/"));
    query.map_or_else(|| path.clone(), |query| format!("{path}?{query}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> BaseUrl {
        BaseUrl::parse("http://api.test:8000/v1").unwrap()
    }

    #[test]
    fn locations_are_resolved_as_browsers_do() {
        let cases = [
            ("/a", "/a"),
            ("b", "/x/b"),
            ("../b?q=1", "/b?q=1"),
            ("./", "/x/"),
            ("?q=2", "/x/y?q=2"),
            ("http://API.test:8000/c?d#e", "/c?d"),
            ("//api.test:8000", "/"),
        ];
        for (location, expected) in cases {
            assert_eq!(
                resolve(&origin(), "/x/y?q=1", location).as_deref(),
                Ok(expected),
                "{location}"
            );
        }
    }

    #[test]
    fn another_origin_is_never_followed() {
        for location in [
            "http://api.test/",
            "https://api.test:8000/",
            "http://evil.test:8000/",
            "//evil.test/",
            "ftp://api.test:8000/",
            "javascript:x",
        ] {
            assert_eq!(
                resolve(&origin(), "/", location),
                Err(NotFollowed::Elsewhere),
                "{location}"
            );
        }
        assert_eq!(resolve(&origin(), "/", "/a\r\nX: y"), Err(NotFollowed::Unreadable));
    }
}
