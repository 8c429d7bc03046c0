//! The cookies of a virtual user (RFC 6265): what responses set, and which of them go with a request.
//!
//! Attributes are read by the crate `cookie`, which knows the dates that servers write. Which cookie goes where is decided
//! here, without the list of public suffixes: hosts of a plan are the tester's own.

use std::io::Write as _;
use std::time::SystemTime;

use cookie::Cookie;
use memchr::{memchr, memmem};

use crate::request::BaseUrl;

/// Most that one virtual user keeps; the oldest goes.
const MAX_COOKIES: usize = 50;
/// Longest name and value together.
const MAX_BYTES: usize = 4_096;
const NS_PER_S: i128 = 1_000_000_000;

/// A cookie.
#[derive(Debug, Clone)]
struct Kept {
    name: Box<str>,
    value: Box<str>,
    /// In small letters.
    domain: Box<str>,
    /// Only for that very host.
    host_only: bool,
    path: Box<str>,
    secure: bool,
    /// On the loop's clock; `u64::MAX` for as long as there is a virtual user.
    expires_ns: u64,
}

/// All of one virtual user, the oldest first.
#[derive(Debug, Default)]
pub struct Jar {
    kept: Vec<Kept>,
}

impl Jar {
    /// Takes what a response of a host sets, to a request for `path`. `set`: values of `Set-Cookie`, a line each. What
    /// cannot be read, or is for another host, is left out.
    pub fn take(&mut self, set: &[u8], origin: &BaseUrl, path: &str, now_ns: u64) {
        for line in set.split(|byte| *byte == b'\n') {
            let Ok(line) = std::str::from_utf8(line) else { continue };
            if let Some(new) = read(line, origin, path, now_ns) {
                self.put(new, now_ns);
            }
        }
    }

    fn put(&mut self, new: Kept, now_ns: u64) {
        self.kept.retain(|old| old.expires_ns > now_ns);
        let same = |old: &Kept| old.name == new.name && old.domain == new.domain && old.path == new.path;
        match (self.kept.iter().position(same), new.expires_ns > now_ns) {
            // RFC 6265 §5.3: one that is set anew keeps its age, and with it its place among the others.
            (Some(place), true) => self.kept[place] = new,
            // That is how a server takes one back.
            (Some(place), false) => drop(self.kept.remove(place)),
            (None, true) => {
                if self.kept.len() == MAX_COOKIES {
                    self.kept.remove(0);
                }
                self.kept.push(new);
            }
            (None, false) => {}
        }
    }

    /// Writes the `Cookie` header for a request to a host, with its line end: those of the longest paths first. Nothing, if
    /// none goes there.
    pub fn write_header(&self, origin: &BaseUrl, path: &str, now_ns: u64, out: &mut Vec<u8>) {
        let host = origin.host.to_ascii_lowercase();
        let goes = |kept: &&Kept| {
            kept.expires_ns > now_ns
                && if kept.host_only {
                    *kept.domain == *host
                } else {
                    is_within(&host, &kept.domain)
                }
                && is_below(path, &kept.path)
                && (!kept.secure || origin.tls || is_loopback(&host))
        };
        let mut going: Vec<&Kept> = self.kept.iter().filter(goes).collect();
        going.sort_by_key(|kept| std::cmp::Reverse(kept.path.len()));
        for (at, kept) in going.iter().enumerate() {
            let before = if at == 0 { "Cookie: " } else { "; " };
            // A write to memory does not fail.
            let _ = write!(out, "{before}{}={}", kept.name, kept.value);
        }
        if !going.is_empty() {
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Has a request take its cookies with it, in place of those that it may have already. `scratch` is written over.
    pub fn join(&self, request: &mut Vec<u8>, origin: &BaseUrl, now_ns: u64, scratch: &mut Vec<u8>) {
        let Some(head_end) = memmem::find(request, b"\r\n\r\n").map(|at| at + 2) else {
            return;
        };
        scratch.clear();
        self.write_header(origin, path_of(request), now_ns, scratch);
        let old = memmem::find(&request[..head_end], b"\r\nCookie: ").map(|at| at + 2);
        let place = match old {
            Some(from) => from..from + memchr(b'\n', &request[from..]).map_or(0, |end| end + 1),
            None => head_end..head_end,
        };
        request.splice(place, scratch.iter().copied());
    }
}

/// The path of a request of ours, without its query.
#[must_use]
pub fn path_of(request: &[u8]) -> &str {
    let line = &request[..memchr(b'\r', request).unwrap_or(request.len())];
    let target = line.split(|byte| *byte == b' ').nth(1).unwrap_or(b"/");
    let path = target.split(|byte| *byte == b'?').next().unwrap_or(b"/");
    std::str::from_utf8(path).unwrap_or("/")
}

fn read(line: &str, origin: &BaseUrl, request_path: &str, now_ns: u64) -> Option<Kept> {
    let cookie = Cookie::parse(line).ok()?;
    let (name, value) = (cookie.name(), cookie.value());
    // What stands in a header of ours must not end it.
    let odd = |text: &str| text.bytes().any(|byte| byte < b' ' || byte == 0x7f || byte == b';');
    if name.len() + value.len() > MAX_BYTES || odd(name) || odd(value) {
        return None;
    }
    let host = origin.host.to_ascii_lowercase();
    let domain = cookie
        .domain()
        .map(|domain| domain.trim_start_matches('.').to_ascii_lowercase())
        .filter(|domain| !domain.is_empty());
    if domain.as_ref().is_some_and(|domain| !is_within(&host, domain)) {
        return None;
    }
    let path = cookie.path().filter(|path| path.starts_with('/'));
    Some(Kept {
        name: name.into(),
        value: value.into(),
        host_only: domain.is_none(),
        domain: domain.unwrap_or(host).into(),
        path: path.unwrap_or_else(|| folder_of(request_path)).into(),
        secure: cookie.secure() == Some(true),
        expires_ns: expires_ns(&cookie, now_ns),
    })
}

/// `Max-Age` goes before `Expires`, which is a moment of the wall clock.
fn expires_ns(cookie: &Cookie<'_>, now_ns: u64) -> u64 {
    let seconds = match (cookie.max_age(), cookie.expires_datetime()) {
        (Some(age), _) => age.whole_seconds(),
        (None, Some(moment)) => {
            let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let wall_s = wall.map_or(0, |passed| i64::try_from(passed.as_secs()).unwrap_or(i64::MAX));
            moment.unix_timestamp().saturating_sub(wall_s)
        }
        (None, None) => return u64::MAX,
    };
    let at_ns = i128::from(now_ns) + i128::from(seconds.max(0)) * NS_PER_S;
    u64::try_from(at_ns).unwrap_or(u64::MAX)
}

/// RFC 6265 §5.1.3: the host itself, or a name below the domain.
fn is_within(host: &str, domain: &str) -> bool {
    let below = host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    host == domain || (below && host.parse::<std::net::IpAddr>().is_err())
}

/// RFC 6265 §5.1.4.
fn is_below(path: &str, of: &str) -> bool {
    path.strip_prefix(of)
        .is_some_and(|rest| rest.is_empty() || of.ends_with('/') || rest.starts_with('/'))
}

/// RFC 6265 §5.1.4: the default of a cookie that names no path.
fn folder_of(path: &str) -> &str {
    match path.rfind('/') {
        Some(end) if end > 0 => &path[..end],
        _ => "/",
    }
}

/// Where browsers take plain HTTP for safe.
fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000_000_000_000;

    fn at(url: &str) -> BaseUrl {
        BaseUrl::parse(url).unwrap()
    }

    fn sent(jar: &Jar, url: &str, path: &str, now_ns: u64) -> String {
        let mut out = Vec::new();
        jar.write_header(&at(url), path, now_ns, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn jar(set: &[&str], url: &str, path: &str) -> Jar {
        let mut jar = Jar::default();
        jar.take(set.join("\n").as_bytes(), &at(url), path, NOW);
        jar
    }

    #[test]
    fn what_a_host_sets_goes_back_to_it_and_to_nobody_else() {
        let jar = jar(&["a=1", "b=2; Path=/", "a=3"], "http://Shop.example:8080", "/in");
        assert_eq!(sent(&jar, "http://shop.EXAMPLE", "/in/x", NOW), "Cookie: a=3; b=2\r\n");
        for other in ["http://example", "http://a.shop.example", "http://notshop.example"] {
            assert_eq!(sent(&jar, other, "/", NOW), "", "{other}");
        }
    }

    #[test]
    fn a_domain_is_for_all_below_it_and_must_be_one_of_the_host() {
        let of_name = jar(
            &[
                "a=1; Domain=.Example.com",
                "b=2; Domain=other.com",
                "c=3; Domain=ample.com",
            ],
            "http://api.example.com",
            "/",
        );
        assert_eq!(sent(&of_name, "http://www.example.com", "/", NOW), "Cookie: a=1\r\n");
        let of_address = jar(&["a=1; Domain=0.0.1"], "http://127.0.0.1", "/");
        assert_eq!(sent(&of_address, "http://127.0.0.1", "/", NOW), "");
    }

    #[test]
    fn a_path_is_for_all_below_it_and_the_longest_come_first() {
        let jar = jar(
            &["a=1; Path=/", "b=2; Path=/in/deep", "c=3", "d=4; Path=odd"],
            "http://h",
            "/in/page",
        );
        assert_eq!(
            sent(&jar, "http://h", "/in/deep/x", NOW),
            "Cookie: b=2; c=3; d=4; a=1\r\n"
        );
        assert_eq!(sent(&jar, "http://h", "/in/deeper", NOW), "Cookie: c=3; d=4; a=1\r\n");
        assert_eq!(sent(&jar, "http://h", "/inn", NOW), "Cookie: a=1\r\n");
    }

    #[test]
    fn a_secure_one_goes_over_tls_or_loopback() {
        let set = ["a=1; Secure"];
        assert_eq!(
            sent(&jar(&set, "https://h", "/"), "https://h", "/", NOW),
            "Cookie: a=1\r\n"
        );
        assert_eq!(sent(&jar(&set, "https://h", "/"), "http://h", "/", NOW), "");
        assert_eq!(
            sent(&jar(&set, "http://localhost", "/"), "http://localhost", "/", NOW),
            "Cookie: a=1\r\n"
        );
    }

    #[test]
    fn it_is_sent_until_it_expires_and_taken_back_by_one_that_has() {
        let mut jar = jar(
            &[
                "a=1; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
                "b=2; Expires=Wed, 21-Oct-2099 07:28:00 GMT",
            ],
            "http://h",
            "/",
        );
        assert_eq!(sent(&jar, "http://h", "/", NOW + 9_999_999_999), "Cookie: a=1; b=2\r\n");
        assert_eq!(sent(&jar, "http://h", "/", NOW + 10_000_000_000), "Cookie: b=2\r\n");
        jar.take(
            b"b=; Expires=Thu, 01 Jan 1970 00:00:00 GMT\na=x; Max-Age=-1",
            &at("http://h"),
            "/",
            NOW,
        );
        assert_eq!(sent(&jar, "http://h", "/", NOW), "");
    }

    #[test]
    fn one_that_is_set_anew_keeps_its_place_and_one_that_is_over_takes_none() {
        let mut jar = jar(&["a=1", "b=2; Max-Age=1", "c=3", "a=4"], "http://h", "/");
        assert_eq!(sent(&jar, "http://h", "/", NOW), "Cookie: a=4; b=2; c=3\r\n");
        let later = NOW + 1_000_000_000;
        let many: Vec<String> = (0..48).map(|number| format!("n{number}=")).collect();
        jar.take(many.join("\n").as_bytes(), &at("http://h"), "/", later);
        assert!(
            sent(&jar, "http://h", "/", later).starts_with("Cookie: a=4; c=3; n0=; "),
            "none had to go"
        );
    }

    #[test]
    fn what_is_no_cookie_or_too_much_is_left_out() {
        let long = format!("a={}", "x".repeat(MAX_BYTES));
        let odd = jar(&["", "=", "novalue", "a\u{1}=1", "a=1\r", &long], "http://h", "/");
        assert_eq!(sent(&odd, "http://h", "/", NOW), "Cookie: a=1\r\n");
        let many: Vec<String> = (0..60).map(|number| format!("c{number}={number}")).collect();
        let many = jar(&many.iter().map(String::as_str).collect::<Vec<_>>(), "http://h", "/");
        let header = sent(&many, "http://h", "/", NOW);
        assert!(
            header.starts_with("Cookie: c10=10; ") && header.ends_with("; c59=59\r\n"),
            "{header}"
        );
    }

    #[test]
    fn a_request_takes_its_cookies_in_place_of_those_it_has() {
        let (jar, mut scratch) = (jar(&["a=1; Path=/in"], "http://h", "/"), Vec::new());
        let mut joined = |request: &str| {
            let mut bytes = request.as_bytes().to_vec();
            jar.join(&mut bytes, &at("http://h"), NOW, &mut scratch);
            String::from_utf8(bytes).unwrap()
        };
        let body = "\r\nCookie: of=body\r\n\r\n";
        assert_eq!(
            joined(&format!("POST /in?x=/ HTTP/1.1\r\nHost: h\r\n\r\n{body}")),
            format!("POST /in?x=/ HTTP/1.1\r\nHost: h\r\nCookie: a=1\r\n\r\n{body}")
        );
        assert_eq!(
            joined("GET /in HTTP/1.1\r\nCookie: old=1\r\nHost: h\r\n\r\n"),
            "GET /in HTTP/1.1\r\nCookie: a=1\r\nHost: h\r\n\r\n"
        );
        assert_eq!(
            joined("GET / HTTP/1.1\r\nHost: h\r\nCookie: old=1\r\n\r\n"),
            "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
        );
    }
}
