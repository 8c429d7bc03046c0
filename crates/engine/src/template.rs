//! Requests whose text is known only when they are sent: rendered into bytes, or not sent at all.

use std::io::Write as _;
use std::ops::Range;

use crate::block;
use crate::expression::{Draws, Expression};
use crate::sigv4::Signing;
use crate::value::{Fault, MAX_TEXT_BYTES};
use crate::variables::Variables;

/// A piece of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// As it stands.
    Known(Vec<u8>),
    /// Part of a path or query: what can't stand there is percent-encoded, what can is left.
    Path(Expression),
    /// The value of a header, or part of it.
    Header(Expression),
    /// Part of a body.
    Body(Expression),
    /// How long the body is.
    Length,
}

/// A request in pieces.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Template {
    /// Up to the empty line, with it.
    head: Vec<Piece>,
    body: Vec<Piece>,
    /// How many digits the length of what is known of the body has: that of the whole mostly has as many.
    length_digits: usize,
    signing: Option<Box<Signing>>,
}

impl Template {
    /// Appends to the head. Known pieces grow together.
    pub fn push_head(&mut self, piece: Piece) {
        push(&mut self.head, piece);
    }

    /// Appends to the body.
    pub fn push_body(&mut self, piece: Piece) {
        push(&mut self.body, piece);
        let known = self.body.iter().map(|piece| match piece {
            Piece::Known(known) => known.len(),
            _ => 0,
        });
        self.length_digits = known.sum::<usize>().to_string().len();
    }

    /// Has each request signed when it is written down.
    pub fn sign(&mut self, signing: Signing) {
        self.signing = Some(Box::new(signing));
    }

    /// Its bytes, if nothing of it is late. A signature is: it has the time in it.
    #[must_use]
    pub fn known(&self) -> Option<Box<[u8]>> {
        if self.signing.is_some() {
            return None;
        }
        let mut bytes = Vec::new();
        for piece in self.head.iter().chain(&self.body) {
            match piece {
                Piece::Known(known) => bytes.extend_from_slice(known),
                _ => return None,
            }
        }
        Some(bytes.into_boxed_slice())
    }

    /// Writes the request in place of what is in `out`; `scratch` is written over.
    ///
    /// # Errors
    /// [`Fault`], if a value has none or must not stand where it is to, or if it becomes too long. What is in `out` then is not to be sent.
    pub fn render(
        &self,
        variables: &Variables,
        draws: &mut Draws<'_>,
        out: &mut Vec<u8>,
        scratch: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        out.clear();
        // In the order in which a reader meets them: the same seed gives the same values, whatever is written first.
        let mut length_at = None;
        for piece in &self.head {
            match piece {
                Piece::Length => {
                    length_at = Some(out.len());
                    (0..self.length_digits).for_each(|_| out.push(b'0'));
                }
                piece => write(piece, variables, draws, out, scratch)?,
            }
        }
        let head_end = out.len();
        for piece in &self.body {
            write(piece, variables, draws, out, scratch)?;
        }
        if let Some(at) = length_at {
            replace_zeros(at..at + self.length_digits, out.len() - head_end, out);
        }
        if let Some(signing) = &self.signing {
            signing.sign(variables, draws, out)?;
        }
        // What stands in a path may have become longer than its value.
        if out.len() > MAX_TEXT_BYTES {
            return Err(Fault::Range);
        }
        Ok(())
    }
}

fn push(pieces: &mut Vec<Piece>, piece: Piece) {
    match (pieces.last_mut(), piece) {
        (Some(Piece::Known(known)), Piece::Known(more)) => known.extend_from_slice(&more),
        (_, piece) => pieces.push(piece),
    }
}

// Once for each piece of each request.
#[inline(always)]
fn write(
    piece: &Piece,
    variables: &Variables,
    draws: &mut Draws<'_>,
    out: &mut Vec<u8>,
    scratch: &mut Vec<u8>,
) -> Result<(), Fault> {
    match piece {
        Piece::Known(known) => out.extend_from_slice(known),
        Piece::Length => {}
        Piece::Body(expression) => expression.write(variables, draws, out)?,
        Piece::Header(expression) => {
            let from = out.len();
            expression.write(variables, draws, out)?;
            // A line end would begin another header, or another request.
            if !stands_in_header(&out[from..]) {
                return Err(Fault::Unsafe);
            }
        }
        Piece::Path(expression) => {
            let from = out.len();
            expression.write(variables, draws, out)?;
            if !out[from..].iter().all(|byte| IN_PATH[usize::from(*byte)]) {
                encode_path(from, out, scratch);
            }
        }
    }
    Ok(())
}

/// Puts a number in place of some zeros. Only if it has more digits, what follows is moved.
fn replace_zeros(zeros: Range<usize>, number: usize, out: &mut Vec<u8>) {
    let (at, mut left) = (zeros.start, number);
    for digit in out[zeros].iter_mut().rev() {
        *digit = b'0' + (left % 10) as u8;
        left /= 10;
    }
    if left > 0 {
        out.splice(at..at, itoa::Buffer::new().format(left).bytes());
    }
}

/// No control character but a tab: none would end a line, or what a reader takes for one.
#[inline]
fn stands_in_header(bytes: &[u8]) -> bool {
    let is_text = |byte: &u8| !byte.is_ascii_control() || *byte == b'\t';
    block::is_unmarked(bytes, block::visible_bytes, |byte| !is_text(&byte)) || bytes.iter().all(is_text)
}

/// Visible ASCII, but for what no URL holds and the `#` that begins what is never sent.
const IN_PATH: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_graphic();
        byte += 1;
    }
    let others = b"\"#<>\\^`{|}";
    let mut at = 0;
    while at < others.len() {
        table[others[at] as usize] = false;
        at += 1;
    }
    table
};

#[cold]
fn encode_path(from: usize, out: &mut Vec<u8>, scratch: &mut Vec<u8>) {
    scratch.clear();
    scratch.extend_from_slice(&out[from..]);
    out.truncate(from);
    for byte in scratch {
        if IN_PATH[usize::from(*byte)] {
            out.push(*byte);
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counter::Counts;
    use crate::value::Value;

    fn template() -> Template {
        let mut template = Template::default();
        template.push_head(Piece::Known(b"GET /items/".to_vec()));
        template.push_head(Piece::Path(Expression::Variable(0)));
        template.push_head(Piece::Known(b" HTTP/1.1\r\nX: ".to_vec()));
        template.push_head(Piece::Header(Expression::Variable(1)));
        template.push_head(Piece::Known(b"\r\nContent-Length: ".to_vec()));
        template.push_head(Piece::Length);
        template.push_head(Piece::Known(b"\r\n\r\n".to_vec()));
        template.push_body(Piece::Body(Expression::Variable(2)));
        template
    }

    fn rendered(values: [&Value<'_>; 3]) -> Result<String, Fault> {
        let mut variables = Variables::new(3, 0);
        for (number, value) in (0..).zip(values) {
            variables.set(number, value);
        }
        let (mut out, mut drawn) = (b"left over".to_vec(), 0);
        let mut draws = Draws {
            seed: 1,
            wall_clock: || 0,
            scenario: 0,
            stream: 0,
            round: 0,
            drawn: &mut drawn,
            counts: &mut Counts::default(),
        };
        template().render(&variables, &mut draws, &mut out, &mut Vec::new())?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn values_stand_where_they_belong_and_the_length_is_that_of_the_body() {
        assert_eq!(
            rendered([&Value::Integer(7), &Value::Boolean(true), &Value::Text("héllo".into())]).unwrap(),
            "GET /items/7 HTTP/1.1\r\nX: true\r\nContent-Length: 6\r\n\r\nhéllo"
        );
    }

    #[test]
    fn the_length_is_told_however_many_digits_it_has() {
        for length in [0, 9, 10, 99, 100, 12_345] {
            let body = "x".repeat(length);
            let request = rendered([
                &Value::Integer(7),
                &Value::Integer(8),
                &Value::Text(body.as_str().into()),
            ]);
            let expected = format!("GET /items/7 HTTP/1.1\r\nX: 8\r\nContent-Length: {length}\r\n\r\n{body}");
            assert_eq!(request.as_deref(), Ok(&*expected));
        }
    }

    #[test]
    fn no_value_breaks_out_of_its_place() {
        let fine = Value::Text("x".into());
        let request = rendered([&Value::Text("a b\r\nHost: evil/ü#f?q=1%20".into()), &fine, &fine]).unwrap();
        assert!(
            request.starts_with("GET /items/a%20b%0D%0AHost:%20evil/%C3%BC%23f?q=1%20 HTTP/1.1\r\n"),
            "{request}"
        );
        for bad in [
            "a\r\nY: z",
            "a\nb",
            "a\0b",
            "\u{7f}",
            "long before\r\nand behind it",
            "eight by\u{7f}tes",
        ] {
            assert_eq!(
                rendered([&fine, &Value::Text(bad.into()), &fine]),
                Err(Fault::Unsafe),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn what_becomes_too_long_is_not_rendered() {
        let fine = Value::Text("x".into());
        let long = |part: &str| Value::Text(part.repeat(MAX_TEXT_BYTES / 2).into());
        assert!(rendered([&fine, &fine, &long("a")]).is_ok());
        assert_eq!(rendered([&fine, &long("a"), &long("a")]), Err(Fault::Range));
        assert_eq!(rendered([&long(" "), &fine, &fine]), Err(Fault::Range));
    }

    #[test]
    fn what_has_no_value_is_not_rendered() {
        let fine = Value::Text("x".into());
        assert_eq!(rendered([&Value::Null, &fine, &fine]), Err(Fault::Null));
    }
}
