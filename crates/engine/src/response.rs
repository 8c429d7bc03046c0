//! A response that is looked into: its head as it came, its body put together. The transport has held it to the rules
//! already; here they are only followed.

use std::borrow::Cow;
use std::cell::OnceCell;

use apibench_core::transport::KeptResponse;
use memchr::memchr;

use crate::content_coding;
use crate::extraction::Extraction;
use crate::json;
use crate::json_path::MAX_JSON_BYTES;
use crate::json_walk::{self, Key};
use crate::value::{Fault, Value};

/// A response.
pub struct Response<'r> {
    status: u16,
    kept: KeptResponse<'r>,
    body: OnceCell<Result<Cow<'r, [u8]>, Fault>>,
}

impl<'r> Response<'r> {
    /// A response of this status: head and body as they came, and interim heads before them. Heads are never so long
    /// that they are cut.
    #[must_use]
    pub fn new(status: u16, kept: KeptResponse<'r>) -> Self {
        Self {
            status,
            kept,
            body: OnceCell::new(),
        }
    }

    /// Takes a value out of it.
    ///
    /// # Errors
    /// [`Fault::Missing`], if it has none there; [`Fault::Kind`], if the body is no text, not coded as it says, or too deep;
    /// [`Fault::Range`], if it is too long, or looking into it would take too long.
    pub fn extract(&self, from: &Extraction) -> Result<Value<'_>, Fault> {
        match from {
            Extraction::Status if self.status == 0 => Err(Fault::Missing),
            Extraction::Status => Ok(Value::Integer(i64::from(self.status))),
            Extraction::Header(name) => {
                let value = self.header(name).ok_or(Fault::Missing)?;
                Ok(Value::Text(String::from_utf8_lossy(value)))
            }
            Extraction::Cookie(name) => {
                let value = self.cookie(name).ok_or(Fault::Missing)?;
                Ok(Value::Text(String::from_utf8_lossy(value)))
            }
            Extraction::Json(path) => self.json(path),
            Extraction::JsonPath(_) if self.whole_body()?.len() > MAX_JSON_BYTES => Err(Fault::Range),
            Extraction::JsonPath(_) if json::is_too_deep(self.body()?) => Err(Fault::Kind),
            Extraction::JsonPath(query) => query.select(self.whole_body()?),
            Extraction::Regex { pattern, group } => {
                let body = self.whole_body()?;
                Ok(Value::Text(Cow::Borrowed(&body[pattern.find(body, *group)?])))
            }
            Extraction::Boundary(boundary) => Ok(Value::Text(Cow::Borrowed(boundary.find(self.text()?)?))),
            Extraction::Css(css) => css.find(self.whole_body()?).map(|found| Value::Text(Cow::Owned(found))),
            Extraction::Body => Ok(Value::Text(Cow::Borrowed(self.whole_body()?))),
        }
    }

    /// Its final head as it came.
    #[must_use]
    pub fn head(&self) -> &'r [u8] {
        self.split().0
    }

    fn header(&self, name: &str) -> Option<&'r [u8]> {
        self.headers(name).next()
    }

    fn headers(&self, name: &str) -> impl Iterator<Item = &'r [u8]> {
        let (name, mut rest) = (name.as_bytes(), self.split().0);
        std::iter::from_fn(move || {
            loop {
                let end = memchr(b'\n', rest)?;
                let line = &rest[..end];
                rest = &rest[end + 1..];
                // The status line has no colon there, or is no name that anybody looks for.
                if line.get(name.len()) == Some(&b':') && line[..name.len()].eq_ignore_ascii_case(name) {
                    return Some(line[name.len() + 1..].trim_ascii());
                }
            }
        })
    }

    /// Of several of a name, the last is what a browser keeps.
    fn cookie(&self, name: &str) -> Option<&'r [u8]> {
        let values = self.headers("set-cookie").filter_map(|cookie| {
            let pair = &cookie[..memchr(b';', cookie).unwrap_or(cookie.len())];
            let (own, value) = pair.split_at(memchr(b'=', pair)?);
            (own.trim_ascii() == name.as_bytes()).then(|| value[1..].trim_ascii())
        });
        values.last()
    }

    /// The final head, and the body as it came.
    fn split(&self) -> (&'r [u8], &'r [u8]) {
        let (mut head, mut rest) = split_head(self.kept.bytes);
        while is_interim(head) {
            (head, rest) = split_head(rest);
        }
        (head, rest)
    }

    /// The body as text, if nothing of it is missing.
    fn whole_body(&self) -> Result<&str, Fault> {
        if self.kept.cut {
            Err(Fault::Missing)
        } else {
            self.text()
        }
    }

    fn text(&self) -> Result<&str, Fault> {
        std::str::from_utf8(self.body()?).map_err(|_| Fault::Kind)
    }

    /// What its JSON body has at a path.
    fn json(&self, path: &[Key]) -> Result<Value<'_>, Fault> {
        let body = self.body()?;
        json_walk::at(body, path).map_err(|fault| match fault {
            Fault::Missing if json::is_too_deep(body) => Fault::Kind,
            other => other,
        })
    }

    /// Its body, without chunks and content codings.
    ///
    /// # Errors
    /// [`Fault::Missing`], if there is none; [`Fault::Kind`], if it is not coded as it says; [`Fault::Range`], if it is too long.
    #[inline]
    pub fn body(&self) -> Result<&[u8], Fault> {
        if let (Some(at), false) = (self.kept.plain_body_at, self.kept.cut) {
            return Ok(self.kept.bytes.get(at..).unwrap_or_default());
        }
        let body = self.body.get_or_init(|| self.put_together());
        body.as_deref().map_err(|fault| *fault)
    }

    fn put_together(&self) -> Result<Cow<'r, [u8]>, Fault> {
        let KeptResponse {
            bytes,
            cut,
            plain_body_at,
        } = self.kept;
        let mut body = match plain_body_at {
            Some(at) => Cow::Borrowed(bytes.get(at..).unwrap_or_default()),
            None => self.decoded()?,
        };
        if cut {
            let certain = certain_length(&body);
            match &mut body {
                Cow::Borrowed(body) => *body = &body[..certain],
                Cow::Owned(body) => body.truncate(certain),
            }
        }
        Ok(body)
    }

    /// The body without chunks and content codings.
    fn decoded(&self) -> Result<Cow<'r, [u8]>, Fault> {
        let (head, sent_body) = self.split();
        if head.is_empty() {
            return Err(Fault::Missing);
        }
        let sent = if self.header("transfer-encoding").is_none() {
            Cow::Borrowed(sent_body)
        } else {
            Cow::Owned(without_framing(sent_body))
        };
        let codings = self.header("content-encoding").unwrap_or_default();
        Ok(content_coding::decoded(&sent, codings, self.kept.cut)?.map_or(sent, Cow::Owned))
    }
}

/// The head, with its empty line, and what follows it.
fn split_head(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    while let Some(length) = memchr(b'\n', &bytes[at..]) {
        let line = &bytes[at..at + length];
        at += length + 1;
        if matches!(line, b"" | b"\r") && at > length + 1 {
            return bytes.split_at(at);
        }
    }
    (bytes, &[])
}

fn is_interim(head: &[u8]) -> bool {
    let status = head.split(|byte| *byte == b' ').nth(1);
    status.is_some_and(|status| status.len() >= 3 && status[0] == b'1')
}

/// How much of a body that was cut may be looked into: up to its last mark of JSON. What stands behind that may be the
/// first digits of a number, or bytes of a character.
fn certain_length(body: &[u8]) -> usize {
    let last = body.iter().rposition(|byte| b"{}[]:,\"".contains(byte));
    last.map_or(0, |place| place + 1)
}

/// The data of a chunked body (RFC 9112 §7.1).
fn without_framing(mut rest: &[u8]) -> Vec<u8> {
    let mut data = Vec::with_capacity(rest.len());
    while let Some(end) = memchr(b'\n', rest) {
        let size = rest[..end]
            .iter()
            .take_while(|byte| byte.is_ascii_hexdigit())
            .fold(0_usize, |size, digit| {
                size << 4 | char::from(*digit).to_digit(16).unwrap_or(0) as usize
            });
        let chunk = &rest[end + 1..];
        let here = size.min(chunk.len());
        if here == 0 {
            break;
        }
        data.extend_from_slice(&chunk[..here]);
        rest = chunk.get(here + 2..).unwrap_or_default();
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;
    use apibench_core::step::{Extraction as Written, JsonKey};

    fn kept(bytes: &[u8], cut: bool) -> KeptResponse<'_> {
        KeptResponse {
            bytes,
            cut,
            plain_body_at: None,
        }
    }

    fn json(bytes: &[u8], path: &[JsonKey]) -> Result<Value<'static>, Fault> {
        let response = Response::new(200, kept(bytes, false));
        let from = Extraction::compile(&Written::Json { path: path.to_vec() }).unwrap();
        response.extract(&from).map(Value::into_owned)
    }

    #[test]
    fn a_body_whose_place_is_known_is_the_one_that_its_head_tells() {
        let interim = "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n";
        for before in ["", interim, "\r\n"] {
            let head = format!("{before}HTTP/1.1 200 OK\r\nX-Id: 7\r\nContent-Length: 7\r\n\r\n");
            let bytes = format!("{head}{{\"a\":1}}").into_bytes();
            for plain_body_at in [None, Some(head.len())] {
                let kept = KeptResponse {
                    bytes: &bytes,
                    cut: false,
                    plain_body_at,
                };
                let response = Response::new(200, kept);
                let path = vec![member("a")];
                let from = Extraction::compile(&Written::Json { path }).unwrap();
                assert_eq!(response.extract(&from), Ok(Value::Integer(1)), "{head}");
                let header = Extraction::Header("x-id".into());
                assert_eq!(response.extract(&header), Ok(Value::Text("7".into())), "{head}");
            }
        }
    }

    fn member(name: &str) -> JsonKey {
        JsonKey::Member(name.to_owned())
    }

    #[test]
    fn the_same_body_is_found_however_it_was_sent() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n{\"items\":[{\"id\":\"a\"}]}";
        let bare = b"HTTP/1.1 200 OK\nContent-Length: 22\n\n{\"items\":[{\"id\":\"a\"}]}";
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
            8;x=y\r\n{\"items\"\r\nE\r\n:[{\"id\":\"a\"}]}\r\n0\r\nX: y\r\n\r\n";
        let hinted = [&b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"[..], whole].concat();
        for bytes in [&whole[..], bare, chunked, &hinted] {
            let path = [member("items"), JsonKey::Item(0), member("id")];
            assert_eq!(
                json(bytes, &path),
                Ok(Value::Text("a".into())),
                "{}",
                bytes.escape_ascii()
            );
        }
    }

    #[test]
    fn what_is_not_there_is_missing() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"a\":[1]}";
        assert_eq!(json(bytes, &[member("b")]), Err(Fault::Missing));
        assert_eq!(json(bytes, &[member("a"), JsonKey::Item(1)]), Err(Fault::Missing));
        assert_eq!(json(bytes, &[member("a"), member("x")]), Err(Fault::Missing));
        assert_eq!(
            json(b"", &[member("a")]),
            Err(Fault::Missing),
            "a failed request has no response"
        );
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(json(text, &[member("a")]), Err(Fault::Missing));
        let gzip = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(json(gzip, &[]), Err(Fault::Kind));
    }

    fn taken(bytes: &[u8], cut: bool, from: &Written) -> Result<Value<'static>, Fault> {
        let response = Response::new(200, kept(bytes, cut));
        response
            .extract(&Extraction::compile(from).unwrap())
            .map(Value::into_owned)
    }

    #[test]
    fn the_last_cookie_of_a_name_is_the_one_that_is_kept() {
        let bytes = b"HTTP/1.1 200 OK\r\nSet-Cookie: sid=a; Path=/; other=x\r\nset-cookie:  sid = b=c ; Secure\r\n\
            Set-Cookie: SID=d\r\nSet-Cookie: empty=\r\nContent-Length: 0\r\n\r\n";
        let cookie = |name: &str| taken(bytes, false, &Written::Cookie { name: name.to_owned() });
        assert_eq!(cookie("sid"), Ok(Value::Text("b=c".into())));
        assert_eq!(cookie("empty"), Ok(Value::Text("".into())));
        assert_eq!(cookie("other"), Err(Fault::Missing));
    }

    #[test]
    fn of_texts_around_a_value_the_first_are_meant() {
        let between = |left: &str, right: &str, body: &str, cut| {
            let (left, right) = (left.to_owned(), right.to_owned());
            taken(&with_body(body), cut, &Written::Boundary { left, right })
        };
        let text = |text: &'static str| Ok(Value::Text(text.into()));
        assert_eq!(between("<a>", "</a>", "é</a><a>é</a><a>x</a>", false), text("é"));
        assert_eq!(between("aa", "a", "aaa", false), text(""));
        assert_eq!(between("<a>", "</a>", "<a>x", false), Err(Fault::Missing));
        assert_eq!(
            between("\"a\":", ",", "{\"a\":1,\"b\":", true),
            text("1"),
            "what follows can't change it"
        );
        assert!(
            Extraction::compile(&Written::Boundary {
                left: String::new(),
                right: "a".to_owned()
            })
            .is_err()
        );
    }

    #[test]
    fn what_may_go_on_behind_the_cut_is_not_looked_for() {
        let pattern = Written::Regex {
            pattern: "a+".to_owned(),
            group: None,
        };
        let css = Written::Css {
            selector: "p".to_owned(),
            attribute: None,
        };
        let path = Written::JsonPath { path: "$.*".to_owned() };
        for (from, body) in [(pattern, "aaa"), (css, "<p>a</p>"), (path, "[1]")] {
            assert!(taken(&with_body(body), false, &from).is_ok());
            assert_eq!(taken(&with_body(body), true, &from), Err(Fault::Missing));
        }
    }

    #[test]
    fn a_body_that_was_sent_compressed_is_looked_into_as_it_was() {
        use flate2::{Compression, write::GzEncoder};
        use std::io::Write as _;

        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(b"{\"a\":[1,2]}").unwrap();
        let coded = encoder.finish().unwrap();
        let plain = [&b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"[..], &coded].concat();
        let framed = format!("{:x}\r\n", coded.len()).into_bytes();
        let head = &b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"[..];
        let chunked = [head, &framed, &coded, b"\r\n0\r\n\r\n"].concat();
        for bytes in [plain, chunked] {
            assert_eq!(json(&bytes, &[member("a"), JsonKey::Item(1)]), Ok(Value::Integer(2)));
            assert_eq!(
                taken(&bytes, false, &Written::Body),
                Ok(Value::Text("{\"a\":[1,2]}".into()))
            );
        }
    }

    fn with_body(body: &str) -> Vec<u8> {
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }

    #[test]
    fn json_that_is_too_deep_has_no_values_and_takes_no_stack() {
        let deep = "[".repeat(1024 * 1024);
        let objects = "{\"a\":".repeat(100_000);
        for body in [
            deep.clone(),
            objects.clone(),
            format!("{{\"x\":{deep}"),
            format!("{{\"x\":{objects}"),
        ] {
            for path in [vec![], vec![member("x")], vec![member("a")], vec![JsonKey::Item(0)]] {
                assert_eq!(json(&with_body(&body), &path), Err(Fault::Kind), "{path:?}");
            }
        }
        let nested = |depth: usize| format!("{{\"x\":{}7{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        let mut path = vec![member("x")];
        path.resize(127, JsonKey::Item(0));
        assert_eq!(json(&with_body(&nested(127)), &path), Ok(Value::Integer(7)));
        assert_eq!(json(&with_body(&nested(128)), &[member("x")]), Err(Fault::Kind));
    }

    #[test]
    fn brackets_within_a_text_or_side_by_side_make_json_no_deeper() {
        let (texts, pairs) = ("[{".repeat(1_000), vec!["[]"; 1_000].join(","));
        let body = format!(r#"{{"a":"\\\"{texts}","\"{texts}":[{pairs}],"b":1}}"#);
        assert_eq!(json(&with_body(&body), &[member("b")]), Ok(Value::Integer(1)));
        let a_text_that_ends = format!(r#"{{"a":"\\","x":{}"#, "[".repeat(1_000));
        assert_eq!(json(&with_body(&a_text_that_ends), &[member("x")]), Err(Fault::Kind));
    }

    #[test]
    fn of_a_body_that_was_cut_only_what_is_whole_is_there() {
        let found = |head: &str, body: &str, cut: usize, name: &str| {
            let bytes = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}").into_bytes();
            let bytes = &bytes[..bytes.len() - cut];
            let response = Response::new(200, kept(bytes, true));
            assert_eq!(response.extract(&Extraction::Body), Err(Fault::Missing));
            let from = Extraction::compile(&Written::Json {
                path: vec![member(name)],
            })
            .unwrap();
            response.extract(&from).map(Value::into_owned)
        };
        let text = |text: &'static str| Ok(Value::Text(text.into()));
        let json = |json: &'static str| Ok(Value::Json(json.into()));
        for (kept, cut, expected) in [
            (r#"{"a": 123"#, 0, Err(Fault::Missing)),
            (r#"{"a": -1.5e3"#, 0, Err(Fault::Missing)),
            (r#"{"a": 12"#, 2, Err(Fault::Missing)),
            (r#"{"a": true"#, 0, Err(Fault::Missing)),
            (r#"{"a": "1,2"#, 0, Err(Fault::Missing)),
            (r#"{"a": "x\""#, 0, Err(Fault::Missing)),
            (r#"{"a": [1, 2"#, 0, Err(Fault::Missing)),
            ("12", 0, Err(Fault::Missing)),
            (r#"{"a": 123,"#, 0, Ok(Value::Integer(123))),
            (r#"{"a": 123, "b": 4"#, 0, Ok(Value::Integer(123))),
            (r#"{"a": "x""#, 0, text("x")),
            (r#"{"a": [1, 2]"#, 0, json("[1, 2]")),
            // In the middle of a character.
            (r#"{"a": "é", "b": "é"#, 1, text("é")),
        ] {
            let length = "Content-Length: 2000000";
            assert_eq!(found(length, kept, cut, "a"), expected, "{kept} less {cut}");
            let chunk = format!("FFFFF\r\n{kept}");
            let chunked = found("Transfer-Encoding: chunked", &chunk, cut, "a");
            assert_eq!(chunked, expected, "{kept} less {cut}, in chunks");
        }
    }

    #[test]
    fn headers_are_found_in_any_case_and_only_whole() {
        let bytes = b"HTTP/1.1 201 Created\r\nX-Request-Id-Old: 1\r\nx-request-ID:  a b \r\nContent-Length: 0\r\n\r\n";
        let response = Response::new(201, kept(bytes, false));
        let header = |name: &str| response.extract(&Extraction::Header(name.into()));
        assert_eq!(header("X-Request-Id"), Ok(Value::Text("a b".into())));
        assert_eq!(header("Request-Id"), Err(Fault::Missing));
        assert_eq!(response.extract(&Extraction::Status), Ok(Value::Integer(201)));
    }
}
