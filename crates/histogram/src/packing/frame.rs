//! What is around the payloads of an interval on the wire: the same message, with other payloads in it or none.

use super::PackingError;
use super::varint;

/// `Interval.scenarios`, `Interval.series` and `Interval.groups`.
const SCENARIOS: u64 = 4;
const SERIES: u64 = 5;
const GROUPS: u64 = 7;
/// `ScenarioCounts.time` and `GroupCounts.time`, `GroupCounts.pending`, and the first and last histogram of `SeriesCounts`.
const TIME: u64 = 13;
const PENDING_OF_GROUP: u64 = 14;
const FIRST_OF_SERIES: u64 = 21;
const LAST_OF_SERIES: u64 = 32;
/// How `Histogram.hdr`, `count`, `min_ns` and `max_ns` begin.
const HDR: u8 = 1 << 3 | BYTES as u8;
const COUNT: u8 = 2 << 3 | NUMBER as u8;
const MINIMUM: u8 = 5 << 3 | NUMBER as u8;
const MAXIMUM: u8 = 6 << 3 | NUMBER as u8;

/// What a field is made of. Of others no message has any.
const NUMBER: u64 = 0;
const BYTES: u64 = 2;

/// Most histograms of a scenario, series or group, and most of these: of what has more nothing is taken out.
const MOST_OF_ONE: usize = 12;
const MOST_OWNERS: usize = 3 * 4_096;

/// A payload, and where it stands.
pub(super) struct Place<'a> {
    /// Which of the scenarios, series and groups has it, counted through.
    pub(super) owner: usize,
    /// The number of its field.
    pub(super) field: u8,
    pub(super) payload: &'a [u8],
    /// How many values it holds, as the message says beside it.
    pub(super) count: u64,
}

/// The lowest values of the lowest and of the highest cell of a payload.
pub(super) type Ends = (u64, u64);

/// Asked of each payload that has a count beside it.
pub(super) trait Payloads {
    /// Appends what is to stand there instead. Of a payload that is taken out or put back: its ends.
    fn put(&mut self, place: &Place<'_>, out: &mut Vec<u8>) -> Result<Option<Ends>, PackingError>;
}

/// The interval with other payloads. All else is as it was, byte for byte, but for the minimum and maximum beside a
/// payload that is taken out or put back: their digits that the payload tells go and come with it.
pub(super) fn rewritten(interval: &[u8], payloads: &mut impl Payloads) -> Result<Vec<u8>, PackingError> {
    let mut out = Vec::with_capacity(interval.len());
    let mut owner = 0;
    for field in Fields(interval) {
        let field = field?;
        let Some(counts) = field
            .bytes
            .filter(|_| matches!(field.number, SCENARIOS | SERIES | GROUPS))
        else {
            out.extend_from_slice(field.whole);
            continue;
        };
        let times = match field.number {
            SCENARIOS => TIME..=TIME,
            GROUPS => TIME..=PENDING_OF_GROUP,
            _ => FIRST_OF_SERIES..=LAST_OF_SERIES,
        };
        let mut part = Vec::with_capacity(counts.len());
        let mut histograms = 0;
        for field in Fields(counts) {
            let field = field?;
            let Some(histogram) = field.bytes.filter(|_| times.contains(&field.number)) else {
                part.extend_from_slice(field.whole);
                continue;
            };
            histograms += 1;
            if histograms > MOST_OF_ONE || owner >= MOST_OWNERS {
                return Err(PackingError::Damaged("it has more histograms than an interval"));
            }
            let histogram = with_payload(histogram, owner, field.number as u8, payloads)?;
            write(field.key, &histogram, &mut part);
        }
        write(field.key, &part, &mut out);
        owner += 1;
    }
    Ok(out)
}

fn with_payload(
    histogram: &[u8],
    owner: usize,
    field: u8,
    payloads: &mut impl Payloads,
) -> Result<Vec<u8>, PackingError> {
    let mut rest = histogram;
    let [HDR, after @ ..] = rest else {
        return Ok(histogram.to_vec());
    };
    rest = after;
    let payload = bytes(&mut rest)?;
    let [COUNT, after @ ..] = rest else {
        return Ok(histogram.to_vec());
    };
    let count = varint::read(&mut { after })?;
    let mut other = Vec::new();
    let ends = payloads.put(
        &Place {
            owner,
            field,
            payload,
            count,
        },
        &mut other,
    )?;
    let mut out = Vec::with_capacity(other.len() + rest.len() + 8);
    write(&[HDR], &other, &mut out);
    let Some((lowest, highest)) = ends else {
        out.extend_from_slice(rest);
        return Ok(out);
    };
    for field in Fields(rest) {
        let field = field?;
        let told = match field.key {
            [MINIMUM] => lowest,
            [MAXIMUM] => highest,
            _ => {
                out.extend_from_slice(field.whole);
                continue;
            }
        };
        // A value has the leading digits of its cell's lowest one, and that has no others: to take them out is to put
        // them in. Of a value beyond its cell something else comes, and comes back.
        let value = varint::read(&mut &field.whole[1..])?;
        out.extend_from_slice(field.key);
        varint::write(value ^ told, &mut out);
    }
    Ok(out)
}

fn write(key: &[u8], bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(key);
    varint::write(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn bytes<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], PackingError> {
    let length = usize::try_from(varint::read(rest)?).unwrap_or(usize::MAX);
    let Some((bytes, after)) = rest.split_at_checked(length) else {
        return Err(PackingError::Damaged("its message ends early"));
    };
    *rest = after;
    Ok(bytes)
}

/// One field of a message.
struct Field<'a> {
    number: u64,
    key: &'a [u8],
    /// What is in it, of one that has a length.
    bytes: Option<&'a [u8]>,
    /// With its key.
    whole: &'a [u8],
}

/// Those of a message, in its order.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, PackingError>;

    fn next(&mut self) -> Option<Self::Item> {
        (!self.0.is_empty()).then(|| self.field())
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Result<Field<'a>, PackingError> {
        let from = self.0;
        // On an error nothing is left, so that the iteration ends.
        let mut rest = std::mem::take(&mut self.0);
        let key = varint::read(&mut rest)?;
        let key_bytes = from.len() - rest.len();
        let bytes = match key & 7 {
            NUMBER => varint::read(&mut rest).map(|_| None)?,
            BYTES => Some(bytes(&mut rest)?),
            _ => return Err(PackingError::Damaged("its message has a field of another kind")),
        };
        self.0 = rest;
        Ok(Field {
            number: key >> 3,
            key: &from[..key_bytes],
            bytes,
            whole: &from[..from.len() - rest.len()],
        })
    }
}
