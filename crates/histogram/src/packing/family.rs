//! The histograms of one scenario or series: in which order they are told, and how each is told by those before it.

use crate::payload::Cell;

use super::PackingError;
use super::cells::{Coding, walk};
use super::coarse::Coarse;

/// Of `SeriesCounts`, those that follow from one another: a first byte comes before the end, by which service is measured,
/// and response time is that and the wait before it.
const RESPONSE: u8 = 21;
const SERVICE: u8 = 22;
const FIRST_BYTE: u8 = 24;

/// How a histogram is told: `ALONE`, `BESIDE` the one before it, or, from `SAME` on, as the same as an earlier one.
const ALONE: u8 = 0;
const BESIDE: u8 = 1;
const SAME: u8 = 2;

/// In which order histograms are told, by the number of their field.
pub(super) fn rank(field: u8) -> u8 {
    match field {
        FIRST_BYTE => 0,
        SERVICE => 1,
        RESPONSE => 2,
        other => other,
    }
}

/// How a histogram is best told behind these others of its family.
pub(super) fn manner(field: u8, own: &Coarse, before: &[Coarse]) -> u8 {
    if let Some(same) = before.iter().position(|other| other == own) {
        return SAME + same as u8;
    }
    match before.last() {
        Some(last) if matches!(field, SERVICE | RESPONSE) && own.is_near(last) => BESIDE,
        _ => ALONE,
    }
}

/// Tells a histogram that holds `count` values in steps of so many binary digits, or is told it.
pub(super) fn tell(
    coding: &mut impl Coding,
    (manner, digits): (u8, u8),
    count: u64,
    before: &[Coarse],
) -> Result<Coarse, PackingError> {
    const NONE_BEFORE: PackingError = PackingError::Damaged("a histogram is as one that is not there");
    if manner >= SAME {
        let same = before.get(usize::from(manner - SAME)).ok_or(NONE_BEFORE)?;
        if same.cells.iter().map(|(_, count)| count).sum::<u64>() != count {
            return Err(PackingError::Damaged("its cells hold less than it says"));
        }
        return Ok(same.clone());
    }
    let beside: &[Cell] = if manner == ALONE {
        &[]
    } else {
        &before.last().ok_or(NONE_BEFORE)?.cells
    };
    let mut cells = Vec::new();
    walk(coding, count, beside, &mut cells)?;
    Ok(Coarse { digits, cells })
}
