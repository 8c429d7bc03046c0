//! Regular expressions over texts of a target, in bounded work: what would take the time of others finds nothing.
//!
//! A match is found by an automaton that is made as it goes, in time linear in the text; where that is of no use (too many
//! states, or a word's end between letters beyond ASCII), by trying, as long as every state at every place fits into a
//! table. The groups of what was found are told by trying too.

use std::error::Error;
use std::ops::Range;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use apibench_core::step::Group;
use regex_automata::hybrid::{dfa, regex as lazy};
use regex_automata::nfa::thompson::{self, backtrack};
use regex_automata::util::pool::Pool;
use regex_automata::{Anchored, Input, PatternID};

use crate::value::Fault;

/// Largest pattern, compiled.
const MAX_PATTERN_BYTES: usize = 512 * 1024;
/// What the automaton of a thread takes.
const CACHE_BYTES: usize = 2 * 1024 * 1024;
/// Of the table of states and places, a bit each: what it costs to fill it is some hundredths of a second.
const TABLE_BYTES: usize = 1024 * 1024;

type Caches = (lazy::Cache, backtrack::Cache);
type Make = Box<dyn Fn() -> Caches + Send + Sync + UnwindSafe + RefUnwindSafe>;

/// A compiled pattern.
#[derive(Debug)]
pub struct Pattern {
    finder: Arc<lazy::Regex>,
    taker: backtrack::BoundedBacktracker,
    caches: Pool<Caches, Make>,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// In words, if it is none, or too large.
    pub fn compile(text: &str) -> Result<Self, String> {
        let size = thompson::Config::new().nfa_size_limit(Some(MAX_PATTERN_BYTES));
        let automaton = dfa::Config::new()
            .cache_capacity(CACHE_BYTES)
            .skip_cache_capacity_check(true)
            .unicode_word_boundary(true)
            .minimum_cache_clear_count(Some(3))
            .minimum_bytes_per_state(Some(10));
        let finder = lazy::Regex::builder().thompson(size.clone()).dfa(automaton).build(text);
        let finder = Arc::new(finder.map_err(|error| in_words(&error))?);
        let table = backtrack::Config::new().visited_capacity(TABLE_BYTES);
        let taker = backtrack::BoundedBacktracker::builder()
            .thompson(size)
            .configure(table)
            .build(text);
        let taker = taker.map_err(|error| in_words(&error))?;
        let (for_finder, for_taker) = (Arc::clone(&finder), taker.clone());
        let make: Make = Box::new(move || (for_finder.create_cache(), for_taker.create_cache()));
        Ok(Self {
            finder,
            taker,
            caches: Pool::new(make),
        })
    }

    /// The number of a group; unless told, of the first, or of the whole match where there is none.
    ///
    /// # Errors
    /// In words, if there is no such group.
    pub fn group(&self, wanted: Option<&Group>) -> Result<usize, String> {
        let groups = self.taker.get_nfa().group_info();
        let count = groups.group_len(PatternID::ZERO);
        match wanted {
            None => Ok(usize::from(count > 1)),
            Some(Group::Number(number)) if (*number as usize) < count => Ok(*number as usize),
            Some(Group::Number(number)) => Err(format!("it has no group {number}: the last is {}", count - 1)),
            Some(Group::Name(name)) => groups
                .to_index(PatternID::ZERO, name)
                .ok_or_else(|| format!("it has no group called '{name}'")),
        }
    }

    /// Where the first match has a group.
    ///
    /// # Errors
    /// [`Fault::Missing`], if there is none; [`Fault::Range`], if it would take too long to tell.
    pub fn find(&self, text: &str, group: usize) -> Result<Range<usize>, Fault> {
        let mut caches = self.caches.get();
        let (finding, taking) = &mut *caches;
        let span = match self.finder.try_search(finding, &Input::new(text)) {
            Ok(None) => return Err(Fault::Missing),
            Ok(Some(found)) if group == 0 => return Ok(found.range()),
            Ok(Some(found)) => Some(found.range()),
            Err(_) => None,
        };
        let input = span.map_or_else(
            || Input::new(text),
            |span| Input::new(text).span(span).anchored(Anchored::Yes),
        );
        let mut groups = self.taker.create_captures();
        let taken = self.taker.try_captures(taking, input, &mut groups);
        taken.map_err(|_| Fault::Range)?;
        groups.get_group(group).map(|span| span.range()).ok_or(Fault::Missing)
    }

    /// Whether it matches somewhere; by the automaton alone, for there may be many texts.
    ///
    /// # Errors
    /// [`Fault::Range`], if it would take too long to tell.
    pub fn is_in(&self, text: &str) -> Result<bool, Fault> {
        let mut caches = self.caches.get();
        let found = self.finder.try_search(&mut caches.0, &Input::new(text));
        found.map(|found| found.is_some()).map_err(|_| Fault::Range)
    }
}

/// What is wrong with a pattern, without the picture of it.
fn in_words(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    if text.contains("exceeded limit") {
        return "it is too large".to_owned();
    }
    let last = text.lines().last().unwrap_or_default().trim();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'t>(pattern: &str, group: Option<&Group>, text: &'t str) -> Result<&'t str, Fault> {
        let pattern = Pattern::compile(pattern).unwrap();
        let group = pattern.group(group).unwrap();
        pattern.find(text, group).map(|range| &text[range])
    }

    #[test]
    fn the_group_that_is_wanted_is_found_where_the_pattern_first_matches() {
        let text = r#"<input name="csrf" value="a+b=="> été 12 <b>"#;
        for (pattern, group, expected) in [
            (r#"name="csrf" value="([^"]+)""#, None, Ok("a+b==")),
            (r"\d+", None, Ok("12")),
            (r"(?<no>\d)(?<one>\d)", Some(Group::Name("one".to_owned())), Ok("2")),
            (r"(\d)(\d)", Some(Group::Number(0)), Ok("12")),
            (r"(x)?\d", None, Err(Fault::Missing)),
            (r"\bét(.)\b", None, Ok("é")),
            (r"(?i)<INPUT (\w+)", None, Ok("name")),
            (r"^never$", None, Err(Fault::Missing)),
            (r"(a|ab)(c|bcd)?", None, Ok("a")),
        ] {
            assert_eq!(found(pattern, group.as_ref(), text), expected, "{pattern}");
        }
    }

    #[test]
    fn what_is_no_pattern_or_too_large_is_told_in_a_line() {
        for (pattern, expected) in [
            ("(a", "unclosed group"),
            ("(?=a)", "look-around"),
            (r"(a)\1", "backreferences are not supported"),
            (r"\w{1000}", "too large"),
        ] {
            let message = Pattern::compile(pattern).unwrap_err();
            assert!(message.contains(expected) && !message.contains('\n'), "{message}");
        }
        let pattern = Pattern::compile("(a)").unwrap();
        assert_eq!(
            pattern.group(Some(&Group::Number(2))).unwrap_err(),
            "it has no group 2: the last is 1"
        );
        assert!(pattern.group(Some(&Group::Name("b".to_owned()))).is_err());
    }

    #[test]
    fn what_would_take_too_long_finds_nothing() {
        // A million states, in a text that leads to most of them.
        let mut bits = 1_u64;
        let text: String = (0..1_000_000)
            .map(|_| {
                bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                if bits >> 63 == 0 { 'a' } else { 'b' }
            })
            .collect();
        assert_eq!(found("(a)[ab]{60}c", None, &text), Err(Fault::Range));
        assert_eq!(found("(a[ab]*)c", None, &text), Err(Fault::Missing));
        assert_eq!(found("([ab]+)$", Some(&Group::Number(0)), &text), Ok(&*text));
    }
}
