//! Requests as they go out: rendered once, when the plan is compiled, but for what is known only when they are sent.

use base64::Engine as _;

use apibench_core::expression::{Constant, Expression as Written, Function, Template as WrittenText};
use apibench_core::plan::Host;
use apibench_core::recorder::{CheckIndex, SeriesIndex};
use apibench_core::step::{Body, StatusRange};
use apibench_core::transport::HostIndex;

use crate::expression::{Expression, Names};
use crate::extraction::Extraction;
use crate::python::Given;
use crate::template::{Piece, Template};

/// What we call ourselves, unless the plan says otherwise.
pub(crate) const USER_AGENT: &str = concat!("apibench/", env!("CARGO_PKG_VERSION"));

/// A compiled request.
#[derive(Debug)]
pub struct Request {
    /// Head and body.
    pub content: Content,
    /// GET, POST, …
    pub method: String,
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
    /// It takes the cookies of its virtual user with it.
    pub joins_cookies: bool,
    /// It may be sent again after it met a connection that the peer had closed: its method is idempotent
    /// (RFC 9110 §9.2.2).
    pub may_retry: bool,
    /// Its header says that it is the last on its connection, or its host is not to be kept alive.
    pub closes: bool,
    /// The statuses that are ok; `None` for all below 400, which is what every step expects that says nothing.
    pub expected: Option<Box<[StatusRange]>>,
    /// What is taken out of its response.
    pub extracts: Vec<Extract>,
    /// Its response is looked into, by extracts or by who has given it.
    pub keeps_response: bool,
}

/// The bytes of a request.
#[derive(Debug)]
pub enum Content {
    /// The same each time.
    Known(Box<[u8]>),
    /// Rendered each time.
    Late {
        /// In pieces.
        template: Template,
        /// Fails where it cannot be rendered.
        check: CheckIndex,
    },
    /// Given by a user of Python each time.
    Given(Given),
}

/// A value that is taken out of a response.
#[derive(Debug)]
pub struct Extract {
    /// Where from.
    pub from: Extraction,
    /// The variable that holds it from then on.
    pub to: u16,
    /// Passes where it is there.
    pub check: CheckIndex,
}

/// What a request is made of.
pub struct RequestParts<'a> {
    /// GET, POST, …
    pub method: &'a str,
    /// Behind the base path.
    pub path: &'a WrittenText,
    /// In the order in which they go out; a later one replaces a default of ours, not an earlier one.
    pub headers: &'a [(String, WrittenText)],
    /// What is sent with it.
    pub body: Option<&'a Body>,
    /// Where it goes.
    pub host: &'a Host,
}

impl RequestParts<'_> {
    /// The request in pieces.
    ///
    /// # Errors
    /// In words, if the URL cannot be understood or a part would break out of its place: a line end or a NUL in
    /// a method, path or header would let data write headers.
    pub fn compile(&self, names: &mut Names) -> Result<Template, String> {
        let url = BaseUrl::parse(&self.host.base_url)?;
        if self.method.is_empty() || !self.method.bytes().all(is_token) {
            return Err(format!("'{}' is no method", self.method.escape_debug()));
        }
        let mut template = Template::default();
        template.push_head(known(format!("{} {}", self.method, url.path.trim_end_matches('/'))));
        self.push_path(&url, names, &mut template)?;
        template.push_head(known(" HTTP/1.1\r\n".to_owned()));
        let given = |name: &str| self.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
        let mut push = |name: &str, value: &str| template.push_head(known(format!("{name}: {value}\r\n")));
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
        // A method that usually has a body says so when it has none.
        let with_length = self.body.is_some() || matches!(self.method, "POST" | "PUT" | "PATCH");
        if with_length && !given("content-length") {
            self.push_length(&mut template)?;
        }
        for (name, value) in self.headers {
            push_header(name, value, names, &mut template)?;
        }
        template.push_head(known("\r\n".to_owned()));
        if let Some(body) = self.body {
            push_body(body, names, &mut template)?;
        }
        Ok(template)
    }

    fn push_path(&self, url: &BaseUrl, names: &mut Names, template: &mut Template) -> Result<(), String> {
        let path = match self.path {
            WrittenText::Known(path) => path,
            WrittenText::Late(written) => {
                // What comes behind the host must not become part of its name.
                if !begins_with_slash(written) {
                    return Err("a late path must begin with a known '/'".to_owned());
                }
                return push_late(written, names, Place::Path, &mut |piece| template.push_head(piece));
            }
        };
        let target = format!("{}{path}", url.path.trim_end_matches('/'));
        if !(target.is_empty() || target.starts_with('/')) || target.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(format!(
                "the path '{}' must begin with '/' and hold no space or control character",
                target.escape_debug()
            ));
        }
        template.push_head(known(if target.is_empty() { "/" } else { path }.to_owned()));
        Ok(())
    }

    fn push_length(&self, template: &mut Template) -> Result<(), String> {
        let length = match self.body {
            None => Some(0),
            Some(body) => known_body(body)?.map(|bytes| bytes.len()),
        };
        match length {
            Some(length) => template.push_head(known(format!("Content-Length: {length}\r\n"))),
            None => {
                template.push_head(known("Content-Length: ".to_owned()));
                template.push_head(Piece::Length);
                template.push_head(known("\r\n".to_owned()));
            }
        }
        Ok(())
    }
}

fn known(text: String) -> Piece {
    Piece::Known(text.into_bytes())
}

/// Where in a request a value stands.
#[derive(Debug, Clone, Copy)]
enum Place {
    Path,
    Header,
    Body,
}

impl Place {
    /// A piece that stands there.
    fn piece(self, expression: Expression) -> Result<Piece, String> {
        let Some(text) = expression.known_text() else {
            return Ok(match self {
                Self::Path => Piece::Path(expression),
                Self::Header => Piece::Header(expression),
                Self::Body => Piece::Body(expression),
            });
        };
        let fits = match self {
            Self::Path => text.bytes().all(|byte| byte > b' ' && byte != 0x7f),
            Self::Header => !text.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0)),
            Self::Body => true,
        };
        if fits {
            Ok(known(text.to_owned()))
        } else {
            Err(format!("'{}' can't stand there", text.escape_debug()))
        }
    }
}

/// Appends an expression, or the parts of a text that is put together of several.
fn push_late(written: &Written, names: &mut Names, place: Place, push: &mut impl FnMut(Piece)) -> Result<(), String> {
    match written {
        Written::Call {
            function: Function::Concat,
            arguments,
        } => arguments
            .iter()
            .try_for_each(|part| push_late(part, names, place, push)),
        other => {
            push(place.piece(Expression::compile(other, names)?)?);
            Ok(())
        }
    }
}

fn begins_with_slash(written: &Written) -> bool {
    match written {
        Written::Call {
            function: Function::Concat,
            arguments,
        } => arguments.first().is_some_and(begins_with_slash),
        Written::Constant { value } => {
            matches!(value, Constant::Text(text) if text.starts_with('/'))
        }
        _ => false,
    }
}

fn push_header(name: &str, value: &WrittenText, names: &mut Names, template: &mut Template) -> Result<(), String> {
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(format!("'{}' is no header name", name.escape_debug()));
    }
    template.push_head(known(format!("{name}: ")));
    match value {
        WrittenText::Known(value) => {
            if value.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
                return Err(format!("the value of header '{name}' holds a line end or a NUL"));
            }
            template.push_head(known(value.clone()));
        }
        WrittenText::Late(written) => {
            push_late(written, names, Place::Header, &mut |piece| template.push_head(piece))?;
        }
    }
    template.push_head(known("\r\n".to_owned()));
    Ok(())
}

fn push_body(body: &Body, names: &mut Names, template: &mut Template) -> Result<(), String> {
    match (known_body(body)?, &body.text) {
        (Some(bytes), _) => {
            template.push_body(Piece::Known(bytes));
            Ok(())
        }
        (None, Some(WrittenText::Late(written))) => {
            push_late(written, names, Place::Body, &mut |piece| template.push_body(piece))
        }
        (None, _) => Ok(()),
    }
}

/// The bytes of a body, unless they are late.
fn known_body(body: &Body) -> Result<Option<Vec<u8>>, String> {
    match (&body.text, &body.base64) {
        (Some(WrittenText::Known(text)), None) => Ok(Some(text.as_bytes().to_vec())),
        (Some(WrittenText::Late(_)), None) => Ok(None),
        (None, Some(text)) => {
            let decoded = base64::engine::general_purpose::STANDARD.decode(text);
            decoded
                .map(Some)
                .map_err(|error| format!("the body is no base64: {error}"))
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
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
