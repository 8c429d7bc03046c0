//! What one response head says: its status, how its body is framed, whether the connection lives.
//!
//! Fed line by line, so that a head cut anywhere by a read is judged exactly as a whole one.
//! Every line is held to the strict rules (those of `httparse`); only the few fields that decide
//! framing and connection are then looked at, chosen by the length of their name.

use super::Expected;
use super::violation::{Coding, Violation};

/// A name, in small letters.
pub(super) const CONTENT_LENGTH: &[u8; 14] = b"content-length";

/// How the body that follows a head is framed (RFC 9112 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// The response ends with its head.
    None,
    /// So many bytes, at least one.
    Sized(u64),
    Chunked,
    UntilClose,
}

/// The fields that were to be kept.
#[derive(Debug, Clone, Default)]
pub(super) struct KeptFields {
    pub location: Option<Box<str>>,
    /// A line end behind each.
    pub cookies: Vec<u8>,
}

#[derive(Debug, Clone)]
pub(super) struct Head {
    /// Apart from the rest: few responses have any, and every connection has a head.
    pub kept: Option<Box<KeptFields>>,
    content_length: u64,
    /// `u32::MAX` where the server named none: an `Option` would cost eight bytes a connection.
    keep_alive_timeout_s: u32,
    /// 0 until the status line has been read.
    pub status: u16,
    http_1_0: bool,
    /// HEAD, 1xx, 204 and 304: what the framing fields say is not even read.
    bodiless: bool,
    /// How many of them there were.
    pub content_lengths: u8,
    pub chunked: bool,
    close: bool,
    keep_alive: bool,
    /// There was a `Set-Cookie`, whether it was kept or not.
    pub sets_cookies: bool,
    /// There was a `Content-Encoding`.
    pub coded: bool,
}

impl Head {
    pub(super) const fn new() -> Self {
        Self {
            kept: None,
            content_length: 0,
            keep_alive_timeout_s: u32::MAX,
            status: 0,
            http_1_0: false,
            bodiless: false,
            content_lengths: 0,
            chunked: false,
            close: false,
            keep_alive: false,
            sets_cookies: false,
            coded: false,
        }
    }

    /// Whether the connection may serve another exchange, by version and `Connection`.
    pub(super) const fn persists(&self) -> bool {
        !self.close && (self.keep_alive || !self.http_1_0)
    }

    pub(super) fn keep_alive_timeout_s(&self) -> Option<u32> {
        (self.keep_alive_timeout_s != u32::MAX).then_some(self.keep_alive_timeout_s)
    }

    /// Reads the first line of a head.
    #[inline]
    pub(super) fn status_line(&mut self, bytes: &[u8], printable: bool, head_request: bool) -> Result<(), Violation> {
        let Some((version, after)) = bytes.split_first_chunk::<8>() else {
            return Err(foreign(bytes));
        };
        // Compared as numbers, one instruction each instead of one a byte.
        let version = u64::from_ne_bytes(*version);
        self.http_1_0 = version == const { u64::from_ne_bytes(*b"HTTP/1.0") };
        if !self.http_1_0 && version != const { u64::from_ne_bytes(*b"HTTP/1.1") } {
            return Err(foreign(bytes));
        }
        let [
            b' ',
            hundreds @ b'1'..=b'9',
            tens @ b'0'..=b'9',
            ones @ b'0'..=b'9',
            reason @ ..,
        ] = after
        else {
            return Err(Violation::StatusLine);
        };
        // RFC 9112 asks for a space even where there is no reason; many servers leave it out.
        if !matches!(reason.first(), None | Some(b' ')) || !(printable || is_text(reason)) {
            return Err(Violation::StatusLine);
        }
        let digit = |byte: &u8| u16::from(byte - b'0');
        self.status = digit(hundreds) * 100 + digit(tens) * 10 + digit(ones);
        if self.status == 101 {
            return Err(Violation::SwitchingProtocols);
        }
        self.bodiless = head_request || self.status < 200 || matches!(self.status, 204 | 304);
        Ok(())
    }

    /// Reads one field whose name and value keep the rules; white space around the value may be there.
    #[inline]
    pub(super) fn field(&mut self, name: &[u8], value: &[u8], expected: Expected) -> Result<(), Violation> {
        match name.len() {
            8 if expected.keep_location && is(name, b"location") => self.location(value),
            10 if is(name, b"connection") => self.connection(value),
            10 if is(name, b"keep-alive") => self.keep_alive(value),
            10 if is(name, b"set-cookie") => self.set_cookie(value, expected.keep_cookies),
            16 if is(name, b"content-encoding") => self.coded = true,
            14 if !self.bodiless && is(name, CONTENT_LENGTH) => self.content_length(value)?,
            17 if !self.bodiless && is(name, b"transfer-encoding") => {
                self.transfer_encoding(value)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// It says once how long its body is, and now that it is so long.
    pub(super) fn set_length(&mut self, length: u64) {
        self.content_length = length;
    }

    /// The head is complete: how does its body end?
    #[inline]
    pub(super) fn body(&mut self) -> Result<Body, Violation> {
        if self.bodiless {
            return Ok(Body::None);
        }
        if self.chunked {
            return match (self.content_lengths > 0, self.http_1_0) {
                (true, _) => Err(Violation::ContentLengthWithTransferEncoding),
                (_, true) => Err(Violation::TransferEncodingInHttp10),
                _ => Ok(Body::Chunked),
            };
        }
        if self.content_lengths == 0 {
            self.close = true;
            return Ok(Body::UntilClose);
        }
        Ok(if self.content_length == 0 {
            Body::None
        } else {
            Body::Sized(self.content_length)
        })
    }

    fn location(&mut self, value: &[u8]) {
        // A second one is ignored, as browsers do.
        let kept = self.kept.get_or_insert_default();
        if kept.location.is_none() && self.status >= 200 {
            kept.location = Some(String::from_utf8_lossy(trim(value)).into());
        }
    }

    #[cold]
    fn set_cookie(&mut self, value: &[u8], keep: bool) {
        self.sets_cookies = true;
        if keep && self.status >= 200 {
            let cookies = &mut self.kept.get_or_insert_default().cookies;
            cookies.extend_from_slice(trim(value));
            cookies.push(b'\n');
        }
    }

    #[inline]
    fn connection(&mut self, value: &[u8]) {
        if value == b" keep-alive" {
            self.keep_alive = true;
            return;
        }
        for option in value.split(|byte| *byte == b',').map(trim) {
            if is(option, b"keep-alive") {
                self.keep_alive = true;
            } else if is(option, b"close") {
                self.close = true;
            }
        }
    }

    /// Only advice: what can't be understood is left aside.
    fn keep_alive(&mut self, value: &[u8]) {
        for parameter in value.split(|byte| *byte == b',').map(trim) {
            if let Some((name, seconds)) = parameter.split_first_chunk::<8>()
                && is(name, b"timeout=")
                && let Ok(seconds) = number(seconds)
            {
                self.keep_alive_timeout_s = u32::try_from(seconds).unwrap_or(u32::MAX);
            }
        }
    }

    #[inline]
    fn content_length(&mut self, value: &[u8]) -> Result<(), Violation> {
        match number(trim(value)) {
            Ok(length) => self.one_content_length(length),
            // RFC 9110 §8.6: a list of one and the same number is what a merging proxy makes.
            Err(_) => value
                .split(|byte| *byte == b',')
                .try_for_each(|length| self.one_content_length(number(trim(length))?)),
        }
    }

    fn one_content_length(&mut self, length: u64) -> Result<(), Violation> {
        if self.content_lengths > 0 && length != self.content_length {
            return Err(Violation::ContentLengthDiffers);
        }
        self.content_length = length;
        self.content_lengths = self.content_lengths.saturating_add(1);
        Ok(())
    }

    fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), Violation> {
        for coding in value.split(|byte| *byte == b',').map(trim) {
            if !is(coding, b"chunked") {
                return Err(Violation::TransferCoding(unsupported(coding)));
            }
            if self.chunked {
                return Err(Violation::TransferCoding(Coding::ChunkedTwice));
            }
            self.chunked = true;
        }
        Ok(())
    }
}

/// Name and value of a field line, held to the rules; white space around the value is left.
pub(super) fn split(line: &[u8], printable: bool) -> Result<(&[u8], &[u8]), Violation> {
    let length = line.iter().take_while(|byte| is_token(**byte)).count();
    let (name, value) = line.split_at(length);
    let Some((b':', value)) = value.split_first().filter(|_| length > 0) else {
        return Err(if matches!(line, [b' ' | b'\t', ..]) {
            Violation::FoldedField
        } else {
            Violation::FieldName
        });
    };
    if printable || is_text(value) {
        Ok((name, value))
    } else {
        Err(Violation::FieldValue)
    }
}

/// What is wrong with a first line that has no version we speak.
#[cold]
pub(super) fn foreign(line: &[u8]) -> Violation {
    if line.starts_with(b"HTTP/") {
        Violation::Version
    } else {
        Violation::NotHttp
    }
}

/// RFC 9110 §5.6.2.
const fn is_token(byte: u8) -> bool {
    const TOKEN: [bool; 256] = {
        let mut table = [false; 256];
        let others = b"!#$%&'*+-.^_`|~";
        let mut at = 0;
        while at < 256 {
            table[at] = (at as u8).is_ascii_alphanumeric();
            at += 1;
        }
        at = 0;
        while at < others.len() {
            table[others[at] as usize] = true;
            at += 1;
        }
        table
    };
    TOKEN[byte as usize]
}

/// Whether these bytes may stand in a field value or a reason: no control characters but tabs.
fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b'\t' | b' '..=0x7e | 0x80..))
}

/// Whether `bytes` is `lower` (letters, hyphens, `=`), in whatever case.
///
/// Folding by one bit is exact here: the bytes that would fold wrongly are control characters,
/// and those have been refused by the time anything is compared.
#[inline]
pub(super) fn is<const LENGTH: usize>(bytes: &[u8], lower: &[u8; LENGTH]) -> bool {
    let Ok(bytes) = <&[u8; LENGTH]>::try_from(bytes) else {
        return false;
    };
    const WORD_BYTES: usize = 8;
    if LENGTH < WORD_BYTES {
        return (0..LENGTH).all(|index| bytes[index] | 0x20 == lower[index]);
    }
    // Word by word; the last one overlaps the one before it.
    let word = |bytes: &[u8; LENGTH], at: usize| bytes[at..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
    let same = |at| word(bytes, at) | u64::from_ne_bytes([0x20; WORD_BYTES]) == word(lower, at);
    (0..LENGTH / WORD_BYTES).all(|index| same(index * WORD_BYTES)) && same(LENGTH - WORD_BYTES)
}

/// Without the white space around it.
#[inline]
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', inner @ ..] = value {
        value = inner;
    }
    while let [inner @ .., b' ' | b'\t'] = value {
        value = inner;
    }
    value
}

/// Digits only: no sign, no white space, nothing left out.
#[inline]
pub(super) fn number(digits: &[u8]) -> Result<u64, Violation> {
    if digits.is_empty() || digits.len() > 19 {
        return unusual_number(digits);
    }
    // Nineteen nines fit in 64 bits.
    digits
        .iter()
        .try_fold(0, |number, digit| match digit.wrapping_sub(b'0') {
            digit @ 0..=9 => Ok(number * 10 + u64::from(digit)),
            _ => Err(Violation::ContentLength),
        })
}

/// The same for numbers that may not fit, if only for their leading zeros.
#[cold]
fn unusual_number(digits: &[u8]) -> Result<u64, Violation> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Violation::ContentLength);
    }
    let next = |number: u64, digit: &u8| number.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
    digits.iter().try_fold(0, next).ok_or(Violation::ContentLengthTooLarge)
}

#[cold]
fn unsupported(coding: &[u8]) -> Coding {
    let named = |name: &str| coding.eq_ignore_ascii_case(name.as_bytes());
    if named("gzip") || named("x-gzip") {
        Coding::Gzip
    } else if named("deflate") {
        Coding::Deflate
    } else if named("compress") || named("x-compress") {
        Coding::Compress
    } else if named("identity") {
        Coding::Identity
    } else {
        Coding::Unknown
    }
}
