//! Whole users in Python: what they wish is done by the loop, and they are told what came of it.
//!
//! While its iteration is in Python, a virtual user stays at one operation: it has a request in flight, or a pause, or is
//! waited for as the answer of a call is. What it does between being told something and its next wish is time of Python,
//! and in no request.

use apibench_core::clock::Clock;
use apibench_core::recorder::{IterationEnd, Recorder, RequestEnd, ScenarioIndex};
use apibench_core::step::StatusRange;
use apibench_core::transport::{Outcome, Transport};

use crate::exchanges::Exchange;
use crate::program::Operation;
use crate::python::{FromUser, News, Parts, PythonUser, Sent, Wish};
use crate::request::{Content, Request};
use crate::response::Response;
use crate::virtual_user::Activity;

use super::Driver;

impl<T: Transport, R: Recorder, C: Clock> Driver<T, R, C> {
    /// Whether the iteration of a virtual user is in Python at present.
    #[inline]
    pub(super) fn is_in_python(&self, index: u32) -> bool {
        self.python.as_ref().is_some_and(|pool| pool.homes.lives(index))
    }

    /// A user has said something. `false`: it can't have meant it.
    pub(super) fn said(&mut self, message: &FromUser<'_>, now_ns: u64) -> bool {
        let sent = message.from;
        let Some(pool) = self.python.as_mut().filter(|pool| pool.is_expected(sent)) else {
            // Of an iteration that is over.
            return true;
        };
        let index = sent.virtual_user;
        let user = &self.virtual_users[index as usize];
        let (scenario, phase, here) = (user.scenario, user.phase, user.operation);
        let operation = &self.program.scenarios[scenario as usize].operations[here as usize];
        let (Operation::PythonUser(python_user), true) = (operation, pool.homes.lives(index)) else {
            return false;
        };
        if let Wish::Check { number, passed } = message.wish {
            let Some(check) = python_user.checks.get(usize::from(number)).copied() else {
                return false;
            };
            self.recorder.checked(ScenarioIndex(scenario), phase, check, passed);
            self.tell_check(index, here, check, passed, now_ns);
            return true;
        }
        let function = python_user.call.function;
        // Looked at first: whoever is not believed is still waited for.
        let Some(request) = self.write_given(index, &message.wish) else {
            return false;
        };
        let Some(pool) = &mut self.python else { return false };
        let Some(expected) = pool.forget(index) else {
            return false;
        };
        let wait_ns = now_ns
            .saturating_sub(expected.called_ns)
            .saturating_sub(message.took_ns);
        self.recorder
            .python_called(ScenarioIndex(scenario), phase, wait_ns, message.took_ns);
        if let Wish::End(reason) = message.wish {
            let outcome = reason.map_or(Ok("null"), Err);
            self.go_on_behind_call(index, expected, outcome, message.took_ns, now_ns);
            return true;
        }
        pool.account.took(function, message.took_ns);
        let late_ns = expected.called_ns.saturating_sub(expected.ready_ns);
        let ready_ns = now_ns.saturating_sub(late_ns);
        if let Wish::Sleep(pause_ns) = message.wish {
            self.pause(index, ready_ns, ready_ns.saturating_add(pause_ns));
        } else if let Some(request) = request {
            self.send(index, request, ready_ns);
        }
        true
    }

    /// Writes the request that a user gives, if it gives one. Returns which, or `None` for one that is none of its.
    fn write_given(&mut self, index: u32, wish: &Wish<'_>) -> Option<Option<u32>> {
        let Wish::Request {
            number,
            expected,
            target,
            headers,
            body,
        } = wish
        else {
            return Some(None);
        };
        let user = &mut self.virtual_users[index as usize];
        let operations = &self.program.scenarios[user.scenario as usize].operations;
        let request = request_of(&operations[user.operation as usize], *number)?;
        let Content::Given(given) = &self.program.requests[request as usize].content else {
            return None;
        };
        let parts = Parts {
            target,
            headers,
            body: *body,
        };
        given.write(parts, &mut user.rendered)?;
        if let Some(pool) = &mut self.python {
            pool.homes.expect(index, expected);
        }
        Some(Some(request))
    }

    /// Which statuses are ok: those that the plan names, or whoever has given the request.
    #[inline]
    pub(super) fn expected<'e>(&'e self, request: &'e Request, index: u32) -> Option<&'e [StatusRange]> {
        match (&self.python, &request.content) {
            (Some(pool), Content::Given(_)) => pool.homes.expected(index),
            _ => request.expected.as_deref(),
        }
    }

    /// The request of a user is over. Apart, as what is done for each request has no need of the room that it takes.
    #[inline(never)]
    pub(super) fn answer_user(&mut self, exchange: &Exchange, outcome: &Outcome, end: &RequestEnd) {
        let index = exchange.virtual_user;
        let Some(sent) = self.expect_user(index, outcome.ended_ns) else {
            return;
        };
        let Some(pool) = &mut self.python else { return };
        let failure = end.failure.map_or("", |failure| failure.name());
        let service_ns = end.service_ns;
        let told = if outcome.failure.is_some() || end.status == 0 {
            pool.tell(sent, News::Failed { failure, service_ns })
        } else {
            let kept = self.transport.response();
            let response = Response::new(end.status, kept);
            let news = News::Response {
                status: end.status,
                failure,
                service_ns,
                head: response.head(),
                body: response.body().ok().filter(|_| !kept.cut),
            };
            pool.tell(sent, news)
        };
        if !told {
            self.lose_user(sent, outcome.ended_ns);
        }
    }

    /// The pause of a user was over at `at_ns`.
    #[inline(never)]
    pub(super) fn slept(&mut self, index: u32, at_ns: u64) {
        let Some(sent) = self.expect_user(index, at_ns) else {
            return;
        };
        if !self.python.as_mut().is_some_and(|pool| pool.tell(sent, News::Slept)) {
            self.lose_user(sent, at_ns);
        }
    }

    /// A user is waited for, that is about to be told something since `ready_ns`. `None`: its iteration has ended, because
    /// nothing more may follow.
    fn expect_user(&mut self, index: u32, ready_ns: u64) -> Option<Sent> {
        let user = &mut self.virtual_users[index as usize];
        if self.scenarios.is_stopped(user.scenario) {
            self.end_iteration(index, ready_ns, IterationEnd::Unfinished);
            return None;
        }
        user.activity = Activity::Calling;
        let called_ns = self.clock.now_ns();
        self.python.as_mut().map(|pool| pool.expect(index, ready_ns, called_ns))
    }

    /// A process has gone in which these users lived. Those with a request in flight, or in a pause, fail behind it.
    pub(super) fn lose_users(&mut self, users: &[u32], reason: &str, now_ns: u64) {
        for index in users {
            let waiting = self.python.as_ref().and_then(|pool| pool.waiting_for(*index));
            if let Some(sent) = waiting {
                self.failed(sent, reason, now_ns);
            }
        }
    }

    /// The process has gone in which a user lived that is to be told something.
    fn lose_user(&mut self, sent: Sent, now_ns: u64) {
        let pool = self.python.as_ref();
        let reason = pool.map_or_else(String::new, |pool| pool.why_gone(sent.virtual_user).to_owned());
        self.failed(sent, &reason, now_ns);
    }
}

/// A user's request by the number that it knows.
fn request_of(operation: &Operation, number: u16) -> Option<u32> {
    let Operation::PythonUser(python_user) = operation else {
        return None;
    };
    let PythonUser {
        first_request,
        requests,
        ..
    } = **python_user;
    (number < requests).then(|| first_request + u32::from(number))
}
