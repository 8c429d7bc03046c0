//! The scenarios of an interval as they travel.

use apibench_core::phase::Phase;
use apibench_core::recorder::ScenarioIndex;
use prost::Message as _;
use prost::bytes::Bytes;

use super::{Reader, WireError, checks, histogram_message, messages, phase_number, phase_of};
use crate::interval::ScenarioCounts;

pub(super) fn encode((scenario, phase): (ScenarioIndex, Phase), counts: &ScenarioCounts) -> Bytes {
    let message = messages::ScenarioCounts {
        scenario: u32::from(scenario.0),
        phase: phase_number(phase),
        offered: counts.offered,
        started: counts.started,
        ok: counts.ok,
        failed: counts.failed,
        unfinished: counts.unfinished,
        dropped_cap: counts.dropped_cap,
        dropped_deadline: counts.dropped_deadline,
        dropped_ended: counts.dropped_ended,
        dropped_dry: counts.dropped_dry,
        lost: counts.lost,
        waiting: counts.waiting,
        time: histogram_message(&counts.time),
        checks: checks::encode(&counts.checks),
        python_wait: histogram_message(&counts.python_wait),
        python_time: histogram_message(&counts.python_time),
    };
    Bytes::from(message.encode_to_vec())
}

pub(super) fn decode(part: Bytes, reader: &mut Reader) -> Result<((ScenarioIndex, Phase), ScenarioCounts), WireError> {
    let message = messages::ScenarioCounts::decode(part)?;
    let scenario = u16::try_from(message.scenario).map_err(|_| WireError::Invalid("scenario"))?;
    let counts = ScenarioCounts {
        offered: message.offered,
        started: message.started,
        ok: message.ok,
        failed: message.failed,
        unfinished: message.unfinished,
        dropped_cap: message.dropped_cap,
        dropped_deadline: message.dropped_deadline,
        dropped_ended: message.dropped_ended,
        dropped_dry: message.dropped_dry,
        lost: message.lost,
        waiting: message.waiting,
        time: reader.histogram("time", message.time)?,
        checks: checks::decode(&message.checks)?,
        python_wait: reader.histogram("python_wait", message.python_wait)?,
        python_time: reader.histogram("python_time", message.python_time)?,
    };
    Ok(((ScenarioIndex(scenario), phase_of(message.phase)?), counts))
}
