//! What a request asks its answer to be, in its query: `?delay=2ms:90,200ms:10&status=503:1&size=1k`.
//!
//! A mix lists values with their share in percent; what is left over is the plain answer.

use apibench_core::schedule::random::{draw, uniform};

/// One value of a mix and its share, in percent.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Part<T> {
    value: T,
    percent: f64,
}

/// How an answer goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection is reset instead.
    Reset,
    /// Nothing is ever answered.
    Stall,
    /// Half of the body comes, then the connection closes.
    Truncate,
    /// Bytes come that are no HTTP.
    Nonsense,
    /// Header lines come without end.
    Endless,
}

/// How a body is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Framing {
    /// By its length.
    #[default]
    Length,
    /// In chunks.
    Chunked,
    /// By the end of the connection.
    UntilClose,
}

/// Everything that a request, or the server's setup, asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Knobs {
    delays: Vec<Part<u64>>,
    statuses: Vec<Part<u16>>,
    close: f64,
    fault: Option<(Fault, f64)>,
    /// Bytes of the body; `None` for the usual few.
    pub size: Option<u64>,
    /// How the body is delimited.
    pub framing: Framing,
    /// Answer as HTTP/1.0.
    pub http10: bool,
    /// Redirect so many times before the answer.
    pub redirect: Option<u32>,
    /// Send the request's body back.
    pub echo: bool,
}

/// What the mixes came to for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drawn {
    /// How long the answer is held.
    pub delay_ns: u64,
    /// Its status.
    pub status: u16,
    /// Whether the connection closes after it.
    pub close: bool,
    /// How it goes wrong.
    pub fault: Option<Fault>,
}

/// Longest body that is made.
pub const MOST_BYTES: u64 = 1 << 30;

impl Knobs {
    /// Reads a query on top of these knobs. Unknown words are not for us: a target takes any query.
    ///
    /// # Errors
    /// The word whose value cannot be read.
    pub fn with(&self, query: &str) -> Result<Self, String> {
        let mut knobs = self.clone();
        for word in query.split('&').filter(|word| !word.is_empty()) {
            let (name, value) = word.split_once('=').unwrap_or((word, "1"));
            knobs.set(name, value).ok_or_else(|| word.to_owned())?;
        }
        Ok(knobs)
    }

    fn set(&mut self, name: &str, value: &str) -> Option<()> {
        let fault = |fault| percent(value).map(|percent| Some((fault, percent)));
        match name {
            "delay" => self.delays = mix(value, duration_ns)?,
            "status" => self.statuses = mix(value, status)?,
            "close" => self.close = percent(value)?,
            "reset" => self.fault = fault(Fault::Reset)?,
            "stall" => self.fault = fault(Fault::Stall)?,
            "truncate" => self.fault = fault(Fault::Truncate)?,
            "nonsense" => self.fault = fault(Fault::Nonsense)?,
            "endless" => self.fault = fault(Fault::Endless)?,
            "size" => self.size = Some(size_bytes(value).filter(|size| *size <= MOST_BYTES)?),
            "chunked" => self.framing = Framing::Chunked,
            "until_close" => self.framing = Framing::UntilClose,
            "http10" => self.http10 = true,
            "redirect" => self.redirect = Some(value.parse().ok()?),
            "echo" => self.echo = true,
            _ => {}
        }
        Some(())
    }

    /// Draws from the mixes for request `number`.
    #[must_use]
    pub fn draw(&self, seed: u64, number: u64) -> Drawn {
        let roll = |which| uniform(draw(seed, which, number, 0, 0), 1_000_000) as f64 / 10_000.0;
        let fault = self
            .fault
            .filter(|(_, percent)| roll(3) < *percent)
            .map(|(fault, _)| fault);
        Drawn {
            delay_ns: if self.delays.is_empty() {
                0
            } else {
                chosen(&self.delays, roll(0)).unwrap_or(0)
            },
            status: if self.statuses.is_empty() {
                200
            } else {
                chosen(&self.statuses, roll(1)).unwrap_or(200)
            },
            close: self.close > 0.0 && roll(2) < self.close,
            fault,
        }
    }
}

fn chosen<T: Copy>(parts: &[Part<T>], roll: f64) -> Option<T> {
    let mut sum = 0.0;
    parts
        .iter()
        .find(|part| {
            sum += part.percent;
            roll < sum
        })
        .map(|part| part.value)
}

fn mix<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Option<Vec<Part<T>>> {
    text.split(',')
        .map(|part| {
            let (value, share) = part.split_once(':').unwrap_or((part, "100"));
            Some(Part {
                value: read(value)?,
                percent: share.parse().ok()?,
            })
        })
        .collect()
}

fn status(text: &str) -> Option<u16> {
    text.parse().ok().filter(|status| (200..600).contains(status))
}

/// `1` is always; anything else is a share in percent.
fn percent(text: &str) -> Option<f64> {
    if text == "1" {
        Some(100.0)
    } else {
        text.trim_end_matches('%').parse().ok()
    }
}

fn duration_ns(text: &str) -> Option<u64> {
    let digits = text.find(|character: char| !character.is_ascii_digit() && character != '.')?;
    let (number, unit) = text.split_at(digits);
    let scale = match unit {
        "ns" => 1.0,
        "us" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        _ => return None,
    };
    Some((number.parse::<f64>().ok()? * scale) as u64)
}

fn size_bytes(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let (number, scale) = match lower.strip_suffix(['k', 'm', 'g']) {
        Some(number) if lower.ends_with('k') => (number, 1 << 10),
        Some(number) if lower.ends_with('m') => (number, 1 << 20),
        Some(number) => (number, 1 << 30),
        None => (lower.as_str(), 1),
    };
    number.parse::<u64>().ok()?.checked_mul(scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_comes_out_in_its_shares() {
        let knobs = Knobs::default().with("delay=2ms:90,200ms:10&status=503:1").unwrap();
        let drawn: Vec<Drawn> = (0..100_000).map(|number| knobs.draw(7, number)).collect();
        let slow = drawn.iter().filter(|drawn| drawn.delay_ns == 200_000_000).count();
        let failed = drawn.iter().filter(|drawn| drawn.status == 503).count();
        assert!((9_500..10_500).contains(&slow), "{slow}");
        assert!((850..1_150).contains(&failed), "{failed}");
        assert_eq!(knobs.draw(7, 5), knobs.draw(7, 5));
    }

    #[test]
    fn what_cannot_be_read_is_named_and_what_is_not_ours_is_not_looked_at() {
        assert_eq!(Knobs::default().with("page=2&delay=soon"), Err("delay=soon".to_owned()));
        assert_eq!(Knobs::default().with("page=2&x"), Ok(Knobs::default()));
        assert_eq!(Knobs::default().with("size=2g"), Err("size=2g".to_owned()));
        assert_eq!(Knobs::default().with("size=2k").unwrap().size, Some(2048));
    }
}
