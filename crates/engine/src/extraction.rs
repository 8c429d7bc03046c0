//! What is taken out of responses, compiled once.

use apibench_core::step::{Extraction as Written, JsonKey};
use memchr::memmem::Finder;

use crate::html::Css;
use crate::json_path::Query;
use crate::json_walk::Key;
use crate::pattern::Pattern;
use crate::value::Fault;

/// Where in a response a value is.
#[derive(Debug)]
pub enum Extraction {
    /// Its status.
    Status,
    /// The first header field of this name.
    Header(Box<str>),
    /// The last cookie of this name.
    Cookie(Box<str>),
    /// What its JSON body has at a path.
    Json(Box<[Key]>),
    /// What a path selects of its JSON body.
    JsonPath(Box<Query>),
    /// What a group of the first match has.
    Regex {
        /// Of the body.
        pattern: Box<Pattern>,
        /// By its number.
        group: usize,
    },
    /// What stands between two texts.
    Boundary(Box<Boundary>),
    /// What a selector finds in HTML.
    Css(Box<Css>),
    /// The whole body.
    Body,
}

/// The texts between which a value stands.
#[derive(Debug)]
pub struct Boundary {
    left: Finder<'static>,
    right: Finder<'static>,
}

impl Boundary {
    /// What stands between them where they first do.
    ///
    /// # Errors
    /// [`Fault::Missing`].
    pub fn find<'t>(&self, text: &'t str) -> Result<&'t str, Fault> {
        let begin = self.left.find(text.as_bytes()).ok_or(Fault::Missing)? + self.left.needle().len();
        let length = self.right.find(&text.as_bytes()[begin..]).ok_or(Fault::Missing)?;
        // Both are texts, so that neither ends within a character.
        Ok(&text[begin..begin + length])
    }
}

impl Extraction {
    /// Compiles what a plan says.
    ///
    /// # Errors
    /// In words: what is wrong with a path, a pattern or a selector.
    pub fn compile(written: &Written) -> Result<Self, String> {
        Ok(match written {
            Written::Status => Self::Status,
            Written::Header { name } => Self::Header(name.as_str().into()),
            Written::Cookie { name } => Self::Cookie(name.as_str().into()),
            Written::Json { path } => Self::Json(path.iter().map(key).collect()),
            Written::JsonPath { path } => Self::JsonPath(Box::new(Query::parse(path)?)),
            Written::Regex { pattern, group } => {
                let pattern = Box::new(Pattern::compile(pattern)?);
                let group = pattern.group(group.as_ref())?;
                Self::Regex { pattern, group }
            }
            Written::Boundary { left, right } if left.is_empty() || right.is_empty() => {
                return Err("a boundary has a text on its left and one on its right".to_owned());
            }
            Written::Boundary { left, right } => Self::Boundary(Box::new(Boundary {
                left: Finder::new(left).into_owned(),
                right: Finder::new(right).into_owned(),
            })),
            Written::Css { selector, attribute } => Self::Css(Box::new(Css::compile(selector, attribute.as_deref())?)),
            Written::Body => Self::Body,
        })
    }
}

fn key(written: &JsonKey) -> Key {
    match written {
        JsonKey::Item(place) => Key::Item(*place as usize),
        JsonKey::Member(name) => Key::Member(name.as_str().into()),
    }
}
