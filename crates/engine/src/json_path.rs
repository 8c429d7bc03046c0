//! JSON paths that may lead to several values (RFC 9535), and what they select.
//!
//! Those that lead to one value by names and numbers alone never come here: they are looked up in the text itself.

mod parse;
mod select;

use serde_json::Value;

use crate::pattern::Pattern;

/// Longest text that is looked into: it is taken apart as a whole.
pub const MAX_JSON_BYTES: usize = 1024 * 1024;

/// A path, from the root or, within a filter, from the value that is looked at.
#[derive(Debug)]
pub struct Query {
    from_root: bool,
    segments: Vec<Segment>,
}

#[derive(Debug)]
struct Segment {
    /// Also of all that is within what is selected so far.
    descends: bool,
    selectors: Vec<Selector>,
}

#[derive(Debug)]
enum Selector {
    Name(String),
    Wildcard,
    Index(i64),
    Slice {
        start: Option<i64>,
        end: Option<i64>,
        step: i64,
    },
    Filter(Condition),
}

#[derive(Debug)]
enum Condition {
    Any(Vec<Condition>),
    All(Vec<Condition>),
    Not(Box<Condition>),
    Exists(Query),
    Compare(Operand, Comparison, Operand),
    /// Whether a text fits a pattern.
    Fits {
        text: Operand,
        pattern: Fit,
        /// Whole, not in part.
        whole: bool,
    },
}

#[derive(Debug, Clone, Copy)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What is compared: a value or nothing.
#[derive(Debug)]
enum Operand {
    Literal(Value),
    /// A path that leads to one value at most.
    Singular(Query),
    Length(Box<Operand>),
    Count(Query),
    /// The value of a path that leads to exactly one.
    ValueOf(Query),
}

#[derive(Debug)]
enum Fit {
    /// Known beforehand; `None` if it is no pattern, which nothing fits.
    Known(Option<Pattern>),
    Late(Operand),
}

/// An I-Regexp (RFC 9485) as a pattern: `.` is anything but an end of line.
fn i_regexp(text: &str, whole: bool) -> Option<Pattern> {
    let mut translated = String::with_capacity(text.len() + 16);
    let (mut in_class, mut escaped) = (false, false);
    for letter in text.chars() {
        match letter {
            '.' if !in_class && !escaped => translated.push_str(r"[^\n\r]"),
            _ => translated.push(letter),
        }
        if !escaped {
            in_class = match letter {
                '[' => true,
                ']' => false,
                _ => in_class,
            };
        }
        escaped = letter == '\\' && !escaped;
    }
    let translated = if whole {
        format!(r"\A(?:{translated})\z")
    } else {
        translated
    };
    Pattern::compile(&translated).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{Fault, Value as Made};

    const STORE: &str = r#"{"store": {"book": [
        {"category": "reference", "author": "Nigel Rees", "title": "Sayings of the Century", "price": 8.95},
        {"category": "fiction", "author": "Evelyn Waugh", "title": "Sword of Honour", "price": 12.99},
        {"category": "fiction", "author": "Herman Melville", "title": "Moby Dick", "isbn": "0-553-21311-3", "price": 8.99},
        {"category": "fiction", "author": "J. R. R. Tolkien", "title": "The Lord of the Rings",
         "isbn": "0-395-19395-8", "price": 22.99}],
        "bicycle": {"color": "red", "price": 399}}}"#;

    fn selected(path: &str, json: &str) -> Result<Made<'static>, Fault> {
        Query::parse(path).unwrap().select(json)
    }

    #[test]
    fn paths_select_what_the_standard_says() {
        for (path, expected) in [
            (
                "$.store.book[*].author",
                r#"["Nigel Rees","Evelyn Waugh","Herman Melville","J. R. R. Tolkien"]"#,
            ),
            ("$..price", "[8.95,12.99,8.99,22.99,399]"),
            ("$..book[2].title", r#"["Moby Dick"]"#),
            ("$..book[:2].price", "[8.95,12.99]"),
            ("$..book[-1:].price", "[22.99]"),
            ("$..book[::-1].price", "[22.99,8.99,12.99,8.95]"),
            ("$..book[0,1].price", "[8.95,12.99]"),
            ("$..book[?@.isbn].price", "[8.99,22.99]"),
            ("$..book[?@.price<10 && !@.isbn].title", r#"["Sayings of the Century"]"#),
            ("$..book[?match(@.author, '[A-Z].*n Waugh')].price", "[12.99]"),
            ("$..book[?search(@.title, 'of')].price", "[8.95,12.99,22.99]"),
            ("$..book[?length(@.title) == 9].price", "[8.99]"),
            ("$..[?count(@.*) == 2 && value(@..color) == 'red'].price", "[399]"),
            ("$..nothing", "[]"),
        ] {
            assert_eq!(selected(path, STORE), Ok(Made::Json(expected.into())), "{path}");
        }
    }

    #[test]
    fn a_path_to_one_value_at_most_is_that_value() {
        let of = |path| selected(path, r#"{"a'b": [1, {"c": null}], "d": 0.5}"#);
        assert_eq!(of(r"$['a\'b'][-2]"), Ok(Made::Integer(1)));
        assert_eq!(of(r"$['a\'b'][-1]"), Ok(Made::Json(r#"{"c":null}"#.into())));
        assert_eq!(of(r#"$["a'b"][-1].c"#), Ok(Made::Null));
        assert_eq!(of("$ .d"), Ok(Made::Number(0.5)));
        assert_eq!(of("$.e"), Err(Fault::Missing));
        assert_eq!(selected("$.*", "{"), Err(Fault::Kind));
    }

    #[test]
    fn what_is_no_path_is_told_with_its_place() {
        for (path, expected) in [
            ("a", "`$` is expected at 'a'"),
            ("$.", "it ends where a name"),
            ("$.items[", "it ends where"),
            ("$[?@.a == 1 || ]", "a value, a path or a function is expected at ']'"),
            ("$[?@.* == 1]", "leads to one value at most"),
            ("$[?'a']", "a comparison"),
            ("$[01]", "without leading zeros"),
            ("$['a", "a text that ends"),
            ("$[?nosuch(@)]", "length, count, value, match or search"),
            ("$[?length(@.*) == 1]", "leads to one value at most"),
            ("$ ", "the end"),
        ] {
            let message = Query::parse(path).unwrap_err();
            assert!(message.contains(expected), "{path}: {message}");
        }
        let deep = format!("$[?{}@.a{}]", "(".repeat(10_000), ")".repeat(10_000));
        assert!(Query::parse(&deep).unwrap_err().contains("more than"));
        let functions = format!("$[?{}@.a{} == 1]", "length(".repeat(10_000), ")".repeat(10_000));
        assert!(Query::parse(&functions).unwrap_err().contains("more than"));
    }

    #[test]
    fn a_path_that_looks_at_too_much_has_no_value() {
        let nested = format!("{}{}", "[".repeat(50), "]".repeat(50));
        let many = format!("[{}]", vec![nested; 2_000].join(","));
        assert!(selected("$..*", &many).is_ok());
        let flat = format!("[{}]", vec!["{\"a\":1}"; 50_000].join(","));
        let texts = format!("[{}]", vec!["{\"b\":\"y\"}"; 50_000].join(","));
        for (path, json) in [
            ("$..*..*", &many),
            ("$[?count($..*) > 1]", &flat),
            ("$[*,*,*,*][*,*,*,*][*,*,*,*]..a", &flat),
            ("$[?$ == $]", &flat),
            (
                "$[?search('x', $[0].a) || search('x', @.b) || search('x', $[1].b)]",
                &texts,
            ),
        ] {
            assert!(selected(path, json) == Err(Fault::Range), "{path}");
        }
    }
}
