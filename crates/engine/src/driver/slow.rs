//! The slowest requests, told apart with all that is known of them.

use std::borrow::Cow;

use apibench_core::clock::Clock;
use apibench_core::failure::Failure;
use apibench_core::recorder::{Recorder, RequestEnd};
use apibench_core::slow::SlowRequest;
use apibench_core::transport::{ExchangeId, Transport};

use crate::exchanges::Exchange;

use super::Driver;

impl<T: Transport, R: Recorder, C: Clock> Driver<T, R, C> {
    /// A request ended. It is told apart if it counts for the response time and only few took longer.
    #[inline]
    pub(super) fn tell_if_slow(&mut self, id: ExchangeId, exchange: &Exchange, end: &RequestEnd) {
        if self.recorder.is_slow(end.phase, end.response_ns) && end.failure.is_none_or(Failure::is_censored) {
            self.tell_slow(id, exchange, end);
        }
    }

    #[cold]
    fn tell_slow(&mut self, id: ExchangeId, exchange: &Exchange, end: &RequestEnd) {
        let answered = end.failure.is_none() || end.first_byte_ns < end.service_ns;
        let told = SlowRequest {
            service_ns: Some(end.service_ns),
            first_byte_ns: answered.then_some(end.first_byte_ns),
            status: end.status,
            error: end.failure.map(|failure| Cow::Borrowed(failure.name())),
            ..self.slow_request(id, exchange, end.response_ns)
        };
        self.recorder.slow(told);
    }

    /// The same, of a request that was cut off.
    pub(super) fn tell_if_slow_unfinished(
        &mut self,
        id: ExchangeId,
        exchange: &Exchange,
        response_ns: u64,
        service_ns: Option<u64>,
    ) {
        if self.recorder.is_slow(exchange.phase, response_ns) {
            let told = SlowRequest {
                service_ns,
                unfinished: true,
                ..self.slow_request(id, exchange, response_ns)
            };
            self.recorder.slow(told);
        }
    }

    fn slow_request(&self, id: ExchangeId, exchange: &Exchange, response_ns: u64) -> SlowRequest {
        SlowRequest {
            response_ns,
            at_ns: (exchange.intended_ns + response_ns).saturating_sub(self.barrier_ns),
            series: exchange.series,
            service_ns: None,
            schedule_lag_ns: exchange.schedule_lag_ns(),
            connection_wait_ns: exchange.waited_ns,
            opening: exchange.opening.as_deref().copied(),
            first_byte_ns: None,
            status: 0,
            error: None,
            unfinished: false,
            address: self.transport.address_of(id),
        }
    }
}
