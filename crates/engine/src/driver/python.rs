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
use crate::program::{Operation, Program};
use crate::python::{Account, Answer, Expectation, Messages, Pool, PythonCall, Sent};
use crate::value::{MAX_TEXT_BYTES, Value};
use crate::virtual_user::{Activity, VirtualUser};

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

    /// Has the function called, or the user of Python begun, that a virtual user is at. `false`: it could not be, and the
    /// iteration goes on behind it.
    pub(super) fn call_python(&mut self, index: u32, ready_ns: u64) -> bool {
        let user = &mut self.virtual_users[index as usize];
        let here = user.operation;
        let Some((call, to)) = call_at(&self.program, user) else {
            return false;
        };
        // It sends no request meanwhile.
        let mut written = std::mem::take(&mut user.rendered);
        let (variables, mut draws) = user.values(&self.program);
        let outcome = call.write(variables, &mut draws, &mut written);
        user.rendered = written;
        if outcome.is_err() {
            let check = call.check;
            to.into_iter().for_each(|to| user.variables.unset(to));
            return self.lacks_value(index, here, check, ready_ns);
        }
        user.activity = Activity::Calling;
        self.begin(index);
        self.tell_call(index, ready_ns);
        if let Some(pool) = &mut self.python {
            let sent = pool.expect(index, ready_ns, self.clock.now_ns());
            if pool.parked() > 0 || !self.hand_over(sent) {
                self.python.as_mut().into_iter().for_each(|pool| pool.park(sent));
            }
        }
        true
    }

    /// Gives what a virtual user has called to a process, if one has room for it.
    fn hand_over(&mut self, sent: Sent) -> bool {
        let Some(pool) = &mut self.python else { return false };
        let user = &self.virtual_users[sent.virtual_user as usize];
        match &self.program.scenarios[user.scenario as usize].operations[user.operation as usize] {
            Operation::PythonUser(_) => pool.begin(sent, &seed_of(&self.program, user), &user.rendered),
            _ => pool.give(sent, &user.rendered),
        }
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
                self.hand_over(sent);
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
        while let Some(frame) = received.next_frame() {
            if !self.heard(place, received.frame(frame), now_ns) {
                received.distrust();
            }
        }
        let Some(pool) = &mut self.python else { return };
        let lost = pool.settle(place, received);
        for sent in lost.calls {
            self.failed(sent, &lost.reason, now_ns);
        }
        self.lose_users(&lost.users, &lost.reason, now_ns);
    }

    /// A process has sent a frame. `false`: one that it can't have meant.
    fn heard(&mut self, place: usize, frame: &[u8], now_ns: u64) -> bool {
        let Some(pool) = &mut self.python else { return true };
        if frame.is_empty() {
            pool.leaves(place);
            return true;
        }
        if let Some(messages) = Messages::of(frame) {
            for message in messages {
                if !message.is_some_and(|message| self.said(&message, now_ns)) {
                    return false;
                }
            }
            return true;
        }
        let Some(answers) = Answer::all_of(frame) else {
            return false;
        };
        for answer in answers {
            let Some(sent) = self.python.as_mut().and_then(|pool| pool.answered(place, answer.0)) else {
                return false;
            };
            self.answered(sent, &answer, now_ns);
        }
        true
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
    pub(super) fn failed(&mut self, sent: Sent, reason: &str, now_ns: u64) {
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

    /// What a virtual user has called is over.
    pub(super) fn go_on_behind_call(
        &mut self,
        index: u32,
        expected: Expectation,
        outcome: Outcome<'_>,
        took_ns: u64,
        now_ns: u64,
    ) {
        let user = &mut self.virtual_users[index as usize];
        let here = user.operation;
        let Some((call, to)) = call_at(&self.program, user) else {
            return;
        };
        let (function, check) = (call.function, call.check);
        if let Some(pool) = &mut self.python {
            pool.account.took(function, took_ns);
            pool.end(index, true);
        }
        match outcome.and_then(value_of) {
            Ok(value) => {
                to.into_iter().for_each(|to| user.variables.set(to, &value));
                let (scenario, phase) = (ScenarioIndex(user.scenario), user.phase);
                self.recorder.checked(scenario, phase, check, true);
                self.tell_operation(index, here, now_ns);
            }
            Err(reason) => {
                to.into_iter().for_each(|to| user.variables.unset(to));
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
    #[inline(always)]
    pub(super) fn forget_call(&mut self, index: u32, at_ns: u64) {
        if self.python.is_some() {
            self.give_call_up(index, at_ns);
        }
    }

    #[inline(never)]
    fn give_call_up(&mut self, index: u32, at_ns: u64) {
        let Some(pool) = &mut self.python else { return };
        let given_up = pool.forget(index);
        pool.end(index, false);
        if let Some(given_up) = given_up {
            let user = &self.virtual_users[index as usize];
            let age_ns = at_ns.saturating_sub(given_up.called_ns);
            self.recorder
                .python_given_up(ScenarioIndex(user.scenario), user.phase, age_ns, given_up.begun);
        }
    }
}

/// What the operation calls that a virtual user is at, and the variable that it sets.
fn call_at<'p>(program: &'p Program, user: &VirtualUser) -> Option<(&'p PythonCall, Option<u16>)> {
    match &program.scenarios[user.scenario as usize].operations[user.operation as usize] {
        Operation::Python { call, to } => Some((call, Some(*to))),
        Operation::PythonUser(python_user) => Some((&python_user.call, None)),
        _ => None,
    }
}

/// What the random values of an iteration in Python follow from: those of plan, scenario, virtual user and iteration.
fn seed_of(program: &Program, user: &VirtualUser) -> [u8; 32] {
    let mut seed = [0; 32];
    let parts = [program.seed, u64::from(user.scenario), user.stream, user.round];
    for (place, part) in seed.chunks_exact_mut(8).zip(parts) {
        place.copy_from_slice(&part.to_le_bytes());
    }
    seed
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
