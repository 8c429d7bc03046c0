//! From a plan to a program.

mod blocks;
mod requests;

use apibench_core::expression::Expression as Written;
use apibench_core::feeder::WhenDry;
use apibench_core::plan::{Plan, Scenario};
use apibench_core::recorder::{CheckIndex, SeriesIndex};
use apibench_core::step::{Step, UniformPause};
use apibench_core::transport::HostIndex;

use crate::expression::{Expression, Names};
use crate::extraction::Extraction;
use crate::program::{CompileError, Group, Operation, Program, ScenarioProgram, Series};
use crate::python::PythonCall;
use crate::request::{BaseUrl, Extract, Request};

impl Program {
    /// Compiles a plan.
    ///
    /// # Errors
    /// The first thing that cannot be compiled. Python's validation reports all faults at once and lets none of
    /// these through; this is the fence behind it.
    pub fn compile(plan: &Plan) -> Result<Self, CompileError> {
        let mut compiler = Compiler {
            plan,
            hosts: plan.hosts.keys().cloned().collect(),
            requests: Vec::new(),
            series: Vec::new(),
            groups: Vec::new(),
            feeders: plan.feeders.keys().cloned().collect(),
            columns: Vec::new(),
            counters: Vec::new(),
            functions: Vec::new(),
        };
        if plan.version != 1 {
            return Err(fault(
                "version",
                format!("version {} is not known; this engine reads version 1", plan.version),
            ));
        }
        if plan.scenarios.is_empty() {
            return Err(fault("scenarios", "there is none".to_owned()));
        }
        let scenarios = (0_u16..)
            .zip(&plan.scenarios)
            .map(|(index, scenario)| compiler.scenario(index, scenario))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            seed: plan.seed,
            wall_clock: crate::moment::system_wall_ns,
            warmup_ns: plan.warmup_ns,
            drain_ns: plan.drain_ns,
            origins: plan
                .hosts
                .iter()
                .map(|(name, host)| {
                    BaseUrl::parse(&host.base_url).map_err(|message| fault(&format!("hosts.{name}"), message))
                })
                .collect::<Result<_, _>>()?,
            hosts: compiler.hosts,
            requests: compiler.requests,
            scenarios,
            series: compiler.series,
            groups: compiler.groups,
            feeders: compiler.feeders,
            columns: compiler.columns,
            counters: compiler.counters,
            functions: compiler.functions,
        })
    }
}

struct Compiler<'a> {
    plan: &'a Plan,
    hosts: Vec<String>,
    requests: Vec<Request>,
    series: Vec<Series>,
    groups: Vec<Group>,
    feeders: Vec<String>,
    columns: Vec<(u16, String)>,
    counters: Vec<String>,
    functions: Vec<String>,
}

/// One scenario, as far as it is compiled.
struct Unfinished<'a> {
    index: u16,
    scenario: &'a Scenario,
    operations: Vec<Operation>,
    places: Vec<String>,
    variables: Names,
    checks: Vec<String>,
    /// Which variables hold rows of which feeders.
    fed: Vec<(u16, u16)>,
    /// Of each repeat that goes on: in how many groups it stands, and where it is left.
    loops: Vec<(usize, Vec<u32>)>,
    /// In how many groups the next step stands.
    depth: usize,
}

impl Unfinished<'_> {
    /// Checks of one name in one scenario share their counters.
    fn check(&mut self, name: &str) -> CheckIndex {
        CheckIndex(number_of(name, &mut self.checks))
    }

    fn expression(&mut self, written: &Written, place: &str) -> Result<Expression, CompileError> {
        Expression::compile(written, &mut self.variables).map_err(|message| fault(place, message))
    }

    fn variable(&mut self, name: &str, place: &str) -> Result<u16, CompileError> {
        self.variables.of(name).map_err(|message| fault(place, message))
    }

    fn push(&mut self, operation: Operation, place: &str) {
        self.operations.push(operation);
        self.places.push(place.to_owned());
    }

    /// So many groups are over, the innermost first.
    fn leave_groups(&mut self, count: usize, place: &str) {
        for _ in 0..count {
            self.push(Operation::LeaveGroup, place);
        }
    }

    /// Where the next operation will stand.
    fn here(&self) -> u32 {
        self.operations.len() as u32
    }
}

impl Compiler<'_> {
    fn scenario(&mut self, index: u16, scenario: &Scenario) -> Result<ScenarioProgram, CompileError> {
        let place = format!("scenarios[{index}]");
        let first_request = self.requests.len();
        let mut unfinished = Unfinished {
            index,
            scenario,
            operations: Vec::new(),
            places: Vec::new(),
            variables: Names::counting(std::mem::take(&mut self.counters)),
            checks: Vec::new(),
            fed: Vec::new(),
            loops: Vec::new(),
            depth: 0,
        };
        if !scenario.on_start.is_empty() {
            self.steps(&scenario.on_start, &format!("{place}.on_start"), &mut unfinished)?;
            unfinished.push(Operation::Ready, &place);
        }
        let (first, lasting, fed_before) = (unfinished.here(), unfinished.variables.count(), unfinished.fed.len());
        let first_of_iteration = self.requests.len();
        self.steps(&scenario.steps, &format!("{place}.steps"), &mut unfinished)?;
        unfinished.push(Operation::End, &place);
        let fed_by_iterations = fed_before..unfinished.fed.len();
        let first_series = self.requests.get(first_of_iteration).map(|request| request.series);
        let first_series = first_series.ok_or_else(|| fault(&place, "no step sends a request".to_owned()))?;
        let last = (!scenario.on_stop.is_empty()).then(|| unfinished.here());
        if last.is_some() {
            self.steps(&scenario.on_stop, &format!("{place}.on_stop"), &mut unfinished)?;
            unfinished.push(Operation::Gone, &place);
        }
        let own = &self.requests[first_request..];
        let mut hosts: Vec<HostIndex> = own.iter().map(|request| request.host).collect();
        hosts.sort_unstable();
        hosts.dedup();
        for (variable, column) in unfinished.variables.members() {
            let fed = unfinished.fed.iter().filter(|(to, _)| to == variable);
            self.columns.extend(fed.map(|(_, feeder)| (*feeder, column.clone())));
        }
        let fed = &unfinished.fed[fed_by_iterations];
        let mut needs: Vec<u16> = fed.iter().map(|(_, feeder)| *feeder).collect();
        needs.retain(|feeder| self.plan.feeders[&self.feeders[usize::from(*feeder)]].when_dry == WhenDry::Stop);
        needs.sort_unstable();
        needs.dedup();
        let own_counters;
        (own_counters, self.counters) = unfinished.variables.take_counters();
        Ok(ScenarioProgram {
            own_counters,
            needs: needs.into_boxed_slice(),
            name: scenario.name.clone(),
            start_ns: scenario.start_ns,
            operations: unfinished.operations,
            first,
            last,
            lasting,
            places: unfinished.places,
            names: unfinished.variables.in_order(),
            first_series,
            hosts,
            variables: unfinished.variables.count(),
            checks: unfinished.checks,
            cookies: scenario.defaults.cookies,
            on_fail: scenario.defaults.on_fail,
            load: scenario.load.clone(),
        })
    }

    fn steps(&mut self, steps: &[Step], place: &str, into: &mut Unfinished<'_>) -> Result<(), CompileError> {
        let mut follows_request = false;
        for (number, step) in steps.iter().enumerate() {
            let place = format!("{place}[{number}]");
            match step {
                Step::Request { .. } => {
                    let request = self.request(step, &place, into)?;
                    into.push(Operation::Request(self.requests.len() as u32), &place);
                    self.requests.push(request);
                }
                Step::Extract { of, to, .. } if follows_request => {
                    let to_number = into.variable(to, &place)?;
                    let from = Extraction::compile(of).map_err(|message| fault(&place, message))?;
                    let check = into.check(&format!("extract {to}"));
                    if let Some(request) = self.requests.last_mut() {
                        request.keeps_response = true;
                        request.extracts.push(Extract {
                            from,
                            to: to_number,
                            check,
                        });
                    }
                }
                Step::Extract { .. } => {
                    return Err(fault(&place, "it does not stand right behind a request".to_owned()));
                }
                Step::Set { to, value, .. } => {
                    let value = into.expression(value, &place)?;
                    let check = into.check(&format!("set {to}"));
                    let to = into.variable(to, &place)?;
                    into.push(Operation::Set { to, value, check }, &place);
                }
                Step::Feed { feeder, to, .. } => {
                    let number = self.feeders.iter().position(|name| name == feeder);
                    let number = number.ok_or_else(|| fault(&place, format!("there is no feeder '{feeder}'")))? as u16;
                    let check = into.check(&format!("feed {feeder}"));
                    let to = into.variable(to, &place)?;
                    into.fed.push((to, number));
                    into.push(
                        Operation::Feed {
                            feeder: number,
                            to,
                            check,
                        },
                        &place,
                    );
                }
                Step::Python {
                    function,
                    arguments,
                    to,
                    ..
                } => {
                    let call = Box::new(self.python(function, arguments, &place, into)?);
                    let to = into.variable(to, &place)?;
                    into.push(Operation::Python { call, to }, &place);
                }
                Step::PythonUser { .. } => self.python_user(step, &place, into)?,
                Step::Check { name, condition, .. } => {
                    let condition = into.expression(condition, &place)?;
                    let check = into.check(name);
                    into.push(Operation::Check { condition, check }, &place);
                }
                Step::When {
                    condition,
                    steps,
                    otherwise,
                    ..
                } => self.when(condition, steps, otherwise, &place, into)?,
                Step::Leave { .. } => {
                    let Some((outside, _)) = into.loops.last() else {
                        return Err(fault(&place, "it stands in no repeat".to_owned()));
                    };
                    into.leave_groups(into.depth - outside, &place);
                    let here = into.here();
                    into.loops.last_mut().into_iter().for_each(|(_, left)| left.push(here));
                    into.push(Operation::End, &place);
                }
                Step::End { .. } => {
                    into.leave_groups(into.depth, &place);
                    into.push(Operation::End, &place);
                }
                Step::Group { name, steps, .. } => self.group(name, steps, &place, into)?,
                Step::Repeat { times, steps, .. } => self.repeat(times, steps, &place, into)?,
                Step::Think {
                    constant_ns, uniform, ..
                } => {
                    let constant = constant_ns.map(|pause_ns| UniformPause {
                        min_ns: pause_ns,
                        max_ns: pause_ns,
                    });
                    let pause = constant.or(*uniform).filter(|pause| pause.min_ns <= pause.max_ns);
                    into.push(
                        Operation::Think(pause.ok_or_else(|| fault(&place, "it says no time".to_owned()))?),
                        &place,
                    );
                }
                Step::Pace { period_ns, .. } => into.push(Operation::Pace(*period_ns), &place),
                Step::Pick { by, cases, .. } => self.pick(*by, cases, &place, into)?,
            }
            follows_request = matches!(step, Step::Request { .. } | Step::Extract { .. });
        }
        Ok(())
    }

    fn python(
        &mut self,
        function: &str,
        arguments: &[Written],
        place: &str,
        into: &mut Unfinished<'_>,
    ) -> Result<PythonCall, CompileError> {
        Ok(PythonCall {
            function: number_of(function, &mut self.functions),
            arguments: arguments
                .iter()
                .map(|each| into.expression(each, place))
                .collect::<Result<_, _>>()?,
            check: into.check(&format!("python {function}")),
        })
    }

    /// Steps of one name in one scenario share a series.
    fn series_of(&mut self, scenario: u16, step: &str) -> SeriesIndex {
        let known = self
            .series
            .iter()
            .position(|series| series.scenario == scenario && series.step == step);
        let number = known.unwrap_or_else(|| {
            self.series.push(Series {
                scenario,
                step: step.to_owned(),
            });
            self.series.len() - 1
        });
        SeriesIndex(number as u16)
    }
}

/// The number of a name, the next one for one that was not there.
fn number_of(name: &str, names: &mut Vec<String>) -> u16 {
    let known = names.iter().position(|known| known == name);
    let number = known.unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    });
    number as u16
}

fn fault(place: &str, message: String) -> CompileError {
    CompileError {
        place: place.to_owned(),
        message,
    }
}
