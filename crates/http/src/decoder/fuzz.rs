//! One function for a fuzzing engine, or a plain test, to throw bytes at.
//!
//! It does not only run: it holds the decoder to what is said of it. Cutting the stream anywhere,
//! or letting the kernel drop what is droppable, changes nothing; no more is used up than was given;
//! and what has ended stays as it ended.

use super::{Decoder, Expected, Progress, Violation};

/// All that can be seen of one response.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How many bytes of the stream belong to the response, or what was wrong; `None`: unfinished.
    pub ended: Option<Result<usize, Violation>>,
    /// What the end of the stream right after these bytes means.
    pub end_of_stream: Result<(), Violation>,
    /// See [`Decoder::started`].
    pub started: bool,
    /// See [`Decoder::status`].
    pub status: u16,
    /// See [`Decoder::keep_alive`].
    pub keep_alive: bool,
    /// See [`Decoder::keep_alive_timeout_s`].
    pub keep_alive_timeout_s: Option<u32>,
    /// See [`Decoder::location`].
    pub location: Option<Box<str>>,
    /// See [`Decoder::body_bytes`].
    pub body_bytes: u64,
    /// See [`Decoder::interim`].
    pub interim: u16,
    /// See [`Decoder::plain_body_at`]; of a response that is whole.
    pub plain_body_at: Option<usize>,
}

/// Decodes one response from `stream`, of which `piece` says how long the next read is (at least
/// one byte is read). With `drop` the decoder never sees bytes that it calls droppable.
///
/// # Panics
///
/// If the decoder breaks what its documentation says.
pub fn decode(stream: &[u8], expected: Expected, drop: bool, mut piece: impl FnMut() -> usize) -> Outcome {
    let mut decoder = Decoder::new();
    assert!(!decoder.started());
    decoder.start(expected);
    let (mut at, mut ended, mut droppable) = (0, None, 0);
    while at < stream.len() && ended.is_none() {
        let read = piece().clamp(1, stream.len() - at);
        let kernel = if drop {
            usize::try_from(droppable).unwrap_or(usize::MAX).min(read)
        } else {
            0
        };
        // What the kernel dropped is no input, so none of it can be reported as consumed.
        let (from, input) = if kernel > 0 { (at + kernel, 0) } else { (at, read) };
        let progress = if kernel > 0 {
            Ok(decoder.dropped(kernel as u64))
        } else {
            decoder.feed(&stream[at..at + read])
        };
        at = from + input;
        match progress {
            Ok(Progress::More { droppable: more }) => droppable = more,
            Ok(Progress::Complete { consumed }) => {
                assert!(consumed <= input, "more was used up than was given");
                ended = Some(Ok(from + consumed));
                assert_eq!(decoder.feed(b"surplus"), Ok(Progress::Complete { consumed: 0 }));
            }
            Err(violation) => {
                ended = Some(Err(violation));
                assert_eq!(
                    decoder.feed(b"HTTP/1.1 200 OK\r\n\r\n"),
                    Err(violation),
                    "a violation is final"
                );
                assert!(!decoder.keep_alive());
            }
        }
    }
    let (started, keep_alive) = (decoder.started(), decoder.keep_alive());
    let end_of_stream = decoder.end_of_stream();
    let plain_body_at = decoder.plain_body_at().filter(|_| end_of_stream.is_ok());
    Outcome {
        ended,
        end_of_stream,
        started,
        status: decoder.status(),
        keep_alive,
        keep_alive_timeout_s: decoder.keep_alive_timeout_s(),
        location: decoder.location(),
        body_bytes: decoder.body_bytes(),
        interim: decoder.interim(),
        plain_body_at,
    }
}

/// The first byte chooses the request and how the stream is cut; the others are the stream.
///
/// # Panics
///
/// If an invariant is broken.
pub fn fuzz_decoder(data: &[u8]) {
    let Some((&choice, stream)) = data.split_first() else {
        return;
    };
    let expected = Expected {
        head_request: choice & 1 != 0,
        keep_location: choice & 2 != 0,
        keep_cookies: choice & 4 != 0,
    };
    let whole = decode(stream, expected, false, || stream.len());

    if let Some(Ok(used)) = whole.ended {
        assert!(used <= stream.len() && (100..1000).contains(&whole.status) && whole.body_bytes <= used as u64);
        assert_eq!(whole.end_of_stream, Ok(()));
        let alone = decode(&stream[..used], expected, false, || used);
        assert_eq!(alone, whole, "what follows a response changed it");
    }
    assert_eq!(whole.started, !stream.is_empty());
    assert!(whole.location.is_none() || expected.keep_location);

    let mut state = u64::from(choice) << 32 | stream.len() as u64;
    let mut cut = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % (1 + usize::from(choice >> 2))
    };
    assert_eq!(decode(stream, expected, false, || 1), whole, "byte at a time");
    assert_eq!(decode(stream, expected, false, &mut cut), whole, "in pieces");
    assert_eq!(decode(stream, expected, true, &mut cut), whole, "dropped, in pieces");
    assert_eq!(decode(stream, expected, true, || stream.len()), whole, "dropped");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Bytes that mean something to the decoder: found by chance they would take far longer.
    const MEANINGFUL: [&[u8]; 20] = [
        b"\r\n",
        b"\n",
        b"\r",
        b"\r\n\r\n",
        b":",
        b" ",
        b"\t",
        b"\0",
        b"\xff",
        b",",
        b"0",
        b";",
        b"HTTP/1.0 204 x\r\n",
        b"HTTP/1.1 103 y\r\n\r\n",
        b"Content-Length: 3\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: close\r\n",
        b"Keep-Alive: timeout=7\r\n",
        b"5\r\nhello\r\n",
        b"ffffffffffffffff",
    ];

    fn corpus() -> Vec<Vec<u8>> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");
        let mut files: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        files.iter().map(|file| fs::read(file).unwrap()).collect()
    }

    struct Random(u64);

    impl Random {
        /// A number below `bound`, from a SplitMix64 stream.
        fn below(&mut self, bound: usize) -> usize {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = self.0;
            mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            usize::try_from((mixed ^ mixed >> 31) % bound as u64).unwrap()
        }

        fn mutate(&mut self, data: &mut Vec<u8>, others: &[Vec<u8>]) {
            let at = self.below(data.len() + 1);
            let end = at + self.below((data.len() - at).min(20) + 1);
            match self.below(6) {
                0 if at < data.len() => data[at] = u8::try_from(self.below(256)).unwrap(),
                1 if at < data.len() => data[at] ^= 1 << self.below(8),
                2 => drop(data.drain(at..end)),
                3 => {
                    let piece = data[at..end].to_vec();
                    data.splice(at..at, piece);
                }
                4 => {
                    let other = &others[self.below(others.len())];
                    data.truncate(at);
                    data.extend_from_slice(&other[self.below(other.len())..]);
                }
                _ => drop(data.splice(at..at, MEANINGFUL[self.below(MEANINGFUL.len())].iter().copied())),
            }
        }
    }

    #[test]
    fn the_corpus_and_a_hundred_thousand_mutations_of_it_keep_every_invariant() {
        let corpus = corpus();
        assert!(corpus.len() >= 20, "the corpus is there");
        for data in &corpus {
            fuzz_decoder(data);
        }
        let seed = std::env::var("APIBENCH_FUZZ_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok())
            .unwrap_or(20_261_124);
        println!("APIBENCH_FUZZ_SEED={seed}");
        let mut random = Random(seed);
        for _ in 0..100_000 {
            let mut data = corpus[random.below(corpus.len())].clone();
            for _ in 0..=random.below(4) {
                random.mutate(&mut data, &corpus);
            }
            fuzz_decoder(&data);
        }
    }
}
