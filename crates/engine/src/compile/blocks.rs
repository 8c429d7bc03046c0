//! Steps that hold others: each becomes operations with jumps around those of its steps.

use apibench_core::expression::Expression as Written;
use apibench_core::recorder::GroupIndex;
use apibench_core::step::{Case, PickBy, Step};

use crate::groups::MAX_DEPTH;
use crate::program::{CompileError, Group, Operation};

use super::{Compiler, Unfinished, fault};

impl Compiler<'_> {
    /// The condition, what is done then, and what is done otherwise.
    pub(super) fn when(
        &mut self,
        condition: &Written,
        steps: &[Step],
        otherwise: &[Step],
        place: &str,
        into: &mut Unfinished<'_>,
    ) -> Result<(), CompileError> {
        let condition = into.expression(condition, place)?;
        let check = into.check(&format!("{place}.condition"));
        let choice = into.operations.len();
        into.push(Operation::End, place);
        self.steps(steps, &format!("{place}.steps"), into)?;
        let jump = into.operations.len();
        // Where nothing stands in either, the two ways are told apart all the same.
        let jumps = !otherwise.is_empty() || steps.is_empty();
        if jumps {
            into.push(Operation::End, place);
        }
        let to = into.here();
        into.operations[choice] = Operation::Unless { condition, to, check };
        if jumps {
            self.steps(otherwise, &format!("{place}.otherwise"), into)?;
            into.operations[jump] = Operation::Jump(into.here());
        }
        Ok(())
    }

    /// How often, the question whether once more, and what is done.
    pub(super) fn repeat(
        &mut self,
        times: &Written,
        steps: &[Step],
        place: &str,
        into: &mut Unfinished<'_>,
    ) -> Result<(), CompileError> {
        let times = into.expression(times, place)?;
        let check = into.check(&format!("{place}.times"));
        let counter = into.variables.unnamed().map_err(|message| fault(place, message))?;
        into.push(Operation::Repeat { counter, times, check }, place);
        let again = into.here();
        into.push(Operation::End, place);
        into.loops.push((into.depth, Vec::new()));
        self.steps(steps, &format!("{place}.steps"), into)?;
        into.push(Operation::Jump(again), place);
        let behind = into.here();
        for left in into.loops.pop().unwrap_or_default().1 {
            into.operations[left as usize] = Operation::Jump(behind);
        }
        into.operations[again as usize] = Operation::Again { counter, behind };
        Ok(())
    }

    /// The beginning, what is done, and the end.
    pub(super) fn group(
        &mut self,
        name: &str,
        steps: &[Step],
        place: &str,
        into: &mut Unfinished<'_>,
    ) -> Result<(), CompileError> {
        if into.depth == MAX_DEPTH {
            return Err(fault(place, format!("more than {MAX_DEPTH} groups within one another")));
        }
        let group = self.group_of(into.index, name);
        into.push(Operation::EnterGroup(group), place);
        into.depth += 1;
        self.steps(steps, &format!("{place}.steps"), into)?;
        into.depth -= 1;
        into.push(Operation::LeaveGroup, place);
        Ok(())
    }

    /// The choice, then the cases one behind the other, each with a jump behind the last.
    pub(super) fn pick(
        &mut self,
        by: PickBy,
        cases: &[Case],
        place: &str,
        into: &mut Unfinished<'_>,
    ) -> Result<(), CompileError> {
        let choice = into.operations.len();
        into.push(Operation::End, place);
        let mut table = Vec::with_capacity(cases.len());
        let mut jumps = Vec::with_capacity(cases.len());
        let mut weight = 0_u64;
        for (number, case) in cases.iter().enumerate() {
            if case.weight == 0 || case.steps.is_empty() {
                return Err(fault(
                    &format!("{place}.cases[{number}]"),
                    "a case needs a weight of at least 1 and a step".to_owned(),
                ));
            }
            weight = weight.saturating_add(case.weight);
            table.push((weight, into.operations.len() as u32));
            self.steps(&case.steps, &format!("{place}.cases[{number}].steps"), into)?;
            jumps.push(into.operations.len());
            into.push(Operation::End, place);
        }
        if table.is_empty() {
            return Err(fault(place, "there is no case to pick".to_owned()));
        }
        let behind = into.operations.len() as u32;
        for jump in jumps {
            into.operations[jump] = Operation::Jump(behind);
        }
        let table = table.into_boxed_slice();
        into.operations[choice] = match by {
            PickBy::Weight => Operation::PickByWeight(table),
            PickBy::Turn => Operation::PickByTurn(table),
        };
        Ok(())
    }

    /// Groups of one name in one scenario are one in results.
    fn group_of(&mut self, scenario: u16, name: &str) -> GroupIndex {
        let same = |group: &Group| group.scenario == scenario && group.name == name;
        let number = self.groups.iter().position(same).unwrap_or_else(|| {
            let name = name.to_owned();
            self.groups.push(Group { scenario, name });
            self.groups.len() - 1
        });
        GroupIndex(number as u16)
    }
}
