//! What is told of an iteration, if somebody wants to see it.

use apibench_core::clock::Clock;
use apibench_core::failure::Failure;
use apibench_core::recorder::{CheckIndex, IterationEnd, Recorder, RequestEnd};
use apibench_core::transport::{ExchangeId, Transport};

use crate::exchanges::Exchange;
use crate::options::Tells;
use crate::program::Operation;
use crate::story::{Story, Told, What};

use super::Driver;
use super::requests::sent_bytes;

impl<T: Transport, R: Recorder, C: Clock> Driver<T, R, C> {
    /// The same loop, which tells what its iterations do: for a few of them, never for a load.
    #[must_use]
    pub fn telling(mut self, tells: Tells) -> Self {
        self.story = (tells != Tells::Nothing).then(|| Box::new(Story::new(tells == Tells::Everything)));
        self
    }

    /// What was told so far, and is told no more.
    pub fn told(&mut self) -> Vec<Told> {
        self.story.as_deref_mut().map(Story::take).unwrap_or_default()
    }

    /// What an operation came to that the virtual user has just left.
    #[inline]
    pub(super) fn tell_operation(&mut self, index: u32, operation: u32, at_ns: u64) {
        if self.story.is_none() {
            return;
        }
        let user = &self.virtual_users[index as usize];
        let scenario = &self.program.scenarios[user.scenario as usize];
        let done = &scenario.operations[operation as usize];
        if let Some(what) = What::of(done, scenario, &user.variables, user.operation) {
            self.tell(index, operation, at_ns, what);
        }
    }

    #[inline]
    pub(super) fn tell_check(&mut self, index: u32, operation: u32, check: CheckIndex, passed: bool, at_ns: u64) {
        if self.story.is_some() {
            let user = &self.virtual_users[index as usize];
            let names = &self.program.scenarios[user.scenario as usize].checks;
            let name = names[usize::from(check.0)].clone();
            self.tell(index, operation, at_ns, What::Check { name, passed });
        }
    }

    #[inline]
    pub(super) fn tell_pause(&mut self, index: u32, until_ns: u64, at_ns: u64) {
        if self.story.is_some() {
            let operation = self.virtual_users[index as usize].operation;
            let until_ns = until_ns.saturating_sub(self.barrier_ns);
            self.tell(index, operation, at_ns, What::Pause { until_ns });
        }
    }

    /// What the function is given that the virtual user is about to have called.
    #[inline]
    pub(super) fn tell_call(&mut self, index: u32, at_ns: u64) {
        let Some(story) = &self.story else { return };
        let user = &self.virtual_users[index as usize];
        let (operation, written) = (user.operation, story.text(&user.rendered));
        let arguments = written.split_once(',').map_or("", |(_, rest)| rest);
        let arguments = arguments.strip_suffix(']').unwrap_or(arguments).to_owned();
        if let Some(function) = self.function_at(index) {
            self.tell(index, operation, at_ns, What::Call { function, arguments });
        }
    }

    #[inline]
    pub(super) fn tell_failed_call(&mut self, index: u32, reason: &str, at_ns: u64) {
        if self.story.is_none() {
            return;
        }
        let operation = self.virtual_users[index as usize].operation;
        if let Some(function) = self.function_at(index) {
            let reason = reason.to_owned();
            self.tell(index, operation, at_ns, What::CallFailed { function, reason });
        }
    }

    /// The name of the function that a virtual user is at.
    fn function_at(&self, index: u32) -> Option<String> {
        let user = &self.virtual_users[index as usize];
        match &self.program.scenarios[user.scenario as usize].operations[user.operation as usize] {
            Operation::Python { call, .. } => self.program.functions.get(call.function as usize).cloned(),
            Operation::PythonUser(python_user) => {
                self.program.functions.get(python_user.call.function as usize).cloned()
            }
            _ => None,
        }
    }

    #[inline(always)]
    pub(super) fn tell_request(&mut self, id: ExchangeId, at_ns: u64) {
        if self.story.is_some() {
            self.tell_sent(id, at_ns);
        }
    }

    #[cold]
    fn tell_sent(&mut self, id: ExchangeId, at_ns: u64) {
        let Some(story) = &self.story else { return };
        let Some(exchange) = self.exchanges.get(id) else { return };
        let user = &self.virtual_users[exchange.virtual_user as usize];
        let request = &self.program.requests[exchange.request as usize];
        let (index, operation) = (exchange.virtual_user, user.operation);
        let text = story.text(sent_bytes(exchange, request, user));
        self.tell(index, operation, at_ns, What::Request { text });
    }

    #[inline]
    pub(super) fn tell_response(&mut self, exchange: &Exchange, end: &RequestEnd, at_ns: u64) {
        let Some(story) = &self.story else { return };
        let answered = end.failure.is_none_or(|_| end.status != 0);
        let what = What::Response {
            status: end.status,
            failure: end.failure.map(Failure::name),
            service_ns: end.service_ns,
            text: if answered {
                story.text(self.transport.response().bytes)
            } else {
                String::new()
            },
        };
        let index = exchange.virtual_user;
        self.tell(index, self.virtual_users[index as usize].operation, at_ns, what);
    }

    /// What was taken out of a response.
    #[inline]
    pub(super) fn tell_extracts(&mut self, exchange: &Exchange, at_ns: u64) {
        if self.story.is_none() {
            return;
        }
        let index = exchange.virtual_user;
        let user = &self.virtual_users[index as usize];
        let operation = user.operation;
        let scenario = &self.program.scenarios[user.scenario as usize];
        let extracts = &self.program.requests[exchange.request as usize].extracts;
        let values = extracts
            .iter()
            .map(|extract| What::value(extract.to, scenario, &user.variables));
        for what in values.collect::<Vec<_>>() {
            self.tell(index, operation, at_ns, what);
        }
    }

    #[inline]
    pub(super) fn tell_end(&mut self, index: u32, end: IterationEnd, at_ns: u64) {
        if self.story.is_some() {
            let operation = self.virtual_users[index as usize].operation;
            let ok = end == IterationEnd::Ok;
            self.tell(index, operation, at_ns, What::End { ok });
        }
    }

    #[cold]
    fn tell(&mut self, index: u32, operation: u32, at_ns: u64, what: What) {
        let number = self.virtual_users[index as usize].scenario;
        let scenario = &self.program.scenarios[number as usize];
        let at_ns = at_ns.saturating_sub(self.barrier_ns);
        if let Some(story) = &mut self.story {
            story.tell(number, scenario, operation, at_ns, what);
        }
    }
}
