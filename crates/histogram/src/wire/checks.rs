//! The checks of a scenario as they travel.

use apibench_core::recorder::CheckIndex;

use super::WireError;
use super::messages;
use crate::checks::{CheckCount, CheckCounts};

/// Most checks of a scenario: a plan has fewer steps.
const MAX_CHECKS: u32 = 4_096;

pub(super) fn encode(checks: &CheckCounts) -> Vec<messages::CheckCount> {
    let message = |(check, count): (CheckIndex, CheckCount)| messages::CheckCount {
        check: u32::from(check.0),
        passed: count.passed,
        failed: count.failed,
    };
    checks.iter().map(message).collect()
}

pub(super) fn decode(messages: &[messages::CheckCount]) -> Result<CheckCounts, WireError> {
    let mut counts = CheckCounts::default();
    let mut next = 0;
    for message in messages {
        // In the order of their numbers, so none comes twice.
        if !(next..MAX_CHECKS).contains(&message.check) {
            return Err(WireError::Invalid("checks"));
        }
        next = message.check + 1;
        let count = CheckCount {
            passed: message.passed,
            failed: message.failed,
        };
        counts.add(CheckIndex(message.check as u16), count);
    }
    Ok(counts)
}
