//! Every value is found, and nothing in what is no JSON.

use super::*;
use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::{Value as Parsed, json};

fn any_json() -> impl Strategy<Value = Parsed> {
    let leaf = prop_oneof![
        Just(Parsed::Null),
        any::<bool>().prop_map(Parsed::from),
        any::<i64>().prop_map(Parsed::from),
        (0_i64..2_000).prop_map(Parsed::from),
        (-1e300..1e300_f64).prop_map(Parsed::from),
        ".{0,12}".prop_map(Parsed::from),
        "[\"\\\\\n\t\u{1}é𝄞a]{0,20}".prop_map(Parsed::from),
        // Around what is looked at in one piece.
        "[ -~é]{12,40}".prop_map(Parsed::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Parsed::from),
            prop::collection::vec(("[a-c\"\\\\é]{0,3}|[a-d]{12,20}", inner), 0..6)
                .prop_map(|members| Parsed::Object(members.into_iter().collect())),
        ]
    })
}

/// As Python writes it, unless it is told otherwise.
fn spaced(value: &Parsed) -> String {
    match value {
        Parsed::Array(items) => format!("[{}]", items.iter().map(spaced).collect::<Vec<_>>().join(", ")),
        Parsed::Object(members) => {
            let member = |(name, value): (&String, &Parsed)| format!("{}: {}", json!(name), spaced(value));
            format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// Every path of a value, with what it leads to.
fn all_paths<'p>(value: &'p Parsed, path: &[Key], all: &mut Vec<(Vec<Key>, &'p Parsed)>) {
    all.push((path.to_vec(), value));
    let with = |key: Key| [path, &[key]].concat();
    match value {
        Parsed::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                all_paths(item, &with(Key::Item(number)), all);
            }
        }
        Parsed::Object(members) => {
            for (name, member) in members {
                all_paths(member, &with(Key::Member(name.as_str().into())), all);
            }
        }
        _ => {}
    }
}

fn parsed(value: &Value<'_>) -> Parsed {
    match value {
        Value::Null => Parsed::Null,
        Value::Boolean(yes) => json!(yes),
        Value::Integer(integer) => json!(integer),
        Value::Number(number) => json!(number),
        Value::Text(text) => json!(text),
        Value::Json(json) => serde_json::from_str(json).unwrap(),
    }
}

proptest! {
    #[test]
    fn every_value_is_found_where_it_is(value in any_json(), style in 0..3, behind in 0_usize..60) {
        let mut text = match style {
            0 => value.to_string(),
            1 => spaced(&value),
            _ => serde_json::to_string_pretty(&value).unwrap(),
        };
        // Near the end less is read in one piece.
        text.extend(std::iter::repeat_n(' ', behind));
        let mut all = Vec::new();
        all_paths(&value, &[], &mut all);
        for (path, expected) in all {
            let found = at(text.as_bytes(), &path);
            prop_assert_eq!(found.as_ref().map(parsed), Ok(expected.clone()), "{:?} {}", path, text);
            let absent = [&path[..], &[Key::Member("absent".into())]].concat();
            prop_assert_eq!(at(text.as_bytes(), &absent), Err(Fault::Missing));
            let absent = [&path[..], &[Key::Item(6)]].concat();
            prop_assert_eq!(at(text.as_bytes(), &absent), Err(Fault::Missing));
        }
        let size = match &value {
            Parsed::Array(items) => Some(items.len()),
            Parsed::Object(members) => Some(members.len()),
            _ => None,
        };
        prop_assert_eq!(count(&text), size);
    }

    #[test]
    fn what_is_json_and_what_is_none_is_told_as_the_library_does(
        value in any_json(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3), 0..3),
        style: bool,
        behind in 0_usize..60,
    ) {
        let text = if style { spaced(&value) } else { value.to_string() };
        let mut text = text.into_bytes();
        for (place, byte, how) in changes {
            let place = place.index(text.len());
            // Mostly marks: other bytes seldom make another sense.
            let byte = *b"{}[]:,\"\\0-.eE+u \n\x01tfn".get(usize::from(byte)).unwrap_or(&byte);
            match how {
                0 => text[place] = byte,
                1 => text.insert(place, byte),
                _ if text.len() > 1 => drop(text.remove(place)),
                _ => {}
            }
        }
        text.extend(std::iter::repeat_n(b' ', behind));
        let is_json = serde_json::from_slice::<IgnoredAny>(&text).is_ok() && std::str::from_utf8(&text).is_ok();
        // A number may be JSON and too large for anybody, and half a surrogate is told where the text is looked at.
        let found = at(&text, &[]);
        let alone = std::str::from_utf8(&text).map_err(|_| Fault::Kind).and_then(whole);
        prop_assert!(found.is_ok() || alone.is_err());
        let found = alone;
        if is_json {
            let scalar = !matches!(text.trim_ascii_start().first(), Some(b'{' | b'['));
            prop_assert!(found.is_ok() || scalar, "{} {:?}", text.escape_ascii(), found);
        } else {
            prop_assert!(found.is_err(), "{} {:?}", text.escape_ascii(), found);
        }
    }

    #[test]
    fn the_end_of_what_stands_for_itself_is_found(text in prop::collection::vec(any::<u8>(), 0..40), from in 0_usize..40) {
        let text = &text[from.min(text.len())..];
        let special = |byte: &u8| *byte < b' ' || matches!(byte, b'"' | b'\\');
        let first = text.iter().position(special);
        prop_assert_eq!(walk::plain_length(text), first.unwrap_or(text.len()));
        prop_assert_eq!(is_plain(text), first.is_none());
    }
}

#[test]
fn numbers_are_what_they_say() {
    let of = |text: &str| whole(text).map(Value::into_owned);
    for (text, expected) in [
        ("0", Ok(Value::Integer(0))),
        ("-0", Ok(Value::Number(-0.0))),
        ("-12", Ok(Value::Integer(-12))),
        ("999999999999999999", Ok(Value::Integer(999_999_999_999_999_999))),
        ("-999999999999999999", Ok(Value::Integer(-999_999_999_999_999_999))),
        ("1000000000000000000", Ok(Value::Integer(1_000_000_000_000_000_000))),
        ("-9223372036854775808", Ok(Value::Integer(i64::MIN))),
        ("9223372036854775808", Ok(Value::Number(9_223_372_036_854_775_808.0))),
        ("1.0", Ok(Value::Number(1.0))),
        ("1e2", Ok(Value::Number(100.0))),
        ("1e999", Err(Fault::Range)),
        ("01", Err(Fault::Kind)),
        ("-01", Err(Fault::Kind)),
        ("1-", Err(Fault::Kind)),
        ("1.", Err(Fault::Kind)),
        (".5", Err(Fault::Kind)),
        ("+1", Err(Fault::Kind)),
        ("1e", Err(Fault::Kind)),
        ("-", Err(Fault::Kind)),
        ("NaN", Err(Fault::Kind)),
        ("1 2", Err(Fault::Kind)),
        ("", Err(Fault::Kind)),
        ("nul", Err(Fault::Kind)),
    ] {
        assert_eq!(of(text), expected, "{text}");
    }
}

#[test]
fn of_members_of_one_name_the_first_is_meant_however_it_is_written() {
    assert_eq!(member(r#"{"a":1,"a":2}"#, "a"), Ok(Value::Integer(1)));
    assert_eq!(member(r#"{"\u0061":1,"a":2}"#, "a"), Ok(Value::Integer(1)));
    assert_eq!(member(r#"{"a\"b":1}"#, "a\"b"), Ok(Value::Integer(1)));
    assert_eq!(member(r#"{"a\"b":1}"#, r#"a\"b"#), Err(Fault::Missing));
}

#[test]
fn nothing_is_found_behind_what_is_no_json() {
    for text in [
        &br#"{"x":01,"a":1}"#[..],
        br#"{"x":"\q","a":1}"#,
        b"{\"x\":\"\n\",\"a\":1}",
        b"{\"x\":\"\xff\",\"a\":1}",
        b"{\"x\":\"with sixteen and more before \xff\",\"a\":1}",
        b"{\"x\xff\":1,\"a\":1,\"enough to read on\":\"without a look at bounds\"}",
        br#"{"x":01,"a":1,"enough to read on":"without a look at bounds"}"#,
        br#"{"x":1 2,"a":1,"enough to read on":"without a look at bounds"}"#,
        br#"{"x":1],"a":1,"enough to read on":"without a look at bounds"}"#,
        br#"{"x":,"a":1,"enough to read on":"without a look at bounds"}"#,
        br#"{"x":[1,],"a":1}"#,
        br#"{"x":{,},"a":1}"#,
        br#"{"x":[1}],"a":1}"#,
        br#"{"x" 1,"a":1}"#,
        br#"{,"a":1}"#,
        br#"["a",1]"#,
        br#"{"a":"\ud800"}"#,
        br#"{"a":tru}"#,
    ] {
        assert_eq!(
            at(text, &[Key::Member("a".into())]),
            Err(Fault::Missing),
            "{}",
            text.escape_ascii()
        );
    }
    assert_eq!(
        member(r#"{"a":1,"x":"#, "a"),
        Ok(Value::Integer(1)),
        "what follows is not looked at"
    );
}
