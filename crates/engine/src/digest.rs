//! Digests, signatures and what they are written in.

use apibench_core::expression::Function;
use aws_lc_rs::{digest as of_text, hmac as of_key};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use md5::Digest as _;

use crate::value::Fault;

/// `{"alg":"HS256","typ":"JWT"}`, as tokens have it.
const JWT_HEAD: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// How bytes are written as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Two small letters or digits a byte.
    Hex,
    /// With padding.
    Base64,
    /// In the alphabet of URLs, without padding.
    Base64url,
}

impl Form {
    /// The form of that name.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        match word {
            "hex" => Some(Self::Hex),
            "base64" => Some(Self::Base64),
            "base64url" => Some(Self::Base64url),
            _ => None,
        }
    }
}

/// Bytes as text.
#[must_use]
pub fn written(bytes: &[u8], form: Form) -> String {
    match form {
        Form::Hex => hex(bytes),
        Form::Base64 => STANDARD.encode(bytes),
        Form::Base64url => URL_SAFE_NO_PAD.encode(bytes),
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
        .collect()
}

/// What base64 stands for: either alphabet, with padding or without.
///
/// # Errors
/// [`Fault::Kind`], if it is no base64, or not of a text.
pub fn base64_decoded(text: &str) -> Result<String, Fault> {
    let standard = text.trim_end_matches('=').replace('-', "+").replace('_', "/");
    let bytes = STANDARD_NO_PAD.decode(standard).map_err(|_| Fault::Kind)?;
    String::from_utf8(bytes).map_err(|_| Fault::Kind)
}

/// The digest that a function makes.
///
/// # Errors
/// [`Fault::Kind`], if it makes none.
pub fn digest(function: Function, of: &[u8], form: Form) -> Result<String, Fault> {
    let algorithm = match function {
        Function::Sha256 => &of_text::SHA256,
        Function::Sha512 => &of_text::SHA512,
        Function::Sha1 => &of_text::SHA1_FOR_LEGACY_USE_ONLY,
        Function::Md5 => return Ok(written(&md5::Md5::digest(of), form)),
        _ => return Err(Fault::Kind),
    };
    Ok(written(of_text::digest(algorithm, of).as_ref(), form))
}

/// The code that a function makes of a key and a text (RFC 2104).
///
/// # Errors
/// [`Fault::Kind`], if it makes none.
pub fn hmac(function: Function, key: &[u8], of: &[u8], form: Form) -> Result<String, Fault> {
    let algorithm = match function {
        Function::HmacSha256 => of_key::HMAC_SHA256,
        Function::HmacSha512 => of_key::HMAC_SHA512,
        Function::HmacSha1 => of_key::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        _ => return Err(Fault::Kind),
    };
    let tag = of_key::sign(&of_key::Key::new(algorithm, key), of);
    Ok(written(tag.as_ref(), form))
}

/// HMAC-SHA-256, as bytes.
#[must_use]
pub fn hmac_sha256(key: &[u8], of: &[u8]) -> [u8; 32] {
    let tag = of_key::sign(&of_key::Key::new(of_key::HMAC_SHA256, key), of);
    let mut bytes = [0; 32];
    bytes.copy_from_slice(tag.as_ref());
    bytes
}

/// SHA-256, as tokens and signatures write it.
#[must_use]
pub fn sha256_hex(of: &[u8]) -> String {
    hex(of_text::digest(&of_text::SHA256, of).as_ref())
}

/// A JSON Web Token of claims (RFC 7519), signed with HMAC-SHA-256.
///
/// # Errors
/// [`Fault::Kind`], if the claims are no JSON object.
pub fn jwt_hs256(claims: &str, key: &[u8]) -> Result<String, Fault> {
    let is_json = serde_json::from_str::<serde::de::IgnoredAny>(claims).is_ok();
    if !is_json || !claims.trim_start().starts_with('{') {
        return Err(Fault::Kind);
    }
    let signed = format!("{JWT_HEAD}.{}", URL_SAFE_NO_PAD.encode(claims));
    let signature = hmac(Function::HmacSha256, key, signed.as_bytes(), Form::Base64url)?;
    Ok(format!("{signed}.{signature}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_their_standards() {
        let abc = |function| digest(function, b"abc", Form::Hex).unwrap();
        assert_eq!(
            abc(Function::Sha256),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(abc(Function::Sha1), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(abc(Function::Md5), "900150983cd24fb0d6963f7d28e17f72");
        assert!(abc(Function::Sha512).starts_with("ddaf35a193617abacc417349ae204131"));
        // RFC 4231 §4.3 and RFC 2202 §3.
        let jefe = |function| hmac(function, b"Jefe", b"what do ya want for nothing?", Form::Hex).unwrap();
        assert_eq!(
            jefe(Function::HmacSha256),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(jefe(Function::HmacSha1), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
        assert!(jefe(Function::HmacSha512).starts_with("164b7a7bfcf819e2e395fbe73b56e0a3"));
    }

    #[test]
    fn a_token_is_that_of_its_claims_and_key() {
        let claims = r#"{"sub":"1234567890","name":"John Doe","iat":1516239022}"#;
        assert_eq!(
            jwt_hs256(claims, b"your-256-bit-secret").unwrap(),
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIy\
             fQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
        );
    }
}
