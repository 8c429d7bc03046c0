//! Durations, sizes and shares as people write them, in integers.

/// Longest duration that is read: an hour.
const MOST_NS: u64 = 3_600_000_000_000;

/// `2ms`, `1.5s`, `200us`, `10ns`, up to an hour.
pub fn duration_ns(text: &str) -> Option<u64> {
    let digits = text.find(|character: char| !character.is_ascii_digit() && character != '.')?;
    let (number, unit) = text.split_at(digits);
    let scale = match unit {
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        _ => return None,
    };
    scaled(number, scale).filter(|duration_ns| *duration_ns <= MOST_NS)
}

/// `300`, `1k`, `2m`, `1g`; a k is 1,024 bytes.
pub fn size_bytes(text: &str) -> Option<u64> {
    let (number, scale) = match text.as_bytes().last()? {
        b'k' | b'K' => (&text[..text.len() - 1], 1 << 10),
        b'm' | b'M' => (&text[..text.len() - 1], 1 << 20),
        b'g' | b'G' => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    number.parse::<u64>().ok()?.checked_mul(scale)
}

/// A share in percent, from 0 to 100 with up to four decimals, in parts per million.
pub fn share_ppm(text: &str) -> Option<u32> {
    let share_ppm = scaled(text, 10_000)?;
    u32::try_from(share_ppm)
        .ok()
        .filter(|share_ppm| *share_ppm <= 1_000_000)
}

/// A decimal number times `scale`, rounded down, without a float's surprises.
fn scaled(number: &str, scale: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || fraction.len() > 9 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let base = whole.parse::<u64>().ok()?.checked_mul(scale)?;
    if fraction.is_empty() {
        return Some(base);
    }
    let part = u128::from(fraction.parse::<u64>().ok()?) * u128::from(scale) / 10_u128.pow(fraction.len() as u32);
    base.checked_add(u64::try_from(part).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_read_to_the_last_digit() {
        assert_eq!(duration_ns("2ms"), Some(2_000_000));
        assert_eq!(duration_ns("1.5s"), Some(1_500_000_000));
        assert_eq!(duration_ns("0.1us"), Some(100));
        assert_eq!(duration_ns("3600s"), Some(MOST_NS));
        assert_eq!(size_bytes("1k"), Some(1024));
        assert_eq!(size_bytes("2M"), Some(2 << 20));
        assert_eq!(share_ppm("0.5"), Some(5_000));
        assert_eq!(share_ppm("100"), Some(1_000_000));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "",
            "2",
            "ms",
            ".5s",
            "1..2s",
            "-1s",
            "3601s",
            "99999999999999999999s",
            "1e3s",
            "é",
        ] {
            assert_eq!(duration_ns(text), None, "{text}");
        }
        for text in ["", "k", "1kk", "-1", "99999999999999999999", "17179869184g", "é"] {
            assert_eq!(size_bytes(text), None, "{text}");
        }
        for text in ["", "100.1", "-1", "inf", "NaN"] {
            assert_eq!(share_ppm(text), None, "{text}");
        }
    }
}
