//! Whole numbers as on the wire: seven binary digits a byte, the lowest first.

use super::PackingError;

pub(super) fn write(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Take one off the front. Only what [`write`] writes is one: so what is written again is what was read.
pub(super) fn read(bytes: &mut &[u8]) -> Result<u64, PackingError> {
    let mut number = 0;
    for position in 0..10 {
        let Some((byte, rest)) = bytes.split_first() else {
            break;
        };
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << (7 * position);
        if byte & 0x80 == 0 {
            if position > 0 && *byte == 0 || position == 9 && *byte > 1 {
                break;
            }
            return Ok(number);
        }
    }
    Err(PackingError::Damaged("it ends within a number"))
}
