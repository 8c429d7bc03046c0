//! The groups of an interval as they travel.

use apibench_core::phase::Phase;
use apibench_core::recorder::GroupIndex;
use prost::Message as _;
use prost::bytes::Bytes;

use super::{Reader, WireError, histogram_message, messages, phase_number, phase_of};
use crate::groups::GroupCounts;

pub(super) fn encode((group, phase): (GroupIndex, Phase), counts: &GroupCounts) -> Bytes {
    let message = messages::GroupCounts {
        group: u32::from(group.0),
        phase: phase_number(phase),
        ok: counts.ok,
        failed: counts.failed,
        unfinished: counts.unfinished,
        time: histogram_message(&counts.time),
        pending: histogram_message(&counts.pending),
    };
    Bytes::from(message.encode_to_vec())
}

pub(super) fn decode(part: Bytes, reader: &mut Reader) -> Result<((GroupIndex, Phase), GroupCounts), WireError> {
    let message = messages::GroupCounts::decode(part)?;
    let group = u16::try_from(message.group).map_err(|_| WireError::Invalid("group"))?;
    let counts = GroupCounts {
        ok: message.ok,
        failed: message.failed,
        unfinished: message.unfinished,
        time: reader.histogram("time", message.time)?,
        pending: reader.histogram("pending", message.pending)?,
    };
    Ok(((GroupIndex(group), phase_of(message.phase)?), counts))
}
