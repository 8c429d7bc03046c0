"""RFC 8785, held to the vectors of the standard that have no floats."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apibench.model.canonical import MAX_INTEGER, canonical_json

TEXT = st.text(st.characters(codec="utf-8"))
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


def test_keys_are_sorted_by_utf16_units_as_in_section_3_2_3() -> None:
    document = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    order = [key for key, _ in json.loads(canonical_json(document), object_pairs_hook=list)]
    assert order == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


def test_text_is_escaped_as_in_section_3_2_2() -> None:
    document = {"string": '\u20ac$\u000f\nA\'B"\\\\"/', "literals": [None, True, False]}
    expected = '{"literals":[null,true,false],"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    assert canonical_json(document) == expected.encode()


def test_nesting_is_sorted_at_every_level_as_in_the_structures_vector() -> None:
    document = {
        "1": {"f": {"f": "hi", "F": 5}, "\n": 56},
        "10": {},
        "": "empty",
        "a": {},
        "111": [{"e": "yes", "E": "no"}],
        "A": {},
    }
    expected = b'{"":"empty","1":{"\\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{"E":"no","e":"yes"}],"A":{},"a":{}}'
    assert canonical_json(document) == expected


@given(DOCUMENTS)
def test_the_canonical_form_reads_back_and_is_its_own_canonical_form(document: object) -> None:
    canonical = canonical_json(document)
    assert json.loads(canonical) == document
    assert canonical_json(json.loads(canonical)) == canonical


@pytest.mark.parametrize("value", [1.0, {1: "a"}, b"bytes", {"a": {2}}])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        canonical_json(value)


@pytest.mark.parametrize("value", [MAX_INTEGER + 1, -MAX_INTEGER - 1, "\ud800"])
def test_what_other_readers_would_change_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"doubles|surrogates"):
        canonical_json(value)
