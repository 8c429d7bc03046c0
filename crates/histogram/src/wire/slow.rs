//! The slowest requests of an interval, to and from the wire.

use std::borrow::Cow;

use apibench_core::failure::Failure;
use apibench_core::recorder::SeriesIndex;
use apibench_core::slow::SlowRequest;
use apibench_core::transport::Opening;
use prost::Message as _;
use prost::bytes::Bytes;

use crate::slowest::{SLOWEST_KEPT, Slowest};

use super::messages::{self, ConnectionOpening};
use super::{MAX_NAME_BYTES, WireError};

/// Longest address: that of a Unix socket is its path.
const MAX_ADDRESS_BYTES: usize = 128;

pub(super) fn encode(slowest: &Slowest) -> Vec<Bytes> {
    let messages = slowest.as_slice().iter().map(message);
    messages.map(|message| Bytes::from(message.encode_to_vec())).collect()
}

pub(super) fn decode(parts: Vec<Bytes>) -> Result<Slowest, WireError> {
    if parts.len() > SLOWEST_KEPT {
        return Err(WireError::TooLong);
    }
    let requests = parts
        .into_iter()
        .map(|part| request(messages::SlowRequest::decode(part)?));
    Ok(Slowest::of(requests.collect::<Result<_, _>>()?))
}

fn message(request: &SlowRequest) -> messages::SlowRequest {
    messages::SlowRequest {
        series: u32::from(request.series.0),
        at_ns: request.at_ns,
        response_ns: request.response_ns,
        service_ns: request.service_ns,
        schedule_lag_ns: request.schedule_lag_ns,
        connection_wait_ns: request.connection_wait_ns,
        opening: request.opening.map(|opening| ConnectionOpening {
            total_ns: opening.total_ns,
            dns_ns: opening.dns_ns,
            connect_ns: opening.connect_ns,
            tls_ns: opening.tls_ns,
        }),
        first_byte_ns: request.first_byte_ns,
        status: u32::from(request.status),
        error: request.error.as_deref().unwrap_or_default().to_owned(),
        unfinished: request.unfinished,
        address: request.address.as_deref().unwrap_or_default().to_owned(),
    }
}

fn request(message: messages::SlowRequest) -> Result<SlowRequest, WireError> {
    let series = u16::try_from(message.series).map_err(|_| WireError::Invalid("slowest.series"))?;
    let status = u16::try_from(message.status).map_err(|_| WireError::Invalid("slowest.status"))?;
    if message.error.len() > MAX_NAME_BYTES {
        return Err(WireError::Invalid("slowest.error"));
    }
    if message.address.len() > MAX_ADDRESS_BYTES {
        return Err(WireError::Invalid("slowest.address"));
    }
    Ok(SlowRequest {
        response_ns: message.response_ns,
        at_ns: message.at_ns,
        series: SeriesIndex(series),
        service_ns: message.service_ns,
        schedule_lag_ns: message.schedule_lag_ns,
        connection_wait_ns: message.connection_wait_ns,
        opening: message.opening.map(|opening| Opening {
            dns_ns: opening.dns_ns,
            connect_ns: opening.connect_ns,
            tls_ns: opening.tls_ns,
            total_ns: opening.total_ns,
        }),
        first_byte_ns: message.first_byte_ns,
        status,
        error: error_of(message.error),
        unfinished: message.unfinished,
        address: (!message.address.is_empty()).then(|| message.address.into()),
    })
}

fn error_of(name: String) -> Option<Cow<'static, str>> {
    let known = Failure::ALL
        .iter()
        .map(|failure| failure.name())
        .find(|known| *known == name);
    match known {
        Some(known) => Some(Cow::Borrowed(known)),
        None => (!name.is_empty()).then_some(Cow::Owned(name)),
    }
}
