//! Operations: what a virtual user does next, one after the other, until it has to wait.

use apibench_core::clock::Clock;
use apibench_core::expression::Function;
use apibench_core::recorder::{CheckIndex, IterationEnd, Recorder, ScenarioIndex};
use apibench_core::transport::Transport;

use crate::expression::{Draws, Expression};
use crate::feeder::Taken;
use crate::load::LoadState;
use crate::program::{Operation, Program};
use crate::value::{Fault, Value};
use crate::variables::Variables;
use crate::virtual_user::VirtualUser;

use super::Driver;

/// Operations of one virtual user that are done before the others get their turn.
const OPERATIONS_IN_A_ROW: usize = 100;
/// Most that a step is done in a row.
const MAX_REPEATS: i64 = 1_000_000;

impl<T: Transport, R: Recorder, C: Clock> Driver<T, R, C> {
    /// Takes a virtual user on from its operation, for which it was ready at `ready_ns`.
    pub(super) fn advance(&mut self, index: u32, mut ready_ns: u64) {
        let VirtualUser {
            scenario, operation, ..
        } = self.virtual_users[index as usize];
        let mut begins = operation == self.program.scenarios[scenario as usize].first;
        for _ in 0..OPERATIONS_IN_A_ROW {
            let user = &mut self.virtual_users[index as usize];
            let here = user.operation;
            let operation = &self.program.scenarios[user.scenario as usize].operations[user.operation as usize];
            let goes_on = !matches!(operation, Operation::End | Operation::Jump(_) | Operation::LeaveGroup);
            if goes_on && self.scenarios.is_stopped(user.scenario) {
                self.end_iteration(index, ready_ns, IterationEnd::Unfinished);
                return;
            }
            match operation {
                Operation::Request(request) => {
                    let request = *request;
                    if self.send(index, request, ready_ns) {
                        return;
                    }
                    self.virtual_users[index as usize].operation += 1;
                }
                Operation::Think(pause) => {
                    let (_, mut draws) = user.values(&self.program);
                    let pause_ns = pause.min_ns + draws.below(pause.max_ns - pause.min_ns + 1);
                    self.pause(index, ready_ns, ready_ns.saturating_add(pause_ns));
                    return;
                }
                Operation::Pace(period_ns) => {
                    let at_ns = user.intended_ns.saturating_add(*period_ns).max(ready_ns);
                    self.pause(index, ready_ns, at_ns);
                    return;
                }
                Operation::PickByWeight(table) => {
                    let drawn = user.values(&self.program).1.below(table[table.len() - 1].0);
                    user.operation = case_at(table, drawn);
                    self.tell_operation(index, here, ready_ns);
                }
                Operation::PickByTurn(table) => {
                    let turn = user.stream.wrapping_add(user.round) % table[table.len() - 1].0;
                    user.operation = case_at(table, turn);
                    self.tell_operation(index, here, ready_ns);
                }
                Operation::Jump(place) => user.operation = *place,
                Operation::EnterGroup(group) => {
                    let group = *group;
                    user.operation += 1;
                    self.enter_group(index, group, ready_ns);
                }
                Operation::LeaveGroup => {
                    user.operation += 1;
                    self.leave_group(index, ready_ns, false);
                }
                Operation::End => {
                    let end = user.end();
                    if begins {
                        self.end_at_once(index, ready_ns, end);
                    } else {
                        self.end_iteration(index, ready_ns, end);
                    }
                    return;
                }
                Operation::Ready => {
                    ready_ns = self.be_ready(index, ready_ns);
                    begins = true;
                }
                Operation::Gone => {
                    let end = user.end();
                    self.end_iteration(index, ready_ns, end);
                    return;
                }
                Operation::Python { .. } | Operation::PythonUser(_) => {
                    if self.call_python(index, ready_ns) {
                        return;
                    }
                    self.virtual_users[index as usize].operation += 1;
                }
                Operation::Feed { feeder, to, check } => {
                    let (feeder, to, check) = (*feeder, *to, *check);
                    if self.feed(index, here, feeder, to, check, ready_ns) {
                        return;
                    }
                }
                valued => match compute(valued, user, &self.program, &mut self.scratch) {
                    Ok(None) => self.tell_operation(index, here, ready_ns),
                    Ok(Some((check, passed))) => {
                        let (scenario, phase) = (ScenarioIndex(user.scenario), user.phase);
                        self.recorder.checked(scenario, phase, check, passed);
                        self.tell_check(index, here, check, passed, ready_ns);
                    }
                    Err(check) => {
                        self.tell_operation(index, here, ready_ns);
                        if self.lacks_value(index, here, check, ready_ns) {
                            return;
                        }
                    }
                },
            }
        }
        // The others get their turn: what follows is done as behind a pause that is over at once.
        self.virtual_users[index as usize].operation -= 1;
        self.pause(index, ready_ns, ready_ns);
    }

    /// Puts the next row of a feeder into a variable, by the operation `here`. Returns whether the iteration has ended, for
    /// want of one.
    fn feed(&mut self, index: u32, here: u32, feeder: u16, to: u16, check: CheckIndex, now_ns: u64) -> bool {
        let user = &mut self.virtual_users[index as usize];
        user.operation += 1;
        let (variables, mut draws) = user.values(&self.program);
        let (over, lacks) = match self.feeding.take(feeder, &mut draws) {
            Taken::Row(row) => {
                variables.set_row(to, row);
                (false, false)
            }
            Taken::Over => (true, false),
            Taken::Nothing => (false, true),
        };
        if over || lacks {
            variables.unset(to);
        }
        self.tell_operation(index, here, now_ns);
        if over {
            let VirtualUser {
                scenario, place, begun, ..
            } = self.virtual_users[index as usize];
            match self.scenarios.load_mut(scenario) {
                LoadState::Closed(closed) => {
                    closed.retire(place);
                    self.scenarios.run_dry(scenario);
                }
                LoadState::Open(_) if !begun => self.run_dry(scenario, now_ns),
                // The next that falls due finds none: that one is told, and nobody else has to be.
                LoadState::Open(_) => {}
            }
            self.end_iteration(index, now_ns, IterationEnd::Unfinished);
        }
        over || (lacks && self.lacks_value(index, here, check, now_ns))
    }
}

/// Does an operation that works out a value, and takes the virtual user behind it. Returns which check was looked at and
/// whether it passed, if it is one.
///
/// # Errors
/// The check of an operation whose value cannot be worked out. The virtual user then stands where it goes on if it may.
fn compute(
    operation: &Operation,
    user: &mut VirtualUser,
    program: &Program,
    scratch: &mut Vec<u8>,
) -> Result<Option<(CheckIndex, bool)>, CheckIndex> {
    let here = user.operation;
    user.operation = here + 1;
    let (variables, mut draws) = user.values(program);
    match operation {
        Operation::Set { to, value, check } => {
            if set(*to, value, variables, &mut draws, scratch).is_err() {
                variables.unset(*to);
                return Err(*check);
            }
        }
        Operation::Check { condition, check } => {
            let held = condition.evaluate(variables, &mut draws);
            // What cannot be worked out does not hold.
            let passed = held.and_then(|value| value.boolean()).unwrap_or(false);
            return Ok(Some((*check, passed)));
        }
        Operation::Unless { condition, to, check } => {
            let held = condition.evaluate(variables, &mut draws);
            let held = held.and_then(|value| value.boolean());
            if held != Ok(true) {
                user.operation = *to;
            }
            held.map_err(|_| *check)?;
        }
        Operation::Repeat { counter, times, check } => {
            let times = times.evaluate(variables, &mut draws);
            let times = times.and_then(|value| value.integer());
            let times = times.ok().filter(|times| (0..=MAX_REPEATS).contains(times));
            variables.set(*counter, &Value::Integer(times.unwrap_or(0)));
            times.ok_or(*check)?;
        }
        Operation::Again { counter, behind } => match variables.get(*counter) {
            Ok(Value::Integer(left)) if left > 0 => variables.set(*counter, &Value::Integer(left - 1)),
            _ => user.operation = *behind,
        },
        Operation::Request(_)
        | Operation::Think(_)
        | Operation::Pace(_)
        | Operation::PickByWeight(_)
        | Operation::PickByTurn(_)
        | Operation::Jump(_)
        | Operation::EnterGroup(_)
        | Operation::LeaveGroup
        | Operation::Feed { .. }
        | Operation::Python { .. }
        | Operation::PythonUser(_)
        | Operation::Ready
        | Operation::Gone
        | Operation::End => unreachable!("these work out no value"),
    }
    Ok(None)
}

/// Puts the value of an expression into a variable; `scratch` is written over.
fn set(
    to: u16,
    value: &Expression,
    variables: &mut Variables,
    draws: &mut Draws<'_>,
    scratch: &mut Vec<u8>,
) -> Result<(), Fault> {
    if let Expression::Call(Function::Concat, _) = value {
        // A text that is made of others: it is written once, and takes the place of the one before.
        scratch.clear();
        value.write(variables, draws, scratch)?;
        return variables.set_text(to, scratch);
    }
    let value = value.evaluate(variables, draws)?.into_owned();
    variables.set(to, &value);
    Ok(())
}

/// Where the case stands that holds `drawn`, in a table of sums of weights.
fn case_at(table: &[(u64, u32)], drawn: u64) -> u32 {
    let place = table.partition_point(|(sum, _)| *sum <= drawn);
    table[place].1
}
