//! `HdrHistogram`'s own forms, so that its Java, `JavaScript` and Python tools read ours: the V2
//! payload, and the base64 of its deflated form, which begins with `HISTF`.
//!
//! The payload is what merges are compared by. The text is for carrying: two versions of a
//! compressor may write it differently, and both unpack to the same payload.
//!
//! Scratch is kept per thread: sealing an interval encodes dozens of histograms, and each would allocate 300 KiB of
//! compressor.

use std::cell::RefCell;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::error::DecodeError;
use crate::histogram::Histogram;
use crate::payload::{self, Cell, MAX_PAYLOAD_BYTES};
use crate::pool::PagePool;

/// Version 2, deflated. The bytes that follow are a length and a zlib stream of a payload.
const DEFLATED_COOKIE: u32 = 0x1c84_9314;

const DEFLATED_HEADER_BYTES: usize = 8;

/// Room for the payload of an ordinary second, to begin with.
const FIRST_PAYLOAD_BYTES: usize = 4 * 1_024;

/// Longest deflated form accepted. What does not shrink grows by less than a thousandth and 64 bytes.
const MAX_DEFLATED_BYTES: usize = DEFLATED_HEADER_BYTES + MAX_PAYLOAD_BYTES + MAX_PAYLOAD_BYTES / 1_000 + 64;

const MAX_TEXT_BYTES: usize = MAX_DEFLATED_BYTES.div_ceil(3) * 4;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::new());
}

/// What encoding and decoding need beside their input; empty or reset between uses.
struct Scratch {
    compress: Compress,
    decompress: Decompress,
    payload: Vec<u8>,
    deflated: Vec<u8>,
    cells: Vec<Cell>,
    pool: PagePool,
}

impl Histogram {
    /// The V2 payload, not compressed: equal, bit for bit, if and only if all counts are equal.
    #[must_use]
    pub fn to_payload(&self) -> Vec<u8> {
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.write_payload(self);
            scratch.payload.clone()
        })
    }

    /// The cells of a V2 payload. Its sum, minimum and maximum are those of the cells' lowest
    /// values: the exact ones travel beside it, in [`Times`](crate::Times).
    ///
    /// # Errors
    ///
    /// Whatever is not a payload of this layout, at most [`MAX_PAYLOAD_BYTES`] long.
    pub fn from_payload(payload: &[u8]) -> Result<Self, DecodeError> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut histogram = Histogram::new(&scratch.pool);
            payload::read(payload, &mut histogram, &mut scratch.cells)?;
            Ok(histogram)
        })
    }

    /// The text `HISTF...`: base64 of the deflated payload.
    #[must_use]
    pub fn to_text(&self) -> String {
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.write_payload(self);
            scratch.deflate();
            STANDARD.encode(&scratch.deflated)
        })
    }

    /// The cells of a text `HISTF...`, as [`from_payload`](Self::from_payload) takes them.
    ///
    /// # Errors
    ///
    /// Whatever is not the text of a payload of this layout. A small text that unpacks to a large
    /// payload is refused when it passes [`MAX_PAYLOAD_BYTES`], not after it has filled memory.
    pub fn from_text(text: &str) -> Result<Self, DecodeError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(DecodeError::TooLong {
                limit_bytes: MAX_TEXT_BYTES,
            });
        }
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.deflated.clear();
            STANDARD
                .decode_vec(text, &mut scratch.deflated)
                .map_err(|_| DecodeError::NotBase64)?;
            scratch.inflate()?;
            let mut histogram = Histogram::new(&scratch.pool);
            payload::read(&scratch.payload, &mut histogram, &mut scratch.cells)?;
            Ok(histogram)
        })
    }
}

impl Scratch {
    fn new() -> Self {
        Self {
            compress: Compress::new(Compression::default(), true),
            decompress: Decompress::new(true),
            payload: Vec::new(),
            deflated: Vec::new(),
            cells: Vec::new(),
            pool: PagePool::new(),
        }
    }

    fn write_payload(&mut self, histogram: &Histogram) {
        self.payload.clear();
        payload::write(histogram, &mut self.payload);
    }

    /// From `payload` to `deflated`: the crate's own does the same with a new compressor each time.
    fn deflate(&mut self) {
        self.deflated.clear();
        self.deflated.extend_from_slice(&DEFLATED_COOKIE.to_be_bytes());
        self.deflated.extend_from_slice(&[0; 4]);
        // Room for what does not shrink, and not much more: the compressor clears all of it first.
        self.deflated
            .reserve_exact(self.payload.len() + self.payload.len() / 1_000 + 64);
        self.compress.reset();
        let status = self
            .compress
            .compress_vec(&self.payload, &mut self.deflated, FlushCompress::Finish);
        assert_eq!(
            status.ok(),
            Some(Status::StreamEnd),
            "the capacity holds what does not shrink"
        );
        let stream_bytes = u32::try_from(self.deflated.len() - DEFLATED_HEADER_BYTES);
        let stream_bytes = stream_bytes.expect("at most MAX_DEFLATED_BYTES");
        self.deflated[4..DEFLATED_HEADER_BYTES].copy_from_slice(&stream_bytes.to_be_bytes());
    }

    /// From `deflated` to `payload`, which grows as it must up to the longest legal one.
    fn inflate(&mut self) -> Result<(), DecodeError> {
        let Some((header, stream)) = self.deflated.split_first_chunk::<DEFLATED_HEADER_BYTES>() else {
            return Err(DecodeError::NotV2);
        };
        let [c0, c1, c2, c3, l0, l1, l2, l3] = *header;
        if u32::from_be_bytes([c0, c1, c2, c3]) != DEFLATED_COOKIE {
            return Err(DecodeError::NotV2);
        }
        if usize::try_from(u32::from_be_bytes([l0, l1, l2, l3])) != Ok(stream.len()) {
            return Err(DecodeError::Damaged {
                what: "its length is not the one it states",
            });
        }
        self.payload.clear();
        self.decompress.reset(true);
        let mut status;
        loop {
            // One byte more than is legal, to tell the longest legal payload from a longer one.
            let room = (self.payload.len() * 3 + FIRST_PAYLOAD_BYTES).min(MAX_PAYLOAD_BYTES + 1);
            self.payload.reserve_exact(room - self.payload.len());
            let (taken, given) = (self.decompress.total_in(), self.payload.len());
            let rest = &stream[usize::try_from(taken).unwrap_or(stream.len()).min(stream.len())..];
            status = self
                .decompress
                .decompress_vec(rest, &mut self.payload, FlushDecompress::None);
            let went_on = self.decompress.total_in() > taken || self.payload.len() > given;
            let may_go_on = matches!(status, Ok(Status::Ok | Status::BufError)) && went_on;
            if !may_go_on || self.payload.len() > MAX_PAYLOAD_BYTES {
                break;
            }
        }
        if self.payload.len() > MAX_PAYLOAD_BYTES {
            return Err(DecodeError::TooLong {
                limit_bytes: MAX_PAYLOAD_BYTES,
            });
        }
        match status {
            Ok(Status::StreamEnd) if self.decompress.total_in() == stream.len() as u64 => Ok(()),
            Ok(Status::StreamEnd) => Err(DecodeError::Damaged {
                what: "something follows its compressed stream",
            }),
            Ok(_) | Err(_) => Err(DecodeError::Damaged {
                what: "it does not unpack",
            }),
        }
    }
}
