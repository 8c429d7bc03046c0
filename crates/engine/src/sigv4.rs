//! AWS Signature Version 4: a request that is written down whole is signed, and gets the headers that say so.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use apibench_core::step::{AwsSigv4, Sign};
use memchr::memmem;

use crate::digest::{Form, hmac_sha256, sha256_hex, written};
use crate::expression::{Draws, Expression, Names};
use crate::functions::url_encoded_bytes;
use crate::moment;
use crate::value::Fault;
use crate::variables::Variables;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// Headers that signing sets: two of a name would be signed as one and read as another.
const OWN: [&str; 4] = [
    "authorization",
    "x-amz-date",
    "x-amz-content-sha256",
    "x-amz-security-token",
];

/// How a request is signed.
#[derive(Debug, Clone, PartialEq)]
pub struct Signing {
    region: Box<str>,
    service: Box<str>,
    access_key: Expression,
    secret_key: Expression,
    session_token: Option<Expression>,
}

/// What it is signed with, once that is known.
struct Credentials<'c> {
    access_key: &'c str,
    secret_key: &'c str,
    session_token: Option<&'c str>,
}

impl Signing {
    /// Compiles what a plan says, of a request with these headers.
    ///
    /// # Errors
    /// In words.
    pub fn compile<'h>(
        sign: &Sign,
        mut headers: impl Iterator<Item = &'h str>,
        names: &mut Names,
    ) -> Result<Self, String> {
        let Sign::AwsSigv4(AwsSigv4 {
            region,
            service,
            access_key,
            secret_key,
            session_token,
        }) = sign;
        if let Some(own) = headers.find(|name| OWN.iter().any(|own| own.eq_ignore_ascii_case(name))) {
            return Err(format!("a signed request gets its '{own}' by being signed"));
        }
        let token = session_token.as_ref();
        Ok(Self {
            region: region.as_str().into(),
            service: service.as_str().into(),
            access_key: Expression::of_text(access_key, names)?,
            secret_key: Expression::of_text(secret_key, names)?,
            session_token: token.map(|token| Expression::of_text(token, names)).transpose()?,
        })
    }

    /// Signs a request that is written down in `request`.
    ///
    /// # Errors
    /// [`Fault`], if a key has no value, or would break out of its header.
    pub fn sign(&self, variables: &Variables, draws: &mut Draws<'_>, request: &mut Vec<u8>) -> Result<(), Fault> {
        let access_key = self.access_key.evaluate(variables, draws)?.into_text()?;
        let secret_key = self.secret_key.evaluate(variables, draws)?.into_text()?;
        let token = self.session_token.as_ref();
        let token = token.map(|token| token.evaluate(variables, draws)?.into_text());
        let token = token.transpose()?;
        let credentials = Credentials {
            access_key: &access_key,
            secret_key: &secret_key,
            session_token: token.as_deref(),
        };
        let in_headers = [Some(&*access_key), token.as_deref()];
        if in_headers
            .into_iter()
            .flatten()
            .any(|text| text.contains(char::is_control))
        {
            return Err(Fault::Unsafe);
        }
        self.sign_with(&credentials, (draws.wall_clock)(), request)
    }

    fn sign_with(&self, credentials: &Credentials<'_>, wall_ns: u64, request: &mut Vec<u8>) -> Result<(), Fault> {
        let head_end = memmem::find(request, b"\r\n\r\n").ok_or(Fault::Missing)? + 2;
        let (head, body) = (&request[..head_end], &request[head_end + 2..]);
        let (at, body_hash) = (moment::basic(wall_ns), sha256_hex(body));
        let mut added = format!("X-Amz-Date: {at}\r\n");
        if let Some(token) = credentials.session_token {
            let _ = write!(added, "X-Amz-Security-Token: {token}\r\n");
        }
        if self.is_storage() {
            let _ = write!(added, "X-Amz-Content-Sha256: {body_hash}\r\n");
        }
        let (canonical, signed_headers) = self.canonical(head, added.as_bytes(), &body_hash)?;
        let scope = format!("{}/{}/{}/aws4_request", &at[..8], self.region, self.service);
        let to_sign = format!("{ALGORITHM}\n{at}\n{scope}\n{}", sha256_hex(&canonical));
        let mut key = hmac_sha256(
            format!("AWS4{}", credentials.secret_key).as_bytes(),
            &at.as_bytes()[..8],
        );
        for part in [&*self.region, &*self.service, "aws4_request"] {
            key = hmac_sha256(&key, part.as_bytes());
        }
        let signature = hmac_sha256(&key, to_sign.as_bytes());
        let _ = write!(
            added,
            "Authorization: {ALGORITHM} Credential={}/{scope}, SignedHeaders={signed_headers}, Signature=",
            credentials.access_key
        );
        added.push_str(&written(&signature, Form::Hex));
        added.push_str("\r\n");
        request.splice(head_end..head_end, added.bytes());
        Ok(())
    }

    /// S3 and what speaks like it names the hash of the body in a header, and takes paths as they are.
    fn is_storage(&self) -> bool {
        self.service.starts_with("s3")
    }

    /// The canonical request, and which headers are signed.
    fn canonical(&self, head: &[u8], added: &[u8], body_hash: &str) -> Result<(Vec<u8>, String), Fault> {
        let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let first = lines.next().ok_or(Fault::Missing)?;
        let method_end = memchr::memchr(b' ', first).ok_or(Fault::Missing)?;
        let target_end = memchr::memrchr(b' ', first).ok_or(Fault::Missing)?;
        let target = first.get(method_end + 1..target_end).ok_or(Fault::Missing)?;
        let (path, query) = match memchr::memchr(b'?', target) {
            Some(mark) => (&target[..mark], &target[mark + 1..]),
            None => (target, &b""[..]),
        };
        let mut headers: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let own = added.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        for line in lines.chain(own) {
            let Some(colon) = memchr::memchr(b':', line) else {
                continue;
            };
            let name = String::from_utf8_lossy(&line[..colon]).to_ascii_lowercase();
            if !is_signed(&name) {
                continue;
            }
            let value = headers.entry(name).or_default();
            if !value.is_empty() {
                value.push(b',');
            }
            push_folded(line[colon + 1..].trim_ascii(), value);
        }
        let signed_headers = headers.keys().map(String::as_str).collect::<Vec<_>>().join(";");
        let mut canonical = first[..method_end].to_vec();
        let path = self.canonical_path(path);
        canonical.extend_from_slice(format!("\n{path}\n{}\n", canonical_query(query)).as_bytes());
        for (name, value) in &headers {
            canonical.extend_from_slice(name.as_bytes());
            canonical.push(b':');
            canonical.extend_from_slice(value);
            canonical.push(b'\n');
        }
        canonical.extend_from_slice(format!("\n{signed_headers}\n{body_hash}").as_bytes());
        Ok((canonical, signed_headers))
    }

    fn canonical_path(&self, path: &[u8]) -> String {
        let encoded = |segments: &[Vec<u8>]| {
            let each: Vec<_> = segments.iter().map(|segment| url_encoded_bytes(segment)).collect();
            each.join("/")
        };
        let segments = path.split(|byte| *byte == b'/');
        if self.is_storage() {
            return encoded(&segments.map(percent_decoded).collect::<Vec<_>>());
        }
        // What the wire has is encoded once more, and stands where its dots lead to.
        let mut kept: Vec<Vec<u8>> = Vec::new();
        let is_folder = path.ends_with(b"/") || path.ends_with(b"/.") || path.ends_with(b"/..");
        for segment in segments {
            match segment {
                b"" | b"." => {}
                b".." => drop(kept.pop()),
                segment => kept.push(segment.to_vec()),
            }
        }
        let end = if is_folder && !kept.is_empty() { "/" } else { "" };
        format!("/{}{end}", encoded(&kept))
    }
}

fn is_signed(name: &str) -> bool {
    name.starts_with("x-amz-") || matches!(name, "host" | "content-type" | "content-md5")
}

/// With one space where there are several.
fn push_folded(value: &[u8], out: &mut Vec<u8>) {
    for (at, byte) in value.iter().enumerate() {
        if *byte != b' ' || value[at - 1] != b' ' {
            out.push(*byte);
        }
    }
}

fn canonical_query(query: &[u8]) -> String {
    let parameters = query.split(|byte| *byte == b'&').filter(|each| !each.is_empty());
    let mut pairs: Vec<_> = parameters
        .map(|each| {
            let end = memchr::memchr(b'=', each).unwrap_or(each.len());
            let value = each.get(end + 1..).unwrap_or_default();
            let [name, value] = [&each[..end], value].map(|part| url_encoded_bytes(&percent_decoded(part)));
            (name, value)
        })
        .collect();
    pairs.sort();
    let pairs: Vec<_> = pairs
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let digit = |at: usize| text.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let (mut out, mut at) = (Vec::with_capacity(text.len()), 0);
    while at < text.len() {
        match (text[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high << 4 | low) as u8);
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counter::Counts;
    use apibench_core::expression::Template;

    /// 30 August 2015, 12:36:00.
    const AT_NS: u64 = 1_440_938_160_000_000_000;

    fn signing(service: &str) -> Signing {
        let text = |text: &str| Template::Known(text.to_owned());
        let sign = Sign::AwsSigv4(AwsSigv4 {
            region: "us-east-1".to_owned(),
            service: service.to_owned(),
            access_key: text("AKIDEXAMPLE"),
            secret_key: text("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session_token: None,
        });
        Signing::compile(&sign, std::iter::empty(), &mut Names::default()).unwrap()
    }

    fn signed(service: &str, line: &str, headers: &str, body: &str) -> String {
        let mut request = format!("{line} HTTP/1.1\r\n{headers}\r\n{body}").into_bytes();
        let mut drawn = 0;
        let mut draws = Draws {
            seed: 0,
            wall_clock: || AT_NS,
            scenario: 0,
            stream: 0,
            round: 0,
            drawn: &mut drawn,
            counts: &mut Counts::default(),
        };
        let outcome = signing(service).sign(&Variables::new(0, 0), &mut draws, &mut request);
        outcome.unwrap();
        String::from_utf8(request).unwrap()
    }

    #[test]
    fn signatures_are_those_of_the_published_examples() {
        let host = "Host:example.amazonaws.com\r\n";
        let form = "Host:example.amazonaws.com\r\nContent-Type:application/x-www-form-urlencoded\r\n";
        let vanilla = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
        for (line, headers, body, signature) in [
            ("GET /", host, "", vanilla),
            ("GET /example/..", host, "", vanilla),
            (
                "GET /?Param2=value2&Param1=value1",
                host,
                "",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                "GET /-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
                host,
                "",
                "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
            ),
            (
                "GET /ሴ",
                host,
                "",
                "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
            ),
            (
                "GET /?ሴ=bar",
                host,
                "",
                "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
            ),
            (
                "GET //example//",
                host,
                "",
                "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
            ),
            (
                "POST /",
                host,
                "",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "POST /",
                form,
                "Param1=value1",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
        ] {
            let request = signed("service", line, headers, body);
            assert!(request.contains("\r\nX-Amz-Date: 20150830T123600Z\r\n"), "{request}");
            let proof = format!("Signature={signature}\r\n\r\n{body}");
            assert!(request.ends_with(&proof), "{line}: {request}");
            assert!(request.contains("Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, Sign"));
        }
        let headers = "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\nHost: iam.amazonaws.com\r\n";
        let request = signed("iam", "GET /?Action=ListUsers&Version=2010-05-08", headers, "");
        let signature = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";
        let proof = format!("SignedHeaders=content-type;host;x-amz-date, Signature={signature}\r\n\r\n");
        assert!(request.ends_with(&proof), "{request}");
    }

    #[test]
    fn a_store_is_told_the_hash_of_the_body_and_its_paths_are_encoded_once() {
        let request = signed("s3", "PUT /a%20b/../c", "Host: b.s3.amazonaws.com\r\n", "hello");
        let hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        assert!(request.contains(&format!("\r\nX-Amz-Content-Sha256: {hash}\r\n")));
        assert!(request.contains("SignedHeaders=host;x-amz-content-sha256;x-amz-date,"));
        assert_eq!(
            signing("s3").canonical_path(b"/a%20b/../c+(d)"),
            "/a%20b/../c%2B%28d%29"
        );
        assert_eq!(signing("es").canonical_path(b"/a%20b/../c"), "/c");
        assert_eq!(signing("es").canonical_path(b"/a%20b"), "/a%2520b");
    }

    #[test]
    fn what_signing_sets_nobody_else_sets() {
        let sign = Sign::AwsSigv4(AwsSigv4 {
            region: "r".to_owned(),
            service: "s".to_owned(),
            access_key: Template::Known("a".to_owned()),
            secret_key: Template::Known("b".to_owned()),
            session_token: None,
        });
        for own in OWN {
            let refused = Signing::compile(&sign, ["Accept", own].into_iter(), &mut Names::default());
            assert!(refused.is_err(), "{own}");
        }
    }
}
