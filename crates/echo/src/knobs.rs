//! What a request asks its answer to be, in its query: `?delay=2ms:90,200ms:10&status=503:1&size=1k`.
//!
//! A mix lists values with their share in percent; what is left over is the plain answer. Which value a request gets
//! is a function of the seed and of the request's number, so that a run can be repeated.

use apibench_core::schedule::random::{draw, uniform};

use crate::units::{duration_ns, share_ppm, size_bytes};

/// Longest body that is made: 1 GiB.
pub const MOST_BYTES: u64 = 1 << 30;
/// Longest chunk of a body.
const MOST_CHUNK_BYTES: u64 = 1 << 20;
/// Chunks are so long unless the knob says how long.
const CHUNK_BYTES: u64 = 1_000;
/// Everything, in parts per million.
const ALWAYS_PPM: u32 = 1_000_000;

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

impl Fault {
    const ALL: [Self; 5] = [Self::Reset, Self::Stall, Self::Truncate, Self::Nonsense, Self::Endless];

    /// The knob that asks for it, and the name that it is counted under.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Stall => "stall",
            Self::Truncate => "truncate",
            Self::Nonsense => "nonsense",
            Self::Endless => "endless",
        }
    }
}

/// How a body is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Framing {
    /// By its length.
    #[default]
    Length,
    /// In chunks of so many bytes.
    Chunked(u64),
    /// By the end of the connection.
    UntilClose,
}

/// One value of a mix and its share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part<T> {
    value: T,
    share_ppm: u32,
}

/// Everything that a request, or the server's setup, asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Knobs {
    delays: Vec<Part<u64>>,
    statuses: Vec<Part<u16>>,
    close_ppm: u32,
    /// Of each of `Fault::ALL`; together at most everything.
    faults_ppm: [u32; 5],
    /// Bytes of the body; `None` for the usual few.
    pub size: Option<u64>,
    /// How the body is delimited.
    pub framing: Framing,
    /// Answer as HTTP/1.0.
    pub http10: bool,
    /// Redirect so many times before the answer.
    pub redirect: u32,
    /// Send the request's body back.
    pub echo: bool,
    /// Send the body byte by byte, so far apart. 0: as fast as it goes.
    pub drip_ns: u64,
}

/// What the mixes came to for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drawn {
    /// How long the answer is held; `None` if no knob says.
    pub delay_ns: Option<u64>,
    /// Its status; `None` if no knob says.
    pub status: Option<u16>,
    /// Whether the connection closes after it.
    pub close: bool,
    /// How it goes wrong.
    pub fault: Option<Fault>,
}

impl Knobs {
    /// Whether nothing about the form of the answer is asked for: its mixes may still be.
    #[must_use]
    pub fn has_plain_form(&self) -> bool {
        self.size.is_none()
            && self.framing == Framing::Length
            && !self.http10
            && self.redirect == 0
            && !self.echo
            && self.drip_ns == 0
    }

    /// Reads a query on top of these knobs. Unknown words are not for us: a target takes any query.
    ///
    /// # Errors
    /// The word whose value cannot be read.
    pub fn with(&self, query: &str) -> Result<Self, String> {
        let mut knobs = self.clone();
        for word in query.split('&').filter(|word| !word.is_empty()) {
            let (name, value) = word.split_once('=').unwrap_or((word, "1"));
            let value = unescaped(value);
            knobs.set(name, &value).ok_or_else(|| word.to_owned())?;
        }
        Ok(knobs)
    }

    fn set(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "delay" => self.delays = mix(value, duration_ns)?,
            "status" => self.statuses = mix(value, status)?,
            "close" => self.close_ppm = percent_or_always(value)?,
            "size" => self.size = Some(size_bytes(value).filter(|size| *size <= MOST_BYTES)?),
            "chunked" => self.framing = chunked(value)?,
            "until_close" => {
                self.framing = if switch(value)? {
                    Framing::UntilClose
                } else {
                    Framing::Length
                }
            }
            "http10" => self.http10 = switch(value)?,
            "redirect" => self.redirect = value.parse().ok()?,
            "echo" => self.echo = switch(value)?,
            "drip" => self.drip_ns = duration_ns(value)?,
            _ => {
                let Some(index) = Fault::ALL.iter().position(|fault| fault.name() == name) else {
                    return Some(());
                };
                self.faults_ppm[index] = percent_or_always(value)?;
                let together: u64 = self.faults_ppm.iter().copied().map(u64::from).sum();
                // An answer goes wrong in one way only.
                return (together <= u64::from(ALWAYS_PPM)).then_some(());
            }
        }
        Some(())
    }

    /// Draws from the mixes for request `number`.
    #[must_use]
    pub fn draw(&self, seed: u64, number: u64) -> Drawn {
        let roll = |which| uniform(draw(seed, which, number, 0, 0), u64::from(ALWAYS_PPM)) as u32;
        Drawn {
            delay_ns: (!self.delays.is_empty()).then(|| chosen(&self.delays, roll(0)).unwrap_or(0)),
            status: (!self.statuses.is_empty()).then(|| chosen(&self.statuses, roll(1)).unwrap_or(200)),
            close: self.close_ppm > 0 && roll(2) < self.close_ppm,
            fault: if self.faults_ppm == [0; 5] {
                None
            } else {
                self.fault(roll(3))
            },
        }
    }

    fn fault(&self, roll: u32) -> Option<Fault> {
        let mut sum = 0;
        let found = Fault::ALL.iter().zip(self.faults_ppm).find(|(_, share_ppm)| {
            sum += share_ppm;
            roll < sum
        });
        found.map(|(fault, _)| *fault)
    }
}

fn chosen<T: Copy>(parts: &[Part<T>], roll: u32) -> Option<T> {
    let mut sum = 0;
    let found = parts.iter().find(|part| {
        sum += part.share_ppm;
        roll < sum
    });
    found.map(|part| part.value)
}

/// A single value without a share is always meant; of several each needs one, and together they are at most all.
fn mix<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Option<Vec<Part<T>>> {
    let alone = !text.contains(',');
    let parts: Vec<Part<T>> = text
        .split(',')
        .map(|part| {
            let share_ppm = match part.split_once(':') {
                Some((_, share)) => share_ppm(share)?,
                None if alone => ALWAYS_PPM,
                None => return None,
            };
            let value = read(part.split(':').next()?)?;
            Some(Part { value, share_ppm })
        })
        .collect::<Option<_>>()?;
    let together: u64 = parts.iter().map(|part| u64::from(part.share_ppm)).sum();
    (together <= u64::from(ALWAYS_PPM)).then_some(parts)
}

/// Interim statuses are no answers.
fn status(text: &str) -> Option<u16> {
    text.parse().ok().filter(|status| (200..600).contains(status))
}

/// `1` is always; anything else is a share in percent.
fn percent_or_always(text: &str) -> Option<u32> {
    if text == "1" {
        Some(ALWAYS_PPM)
    } else {
        share_ppm(text.trim_end_matches('%'))
    }
}

fn switch(text: &str) -> Option<bool> {
    match text {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

/// `1` is chunks of the usual length; more is their length.
fn chunked(text: &str) -> Option<Framing> {
    match size_bytes(text)? {
        0 => Some(Framing::Length),
        1 => Some(Framing::Chunked(CHUNK_BYTES)),
        bytes if bytes <= MOST_CHUNK_BYTES => Some(Framing::Chunked(bytes)),
        _ => None,
    }
}

/// Clients escape the colons and commas of a mix. A `%` that escapes nothing is a percent sign.
fn unescaped(value: &str) -> std::borrow::Cow<'_, str> {
    if !value.contains('%') {
        return value.into();
    }
    let bytes = value.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let digits = value.get(index + 1..index + 3).filter(|_| bytes[index] == b'%');
        if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            plain.push(byte);
            index += 3;
        } else {
            plain.push(bytes[index]);
            index += 1;
        }
    }
    String::from_utf8_lossy(&plain).into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knobs(query: &str) -> Knobs {
        Knobs::default().with(query).unwrap()
    }

    #[test]
    fn a_mix_comes_out_in_its_shares_and_the_same_again() {
        let knobs = knobs("delay=2ms:90,200ms:10&status=503:1&reset=2&truncate=3");
        let drawn: Vec<Drawn> = (0..100_000).map(|number| knobs.draw(7, number)).collect();
        let share = |of: &dyn Fn(&Drawn) -> bool| drawn.iter().filter(|drawn| of(drawn)).count();
        assert!((9_500..10_500).contains(&share(&|drawn| drawn.delay_ns == Some(200_000_000))));
        assert!((850..1_150).contains(&share(&|drawn| drawn.status == Some(503))));
        assert!((1_800..2_200).contains(&share(&|drawn| drawn.fault == Some(Fault::Reset))));
        assert!((2_750..3_250).contains(&share(&|drawn| drawn.fault == Some(Fault::Truncate))));
        assert_eq!(knobs.draw(7, 5), knobs.draw(7, 5));
    }

    #[test]
    fn what_no_knob_says_is_left_open_and_what_a_mix_leaves_over_is_plain() {
        assert_eq!(knobs("").draw(0, 0).delay_ns, None);
        let rare = knobs("delay=1s:0&status=503:0");
        assert_eq!((rare.draw(0, 0).delay_ns, rare.draw(0, 0).status), (Some(0), Some(200)));
    }

    #[test]
    fn what_cannot_be_read_is_named_and_what_is_not_ours_is_not_looked_at() {
        for word in [
            "delay=soon",
            "delay=2h",
            "delay=1ms,2ms",
            "delay=1ms:60,2ms:41",
            "delay=1ms:-1",
            "delay=1ms:nan",
            "status=99",
            "status=100",
            "size=2g",
            "size=99999999999999999999",
            "close=101",
            "chunked=2m",
            "http10=yes",
            "redirect=-1",
            "drip=1",
        ] {
            let query = format!("page=2&{word}");
            assert_eq!(Knobs::default().with(&query), Err(word.to_owned()));
        }
        assert_eq!(knobs("page=2&x"), Knobs::default());
        assert_eq!(Knobs::default().with("reset=60&stall=60"), Err("stall=60".to_owned()));
    }

    #[test]
    fn a_query_is_read_on_top_of_the_defaults_and_escaped_or_not() {
        let defaults = knobs("delay=2ms&reset=1&size=2k&chunked=100");
        let asked = defaults.with("reset=0&chunked=0").unwrap();
        assert_eq!(asked, knobs("delay=2ms&size=2048"));
        assert_eq!(knobs("delay=2ms%3A90%2c1s%3a10"), knobs("delay=2ms:90,1s:10"));
        assert_eq!(knobs("close=5%"), knobs("close=5%25"));
    }
}
