//! The program: a plan compiled once, before the barrier, to what the loop walks.
//!
//! Steps become a flat list of operations with jumps; requests become the bytes that go out; every series gets
//! its number, so that nothing is named, allocated or looked up by text while requests run.

use apibench_core::failure::Failure;
use apibench_core::plan::{
    Case, Connections, Expect, Load, OnFail, PickBy, Plan, Scenario, StatusRange, Step, UniformPause,
};
use apibench_core::recorder::SeriesIndex;
use apibench_core::transport::HostIndex;

use crate::request::{BaseUrl, Request, RequestParts};

/// A compiled plan.
#[derive(Debug)]
pub struct Program {
    /// Every random value follows from it.
    pub seed: u64,
    /// Before the planned duration.
    pub warmup_ns: u64,
    /// After the planned end.
    pub drain_ns: u64,
    /// The names of the hosts, in the order of their numbers.
    pub hosts: Vec<String>,
    /// Their base URLs, likewise.
    pub origins: Vec<BaseUrl>,
    /// What is sent.
    pub requests: Vec<Request>,
    /// What is done.
    pub scenarios: Vec<ScenarioProgram>,
    /// Which series there are.
    pub series: Vec<Series>,
}

/// A series of samples in results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// The place of its scenario.
    pub scenario: u16,
    /// The name of its step.
    pub step: String,
}

/// A compiled scenario.
#[derive(Debug)]
pub struct ScenarioProgram {
    /// In results.
    pub name: String,
    /// After the barrier.
    pub start_ns: u64,
    /// What an iteration does; ends with [`Operation::End`].
    pub operations: Vec<Operation>,
    /// The series of the first request that an iteration can send.
    pub first_series: SeriesIndex,
    /// The hosts that its requests go to.
    pub hosts: Vec<HostIndex>,
    /// What a failed request does.
    pub on_fail: OnFail,
    /// How many iterations, and when.
    pub load: Load,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Sends the request of this number and waits for its end.
    Request(u32),
    /// Pauses for a time drawn evenly from a range, both ends included.
    Think(UniformPause),
    /// Pauses until so many nanoseconds after the iteration's intended time.
    Pace(u64),
    /// Goes on at one of the places, chosen by weight: each with the sum of the weights up to it.
    PickByWeight(Box<[(u64, u32)]>),
    /// Goes on at one of the places, in turn: each with the sum of the weights up to it.
    PickByTurn(Box<[(u64, u32)]>),
    /// Goes on at this place.
    Jump(u32),
    /// The iteration is over.
    End,
}

/// A plan that cannot be compiled, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileError {
    /// Where in the plan.
    pub place: String,
    /// What is wrong with it.
    pub message: String,
}

impl std::fmt::Display for CompileError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.place, self.message)
    }
}

impl std::error::Error for CompileError {}

impl ScenarioProgram {
    /// Whether nothing is left to do after an operation but to end.
    #[must_use]
    pub fn ends_after(&self, operation: u32) -> bool {
        let mut place = operation + 1;
        while let Operation::Jump(to) = self.operations[place as usize] {
            place = to;
        }
        self.operations[place as usize] == Operation::End
    }
}

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
        })
    }
}

struct Compiler<'a> {
    plan: &'a Plan,
    hosts: Vec<String>,
    requests: Vec<Request>,
    series: Vec<Series>,
}

impl Compiler<'_> {
    fn scenario(&mut self, index: u16, scenario: &Scenario) -> Result<ScenarioProgram, CompileError> {
        let place = format!("scenarios[{index}]");
        let first_request = self.requests.len();
        let mut operations = Vec::new();
        self.steps(
            index,
            scenario,
            &scenario.steps,
            &format!("{place}.steps"),
            &mut operations,
        )?;
        operations.push(Operation::End);
        let own = &self.requests[first_request..];
        let first_series = own
            .first()
            .ok_or_else(|| fault(&place, "no step sends a request".to_owned()))?
            .series;
        let mut hosts: Vec<HostIndex> = own.iter().map(|request| request.host).collect();
        hosts.sort_unstable();
        hosts.dedup();
        Ok(ScenarioProgram {
            name: scenario.name.clone(),
            start_ns: scenario.start_ns,
            operations,
            first_series,
            hosts,
            on_fail: scenario.defaults.on_fail,
            load: scenario.load.clone(),
        })
    }

    fn steps(
        &mut self,
        index: u16,
        scenario: &Scenario,
        steps: &[Step],
        place: &str,
        operations: &mut Vec<Operation>,
    ) -> Result<(), CompileError> {
        for (number, step) in steps.iter().enumerate() {
            let place = format!("{place}[{number}]");
            match step {
                Step::Request { .. } => {
                    let request = self.request(index, scenario, step, &place)?;
                    operations.push(Operation::Request(self.requests.len() as u32));
                    self.requests.push(request);
                }
                Step::Think {
                    constant_ns, uniform, ..
                } => {
                    let constant = constant_ns.map(|pause_ns| UniformPause {
                        min_ns: pause_ns,
                        max_ns: pause_ns,
                    });
                    let pause = constant.or(*uniform).filter(|pause| pause.min_ns <= pause.max_ns);
                    operations.push(Operation::Think(
                        pause.ok_or_else(|| fault(&place, "it says no time".to_owned()))?,
                    ));
                }
                Step::Pace { period_ns, .. } => operations.push(Operation::Pace(*period_ns)),
                Step::Pick { by, cases, .. } => self.pick(index, scenario, *by, cases, &place, operations)?,
            }
        }
        Ok(())
    }

    /// The choice, then the cases one behind the other, each with a jump behind the last.
    fn pick(
        &mut self,
        index: u16,
        scenario: &Scenario,
        by: PickBy,
        cases: &[Case],
        place: &str,
        operations: &mut Vec<Operation>,
    ) -> Result<(), CompileError> {
        let choice = operations.len();
        operations.push(Operation::End);
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
            table.push((weight, operations.len() as u32));
            self.steps(
                index,
                scenario,
                &case.steps,
                &format!("{place}.cases[{number}].steps"),
                operations,
            )?;
            jumps.push(operations.len());
            operations.push(Operation::End);
        }
        if table.is_empty() {
            return Err(fault(place, "there is no case to pick".to_owned()));
        }
        let behind = operations.len() as u32;
        for jump in jumps {
            operations[jump] = Operation::Jump(behind);
        }
        let table = table.into_boxed_slice();
        operations[choice] = match by {
            PickBy::Weight => Operation::PickByWeight(table),
            PickBy::Turn => Operation::PickByTurn(table),
        };
        Ok(())
    }

    fn request(&mut self, index: u16, scenario: &Scenario, step: &Step, place: &str) -> Result<Request, CompileError> {
        let Step::Request {
            name,
            host,
            method,
            path,
            headers,
            body,
            expect,
            ..
        } = step
        else {
            return Err(fault(place, "not a request".to_owned()));
        };
        let number = self.hosts.iter().position(|known| known == host);
        let (Some(number), Some(target)) = (number, self.plan.hosts.get(host)) else {
            return Err(fault(place, format!("there is no host '{host}'")));
        };
        let own = |name: &str| headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
        let mut all: Vec<_> = scenario
            .defaults
            .headers
            .iter()
            .filter(|(name, _)| !own(name))
            .cloned()
            .collect();
        all.extend(headers.iter().cloned());
        let parts = RequestParts {
            method,
            path,
            headers: &all,
            body: body.as_ref(),
            host: target,
        };
        let rendered = parts.render().map_err(|message| fault(place, message))?;
        let series = self.series_of(index, name);
        let redirect_series = (target.redirects > 0).then(|| self.series_of(index, &format!("{name} → redirect")));
        Ok(Request {
            bytes: rendered.bytes,
            method: method.clone(),
            target: rendered.target,
            after_line: rendered.after_line,
            without_body: rendered.without_body,
            host: HostIndex(number as u16),
            series,
            redirect_series,
            redirects: target.redirects,
            shares_connections: matches!(target.connections, Connections::Shared { .. }),
            head_request: method == "HEAD",
            may_retry: matches!(method.as_str(), "GET" | "HEAD" | "PUT" | "DELETE" | "OPTIONS" | "TRACE"),
            closes: !target.keepalive || asks_to_close(&all),
            expected: special(expect),
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

fn fault(place: &str, message: String) -> CompileError {
    CompileError {
        place: place.to_owned(),
        message,
    }
}

/// Whether headers say that the request is the last on its connection (RFC 9112 §9.6).
fn asks_to_close(headers: &[(String, String)]) -> bool {
    let mut connection = headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("connection"));
    connection.any(|(_, value)| {
        value
            .split(',')
            .any(|option| option.trim().eq_ignore_ascii_case("close"))
    })
}

/// What a step expects, unless it is what every step does.
fn special(expect: &Expect) -> Option<Box<[StatusRange]>> {
    let usual = [StatusRange { first: 100, last: 399 }];
    (expect.status != usual).then(|| expect.status.clone().into_boxed_slice())
}

/// What a complete response means, by its status and what the step expects.
#[must_use]
pub fn judge(status: u16, expected: Option<&[StatusRange]>) -> Option<Failure> {
    match expected {
        Some(ranges) if ranges.iter().any(|range| (range.first..=range.last).contains(&status)) => None,
        Some(_) => Some(Failure::ExpectFailed),
        None if status < 400 => None,
        None if status < 500 => Some(Failure::Http4xx),
        None => Some(Failure::Http5xx),
    }
}
