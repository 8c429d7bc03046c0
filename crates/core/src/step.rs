//! The steps of a scenario as a plan says them.

use serde::Deserialize;

use crate::expression::{Expression, Template};
use crate::plan::NotBuilt;

/// One action of an iteration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// Sends a request and waits for its response.
    Request {
        /// Of the series in results.
        name: String,
        /// Which of the plan's hosts.
        host: String,
        /// GET, POST, …
        method: String,
        /// With its query, after the host's base path.
        path: Template,
        /// Sent after the scenario's.
        headers: Vec<(String, Template)>,
        /// What is sent with it.
        body: Option<Body>,
        /// What proves who sends it.
        sign: Option<Box<Sign>>,
        /// Which responses are ok.
        expect: Expect,
        /// Not built.
        timeout_ns: NotBuilt,
        /// Where it was written.
        source: Option<Source>,
    },
    /// Pauses, as a person would. One of the two is set.
    Think {
        /// Always as long.
        constant_ns: Option<u64>,
        /// Drawn evenly from a range.
        uniform: Option<UniformPause>,
        /// Where it was written.
        source: Option<Source>,
    },
    /// Pauses until the given time has passed since the iteration was intended.
    Pace {
        /// From one iteration's beginning to the next.
        period_ns: u64,
        /// Where it was written.
        source: Option<Source>,
    },
    /// Does one of several things.
    Pick {
        /// How it chooses.
        by: PickBy,
        /// What there is to choose from.
        cases: Vec<Case>,
        /// Where it was written.
        source: Option<Source>,
    },
    /// Takes a value out of the response to the request right before it.
    Extract {
        /// Which part of it.
        of: Extraction,
        /// Under which name it is known from then on.
        to: String,
        /// Where it was written.
        source: Option<Source>,
    },
    /// Puts a value under a name.
    Set {
        /// The name.
        to: String,
        /// The value.
        value: Expression,
        /// Where it was written.
        source: Option<Source>,
    },
    /// Takes the next row of a feeder.
    Feed {
        /// Which of the plan's feeders.
        feeder: String,
        /// Under which name the row is known from then on.
        to: String,
        /// Where it was written.
        source: Option<Source>,
    },
    /// Has a function of Python make a value.
    Python {
        /// By which it is known to those who have it called, and in results.
        function: String,
        /// What it is given.
        arguments: Vec<Expression>,
        /// Under which name its value is known from then on.
        to: String,
        /// Where it was written.
        source: Option<Source>,
    },
    /// Has a coroutine of Python do what a virtual user does.
    PythonUser {
        /// By which it is known to those who have it called, and in results.
        function: String,
        /// Which of the plan's hosts its requests go to.
        host: String,
        /// What it is given.
        arguments: Vec<Expression>,
        /// What it sends, by the numbers under which it does.
        requests: Vec<PythonUserRequest>,
        /// What it checks, by the numbers under which it does.
        checks: Vec<String>,
        /// Where it was written.
        source: Option<Source>,
    },
    /// Looks whether something holds. It is counted, and changes nothing.
    Check {
        /// Of the counters in results.
        name: String,
        /// What should hold.
        condition: Expression,
        /// Where it was written.
        source: Option<Source>,
    },
    /// Does something only where something holds.
    When {
        /// What has to hold.
        condition: Expression,
        /// What is done then.
        steps: Vec<Step>,
        /// What is done where it does not.
        otherwise: Vec<Step>,
        /// Where it was written.
        source: Option<Source>,
    },
    /// Does something that is timed as a whole.
    Group {
        /// Of what is counted, in results.
        name: String,
        /// What is done.
        steps: Vec<Step>,
        /// Where it was written.
        source: Option<Source>,
    },
    /// Goes on behind the innermost repeat that it stands in.
    Leave {
        /// Where it was written.
        source: Option<Source>,
    },
    /// The iteration is over.
    End {
        /// Where it was written.
        source: Option<Source>,
    },
    /// Does something several times.
    Repeat {
        /// How often: a whole number from 0.
        times: Expression,
        /// What is done.
        steps: Vec<Step>,
        /// Where it was written.
        source: Option<Source>,
    },
}

/// What a coroutine of Python may send.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PythonUserRequest {
    /// Of the series in results.
    pub name: String,
    /// GET, POST, …
    pub method: String,
}

/// Where in a response a value is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Extraction {
    /// Its status.
    Status,
    /// The first header field of a name, as text.
    Header {
        /// In any case.
        name: String,
    },
    /// The value of the last cookie of a name that it sets, as text.
    Cookie {
        /// As it is written.
        name: String,
    },
    /// A value of its JSON body.
    Json {
        /// From the root: members by text, items by number.
        path: Vec<JsonKey>,
    },
    /// What a path selects of its JSON body (RFC 9535): an array, or the value itself of a path that leads to one at most.
    JsonPath {
        /// From `$` on.
        path: String,
    },
    /// What a group of the first match of a regular expression has, as text.
    Regex {
        /// In the syntax of the crate `regex`.
        pattern: String,
        /// The first unless told, or the whole match where there is none.
        group: Option<Group>,
    },
    /// What stands between two texts where they first do, as text.
    Boundary {
        /// Right before it.
        left: String,
        /// Right behind it.
        right: String,
    },
    /// The text of the first element of HTML that a selector finds, or an attribute of it.
    Css {
        /// Of CSS.
        selector: String,
        /// Which, if not the text.
        attribute: Option<String>,
    },
    /// The whole body, as text.
    Body,
}

/// A group of a regular expression.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Group {
    /// From 1; 0 is the whole match.
    Number(u32),
    /// As the expression calls it.
    Name(String),
}

/// One step into a JSON value.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum JsonKey {
    /// An item of an array, from 0.
    Item(u32),
    /// A member of an object.
    Member(String),
}

/// How a pick chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PickBy {
    /// At random, by weight.
    Weight,
    /// One after another, by the iteration's number.
    Turn,
}

/// One of the things that a pick can do.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// At least 1.
    pub weight: u64,
    /// What is done.
    pub steps: Vec<Step>,
}

/// Where a step was written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The file.
    pub file: String,
    /// From 1.
    pub line: u64,
    /// From 1.
    pub column: Option<u64>,
}

/// A body. One of the two is set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// As UTF-8.
    pub text: Option<Template>,
    /// Bytes.
    pub base64: Option<String>,
}

/// How a request proves who sends it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Sign {
    /// AWS Signature Version 4, in its headers.
    AwsSigv4(AwsSigv4),
}

/// What a request to AWS is signed with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwsSigv4 {
    /// Like `us-east-1`.
    pub region: String,
    /// Like `s3`.
    pub service: String,
    /// Names the secret key.
    pub access_key: Template,
    /// Signs.
    pub secret_key: Template,
    /// Of keys that hold for a while.
    pub session_token: Option<Template>,
}

/// Which responses are ok.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Statuses in one of these ranges.
    pub status: Vec<StatusRange>,
}

/// Statuses from one to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusRange {
    /// The lowest.
    pub first: u16,
    /// The highest.
    pub last: u16,
}

/// A pause drawn evenly from a range, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UniformPause {
    /// Shortest.
    pub min_ns: u64,
    /// Longest.
    pub max_ns: u64,
}
