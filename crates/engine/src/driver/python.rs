//! Functions of Python: called, answered, and given up.
//!
//! What a virtual user waits for one is no part of any request: the next is intended when the answer has come, and as much
//! before that as its virtual user was late for the call. An answer is taken by whom it was for, or by nobody: iterations
//! that are over have given their calls up.

use std::ops::Range;

use apibench_core::clock::Clock;
use apibench_core::recorder::{CheckIndex, IterationEnd, Recorder, ScenarioIndex};
use apibench_core::transport::Transport;

use crate::json::is_too_deep;
use crate::json_walk;
use crate::program::Operation;
use crate::python::{Account, Answer, Expectation, Pool, Sent};
use crate::value::{MAX_TEXT_BYTES, Value};
use crate::virtual_user::Activity;

use super::Driver;

/// What a call came to: the JSON of a value, or why there is none.
type Outcome<'a> = Result<&'a str, &'a str>;

impl<T: Transport, R: Recorder, C: Clock> Driver<T, R, C> {
    /// The same loop, whose iterations have functions of Python called.
    #[must_use]
    pub fn calling(mut self, pool: Option<Pool>) -> Self {
        self.python = pool.map(Box::new);
        self
    }

    /// What came of its calls of Python.
    pub fn python_account(&self) -> Account {
        self.python
            .as_ref()
            .map(|pool| pool.account.clone())
            .unwrap_or_default()
    }

    /// Has the function called that a virtual user is at. `false`: it could not be, and the iteration goes on behind it.
    pub(super) fn call_python(&mut self, index: u32, ready_ns: u64) -> bool {
        let user = &mut self.virtual_users[index as usize];
        let here = user.operation;
        let Operation::Python(call) = &self.program.scenarios[user.scenario as usize].operations[here as usize] else {
            return false;
        };
        // It sends no request meanwhile.
        let mut written = std::mem::take(&mut user.rendered);
        let (variables, mut draws) = user.values(&self.program);
        let outcome = call.write(variables, &mut draws, &mut written);
        user.rendered = written;
        if outcome.is_err() {
            let (to, check) = (call.to, call.check);
            user.variables.unset(to);
            return self.lacks_value(index, here, check, ready_ns);
        }
        user.activity = Activity::Calling;
        self.begin(index);
        self.tell_call(index, ready_ns);
        if let Some(pool) = &mut self.python {
            let sent = pool.expect(index, ready_ns, self.clock.now_ns());
            pool.call(sent, &self.virtual_users[index as usize].rendered);
        }
        true
    }

    /// Takes the answers that have come, and has calls go out.
    pub(super) fn hear_python(&mut self) {
        let Some(pool) = &mut self.python else { return };
        for stream in pool.welcome() {
            // Where the kernel refuses it the loop looks all the same, only later.
            let _ = self.transport.watch(stream);
        }
        let all = pool.looks_at_all(self.looked_ns);
        for place in (0..pool.len()).rev() {
            self.hear_process(place, all);
        }
        // Not those that come behind them: what fails at once may follow at once.
        let parked = self.python.as_ref().map_or(0, |pool| pool.parked());
        for _ in 0..parked {
            let Some(pool) = &mut self.python else { return };
            let Some(sent) = pool.next_parked() else { break };
            if let Some(reason) = pool.is_over().map(str::to_owned) {
                let now_ns = self.clock.now_ns();
                self.failed(sent, &reason, now_ns);
            } else {
                pool.give(sent, &self.virtual_users[sent.virtual_user as usize].rendered);
            }
        }
        if let Some(pool) = &mut self.python {
            pool.flush();
        }
    }

    fn hear_process(&mut self, place: usize, looks_at_all: bool) {
        let Some(pool) = &mut self.python else { return };
        let Some(mut received) = pool.receive(place, looks_at_all) else {
            return;
        };
        let now_ns = self.clock.now_ns();
        self.seal_up_to(now_ns);
        if now_ns >= self.next_drain_end_ns() {
            self.end_drains(now_ns);
        }
        let mut distrusted = false;
        while let Some(answers) = received.answers() {
            if answers.is_empty()
                && let Some(pool) = &mut self.python
            {
                pool.leaves(place);
            }
            for answer in answers {
                let sent = self.python.as_mut().and_then(|pool| pool.answered(place, answer.0));
                match sent {
                    Some(sent) => self.answered(sent, &answer, now_ns),
                    None => distrusted = true,
                }
            }
        }
        if distrusted {
            received.distrust();
        }
        let Some(pool) = &mut self.python else { return };
        let (lost, reason) = pool.settle(place, received);
        for sent in lost {
            self.failed(sent, &reason, now_ns);
        }
    }

    /// A call has been answered.
    fn answered(&mut self, sent: Sent, answer: &Answer<'_>, now_ns: u64) {
        let Answer(took_ns, value, failure) = answer;
        let Some(expected) = self.take_expected(sent) else {
            return;
        };
        let user = &self.virtual_users[sent.virtual_user as usize];
        let (scenario, phase) = (ScenarioIndex(user.scenario), user.phase);
        let wait_ns = now_ns.saturating_sub(expected.called_ns).saturating_sub(*took_ns);
        self.recorder.python_called(scenario, phase, wait_ns, *took_ns);
        let outcome = match failure {
            Some(reason) => Err(&**reason),
            None => Ok(value.get()),
        };
        self.go_on_behind_call(sent.virtual_user, expected, outcome, *took_ns, now_ns);
    }

    /// A call will never be answered.
    fn failed(&mut self, sent: Sent, reason: &str, now_ns: u64) {
        let Some(expected) = self.take_expected(sent) else {
            return;
        };
        let user = &self.virtual_users[sent.virtual_user as usize];
        let age_ns = now_ns.saturating_sub(expected.called_ns);
        self.recorder
            .python_given_up(ScenarioIndex(user.scenario), user.phase, age_ns, expected.begun);
        self.go_on_behind_call(sent.virtual_user, expected, Err(reason), age_ns, now_ns);
    }

    /// A call, if its virtual user still waits for it; from now on it does not.
    fn take_expected(&mut self, sent: Sent) -> Option<Expectation> {
        let pool = self.python.as_mut()?;
        pool.is_expected(sent).then(|| pool.forget(sent.virtual_user))?
    }

    fn go_on_behind_call(
        &mut self,
        index: u32,
        expected: Expectation,
        outcome: Outcome<'_>,
        took_ns: u64,
        now_ns: u64,
    ) {
        let user = &mut self.virtual_users[index as usize];
        let here = user.operation;
        let Operation::Python(call) = &self.program.scenarios[user.scenario as usize].operations[here as usize] else {
            return;
        };
        let (function, to, check) = (call.function, call.to, call.check);
        if let Some(pool) = &mut self.python {
            pool.account.took(function, took_ns);
        }
        match outcome.and_then(value_of) {
            Ok(value) => {
                user.variables.set(to, &value);
                let (scenario, phase) = (ScenarioIndex(user.scenario), user.phase);
                self.recorder.checked(scenario, phase, check, true);
                self.tell_operation(index, here, now_ns);
            }
            Err(reason) => {
                user.variables.unset(to);
                if self.fail_call(index, function, check, reason, now_ns) {
                    return;
                }
            }
        }
        self.virtual_users[index as usize].operation = here + 1;
        let late_ns = expected.called_ns.saturating_sub(expected.ready_ns);
        self.advance(index, now_ns.saturating_sub(late_ns));
    }

    /// The call that a virtual user is at has failed. Returns whether its iteration has ended.
    fn fail_call(&mut self, index: u32, function: u16, check: CheckIndex, reason: &str, now_ns: u64) -> bool {
        if let Some(pool) = &mut self.python {
            pool.account.failed(function, reason);
        }
        self.tell_failed_call(index, reason, now_ns);
        let here = self.virtual_users[index as usize].operation;
        self.lacks_value(index, here, check, now_ns)
    }

    /// Nobody of these scenarios waits for Python any more.
    pub(super) fn cut_off_calls(&mut self, which: &Range<u16>, now_ns: u64) {
        let Some(pool) = &self.python else { return };
        let users = &self.virtual_users;
        let own = |index: &u32| which.contains(&users[*index as usize].scenario);
        for index in pool.waiting().filter(own).collect::<Vec<_>>() {
            self.end_iteration(index, now_ns, IterationEnd::Unfinished);
        }
    }

    /// The iteration of a virtual user is over: it waits for no call any more.
    #[inline]
    pub(super) fn forget_call(&mut self, index: u32, at_ns: u64) {
        if let Some(pool) = &mut self.python
            && let Some(given_up) = pool.forget(index)
        {
            let user = &self.virtual_users[index as usize];
            let age_ns = at_ns.saturating_sub(given_up.called_ns);
            self.recorder
                .python_given_up(ScenarioIndex(user.scenario), user.phase, age_ns, given_up.begun);
        }
    }
}

/// The value of a JSON text that a process has sent.
///
/// # Errors
/// Why a variable can't hold it.
fn value_of(json: &str) -> Result<Value<'_>, &str> {
    if json.len() > MAX_TEXT_BYTES {
        return Err("OverflowError: the value is longer than 8 MiB");
    }
    if is_too_deep(json.as_bytes()) {
        return Err("RecursionError: the value has too many lists and dictionaries one within the other");
    }
    match json_walk::whole(json) {
        // It would have other digits.
        Ok(Value::Number(_)) if !json.contains(['.', 'e', 'E']) => Err("OverflowError: the number is beyond 64 bits"),
        Ok(value) => Ok(value),
        Err(_) => Err("ValueError: the value is none of JSON's"),
    }
}
