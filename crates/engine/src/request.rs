//! Requests as they go out: rendered once, when the plan is compiled.

use base64::Engine as _;

use apibench_core::plan::{Body, Host, StatusRange};
use apibench_core::recorder::SeriesIndex;
use apibench_core::transport::HostIndex;

/// What we call ourselves, unless the plan says otherwise.
const USER_AGENT: &str = concat!("apibench/", env!("CARGO_PKG_VERSION"));

/// A rendered request.
#[derive(Debug)]
pub struct Request {
    /// Head and body.
    pub bytes: Box<[u8]>,
    /// GET, POST, …
    pub method: String,
    /// The path and query of its first line.
    pub target: String,
    /// What follows the first line, and the same for a GET that a redirect has made of it.
    pub after_line: Box<[u8]>,
    /// See `after_line`.
    pub without_body: Box<[u8]>,
    /// Where it goes.
    pub host: HostIndex,
    /// Where it is counted.
    pub series: SeriesIndex,
    /// Where the hops are counted that its redirects lead to.
    pub redirect_series: Option<SeriesIndex>,
    /// How many of them are followed.
    pub redirects: u32,
    /// All virtual users share the connections to its host, so that it may have to wait for one.
    pub shares_connections: bool,
    /// The response has no body.
    pub head_request: bool,
    /// It may be sent again after it met a connection that the peer had closed: its method is idempotent
    /// (RFC 9110 §9.2.2).
    pub may_retry: bool,
    /// Its header says that it is the last on its connection, or its host is not to be kept alive.
    pub closes: bool,
    /// The statuses that are ok; `None` for all below 400, which is what every step expects that says nothing.
    pub expected: Option<Box<[StatusRange]>>,
}

/// The bytes of a request, and its parts for those that follow its redirects.
#[derive(Debug)]
pub struct Rendered {
    /// Head and body.
    pub bytes: Box<[u8]>,
    /// The path and query of its first line.
    pub target: String,
    /// What follows the first line.
    pub after_line: Box<[u8]>,
    /// What would follow it in a GET: no body, and no header that describes one.
    pub without_body: Box<[u8]>,
}

/// What a request is made of.
pub struct RequestParts<'a> {
    /// GET, POST, …
    pub method: &'a str,
    /// Behind the base path.
    pub path: &'a str,
    /// In the order in which they go out; a later one replaces a default of ours, not an earlier one.
    pub headers: &'a [(String, String)],
    /// What is sent with it.
    pub body: Option<&'a Body>,
    /// Where it goes.
    pub host: &'a Host,
}

impl RequestParts<'_> {
    /// The bytes of the request.
    ///
    /// # Errors
    /// In words, if the URL cannot be understood or a part would break out of its place: a line end or a NUL in
    /// a method, path or header would let data write headers.
    pub fn render(&self) -> Result<Rendered, String> {
        let url = BaseUrl::parse(&self.host.base_url)?;
        let target = format!("{}{}", url.path.trim_end_matches('/'), self.path);
        let target = if target.is_empty() { "/".to_owned() } else { target };
        let body = self.body.map(body_bytes).transpose()?;
        let line = format!("{} {target} HTTP/1.1\r\n", self.method);
        let (mut head, mut bodiless) = (String::new(), String::new());
        if self.method.is_empty() || !self.method.bytes().all(is_token) {
            return Err(format!("'{}' is no method", self.method.escape_debug()));
        }
        if !target.starts_with('/') || target.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(format!(
                "the path '{}' must begin with '/' and hold no space or control character",
                target.escape_debug()
            ));
        }
        let given = |name: &str| self.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
        let mut push = |name: &str, value: &str| {
            let field = format!("{name}: {value}\r\n");
            head.push_str(&field);
            if !describes_body(name) {
                bodiless.push_str(&field);
            }
        };
        if !given("host") {
            push("Host", &url.authority);
        }
        if !given("user-agent") {
            push("User-Agent", USER_AGENT);
        }
        if !given("accept") {
            push("Accept", "*/*");
        }
        if !self.host.keepalive && !given("connection") {
            push("Connection", "close");
        }
        if !given("content-length") {
            // A method that usually has a body says so when it has none.
            let length = body
                .as_ref()
                .map(Vec::len)
                .or(matches!(self.method, "POST" | "PUT" | "PATCH").then_some(0));
            if let Some(length) = length {
                push("Content-Length", &length.to_string());
            }
        }
        for (name, value) in self.headers {
            if name.is_empty() || !name.bytes().all(is_token) {
                return Err(format!("'{}' is no header name", name.escape_debug()));
            }
            if value.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
                return Err(format!("the value of header '{name}' holds a line end or a NUL"));
            }
            push(name, value);
        }
        head.push_str("\r\n");
        bodiless.push_str("\r\n");
        let mut after_line = head.into_bytes();
        after_line.extend(body.unwrap_or_default());
        let bytes = [line.as_bytes(), &after_line].concat();
        Ok(Rendered {
            bytes: bytes.into_boxed_slice(),
            target,
            after_line: after_line.into_boxed_slice(),
            without_body: bodiless.into_bytes().into_boxed_slice(),
        })
    }
}

/// Whether a header says something of the body, so that it goes where the body goes (RFC 9110 §15.4, RFC 9530).
fn describes_body(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("content-") || matches!(name.as_str(), "digest" | "repr-digest" | "last-modified")
}

/// The bytes of a body.
fn body_bytes(body: &Body) -> Result<Vec<u8>, String> {
    match (&body.text, &body.base64) {
        (Some(text), None) => Ok(text.as_bytes().to_vec()),
        (None, Some(text)) => {
            let decoded = base64::engine::general_purpose::STANDARD.decode(text);
            decoded.map_err(|error| format!("the body is no base64: {error}"))
        }
        _ => Err("a body is either text or base64".to_owned()),
    }
}

/// The parts of a host's base URL that a request needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    /// Whether it is `https`.
    pub tls: bool,
    /// Without brackets.
    pub host: String,
    /// Given or the scheme's.
    pub port: u16,
    /// As it stands in the `Host` header: with brackets, and with the port if it is not the scheme's.
    pub authority: String,
    /// What goes before every path; may be empty.
    pub path: String,
}

impl BaseUrl {
    /// Takes a base URL apart.
    ///
    /// # Errors
    /// In words, if it is none that the engine can use.
    pub fn parse(url: &str) -> Result<Self, String> {
        let (tls, rest) = if let Some(rest) = url.strip_prefix("http://") {
            (false, rest)
        } else if let Some(rest) = url.strip_prefix("https://") {
            (true, rest)
        } else {
            return Err(format!("'{url}' begins with neither http:// nor https://"));
        };
        let (authority, path) = rest.find('/').map_or((rest, ""), |place| rest.split_at(place));
        let (host, port) =
            split_port(authority).ok_or_else(|| format!("'{authority}' is no host, or its port is no number"))?;
        if host.is_empty() {
            return Err(format!("'{url}' names no host"));
        }
        let default = if tls { 443 } else { 80 };
        let port = port.unwrap_or(default);
        let bracketed = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        let authority = if port == default {
            bracketed
        } else {
            format!("{bracketed}:{port}")
        };
        Ok(Self {
            tls,
            host: host.to_owned(),
            port,
            authority,
            path: path.to_owned(),
        })
    }
}

/// A host, without brackets, and the port behind it.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, behind) = rest.split_once(']')?;
        (
            host,
            if behind.is_empty() {
                None
            } else {
                Some(behind.strip_prefix(':')?)
            },
        )
    } else {
        match authority.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    match port {
        None => Some((host, None)),
        Some(port) => Some((host, Some(port.parse().ok()?))),
    }
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
