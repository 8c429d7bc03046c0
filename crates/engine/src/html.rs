//! What a CSS selector finds in HTML: the text or an attribute of the first element. The text is gone through once and no
//! tree is made of it, so that what a target sends can't take more than its length.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use lol_html::errors::RewritingError;
use lol_html::html_content::{Element, TextChunk};
use lol_html::{ElementContentHandlers, HtmlRewriter, MemorySettings, Selector, Settings};

use crate::content_coding::guarded;
use crate::value::Fault;

/// Longest HTML that is looked into.
pub const MAX_HTML_BYTES: usize = 1024 * 1024;
/// For elements that have begun and not ended: how many there are bounds what it takes to look at one.
const OPEN_ELEMENTS_BYTES: usize = 2 * 1024 * 1024;

/// A selector, and what is wanted of the element that it finds.
#[derive(Debug)]
pub struct Css {
    selector: Selector,
    /// Its text, if none.
    attribute: Option<Box<str>>,
}

/// What is found while the text is gone through.
#[derive(Debug, Default)]
struct Found {
    begun: bool,
    ended: bool,
    /// Of an attribute that is not there.
    missing: bool,
    text: String,
    /// Of a piece of text that has not ended.
    piece: String,
}

impl Css {
    /// Compiles a selector.
    ///
    /// # Errors
    /// In words.
    pub fn compile(selector: &str, attribute: Option<&str>) -> Result<Self, String> {
        let selector = selector
            .parse::<Selector>()
            .map_err(|error| in_words(&error.to_string()))?;
        Ok(Self {
            selector,
            attribute: attribute.map(Into::into),
        })
    }

    /// What the first element has that it finds.
    ///
    /// # Errors
    /// [`Fault::Missing`], if there is none, or it has no such attribute; [`Fault::Range`], if the text is too long, or too
    /// many of its elements are in one another.
    pub fn find(&self, html: &str) -> Result<String, Fault> {
        if html.len() > MAX_HTML_BYTES {
            return Err(Fault::Range);
        }
        guarded(|| self.find_first(html))
    }

    fn find_first(&self, html: &str) -> Result<String, Fault> {
        let found = Rc::new(RefCell::new(Found::default()));
        let handlers = ElementContentHandlers::default()
            .element(|element: &mut Element<'_, '_>| self.begin(&found, element))
            .text(|chunk: &mut TextChunk<'_>| {
                found.borrow_mut().push(chunk);
                Ok(())
            });
        let settings = Settings::new()
            .append_element_content_handler((Cow::Borrowed(&self.selector), handlers))
            .with_memory_settings(MemorySettings::new().with_max_allowed_memory_usage(OPEN_ELEMENTS_BYTES))
            .with_strict(false);
        let mut rewriter = HtmlRewriter::new(settings, |_: &[u8]| {});
        let outcome = rewriter.write(html.as_bytes()).and_then(|()| rewriter.end());
        let mut found = found.borrow_mut();
        match outcome {
            Err(RewritingError::MemoryLimitExceeded(_)) => return Err(Fault::Range),
            // Of ours, that enough has been seen.
            Err(_) if !found.ended => return Err(Fault::Kind),
            _ => {}
        }
        if !found.begun || found.missing {
            return Err(Fault::Missing);
        }
        Ok(std::mem::take(&mut found.text))
    }

    fn begin(&self, found: &Rc<RefCell<Found>>, element: &mut Element<'_, '_>) -> lol_html::HandlerResult {
        let mut first = found.borrow_mut();
        if first.begun {
            return Ok(());
        }
        first.begun = true;
        if let Some(name) = &self.attribute {
            let value = element.get_attribute(name);
            first.missing = value.is_none();
            first.text = with_characters(&value.unwrap_or_default());
        }
        let Some(at_end) = element.end_tag_handlers().filter(|_| self.attribute.is_none()) else {
            first.ended = true;
            return Err("enough".into());
        };
        let found = Rc::clone(found);
        at_end.push(Box::new(move |_| {
            found.borrow_mut().ended = true;
            Err("enough".into())
        }));
        Ok(())
    }
}

impl Found {
    fn push(&mut self, chunk: &TextChunk<'_>) {
        if self.ended {
            return;
        }
        self.piece.push_str(chunk.as_str());
        if chunk.last_in_text_node() {
            let piece = std::mem::take(&mut self.piece);
            if chunk.text_type().allows_html_entities() {
                self.text.push_str(&with_characters(&piece));
            } else {
                self.text.push_str(&piece);
            }
        }
    }
}

fn in_words(message: &str) -> String {
    let message = message.trim_end_matches('.');
    let mut letters = message.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

/// HTML with characters in place of their references: all numbers, and the names that a server writes where text would
/// otherwise be markup.
fn with_characters(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = memchr::memchr(b'&', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(12).position(|byte| byte == b';');
        let character = end.and_then(|end| character(&rest[1..end]));
        match (character, end) {
            (Some(character), Some(end)) => {
                out.push(character);
                rest = &rest[end + 1..];
            }
            _ => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

fn character(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let number = match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(number);
    }
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some('\u{a0}'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(selector: &str, attribute: Option<&str>, html: &str) -> Result<String, Fault> {
        Css::compile(selector, attribute).unwrap().find(html)
    }

    #[test]
    fn the_first_element_that_fits_is_found() {
        let html = r#"<!doctype html><form id=login><input type="hidden" name="csrf" value="a&#43;b&#x3D;&amp;"><br>
            <div class="note big">One <b>two</b> &lt;three&gt;<div>four</div> &nosuch; five</div><div class=note>six</div>
            <script>if (a && b) "&lt;"</script></form><p>seven"#;
        for (selector, attribute, expected) in [
            ("input[name=csrf]", Some("value"), Ok("a+b=&")),
            ("form#login > input", Some("VALUE"), Ok("a+b=&")),
            ("div.note", None, Ok("One two <three>four &nosuch; five")),
            ("div", None, Ok("One two <three>four &nosuch; five")),
            ("div.note:not(.big)", None, Ok("six")),
            ("div.note div", None, Ok("four")),
            ("script", None, Ok("if (a && b) \"&lt;\"")),
            ("p", None, Ok("seven")),
            ("br", None, Ok("")),
            ("br", Some("class"), Err(Fault::Missing)),
            ("table", None, Err(Fault::Missing)),
        ] {
            let expected = expected.map(str::to_owned);
            assert_eq!(found(selector, attribute, html), expected, "{selector}");
        }
    }

    #[test]
    fn what_is_no_selector_is_told() {
        for selector in ["", "a[", "a:hover", "a + b", "a::text"] {
            let message = Css::compile(selector, None).unwrap_err();
            assert!(!message.is_empty() && !message.contains('\n'), "{message}");
        }
    }

    #[test]
    fn what_would_take_too_long_is_not_there() {
        let deep = "<div>".repeat(200_000);
        assert_eq!(found("div div div p", None, &deep), Err(Fault::Range));
        assert_eq!(found("p", None, &" ".repeat(MAX_HTML_BYTES + 1)), Err(Fault::Range));
        let wide = "<b id=1><p>".repeat(90_000);
        assert!(found("i", None, &wide).is_err());
    }

    proptest! {
        #[test]
        fn nothing_that_a_target_sends_is_too_much(html in r#"([<>/&;#=" !-]|div|p|a|script|textarea|svg|é|\PC){0,60}"#) {
            for selector in ["p", "div a", "*", "a:nth-child(2)"] {
                let _ = found(selector, None, &html);
                let _ = found(selector, Some("a"), &html);
            }
        }
    }
}
