//! From the text of a path to what it says (RFC 9535 §2).

use std::ops::ControlFlow;

use serde_json::{Number, Value};

use super::{Comparison, Condition, Fit, Operand, Query, Segment, Selector, i_regexp};

/// How deep filters and parentheses may be in one another: what reads and what carries out calls itself for each.
const MAX_DEPTH: usize = 20;
/// RFC 9535 §2.1: numbers that every implementation has exactly.
const MAX_INTEGER: i64 = (1 << 53) - 1;

impl Query {
    /// Reads a path.
    ///
    /// # Errors
    /// In words, with the place.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { text, at: 0, depth: 0 };
        if !parser.takes("$") {
            return Err(parser.expected("`$`"));
        }
        let segments = parser.segments()?;
        if parser.at < text.len() {
            return Err(parser.expected("the end, or `.` or `[`"));
        }
        Ok(Self {
            from_root: true,
            segments,
        })
    }

    /// Whether it can't lead to more than one value.
    pub(super) fn is_singular(&self) -> bool {
        let mut segments = self.segments.iter();
        segments.all(|segment| {
            !segment.descends && matches!(segment.selectors[..], [Selector::Name(_) | Selector::Index(_)])
        })
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

/// What stands in a filter before it is known what is done with it.
enum Term {
    Literal(Value),
    Query(Query),
    /// A function that makes a value.
    Made(Operand),
    /// One that says yes or no.
    Says(Condition),
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn takes(&mut self, word: &str) -> bool {
        let there = self.rest().starts_with(word);
        self.at += if there { word.len() } else { 0 };
        there
    }

    fn needs(&mut self, word: &str) -> Result<(), String> {
        if self.takes(word) {
            Ok(())
        } else {
            Err(self.expected(&format!("`{word}`")))
        }
    }

    fn blank(&mut self) {
        self.at = self.text.len() - self.rest().trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn expected(&self, what: &str) -> String {
        let here: String = self.rest().chars().take(20).collect();
        if here.is_empty() {
            return format!("it ends where {what} is expected");
        }
        format!("{what} is expected at '{here}'")
    }

    fn segments(&mut self) -> Result<Vec<Segment>, String> {
        let mut segments = Vec::new();
        loop {
            let before = self.at;
            self.blank();
            let descends = self.takes("..");
            let selectors = if self.rest().starts_with('[') {
                self.bracketed()?
            } else if descends || self.takes(".") {
                vec![if self.takes("*") {
                    Selector::Wildcard
                } else {
                    Selector::Name(self.shorthand()?)
                }]
            } else {
                self.at = before;
                return Ok(segments);
            };
            segments.push(Segment { descends, selectors });
        }
    }

    fn shorthand(&mut self) -> Result<String, String> {
        let begins = |letter: char| letter.is_ascii_alphabetic() || letter == '_' || !letter.is_ascii();
        if !self.peek().is_some_and(begins) {
            return Err(self.expected("a name, `*` or `[`"));
        }
        let goes_on = |letter: char| begins(letter) || letter.is_ascii_digit();
        let length = self.rest().find(|letter| !goes_on(letter)).unwrap_or(self.rest().len());
        let name = self.rest()[..length].to_owned();
        self.at += length;
        Ok(name)
    }

    fn bracketed(&mut self) -> Result<Vec<Selector>, String> {
        self.needs("[")?;
        let mut selectors = Vec::new();
        loop {
            self.blank();
            selectors.push(self.selector()?);
            self.blank();
            if !self.takes(",") {
                self.needs("]")?;
                return Ok(selectors);
            }
        }
    }

    fn selector(&mut self) -> Result<Selector, String> {
        match self.peek() {
            Some('\'' | '"') => Ok(Selector::Name(self.string()?)),
            Some('*') => {
                self.at += 1;
                Ok(Selector::Wildcard)
            }
            Some('?') => {
                self.at += 1;
                self.blank();
                Ok(Selector::Filter(self.any()?))
            }
            _ => self.index_or_slice(),
        }
    }

    fn index_or_slice(&mut self) -> Result<Selector, String> {
        let start = self.integer()?;
        let before = self.at;
        self.blank();
        if !self.takes(":") {
            self.at = before;
            let index = start.ok_or_else(|| self.expected("a name in quotes, a number, `*`, `?` or `:`"))?;
            return Ok(Selector::Index(index));
        }
        self.blank();
        let end = self.integer()?;
        self.blank();
        let mut step = None;
        if self.takes(":") {
            self.blank();
            step = self.integer()?;
        }
        Ok(Selector::Slice {
            start,
            end,
            step: step.unwrap_or(1),
        })
    }

    /// A whole number, if one stands there.
    fn integer(&mut self) -> Result<Option<i64>, String> {
        let digits_at = usize::from(self.rest().starts_with('-'));
        let digits = self.rest()[digits_at..].bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 && digits_at == 0 {
            return Ok(None);
        }
        let text = &self.rest()[..digits_at + digits];
        let is_plain = digits > 0 && (text == "0" || !text[digits_at..].starts_with('0'));
        let number = text
            .parse()
            .ok()
            .filter(|number| (-MAX_INTEGER..=MAX_INTEGER).contains(number));
        match number {
            Some(number) if is_plain => {
                self.at += text.len();
                Ok(Some(number))
            }
            _ => Err(self.expected("a whole number without leading zeros, of less than 2^53,")),
        }
    }

    fn string(&mut self) -> Result<String, String> {
        let (begin, quote) = (self.at, self.peek().unwrap_or('"'));
        let mut out = String::new();
        self.at += 1;
        loop {
            let Some(letter) = self.peek() else {
                self.at = begin;
                return Err(self.expected("a text that ends"));
            };
            self.at += letter.len_utf8();
            match letter {
                _ if letter == quote => return Ok(out),
                '\\' => match self.escaped(quote) {
                    Some(letter) => out.push(letter),
                    None => return Err(self.expected("an escape of JSON")),
                },
                '\0'..='\x1f' => return Err(self.expected("no control character")),
                _ => out.push(letter),
            }
        }
    }

    fn escaped(&mut self, quote: char) -> Option<char> {
        let letter = self.peek()?;
        self.at += letter.len_utf8();
        match letter {
            'b' => Some('\x08'),
            'f' => Some('\x0c'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            '/' | '\\' => Some(letter),
            'u' => {
                let high = self.hex()?;
                if !(0xd800..0xdc00).contains(&high) {
                    return char::from_u32(high);
                }
                let low = if self.takes("\\u") { self.hex()? } else { return None };
                let low = (0xdc00..0xe000).contains(&low).then_some(low)?;
                char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))
            }
            _ => (letter == quote).then_some(letter),
        }
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.rest().get(..4)?;
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u32::from_str_radix(digits, 16).ok().filter(|_| is_hex)?;
        self.at += 4;
        Some(number)
    }

    /// Conditions joined by `||`.
    fn any(&mut self) -> Result<Condition, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!(
                "filters and parentheses are more than {MAX_DEPTH} in one another"
            ));
        }
        let mut conditions = Vec::new();
        loop {
            conditions.push(self.all()?);
            if self.goes_on_with("||").is_break() {
                break;
            }
        }
        self.depth -= 1;
        Ok(if conditions.len() == 1 {
            conditions.remove(0)
        } else {
            Condition::Any(conditions)
        })
    }

    fn all(&mut self) -> Result<Condition, String> {
        let mut conditions = Vec::new();
        loop {
            conditions.push(self.basic()?);
            if self.goes_on_with("&&").is_break() {
                break;
            }
        }
        Ok(if conditions.len() == 1 {
            conditions.remove(0)
        } else {
            Condition::All(conditions)
        })
    }

    fn goes_on_with(&mut self, word: &str) -> ControlFlow<()> {
        let before = self.at;
        self.blank();
        if self.takes(word) {
            self.blank();
            return ControlFlow::Continue(());
        }
        self.at = before;
        ControlFlow::Break(())
    }

    fn basic(&mut self) -> Result<Condition, String> {
        let negated = self.takes("!");
        if negated {
            self.blank();
        }
        let condition = if self.takes("(") {
            self.blank();
            let inner = self.any()?;
            self.blank();
            self.needs(")")?;
            inner
        } else {
            self.test(negated)?
        };
        Ok(if negated {
            Condition::Not(Box::new(condition))
        } else {
            condition
        })
    }

    /// A comparison, or what is a condition by itself.
    fn test(&mut self, negated: bool) -> Result<Condition, String> {
        let term = self.term()?;
        let before = self.at;
        self.blank();
        if let Some(comparison) = self.comparison().filter(|_| !negated) {
            self.blank();
            let left = self.operand(term)?;
            let right = self.term()?;
            return Ok(Condition::Compare(left, comparison, self.operand(right)?));
        }
        self.at = before;
        match term {
            Term::Query(query) => Ok(Condition::Exists(query)),
            Term::Says(condition) => Ok(condition),
            Term::Literal(_) | Term::Made(_) => Err(self.expected("a comparison with the value before")),
        }
    }

    fn comparison(&mut self) -> Option<Comparison> {
        let known = [
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        known
            .into_iter()
            .find(|(word, _)| self.takes(word))
            .map(|(_, comparison)| comparison)
    }

    fn operand(&self, term: Term) -> Result<Operand, String> {
        match term {
            Term::Literal(value) => Ok(Operand::Literal(value)),
            Term::Made(operand) => Ok(operand),
            Term::Query(query) if query.is_singular() => Ok(Operand::Singular(query)),
            Term::Query(_) => Err(format!(
                "a path in a comparison leads to one value at most: that before '{}' may lead to several",
                self.rest()
            )),
            Term::Says(_) => Err(self.expected("no comparison with what is true or false by itself")),
        }
    }

    fn term(&mut self) -> Result<Term, String> {
        match self.peek() {
            Some('\'' | '"') => Ok(Term::Literal(Value::String(self.string()?))),
            Some('@' | '$') => {
                let from_root = self.peek() == Some('$');
                self.at += 1;
                let segments = self.segments()?;
                Ok(Term::Query(Query { from_root, segments }))
            }
            Some('-' | '0'..='9') => self.number().map(Term::Literal),
            Some('a'..='z') => self.word(),
            _ => Err(self.expected("a value, a path or a function")),
        }
    }

    fn number(&mut self) -> Result<Value, String> {
        let bytes = self.rest().as_bytes();
        let digits = |from: usize| {
            bytes[from.min(bytes.len())..]
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count()
        };
        let whole_at = usize::from(bytes.first() == Some(&b'-'));
        let mut end = whole_at + digits(whole_at);
        let is_plain = end > whole_at && (end == whole_at + 1 || bytes[whole_at] != b'0');
        let mut is_whole = true;
        if bytes.get(end) == Some(&b'.') && digits(end + 1) > 0 {
            end += 1 + digits(end + 1);
            is_whole = false;
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            if digits(end + 1 + sign) > 0 {
                end += 1 + sign + digits(end + 1 + sign);
                is_whole = false;
            }
        }
        let text = &self.rest()[..end];
        let whole = if is_whole && text != "-0" {
            text.parse::<i64>().ok().map(Number::from)
        } else {
            None
        };
        let number = whole.or_else(|| text.parse().ok().and_then(Number::from_f64));
        match number.filter(|_| is_plain) {
            Some(number) => {
                self.at += end;
                Ok(Value::Number(number))
            }
            None => Err(self.expected("a number of JSON")),
        }
    }

    /// `true`, `false`, `null`, or a function.
    fn word(&mut self) -> Result<Term, String> {
        let known = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
        let length = self.rest().find(|letter| !known(letter)).unwrap_or(self.rest().len());
        let (begin, word) = (self.at, self.rest()[..length].to_owned());
        self.at += length;
        if self.takes("(") {
            self.blank();
            let made = self.function(&word, begin)?;
            self.blank();
            self.needs(")")?;
            return Ok(made);
        }
        match &*word {
            "true" => Ok(Term::Literal(Value::Bool(true))),
            "false" => Ok(Term::Literal(Value::Bool(false))),
            "null" => Ok(Term::Literal(Value::Null)),
            _ => {
                self.at = begin;
                Err(self.expected("true, false, null or a function"))
            }
        }
    }

    fn function(&mut self, name: &str, begin: usize) -> Result<Term, String> {
        match name {
            "length" => Ok(Term::Made(Operand::Length(Box::new(self.argument()?)))),
            "count" => Ok(Term::Made(Operand::Count(self.path_argument()?))),
            "value" => Ok(Term::Made(Operand::ValueOf(self.path_argument()?))),
            "match" | "search" => {
                let (text, whole) = (self.argument()?, name == "match");
                self.blank();
                self.needs(",")?;
                self.blank();
                let pattern = match self.argument()? {
                    Operand::Literal(Value::String(text)) => Fit::Known(i_regexp(&text, whole)),
                    Operand::Literal(_) => Fit::Known(None),
                    late => Fit::Late(late),
                };
                Ok(Term::Says(Condition::Fits { text, pattern, whole }))
            }
            _ => {
                self.at = begin;
                Err(self.expected("length, count, value, match or search"))
            }
        }
    }

    fn argument(&mut self) -> Result<Operand, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("functions are more than {MAX_DEPTH} in one another"));
        }
        let term = self.term()?;
        self.depth -= 1;
        self.operand(term)
    }

    fn path_argument(&mut self) -> Result<Query, String> {
        match self.term()? {
            Term::Query(query) => Ok(query),
            _ => Err(self.expected("a path as the only argument before")),
        }
    }
}
