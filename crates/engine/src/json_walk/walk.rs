//! Ways through a JSON text, a byte or a word at a time. Each takes what is left of the text and gives back what then is; `None`
//! where the text is no JSON, or has not what is looked for.

use super::{DEPTH_LIMIT, Key};
use crate::block::{self, BLOCK_BYTES};
use crate::short::is_same;

/// A text in JSON, without its quotation marks.
#[derive(Clone, Copy)]
pub(super) struct Quoted<'j> {
    inner: &'j [u8],
    pub(super) escaped: bool,
}

impl Quoted<'_> {
    #[inline]
    fn says(&self, name: &str) -> bool {
        if self.escaped {
            return self.says_escaped(name);
        }
        is_same(self.inner, name.as_bytes())
    }

    #[cold]
    fn says_escaped(&self, name: &str) -> bool {
        let quoted = [b"\"", self.inner, b"\""].concat();
        serde_json::from_slice::<String>(&quoted).is_ok_and(|own| own == name)
    }
}

/// What is left of a text.
pub(super) type Rest<'j> = &'j [u8];

/// Goes to the value at a path, `depth` arrays and objects deep.
pub(super) fn to<'j>(mut rest: Rest<'j>, path: &[Key]) -> Option<Rest<'j>> {
    for (depth, key) in (1..).zip(path) {
        rest = match key {
            Key::Member(name) => member(rest, name, depth)?,
            Key::Item(number) => item(rest, *number, depth)?,
        };
    }
    Some(rest)
}

/// Goes to the value of a member of an object, which with it is `depth` deep.
pub(super) fn member<'j>(rest: Rest<'j>, name: &str, depth: u32) -> Option<Rest<'j>> {
    let mut rest = enter(rest, b'{', depth)?;
    loop {
        // Of an empty object, this is its end and no name.
        rest = without_space(rest);
        if let Some(seen) = glance(rest) {
            if is_same(&rest[1..=seen.name_length], name.as_bytes()) {
                return Some(&rest[seen.value..]);
            }
            rest = if seen.end > seen.value {
                &rest[seen.end..]
            } else {
                skip_closely(&rest[seen.value..], depth)?
            };
        } else {
            let (own, value) = member_name(rest)?;
            if own.says(name) {
                return Some(value);
            }
            rest = skip_closely(value, depth)?;
        }
        rest = behind(rest, b',')?;
    }
}

/// Goes to an item of an array, which with it is `depth` deep.
pub(super) fn item(rest: Rest<'_>, number: usize, depth: u32) -> Option<Rest<'_>> {
    let mut rest = enter(rest, b'[', depth)?;
    for _ in 0..number {
        rest = behind(skip(rest, depth)?, b',')?;
    }
    Some(rest)
}

/// How many items an array has, or members an object.
pub(super) fn count(rest: Rest<'_>) -> Option<usize> {
    let rest = without_space(rest);
    let (begin, end) = if rest.first() == Some(&b'{') {
        (b'{', b'}')
    } else {
        (b'[', b']')
    };
    let mut rest = behind(rest, begin)?;
    if behind(rest, end).is_some() {
        return Some(0);
    }
    let mut count = 0;
    loop {
        if end == b'}' {
            rest = member_value(rest)?;
        }
        rest = skip(rest, 1)?;
        count += 1;
        match behind(rest, b',') {
            Some(next) => rest = next,
            None => return behind(rest, end).map(|_| count),
        }
    }
}

fn enter(rest: Rest<'_>, begin: u8, depth: u32) -> Option<Rest<'_>> {
    if depth >= DEPTH_LIMIT {
        None
    } else {
        behind(rest, begin)
    }
}

/// Goes behind a byte, which white space may stand before.
#[inline(always)]
fn behind(rest: Rest<'_>, byte: u8) -> Option<Rest<'_>> {
    match rest {
        [first, rest @ ..] if *first == byte => Some(rest),
        [first, ..] if *first <= b' ' => behind_space(rest, byte),
        _ => None,
    }
}

#[cold]
fn behind_space(rest: Rest<'_>, byte: u8) -> Option<Rest<'_>> {
    without_some_space(rest).strip_prefix(&[byte])
}

#[inline(always)]
pub(super) fn without_space(rest: Rest<'_>) -> Rest<'_> {
    match rest {
        [first, ..] if *first <= b' ' => without_some_space(rest),
        _ => rest,
    }
}

#[cold]
fn without_some_space(mut rest: Rest<'_>) -> Rest<'_> {
    while let [b' ' | b'\t' | b'\n' | b'\r', behind @ ..] = rest {
        rest = behind;
    }
    rest
}

/// What is seen of an ordinary member at a glance: one of a short name in plain ASCII.
struct Glance {
    name_length: usize,
    /// Where its value begins.
    value: usize,
    /// Where that ends, if it is a short text in plain ASCII or a whole number, and what follows is a comma or the end of the
    /// object. Else where it begins.
    end: usize,
}

/// Looks at a member with enough bytes behind it. `None` says nothing against one, only that it takes a thorough look.
#[inline(always)]
fn glance(rest: Rest<'_>) -> Option<Glance> {
    // One check of bounds serves for all that is read of it.
    let window = rest.first_chunk::<{ 2 * BLOCK_BYTES + 7 }>()?;
    let name_length = block::plain_bytes(window[1..].first_chunk()?);
    let mut value = name_length + 3;
    if window[0] != b'"' || window[value - 2..value] != *b"\":" {
        return None;
    }
    if window[value] == b' ' {
        value += 1;
    }
    let unseen = Glance {
        name_length,
        value,
        end: value,
    };
    let end = if window[value] == b'"' {
        let end = value + 1 + block::plain_bytes(window[value + 1..].first_chunk()?);
        if window[end] != b'"' {
            return Some(unseen);
        }
        end + 1
    } else {
        if window[value] == b'0' {
            return Some(unseen);
        }
        value + block::digits(window[value..].first_chunk()?)
    };
    if matches!(window[end], b',' | b'}') {
        Some(Glance { end, ..unseen })
    } else {
        Some(unseen)
    }
}

#[inline(never)]
fn skip_closely(rest: Rest<'_>, depth: u32) -> Option<Rest<'_>> {
    skip(rest, depth)
}

#[inline(never)]
fn member_value(rest: Rest<'_>) -> Option<Rest<'_>> {
    member_name(rest).map(|(_, value)| value)
}

/// The name of a member, and what stands behind its colon.
#[inline(always)]
fn member_name(rest: Rest<'_>) -> Option<(Quoted<'_>, Rest<'_>)> {
    let (name, rest) = quoted(behind(rest, b'"')?)?;
    Some((name, behind(rest, b':')?))
}

/// Behind a quotation mark: up to the next, and what stands behind that.
#[inline(always)]
pub(super) fn quoted(rest: Rest<'_>) -> Option<(Quoted<'_>, Rest<'_>)> {
    if let Some(window) = rest.first_chunk::<{ BLOCK_BYTES + 1 }>()
        && let length = block::plain_bytes(window.first_chunk()?)
        && window[length] == b'"'
    {
        let (inner, rest) = rest.split_at(length);
        return Some((Quoted { inner, escaped: false }, &rest[1..]));
    }
    quoted_closely(rest)
}

/// Likewise of one that is long, stands near the end, or has more in it than plain ASCII.
#[inline(never)]
fn quoted_closely(rest: Rest<'_>) -> Option<(Quoted<'_>, Rest<'_>)> {
    let ascii = block::plain_length(rest);
    let (mut length, mut escaped, mut foreign) = (ascii, false, false);
    loop {
        match rest.get(length)? {
            b'"' => break,
            b'\\' => {
                escaped = true;
                length += escape_length(&rest[length..])?;
                length += block::plain_length(&rest[length..]);
            }
            0x80.. => {
                foreign = true;
                length += plain_length(&rest[length..]);
            }
            _ => return None,
        }
    }
    let (inner, end) = rest.split_at(length);
    if foreign {
        std::str::from_utf8(&inner[ascii..]).ok()?;
    }
    Some((Quoted { inner, escaped }, &end[1..]))
}

/// Goes behind a value, which stands `depth` deep.
#[inline(always)]
pub(super) fn skip(rest: Rest<'_>, depth: u32) -> Option<Rest<'_>> {
    let (first, rest) = without_space(rest).split_first()?;
    if *first == b'{' {
        return skip_members(rest, depth + 1);
    }
    match first {
        b'"' => quoted(rest).map(|(_, rest)| rest),
        b'0'..=b'9' | b'-' => skip_number(*first, rest),
        b'[' => skip_items(rest, depth + 1),
        b'n' => rest.strip_prefix(b"ull"),
        b't' => rest.strip_prefix(b"rue"),
        b'f' => rest.strip_prefix(b"alse"),
        _ => None,
    }
}

/// Behind the beginning of an object: goes behind its end. Calls itself no deeper than anybody looks.
#[inline(never)]
fn skip_members(mut rest: Rest<'_>, depth: u32) -> Option<Rest<'_>> {
    if depth >= DEPTH_LIMIT {
        return None;
    }
    if let Some(rest) = behind(rest, b'}') {
        return Some(rest);
    }
    loop {
        rest = without_space(rest);
        rest = match glance(rest) {
            Some(Glance { value, end, .. }) if end > value => match rest[end..].split_first()? {
                (b',', next) => {
                    rest = next;
                    continue;
                }
                // The other mark there is.
                (_, behind) => return Some(behind),
            },
            Some(Glance { value, .. }) => skip_closely(&rest[value..], depth)?,
            None => skip_closely(member_value(rest)?, depth)?,
        };
        match behind(rest, b',') {
            Some(next) => rest = next,
            None => return behind(rest, b'}'),
        }
    }
}

/// The same of an array.
#[inline(never)]
fn skip_items(mut rest: Rest<'_>, depth: u32) -> Option<Rest<'_>> {
    if depth >= DEPTH_LIMIT {
        return None;
    }
    if let Some(rest) = behind(rest, b']') {
        return Some(rest);
    }
    loop {
        rest = skip(rest, depth)?;
        match behind(rest, b',') {
            Some(next) => rest = next,
            None => return behind(rest, b']'),
        }
    }
}

/// Behind the first byte of a number.
#[inline(always)]
fn skip_number(first: u8, rest: Rest<'_>) -> Option<Rest<'_>> {
    let (whole, rest) = if first == b'-' {
        rest.split_first().map(|(byte, rest)| (*byte, rest))?
    } else {
        (first, rest)
    };
    let rest = match whole {
        b'0' => rest,
        b'1'..=b'9' => without_digits(rest),
        _ => return None,
    };
    match rest {
        [b'.' | b'e' | b'E', ..] => skip_fraction(rest),
        _ => Some(rest),
    }
}

/// A whole number that is plain to see, and what stands behind it. `None` says nothing against one, only that it takes a
/// thorough look.
#[inline(always)]
pub(super) fn integer(rest: Rest<'_>) -> Option<(i64, Rest<'_>)> {
    /// So many digits fit for certain.
    const FIT: usize = 18;
    let (negative, digits) = match rest {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let (mut integer, mut length) = (0, 0);
    while let Some(digit @ b'0'..=b'9') = digits.get(length) {
        if length == FIT {
            return None;
        }
        integer = integer * 10 + i64::from(digit - b'0');
        length += 1;
    }
    let rest = &digits[length..];
    // "-0" is none: it keeps its sign, as a fraction.
    let plain = match digits.first()? {
        b'0' => length == 1 && !negative,
        _ => length > 0,
    };
    if !plain || matches!(rest, [b'.' | b'e' | b'E', ..]) {
        return None;
    }
    Some((if negative { -integer } else { integer }, rest))
}

#[inline(always)]
fn without_digits(mut rest: Rest<'_>) -> Rest<'_> {
    while let Some(block) = rest.first_chunk() {
        let length = block::digits(block);
        rest = &rest[length..];
        if length < BLOCK_BYTES {
            return rest;
        }
    }
    while let [b'0'..=b'9', behind @ ..] = rest {
        rest = behind;
    }
    rest
}

fn skip_fraction(mut rest: Rest<'_>) -> Option<Rest<'_>> {
    if let [b'.', behind @ ..] = rest {
        rest = skip_digits(behind)?;
    }
    if let [b'e' | b'E', behind @ ..] = rest {
        rest = match behind {
            [b'+' | b'-', behind @ ..] => skip_digits(behind)?,
            _ => skip_digits(behind)?,
        };
    }
    Some(rest)
}

/// Goes behind at least one digit.
fn skip_digits(rest: Rest<'_>) -> Option<Rest<'_>> {
    rest.first().filter(|byte| byte.is_ascii_digit())?;
    Some(without_digits(rest))
}

/// Whether a whole text stands for itself: without a quotation mark, a backslash or a control character.
#[inline]
#[must_use]
pub fn is_plain(text: &[u8]) -> bool {
    block::is_unmarked(text, block::textual_bytes, is_special)
}

/// How many bytes stand for themselves in a text: up to a quotation mark, a backslash or a control character.
pub(super) fn plain_length(text: &[u8]) -> usize {
    block::length(text, block::textual_bytes, is_special)
}

fn is_special(byte: u8) -> bool {
    byte < b' ' || matches!(byte, b'"' | b'\\')
}

/// How long what a backslash begins is.
fn escape_length(text: &[u8]) -> Option<usize> {
    match text.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => text.get(2..6)?.iter().all(u8::is_ascii_hexdigit).then_some(6),
        _ => None,
    }
}
