//! What a path selects (RFC 9535 §2.3), in bounded work.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value as Json;

use super::{Comparison, Condition, Fit, Operand, Query, Segment, Selector, i_regexp};
use crate::json_walk;
use crate::value::{Fault, MAX_TEXT_BYTES, Value};

/// How many values are looked at, all in all. A text that is looked into has half a million at most; a path that goes
/// through all of them several times has no value in place of taking the time of others.
const MAX_LOOKS: u64 = 4_000_000;
/// What it costs to make a pattern, in looks.
const PATTERN_LOOKS: u64 = 100_000;
/// Letters of a text that are gone through in the time of a look.
const LETTERS_A_LOOK: u64 = 16;

struct Work<'j> {
    root: &'j Json,
    left: u64,
}

impl Query {
    /// What it selects of a JSON text that is not too deep: a JSON array, or the value itself if it leads to one at most.
    ///
    /// # Errors
    /// [`Fault::Kind`] for what is no JSON, [`Fault::Missing`] where one value is not there, [`Fault::Range`] where too much
    /// would have to be looked at or written.
    pub fn select(&self, json: &str) -> Result<Value<'static>, Fault> {
        let root: Json = serde_json::from_str(json).map_err(|_| Fault::Kind)?;
        let mut work = Work {
            root: &root,
            left: MAX_LOOKS,
        };
        let nodes = work.nodes(self, &root)?;
        if self.is_singular() {
            let node = nodes.first().ok_or(Fault::Missing)?;
            return json_walk::whole(&node.to_string()).map(Value::into_owned);
        }
        let mut out = vec![b'['];
        for node in nodes {
            if out.len() > 1 {
                out.push(b',');
            }
            serde_json::to_writer(&mut out, node).map_err(|_| Fault::Kind)?;
            if out.len() > MAX_TEXT_BYTES {
                return Err(Fault::Range);
            }
        }
        out.push(b']');
        let out = String::from_utf8(out).map_err(|_| Fault::Kind)?;
        Ok(Value::Json(Cow::Owned(out)))
    }
}

impl<'j> Work<'j> {
    fn looks(&mut self, times: u64) -> Result<(), Fault> {
        self.left = self.left.checked_sub(times).ok_or(Fault::Range)?;
        Ok(())
    }

    fn nodes(&mut self, query: &Query, current: &'j Json) -> Result<Vec<&'j Json>, Fault> {
        let mut nodes = vec![if query.from_root { self.root } else { current }];
        self.looks(1)?;
        for segment in &query.segments {
            let mut selected = Vec::new();
            for node in nodes {
                self.segment(segment, node, &mut selected)?;
            }
            nodes = selected;
        }
        Ok(nodes)
    }

    fn segment(&mut self, segment: &Segment, node: &'j Json, out: &mut Vec<&'j Json>) -> Result<(), Fault> {
        self.looks(1)?;
        for selector in &segment.selectors {
            self.selector(selector, node, out)?;
        }
        if segment.descends {
            for child in children(node) {
                self.segment(segment, child, out)?;
            }
        }
        Ok(())
    }

    fn selector(&mut self, selector: &Selector, node: &'j Json, out: &mut Vec<&'j Json>) -> Result<(), Fault> {
        self.looks(1)?;
        match selector {
            Selector::Name(name) => out.extend(node.get(name)),
            Selector::Index(index) => {
                let items = node.as_array().map(Vec::as_slice).unwrap_or_default();
                let from_end = if *index < 0 { items.len() as i64 } else { 0 };
                out.extend(
                    usize::try_from(index + from_end)
                        .ok()
                        .and_then(|place| items.get(place)),
                );
            }
            Selector::Wildcard => {
                for child in children(node) {
                    self.looks(1)?;
                    out.push(child);
                }
            }
            Selector::Slice { start, end, step } => {
                let items = node.as_array().map(Vec::as_slice).unwrap_or_default();
                for place in places(*start, *end, *step, items.len() as i64) {
                    self.looks(1)?;
                    out.extend(items.get(place as usize));
                }
            }
            Selector::Filter(condition) => {
                for child in children(node) {
                    if self.holds(condition, child)? {
                        out.push(child);
                    }
                }
            }
        }
        Ok(())
    }

    fn holds(&mut self, condition: &Condition, current: &'j Json) -> Result<bool, Fault> {
        self.looks(1)?;
        Ok(match condition {
            Condition::Any(conditions) => {
                for each in conditions {
                    if self.holds(each, current)? {
                        return Ok(true);
                    }
                }
                false
            }
            Condition::All(conditions) => {
                for each in conditions {
                    if !self.holds(each, current)? {
                        return Ok(false);
                    }
                }
                true
            }
            Condition::Not(condition) => !self.holds(condition, current)?,
            Condition::Exists(query) => !self.nodes(query, current)?.is_empty(),
            Condition::Compare(left, comparison, right) => {
                let (left, right) = (self.operand(left, current)?, self.operand(right, current)?);
                self.compare(left.as_deref(), *comparison, right.as_deref())?
            }
            Condition::Fits { text, pattern, whole } => {
                let text = self.operand(text, current)?;
                let Some(Json::String(text)) = text.as_deref() else {
                    return Ok(false);
                };
                self.looks(text.len() as u64 / LETTERS_A_LOOK)?;
                match pattern {
                    Fit::Known(pattern) => pattern.as_ref().map_or(Ok(false), |pattern| pattern.is_in(text))?,
                    Fit::Late(pattern) => {
                        let pattern = self.operand(pattern, current)?;
                        let Some(Json::String(pattern)) = pattern.as_deref() else {
                            return Ok(false);
                        };
                        self.looks(PATTERN_LOOKS)?;
                        i_regexp(pattern, *whole).map_or(Ok(false), |pattern| pattern.is_in(text))?
                    }
                }
            }
        })
    }

    /// A value, or nothing.
    fn operand<'o>(&mut self, operand: &'o Operand, current: &'j Json) -> Result<Option<Cow<'o, Json>>, Fault>
    where
        'j: 'o,
    {
        Ok(match operand {
            Operand::Literal(value) => Some(Cow::Borrowed(value)),
            Operand::Singular(query) => self.nodes(query, current)?.first().map(|value| Cow::Borrowed(*value)),
            Operand::Length(of) => {
                let length = match self.operand(of, current)?.as_deref() {
                    Some(Json::String(text)) => {
                        self.looks(text.len() as u64 / LETTERS_A_LOOK)?;
                        Some(text.chars().count())
                    }
                    Some(Json::Array(items)) => Some(items.len()),
                    Some(Json::Object(members)) => Some(members.len()),
                    _ => None,
                };
                length.map(|length| Cow::Owned(Json::from(length)))
            }
            Operand::Count(query) => Some(Cow::Owned(Json::from(self.nodes(query, current)?.len()))),
            Operand::ValueOf(query) => match self.nodes(query, current)?[..] {
                [value] => Some(Cow::Borrowed(value)),
                _ => None,
            },
        })
    }

    fn compare(&mut self, left: Option<&Json>, by: Comparison, right: Option<&Json>) -> Result<bool, Fault> {
        let is_less = |left: Option<&Json>, right: Option<&Json>| match (left, right) {
            (Some(Json::Number(left)), Some(Json::Number(right))) => order(left, right) == Some(Ordering::Less),
            (Some(Json::String(left)), Some(Json::String(right))) => left < right,
            _ => false,
        };
        Ok(match by {
            Comparison::Equal => self.same(left, right)?,
            Comparison::NotEqual => !self.same(left, right)?,
            Comparison::Less => is_less(left, right),
            Comparison::Greater => is_less(right, left),
            Comparison::LessOrEqual => is_less(left, right) || self.same(left, right)?,
            Comparison::GreaterOrEqual => is_less(right, left) || self.same(left, right)?,
        })
    }

    fn same(&mut self, left: Option<&Json>, right: Option<&Json>) -> Result<bool, Fault> {
        self.looks(1)?;
        Ok(match (left, right) {
            (Some(Json::Number(left)), Some(Json::Number(right))) => order(left, right) == Some(Ordering::Equal),
            (Some(Json::Array(left)), Some(Json::Array(right))) => {
                if left.len() != right.len() {
                    return Ok(false);
                }
                for (left, right) in left.iter().zip(right) {
                    if !self.same(Some(left), Some(right))? {
                        return Ok(false);
                    }
                }
                true
            }
            (Some(Json::Object(left)), Some(Json::Object(right))) => {
                if left.len() != right.len() {
                    return Ok(false);
                }
                for (name, left) in left {
                    let there = right.get(name);
                    if there.is_none() || !self.same(Some(left), there)? {
                        return Ok(false);
                    }
                }
                true
            }
            (left, right) => {
                if let Some(Json::String(text)) = left {
                    self.looks(text.len() as u64 / LETTERS_A_LOOK)?;
                }
                left == right
            }
        })
    }
}

fn children(node: &Json) -> impl Iterator<Item = &Json> {
    let items = node.as_array().map(|items| items.iter());
    let members = node.as_object().map(|members| members.values());
    items.into_iter().flatten().chain(members.into_iter().flatten())
}

fn order(left: &serde_json::Number, right: &serde_json::Number) -> Option<Ordering> {
    match (left.as_i64(), right.as_i64()) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

/// The places of a slice (RFC 9535 §2.3.4.2.2).
fn places(start: Option<i64>, end: Option<i64>, step: i64, count: i64) -> impl Iterator<Item = i64> {
    let from_end = |place: i64| if place < 0 { place + count } else { place };
    let (mut at, until) = if step >= 0 {
        let bounded = |place: i64| from_end(place).clamp(0, count);
        (bounded(start.unwrap_or(0)), bounded(end.unwrap_or(count)))
    } else {
        let bounded = |place: i64| from_end(place).clamp(-1, count - 1);
        (start.map_or(count - 1, bounded), end.map_or(-1, bounded))
    };
    std::iter::from_fn(move || {
        let goes_on = (step > 0 && at < until) || (step < 0 && at > until);
        let here = at;
        at = at.saturating_add(step);
        goes_on.then_some(here)
    })
}
