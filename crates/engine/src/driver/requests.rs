//! Requests: sent, answered, retried, redirected, and written down.

use apibench_core::clock::Clock;
use apibench_core::failure::Failure;
use apibench_core::plan::{Cookies, OnFail};
use apibench_core::recorder::{
    DropReason, IterationEnd, RECEIVE_LAG_STEP_NS, Recorder, RequestEnd, RequestStart, ScenarioIndex,
};
use apibench_core::transport::{Event, ExchangeId, KeptResponse, Opening, Outcome, Outgoing, Submission, Transport};

use crate::control::Command;
use crate::cookies::path_of;
use crate::exchanges::Exchange;
use crate::program::judge;
use crate::python::has_own_cookies;
use crate::redirect::{Hop, follow, is_redirect};
use crate::request::{BaseUrl, Content, Extract, Request};
use crate::response::Response;
use crate::virtual_user::{Activity, VirtualUser};

use super::{Driver, phase_of};

impl<T: Transport, R: Recorder, C: Clock> Driver<T, R, C> {
    /// Sends a request of a virtual user. `false`: it could not be rendered, and the iteration goes on behind it.
    #[inline(always)]
    pub(super) fn send(&mut self, index: u32, number: u32, ready_ns: u64) -> bool {
        let request = &self.program.requests[number as usize];
        if let Content::Late { template, check } = &request.content {
            let check = *check;
            let user = &mut self.virtual_users[index as usize];
            let (variables, mut draws, rendered) = user.values_and_request(&self.program);
            let outcome = template.render(variables, &mut draws, rendered, &mut self.scratch);
            if outcome.is_err() {
                // It is not sent: half a request would be somebody else's.
                let here = user.operation;
                if self.lacks_value(index, here, check, ready_ns) {
                    return true;
                }
                let extracts = &self.program.requests[number as usize].extracts;
                let user = &mut self.virtual_users[index as usize];
                let nothing = Response::new(0, KeptResponse::default());
                extract(extracts, &nothing, user, &mut self.recorder);
                return false;
            }
        }
        let user = &mut self.virtual_users[index as usize];
        let mut rendered = !matches!(request.content, Content::Known(_));
        if let Some(jar) = user.cookies.as_ref().filter(|_| joins_cookies(request, &user.rendered)) {
            if let Content::Known(bytes) = &request.content {
                user.rendered.clear();
                user.rendered.extend_from_slice(bytes);
            }
            let origin = &self.program.origins[request.host.0 as usize];
            jar.join(&mut user.rendered, origin, ready_ns, &mut self.scratch);
            rendered = true;
        }
        user.activity = Activity::Requesting;
        user.sent = true;
        // Only the first request of an iteration can have waited for its virtual user.
        let waited_ns = user.free_ns.saturating_sub(ready_ns.max(user.busy_since_ns));
        let exchange = Exchange {
            virtual_user: index,
            request: number,
            series: request.series,
            phase: phase_of(ready_ns, self.main_start_ns),
            intended_ns: ready_ns,
            waited_ns,
            started_ns: 0,
            opening: None,
            waits: false,
            retried: false,
            rendered,
            hops: 0,
            hop: None,
        };
        let id = self.exchanges.insert(exchange);
        self.tell_request(id, ready_ns);
        self.submit(id, false);
        true
    }

    pub(super) fn submit(&mut self, id: ExchangeId, fresh_connection: bool) {
        let Some(exchange) = self.exchanges.get(id) else { return };
        let request = &self.program.requests[exchange.request as usize];
        let user = &self.virtual_users[exchange.virtual_user as usize];
        let hosts = &self.program.scenarios[user.scenario as usize].hosts;
        let channel = if hosts.len() <= 1 {
            user.channel
        } else {
            let place = hosts.binary_search(&request.host).unwrap_or(0);
            if place == 0 {
                user.channel
            } else {
                user.other_channels[place - 1]
            }
        };
        let outgoing = Outgoing {
            bytes: sent_bytes(exchange, request, user),
            head_request: request.head_request,
            keep_location: request.redirects > 0,
            keep_cookies: self.program.scenarios[user.scenario as usize].cookies != Cookies::Off,
            keep_response: request.keeps_response || self.story.is_some(),
            fresh_connection,
            closes: request.closes,
        };
        match self.transport.submit(id, channel, outgoing) {
            Submission::Started { started_ns } => self.started(id, started_ns, 0, None),
            Submission::Waiting => {
                if let Some(exchange) = self.exchanges.get_mut(id) {
                    exchange.waits = true;
                }
            }
        }
    }

    #[inline(always)]
    pub(super) fn started(&mut self, id: ExchangeId, started_ns: u64, waited_ns: u64, opening: Option<Opening>) {
        self.seal_up_to(started_ns);
        let Some(exchange) = self.exchanges.get_mut(id) else {
            return;
        };
        exchange.waits = false;
        if exchange.started_ns != 0 {
            return;
        }
        exchange.started_ns = started_ns;
        exchange.waited_ns += waited_ns;
        exchange.opening = opening.map(Box::new);
        let index = exchange.virtual_user;
        let start = RequestStart {
            series: exchange.series,
            phase: exchange.phase,
            schedule_lag_ns: exchange.schedule_lag_ns(),
            connection_wait_ns: exchange.waited_ns,
            opening,
        };
        self.begin(index);
        self.recorder.request_started(&start);
    }

    pub(super) fn handle(&mut self, event: Event) {
        match event {
            Event::Started {
                exchange,
                started_ns,
                waited_ns,
                opening,
            } => {
                self.started(exchange, started_ns, waited_ns, opening);
            }
            Event::Ended { exchange, outcome } => self.ended(exchange, &outcome),
            // No step of version 1 yields samples of its own; a transport that tells one has a fault that the
            // seam suite finds.
            Event::Sample { .. } => {}
        }
    }

    #[inline]
    pub(super) fn ended(&mut self, id: ExchangeId, outcome: &Outcome) {
        self.seal_up_to(outcome.ended_ns);
        if outcome.ended_ns >= self.next_drain_end_ns() {
            // What follows on it would be sent after the drain. It has ended itself, and is not cut off.
            if let Some(exchange) = self.exchanges.get_mut(id) {
                exchange.waits = false;
            }
            self.end_drains(outcome.ended_ns);
        }
        let Some(exchange) = self.exchanges.get_mut(id) else {
            return;
        };
        let user = &self.virtual_users[exchange.virtual_user as usize];
        self.scenarios.prefetch(user.scenario, user.place);
        let request = &self.program.requests[exchange.request as usize];
        let turned_get = || exchange.hop.as_ref().is_some_and(|hop| hop.turned_get);
        if outcome.stale && !exchange.retried && (request.may_retry || turned_get()) {
            let user = &self.virtual_users[exchange.virtual_user as usize];
            if self.scenarios.is_stopped(user.scenario) {
                // Its other attempt would be sent after the stop.
                if let Some(exchange) = self.exchanges.remove(id) {
                    self.give_up(id, &exchange, outcome.ended_ns);
                }
                return;
            }
            exchange.retried = true;
            self.recorder.stale_retry(exchange.series, exchange.phase);
            self.submit(id, true);
            return;
        }
        let Some(mut exchange) = self.exchanges.remove(id) else {
            return;
        };
        if outcome.failure == Some(Failure::LocalDescriptors) {
            // All that follows would fail alike, by our fault: the run is over.
            self.control.command(Command::Stop);
        }
        if !outcome.cookies.is_empty() {
            let origin = &self.program.origins[request.host.0 as usize];
            let user = &mut self.virtual_users[exchange.virtual_user as usize];
            take_cookies(user, request, origin, &exchange, outcome);
        }
        let next = self.hop(&exchange, outcome);
        let failure = match &next {
            Some(Err(failure)) => Some(*failure),
            // What a step expects is said of the answer to which its redirects lead.
            Some(Ok(_)) => None,
            None => outcome
                .failure
                .or_else(|| judge(outcome.status, self.expected(request, exchange.virtual_user))),
        };
        if exchange.started_ns == 0 {
            // It failed before its first byte went out. It counts as started all the same, so that
            // started = ok + failed + unfinished; its time went into an opening that failed.
            exchange.waited_ns += outcome.waited_ns;
            self.begin(exchange.virtual_user);
            self.recorder.request_started(&never_sent(&exchange));
        }
        let end = RequestEnd {
            series: exchange.series,
            phase: exchange.phase,
            failure,
            status: outcome.status,
            response_ns: outcome.ended_ns.saturating_sub(exchange.intended_ns),
            service_ns: exchange.served_ns(outcome.ended_ns),
            first_byte_ns: outcome.first_byte_ns.saturating_sub(exchange.started_ns),
            receive_lag_ns: outcome
                .ended_ns
                .saturating_sub(outcome.readable_ns)
                .next_multiple_of(RECEIVE_LAG_STEP_NS),
            sent_bytes: outcome.sent_bytes,
            received_bytes: outcome.received_bytes,
        };
        self.recorder.request_ended(&end);
        self.tell_if_slow(id, &exchange, &end);
        self.tell_response(&exchange, &end, outcome.ended_ns);
        if let (Some(Ok(hop)), None) = (next, failure) {
            self.send_hop(&exchange, hop, outcome.ended_ns);
            return;
        }
        let user = &mut self.virtual_users[exchange.virtual_user as usize];
        user.failed |= failure.is_some();
        user.timed_out |= failure.is_some_and(Failure::is_censored);
        if let Content::Given(_) = self.program.requests[exchange.request as usize].content {
            // Whoever has given it goes on as it likes.
            self.answer_user(&exchange, outcome, &end);
        } else if failure.is_some() && self.program.scenarios[user.scenario as usize].on_fail == OnFail::EndIteration {
            let end = user.end();
            self.end_iteration(exchange.virtual_user, outcome.ended_ns, end);
        } else if self.extract(&exchange, outcome) {
            self.virtual_users[exchange.virtual_user as usize].operation += 1;
            self.advance(exchange.virtual_user, outcome.ended_ns);
        }
        // The stamp just taken may be past the next arrival: it need not wait for the rest of the events.
        if outcome.ended_ns >= self.next_due_ns {
            self.release(outcome.ended_ns);
        }
    }

    /// Takes out of the response what the plan asks for. Returns whether the iteration goes on.
    #[inline(always)]
    fn extract(&mut self, exchange: &Exchange, outcome: &Outcome) -> bool {
        self.program.requests[exchange.request as usize].extracts.is_empty() || self.extract_some(exchange, outcome)
    }

    #[inline(never)]
    fn extract_some(&mut self, exchange: &Exchange, outcome: &Outcome) -> bool {
        let request = &self.program.requests[exchange.request as usize];
        let whole = outcome.failure.is_none();
        let kept = if whole {
            self.transport.response()
        } else {
            KeptResponse::default()
        };
        let response = Response::new(outcome.status, kept);
        let user = &mut self.virtual_users[exchange.virtual_user as usize];
        let all = extract(&request.extracts, &response, user, &mut self.recorder);
        self.tell_extracts(exchange, outcome.ended_ns);
        all || !self.fail_iteration(exchange.virtual_user, outcome.ended_ns)
    }

    /// A request is over without an end of its own, and its iteration with it: a stop, or the end of the drain.
    pub(super) fn give_up(&mut self, id: ExchangeId, exchange: &Exchange, now_ns: u64) {
        let index = exchange.virtual_user;
        let response_ns = now_ns.saturating_sub(exchange.intended_ns);
        let user = &mut self.virtual_users[index as usize];
        if user.is_awaited() && exchange.started_ns == 0 {
            // Nor was anything of what comes before it.
            self.end_iteration(index, now_ns, IterationEnd::Unfinished);
            return;
        }
        if !user.begun && !user.is_awaited() {
            // Nothing of its iteration was ever sent: it waited to the end, as those do that found no virtual user.
            let scenario = ScenarioIndex(user.scenario);
            self.recorder
                .dropped(scenario, user.phase, DropReason::Ended, exchange.series, response_ns, 1);
            self.go_on(index, now_ns);
            return;
        }
        if exchange.started_ns == 0 {
            self.failed.unsent += 1;
            self.recorder.request_started(&never_sent(exchange));
        }
        let shared = self.program.requests[exchange.request as usize].shares_connections;
        let service_ns = (exchange.started_ns != 0 || !shared).then(|| exchange.served_ns(now_ns));
        self.recorder
            .request_unfinished(exchange.series, exchange.phase, response_ns, service_ns);
        self.tell_if_slow_unfinished(id, exchange, response_ns, service_ns);
        if self.virtual_users[index as usize].activity != Activity::Idle {
            self.end_iteration(index, now_ns, IterationEnd::Unfinished);
        }
    }

    /// Where a response leads, if it is a redirect that the plan follows.
    #[inline]
    pub(super) fn hop(&self, exchange: &Exchange, outcome: &Outcome) -> Option<Result<Hop, Failure>> {
        let request = &self.program.requests[exchange.request as usize];
        if request.redirects == 0 || outcome.failure.is_some() || !is_redirect(outcome.status) {
            return None;
        }
        let location = outcome.location.as_deref()?;
        if exchange.hops >= request.redirects {
            return Some(Err(Failure::RedirectLimit));
        }
        let origin = &self.program.origins[request.host.0 as usize];
        let sent = sent_bytes(exchange, request, &self.virtual_users[exchange.virtual_user as usize]);
        let turned_get = exchange.hop.as_ref().is_some_and(|hop| hop.turned_get);
        let hop = follow(sent, origin, turned_get, outcome.status, location);
        Some(hop.map_err(|_| Failure::RedirectElsewhere))
    }

    /// A redirect hop is a request of its own, in a series of its own, intended when the hop before ended.
    pub(super) fn send_hop(&mut self, before: &Exchange, mut hop: Hop, ready_ns: u64) {
        let user = &self.virtual_users[before.virtual_user as usize];
        if self.scenarios.is_stopped(user.scenario) {
            self.end_iteration(before.virtual_user, ready_ns, IterationEnd::Unfinished);
            return;
        }
        let request = &self.program.requests[before.request as usize];
        if let Some(jar) = user.cookies.as_ref().filter(|_| joins_cookies(request, &user.rendered)) {
            let origin = &self.program.origins[request.host.0 as usize];
            jar.join(&mut hop.bytes, origin, ready_ns, &mut self.scratch);
        }
        let id = self.exchanges.insert(Exchange {
            virtual_user: before.virtual_user,
            request: before.request,
            series: request.redirect_series.unwrap_or(request.series),
            phase: phase_of(ready_ns, self.main_start_ns),
            intended_ns: ready_ns,
            waited_ns: 0,
            started_ns: 0,
            opening: None,
            waits: false,
            retried: false,
            rendered: before.rendered,
            hops: before.hops + 1,
            hop: Some(Box::new(hop)),
        });
        self.tell_request(id, ready_ns);
        self.submit(id, false);
    }
}

/// Takes each value out of a response, and counts whether it was there. Returns whether all were: what was not is unset.
#[inline(always)]
fn extract<R: Recorder>(
    extracts: &[Extract],
    response: &Response<'_>,
    user: &mut VirtualUser,
    recorder: &mut R,
) -> bool {
    let (scenario, phase) = (ScenarioIndex(user.scenario), user.phase);
    let mut all = true;
    for Extract { from, to, check } in extracts {
        let found = response.extract(from);
        match &found {
            Ok(value) => user.variables.set(*to, value),
            Err(_) => user.variables.unset(*to),
        }
        recorder.checked(scenario, phase, *check, found.is_ok());
        all &= found.is_ok();
    }
    all
}

/// A virtual user keeps what a response has set, for what it sends from now on.
#[cold]
fn take_cookies(user: &mut VirtualUser, request: &Request, origin: &BaseUrl, exchange: &Exchange, outcome: &Outcome) {
    let mut jar = user.cookies.take().unwrap_or_default();
    let path = path_of(sent_bytes(exchange, request, user));
    jar.take(&outcome.cookies, origin, path, outcome.ended_ns);
    user.cookies = Some(jar);
}

/// Whether a request takes cookies with it: not one that says itself which it sends.
fn joins_cookies(request: &Request, rendered: &[u8]) -> bool {
    request.joins_cookies && !(matches!(request.content, Content::Given(_)) && has_own_cookies(rendered))
}

/// The bytes of a request, or of the one that a redirect has made of it.
pub(super) fn sent_bytes<'b>(exchange: &'b Exchange, request: &'b Request, user: &'b VirtualUser) -> &'b [u8] {
    match (&exchange.hop, &request.content) {
        (Some(hop), _) => &hop.bytes,
        (None, Content::Known(bytes)) if !exchange.rendered => bytes,
        _ => &user.rendered,
    }
}

/// The start, for the sums, of a request that never went out.
fn never_sent(exchange: &Exchange) -> RequestStart {
    RequestStart {
        series: exchange.series,
        phase: exchange.phase,
        schedule_lag_ns: 0,
        connection_wait_ns: exchange.waited_ns,
        opening: None,
    }
}
