//! Bodies that were sent compressed, as they were before (RFC 9110 §8.4). Decoded only for whoever looks into them, and
//! never to more than anybody looks into: a few bytes may claim to be gigabytes.

use std::io::{ErrorKind, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use ruzstd::decoding::StreamingDecoder;

use crate::value::{Fault, MAX_TEXT_BYTES};

/// Codings one over the other.
const MAX_CODINGS: usize = 3;
/// Of zstd, one behind the other.
const MAX_FRAMES: usize = 64;
const READ_BYTES: usize = 16 * 1024;

/// The bytes that were coded, by the value of `Content-Encoding`; `None` if they are not coded. Of a body that was `cut`,
/// those that can be told.
///
/// # Errors
/// [`Fault::Kind`] for a coding that is not known, or bytes that are not coded so; [`Fault::Range`], if they become too
/// many.
pub fn decoded(body: &[u8], codings: &[u8], cut: bool) -> Result<Option<Vec<u8>>, Fault> {
    let codings = codings.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let codings: Vec<_> = codings
        .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"))
        .collect();
    if codings.len() > MAX_CODINGS {
        return Err(Fault::Range);
    }
    let mut decoded: Option<Vec<u8>> = None;
    // The last was laid on last.
    for coding in codings.into_iter().rev() {
        decoded = Some(without(coding, decoded.as_deref().unwrap_or(body), cut)?);
    }
    Ok(decoded)
}

fn without(coding: &[u8], body: &[u8], cut: bool) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::new();
    if body.is_empty() {
        // Of a response that has none, like that of a HEAD.
        return Ok(out);
    }
    guarded(|| match &*coding.to_ascii_lowercase() {
        b"gzip" | b"x-gzip" => read(MultiGzDecoder::new(body), cut, &mut out),
        // Some send it without the frame that it is to have.
        b"deflate" => read(ZlibDecoder::new(body), cut, &mut out).or_else(|fault| {
            out.clear();
            if fault == Fault::Kind {
                read(DeflateDecoder::new(body), cut, &mut out)
            } else {
                Err(fault)
            }
        }),
        b"br" => read(brotli_decompressor::Decompressor::new(body, READ_BYTES), cut, &mut out),
        b"zstd" => read_zstd(body, cut, &mut out),
        _ => Err(Fault::Kind),
    })?;
    Ok(out)
}

/// Does what others have written for bytes of a target. Should it panic over them, they have no value, and the load goes on.
///
/// # Errors
/// Those of `work`; [`Fault::Kind`], if it panicked.
pub fn guarded<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Fault::Kind))
}

fn read_zstd(mut body: &[u8], cut: bool, out: &mut Vec<u8>) -> Result<(), Fault> {
    for _ in 0..MAX_FRAMES {
        // RFC 9659: no window is larger than what is decoded here at most.
        match StreamingDecoder::new_with_max_window_size(&mut body, MAX_TEXT_BYTES as u64) {
            Ok(decoder) => read(decoder, cut, out)?,
            Err(_) if cut && !out.is_empty() => return Ok(()),
            Err(_) => return Err(Fault::Kind),
        }
        if body.is_empty() {
            return Ok(());
        }
    }
    Err(Fault::Range)
}

fn read(mut decoder: impl Read, cut: bool, out: &mut Vec<u8>) -> Result<(), Fault> {
    let mut part = [0; READ_BYTES];
    loop {
        match decoder.read(&mut part) {
            Ok(0) => return Ok(()),
            Ok(length) => out.extend_from_slice(&part[..length]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Its end is not there: what came before it is.
            Err(_) if cut && !out.is_empty() => return Ok(()),
            Err(_) => return Err(Fault::Kind),
        }
        if out.len() > MAX_TEXT_BYTES {
            return Err(Fault::Range);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use proptest::prelude::*;
    use std::io::Write as _;

    const TEXT: &[u8] = b"hello hello hello";
    const ZSTD: &str = "KLUv/SARiQAAaGVsbG8gaGVsbG8gaGVsbG8=";

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn of_base64(text: &str) -> Vec<u8> {
        base64::engine::general_purpose::STANDARD.decode(text).unwrap()
    }

    #[test]
    fn what_was_coded_is_what_it_was() {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
        zlib.write_all(TEXT).unwrap();
        let mut bare = DeflateEncoder::new(Vec::new(), Compression::best());
        bare.write_all(TEXT).unwrap();
        for (coding, body) in [
            ("gzip", gzip(TEXT)),
            ("X-GZIP", gzip(TEXT)),
            ("deflate", zlib.finish().unwrap()),
            ("deflate", bare.finish().unwrap()),
            ("identity, gzip", gzip(TEXT)),
            ("gzip, gzip", gzip(&gzip(TEXT))),
            ("gzip", [gzip(&TEXT[..5]), gzip(&TEXT[5..])].concat()),
            ("br", of_base64("CwiAaGVsbG8gaGVsbG8gaGVsbG8D")),
            ("zstd", of_base64(ZSTD)),
        ] {
            assert_eq!(
                decoded(&body, coding.as_bytes(), false),
                Ok(Some(TEXT.to_vec())),
                "{coding}"
            );
        }
        assert_eq!(decoded(TEXT, b"identity", false), Ok(None));
        assert_eq!(decoded(b"", b"gzip", false), Ok(Some(Vec::new())));
    }

    #[test]
    fn what_is_not_coded_so_is_not_there() {
        let whole = gzip(TEXT);
        let short = &whole[..whole.len() - 9];
        for coding in ["gzip", "deflate", "br", "zstd", "compress", "gzip, br"] {
            assert_eq!(decoded(TEXT, coding.as_bytes(), false), Err(Fault::Kind), "{coding}");
        }
        assert_eq!(decoded(short, b"gzip", false), Err(Fault::Kind));
        assert_eq!(decoded(&whole, b"gzip, gzip, gzip, gzip", false), Err(Fault::Range));
    }

    #[test]
    fn a_few_bytes_that_claim_to_be_many_are_no_value() {
        let zeros = vec![0; 64 * MAX_TEXT_BYTES / 8];
        let bomb = gzip(&zeros);
        assert!(bomb.len() < MAX_TEXT_BYTES / 8);
        assert_eq!(decoded(&bomb, b"gzip", false), Err(Fault::Range));
        assert_eq!(decoded(&bomb, b"gzip", true), Err(Fault::Range));
        assert_eq!(decoded(&gzip(&bomb), b"gzip, gzip", false), Err(Fault::Range));
        let most = gzip(&zeros[..MAX_TEXT_BYTES]);
        assert_eq!(decoded(&most, b"gzip", false).unwrap().unwrap().len(), MAX_TEXT_BYTES);
    }

    #[test]
    fn frames_of_zstd_stand_one_behind_the_other_and_claim_no_large_window() {
        let twice = of_base64(ZSTD).repeat(2);
        assert_eq!(decoded(&twice, b"zstd", false), Ok(Some(TEXT.repeat(2))));
        assert_eq!(
            decoded(&twice[..twice.len() - 20], b"zstd", true),
            Ok(Some(TEXT.to_vec()))
        );
        assert_eq!(decoded(&of_base64(ZSTD).repeat(65), b"zstd", false), Err(Fault::Range));
        // 16 MiB, then an empty block.
        let window = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 14 << 3, 0x01, 0x00, 0x00];
        assert_eq!(decoded(&window, b"zstd", false), Err(Fault::Kind));
    }

    #[test]
    fn who_panics_over_bytes_of_a_target_finds_nothing() {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| ()));
        let found = guarded(|| -> Result<(), Fault> { panic!("over something") });
        std::panic::set_hook(hook);
        assert_eq!(found, Err(Fault::Kind));
    }

    #[test]
    fn of_a_body_that_was_cut_its_beginning_is_there() {
        let text: Vec<u8> = (0..200_000_u32)
            .flat_map(|number| format!("{number},").into_bytes())
            .collect();
        let coded = gzip(&text);
        let beginning = decoded(&coded[..coded.len() / 2], b"gzip", true).unwrap().unwrap();
        assert!(beginning.len() > text.len() / 4);
        assert!(text.starts_with(&beginning));
    }

    proptest! {
        #[test]
        fn bytes_that_are_nearly_coded_so_are_decoded_or_refused(
            which in 0..4_usize,
            at in any::<prop::sample::Index>(),
            wrong in prop::collection::vec(any::<u8>(), 0..8),
            cut in any::<bool>(),
        ) {
            let coded = [
                gzip(TEXT),
                of_base64("eJzLSM3JyVfIQCYBAD2tBpE="),
                of_base64("CwiAaGVsbG8gaGVsbG8gaGVsbG8D"),
                of_base64(ZSTD),
            ];
            let mut body = coded[which].clone();
            let place = at.index(body.len());
            body.splice(place..(place + wrong.len()).min(body.len()), wrong);
            let found = decoded(&body, ["gzip", "deflate", "br", "zstd"][which].as_bytes(), cut);
            prop_assert!(found.map_or(true, |found| found.is_some_and(|bytes| bytes.len() <= MAX_TEXT_BYTES)));
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(
            body in prop::collection::vec(any::<u8>(), 0..200),
            coding in "gzip|deflate|br|zstd",
        ) {
            // Behind what every zstd begins with, which would else never be met.
            for begin in [&b""[..], &[0x28, 0xb5, 0x2f, 0xfd]] {
                let found = decoded(&[begin, &body].concat(), coding.as_bytes(), true);
                prop_assert!(found.map_or(true, |found| found.is_some()));
            }
        }
    }
}
