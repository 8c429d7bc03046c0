//! The body of a request, read off as it comes: kept if it is to be sent back, else only its end is looked for.

/// Longest line between chunks, extensions included.
const MOST_LINE_BYTES: u64 = 4 * 1024;
/// Longest trailer section.
const MOST_TRAILER_BYTES: u64 = 16 * 1024;

/// What of a body is still to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestBody {
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In a body of known length, with so much left.
    Length(u64),
    /// In the line with a chunk's size: read so far, whether a digit has come and none may follow, bytes of the line.
    Size {
        size: u64,
        digits: u32,
        ended: bool,
        line_bytes: u64,
    },
    /// In a chunk, with so much left.
    Data(u64),
    /// After a chunk, before its line ends.
    DataEnd,
    /// In the trailers: bytes of the line so far, and of all of them.
    Trailer { line_bytes: u64, bytes: u64 },
    /// After the last byte.
    Ended,
}

impl RequestBody {
    /// A body of so many bytes.
    #[must_use]
    pub fn of_length(bytes: u64) -> Self {
        Self {
            place: Place::Length(bytes),
        }
    }

    /// A body in chunks.
    #[must_use]
    pub fn chunked() -> Self {
        Self { place: SIZE }
    }

    /// Whether the last byte has come.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.place == Place::Ended
    }

    /// Reads from the front of `input`, hands the content to `keep`, and returns how many bytes belonged to the body.
    ///
    /// # Errors
    /// In words, if the chunks are none.
    pub fn read(&mut self, input: &[u8], mut keep: impl FnMut(&[u8])) -> Result<usize, &'static str> {
        let mut at = 0;
        while at < input.len() && self.place != Place::Ended {
            match &mut self.place {
                Place::Length(left) | Place::Data(left) => {
                    let length = usize::try_from(*left).map_or(input.len() - at, |left| left.min(input.len() - at));
                    keep(&input[at..at + length]);
                    at += length;
                    *left -= length as u64;
                    if *left == 0 {
                        self.place = if matches!(self.place, Place::Length(_)) {
                            Place::Ended
                        } else {
                            Place::DataEnd
                        };
                    }
                }
                _ => {
                    self.step(input[at])?;
                    at += 1;
                }
            }
        }
        Ok(at)
    }

    /// One byte of what stands between the data.
    fn step(&mut self, byte: u8) -> Result<(), &'static str> {
        match &mut self.place {
            Place::Size {
                size,
                digits,
                ended,
                line_bytes,
            } => {
                *line_bytes += 1;
                if byte == b'\n' {
                    if *digits == 0 {
                        return Err("a chunk has no size");
                    }
                    self.place = match *size {
                        0 => Place::Trailer {
                            line_bytes: 0,
                            bytes: 0,
                        },
                        size => Place::Data(size),
                    };
                } else if *line_bytes > MOST_LINE_BYTES {
                    return Err("the size of a chunk is too long");
                } else if let (Some(digit), false) = (char::from(byte).to_digit(16), *ended) {
                    *digits += 1;
                    // 15 digits are 2^60 bytes; more would need an overflow check, and no client.
                    if *digits > 15 {
                        return Err("a chunk is too long");
                    }
                    *size = *size * 16 + u64::from(digit);
                } else if *digits == 0 || (!*ended && !matches!(byte, b'\r' | b';' | b' ' | b'\t')) {
                    return Err("the size of a chunk is no number");
                } else {
                    *ended = true;
                }
            }
            Place::DataEnd => match byte {
                b'\r' => {}
                b'\n' => self.place = SIZE,
                _ => return Err("a chunk is longer than its size"),
            },
            Place::Trailer { line_bytes, bytes } => {
                *bytes += 1;
                if *bytes > MOST_TRAILER_BYTES {
                    return Err("the trailers are too long");
                }
                match byte {
                    b'\n' if *line_bytes == 0 => self.place = Place::Ended,
                    b'\n' => *line_bytes = 0,
                    b'\r' => {}
                    _ => *line_bytes += 1,
                }
            }
            Place::Length(_) | Place::Data(_) | Place::Ended => {}
        }
        Ok(())
    }
}

const SIZE: Place = Place::Size {
    size: 0,
    digits: 0,
    ended: false,
    line_bytes: 0,
};

#[cfg(test)]
mod tests {
    use apibench_core::schedule::random::{draw, uniform};

    use super::*;

    /// Reads `input` in pieces of `step` bytes: what was kept, and where the body ended.
    fn read(mut body: RequestBody, input: &[u8], step: usize) -> Result<(Vec<u8>, Option<usize>), &'static str> {
        let mut kept = Vec::new();
        let mut at = 0;
        for piece in input.chunks(step) {
            at += body.read(piece, |bytes| kept.extend_from_slice(bytes))?;
            if body.is_complete() {
                return Ok((kept, Some(at)));
            }
        }
        Ok((kept, None))
    }

    /// Number `index` of case `case`, below `below`.
    fn any(case: u64, index: u64, below: u64) -> usize {
        uniform(draw(1, case, index, 0, 0), below) as usize
    }

    fn any_bytes(case: u64, index: u64, length: usize) -> Vec<u8> {
        (0..length as u64).map(|at| draw(2, case, index, at, 0) as u8).collect()
    }

    #[test]
    fn however_it_is_cut_a_chunked_body_is_what_was_put_in() {
        for case in 0..2_000 {
            let chunks: Vec<Vec<u8>> = (0..any(case, 0, 8) as u64)
                .map(|index| any_bytes(case, index, 1 + any(case, 100 + index, 300)))
                .collect();
            let extension = ["", ";x", ";name=0f", " ;x=y"][any(case, 1, 4)];
            let trailers = "X-Trailer: value\r\n".repeat(any(case, 2, 4));
            let mut encoded = Vec::new();
            for chunk in &chunks {
                encoded.extend(format!("{:X}{extension}\r\n", chunk.len()).bytes());
                encoded.extend_from_slice(chunk);
                encoded.extend_from_slice(b"\r\n");
            }
            encoded.extend(format!("0{extension}\r\n{trailers}\r\n").bytes());
            let end = encoded.len();
            encoded.extend_from_slice(b"GET / HTTP/1.1\r\n\r\n");
            let step = 1 + any(case, 3, 400);
            assert_eq!(
                read(RequestBody::chunked(), &encoded, step),
                Ok((chunks.concat(), Some(end))),
                "{case}"
            );
        }
    }

    /// Bytes of the kind that chunks are made of, so that some get past the first.
    #[test]
    fn no_bytes_are_read_differently_because_they_are_cut_differently() {
        for case in 0..5_000 {
            let input: Vec<u8> = (0..any(case, 0, 200) as u64)
                .map(|index| b"01aF;\r\n\nx \0\xff"[any(case, 10 + index, 12)])
                .collect();
            let whole = read(RequestBody::chunked(), &input, input.len().max(1));
            let cut = read(RequestBody::chunked(), &input, 1 + any(case, 1, 5));
            assert_eq!(whole, cut, "{case}");
        }
    }

    #[test]
    fn a_body_of_known_length_ends_there() {
        for step in 1..5 {
            let expected = Ok((b"abc".to_vec(), Some(3)));
            assert_eq!(read(RequestBody::of_length(3), b"abcGET", step), expected);
        }
    }

    #[test]
    fn chunks_that_are_none_are_refused() {
        for text in [
            "\r\n",
            "x\r\n",
            "3x\r\nabc",
            "3\r\nabcd",
            "fffffffffffffffff\r\n",
            "1 2\n",
        ] {
            let refused = read(RequestBody::chunked(), text.as_bytes(), 1).is_err();
            assert_eq!(refused, text != "1 2\n", "{text:?}");
        }
        let endless = format!("0\r\n{}", "X: y\r\n".repeat(10_000));
        assert!(read(RequestBody::chunked(), endless.as_bytes(), 100).is_err());
    }
}
