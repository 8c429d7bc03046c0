//! The chunked transfer coding (RFC 9112 §7.1), one byte of framing at a time.
//!
//! Line ends of the framing must be CR LF. A bare LF is taken in a head, where `httparse` takes
//! it too, but here it would let two readers disagree on where a chunk begins.

use super::violation::Violation;

/// Longest chunk-size line, with its extensions and without its CR LF.
const LINE_LIMIT_BYTES: u16 = 4_096;
/// 16 digits fill 64 bits; leading zeros count, so that the size can't overflow.
const SIZE_DIGITS: u16 = 16;

/// Where in the framing the next byte stands. The chunk's size lives with the decoder.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunked {
    at: At,
    /// Bytes of the present chunk-size line so far.
    line_bytes: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Size,
    /// Only white space since the size: some servers pad it with spaces.
    Padding,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    Trailers,
}

/// What the framing says next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// All input is used up.
    More,
    /// The last chunk's line has ended, this many bytes into the input; the trailers follow.
    Trailers { consumed: usize },
}

impl Chunked {
    pub(super) const fn new() -> Self {
        Self {
            at: At::Size,
            line_bytes: 0,
        }
    }

    /// Reads framing and skips data.
    ///
    /// `remaining` is the bytes of the present chunk's data still to come (while its line is
    /// read, the size so far); `body_bytes` counts the data.
    pub(super) fn feed(&mut self, input: &[u8], remaining: &mut u64, body_bytes: &mut u64) -> Result<Step, Violation> {
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            if self.at == At::Data {
                let here = (input.len() - at).min(usize::try_from(*remaining).unwrap_or(usize::MAX));
                at += here;
                self.skip(here as u64, remaining, body_bytes);
                continue;
            }
            self.step(byte, remaining)?;
            at += 1;
            if self.at == At::Trailers {
                return Ok(Step::Trailers { consumed: at });
            }
        }
        Ok(Step::More)
    }

    /// Bytes of data that may go by unseen: those of the present chunk.
    pub(super) fn droppable(&self, remaining: u64) -> u64 {
        if self.at == At::Data { remaining } else { 0 }
    }

    /// Counts `bytes` of data, at most `remaining`, as gone by.
    pub(super) fn skip(&mut self, bytes: u64, remaining: &mut u64, body_bytes: &mut u64) {
        *remaining -= bytes;
        *body_bytes = body_bytes.saturating_add(bytes);
        if *remaining == 0 {
            self.at = At::DataCr;
        }
    }

    fn step(&mut self, byte: u8, size: &mut u64) -> Result<(), Violation> {
        match (self.at, byte) {
            (At::Size, _) if byte.is_ascii_hexdigit() => {
                if self.line_bytes == SIZE_DIGITS {
                    return Err(Violation::ChunkSize);
                }
                if self.line_bytes == 0 {
                    *size = 0;
                }
                self.line_bytes += 1;
                *size = *size << 4 | u64::from(hexadecimal(byte));
            }
            (At::Size, _) if self.line_bytes == 0 => return Err(Violation::ChunkSize),
            (At::Size | At::Padding | At::Extension, b'\r') => self.at = At::SizeLf,
            (At::Size | At::Padding, b' ' | b'\t') => self.within_line(At::Padding)?,
            (At::Size | At::Padding, b';') => self.within_line(At::Extension)?,
            // What an extension says is for nobody here; its quotes can't hide a line end,
            // because a quoted string may not hold CR or LF.
            (At::Extension, b'\t' | b' '..=0x7e | 0x80..) => self.within_line(At::Extension)?,
            (At::SizeLf, b'\n') => {
                self.line_bytes = 0;
                self.at = if *size == 0 { At::Trailers } else { At::Data };
            }
            (At::DataCr, b'\r') => self.at = At::DataLf,
            (At::DataLf, b'\n') => self.at = At::Size,
            (At::DataCr | At::DataLf, _) => return Err(Violation::ChunkEnd),
            _ => return Err(Violation::ChunkSize),
        }
        Ok(())
    }

    fn within_line(&mut self, at: At) -> Result<(), Violation> {
        if self.line_bytes == LINE_LIMIT_BYTES {
            return Err(Violation::ChunkLineTooLong);
        }
        self.line_bytes += 1;
        self.at = at;
        Ok(())
    }
}

/// The value of an ASCII hexadecimal digit: letters have bit 6 set and their low bits begin at 1.
const fn hexadecimal(digit: u8) -> u8 {
    (digit & 0xf) + 9 * (digit >> 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(input: &[u8]) -> Result<(Step, u64), Violation> {
        let (mut remaining, mut body_bytes) = (0, 0);
        let step = Chunked::new().feed(input, &mut remaining, &mut body_bytes)?;
        Ok((step, body_bytes))
    }

    #[test]
    fn sizes_extensions_and_padding_are_read() {
        let input = b"5;name=\"va;lue\";x\r\nhello\r\n0A \t\r\n0123456789\r\n1 ;y\r\n!\r\n000\r\n";
        assert_eq!(decode(input), Ok((Step::Trailers { consumed: input.len() }, 16)));
    }

    #[test]
    fn sizes_agree_with_httparse() {
        for line in [
            "0",
            "1",
            "f",
            "F",
            "aB9",
            "7fffffffffffffff",
            "ffffffffffffffff",
            "00000000000000001",
            "",
            "g",
            "5x",
            "-1",
            "5;",
            "5 6",
            " 5",
            "0x5",
        ] {
            let line = format!("{line}\r\n");
            let (mut size, mut body_bytes) = (0, 0);
            let ours = Chunked::new()
                .feed(line.as_bytes(), &mut size, &mut body_bytes)
                .map(|_| size);
            // An empty size is 0 for httparse; no grammar allows it.
            let theirs = match httparse::parse_chunk_size(line.as_bytes()) {
                Ok(httparse::Status::Complete((_, size))) if line != "\r\n" => Ok(size),
                _ => Err(Violation::ChunkSize),
            };
            assert_eq!(ours, theirs, "{line:?}");
        }
    }

    #[test]
    fn a_bare_lf_never_ends_a_line_of_the_framing() {
        for input in [&b"5\nhello"[..], b"5;x\n", b"5\r\nhello\n", b"5\r\nhello\rx", b"5\rx"] {
            assert!(decode(input).is_err(), "{input:?}");
        }
    }

    #[test]
    fn data_that_runs_over_its_size_is_a_chunk_end_violation() {
        for input in [&b"2\r\nabc\r\n"[..], b"2\r\nab \n", b"2\r\nab\r ", b"2\r\nab0\r\n"] {
            assert_eq!(decode(input), Err(Violation::ChunkEnd), "{input:?}");
        }
    }

    #[test]
    fn a_chunk_line_is_bounded() {
        let line = |bytes: usize| [&b"1;"[..], &vec![b'x'; bytes - 2], b"\r\n"].concat();
        assert_eq!(decode(&line(4_096)), Ok((Step::More, 0)));
        assert_eq!(decode(&line(4_097)), Err(Violation::ChunkLineTooLong));
    }
}
