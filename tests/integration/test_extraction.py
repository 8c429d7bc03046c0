"""What the engine takes out of answers, held to what Python's own library takes out of the same."""

import gzip
import json
import re
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.integration.recording import sent

_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=80)
_SCALARS = st.none() | st.booleans() | st.integers(-1_000, 1_000) | st.text(max_size=5)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=20,
)


def taken(answer: bytes, *ofs: dict[str, Any], headers: dict[str, str] | None = None) -> list[str | None]:
    """What each takes out of an answer; None where it is not there."""
    steps: list[dict[str, Any]] = [{"type": "request", "path": "/answer"}]
    steps += [{"type": "extract", "of": of, "to": f"v{at}"} for at, of in enumerate(ofs)]
    values = {f"v{at}": call("json_encoded", {"type": "variable", "name": f"v{at}"}) for at in range(len(ofs))}
    found = sent(values, steps, answer=(headers or {}, answer))
    return [found.get(f"v{at}") for at in range(len(ofs))]


def call(function: str, *arguments: Any) -> dict[str, Any]:
    return {"type": "call", "function": function, "arguments": list(arguments)}


def as_json(value: Any) -> str:
    """It without the order of names, which says nothing."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "é", "1", "\n", " ", "<", ">", '"']), max_size=60).map("".join))
def test_patterns_match_where_python_s_do(text: str) -> None:
    patterns = [
        "a+b",
        "(a|ab)(b*)",
        "<([^<>]*)>",
        r"(\d)é?",
        "(?s)a(.*?)b",
        "(?m)^(b)",
        '"(?P<it>[^"]*)"',
        r"\b(a)\b",
        "(x)?a",
    ]
    found = taken(text.encode(), *({"type": "regex", "pattern": pattern} for pattern in patterns))
    for pattern, value in zip(patterns, found, strict=True):
        match = re.search(pattern, text)
        group = None if match is None else match[1] if match.re.groups else match[0]
        assert (None if value is None else json.loads(value)) == group, pattern


@settings(max_examples=15, deadline=None)
@given(_TEXTS, st.text("ab<>", min_size=1, max_size=3), st.text("ab<>", min_size=1, max_size=3), _TEXTS)
def test_boundaries_are_where_texts_first_stand(before: str, left: str, right: str, after: str) -> None:
    text = f"{before}{left}{after}{right}"
    (value,) = taken(text.encode(), {"type": "boundary", "left": left, "right": right})
    _, found, rest = text.partition(left)
    inner, ended, _ = rest.partition(right)
    assert (None if value is None else json.loads(value)) == (inner if found and ended else None)


def everything(value: Any) -> list[Any]:
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return [value, *(each for child in inner for each in everything(child))]


@settings(max_examples=15, deadline=None)
@given(_JSON)
def test_paths_select_what_python_would(document: Any) -> None:
    paths = ["$[*].a", "$..a", "$[1:]", "$[?@ == 1]", "$[-1]", "$"]
    of = [{"type": "json_path", "path": path} for path in paths]
    found = taken(json.dumps(document).encode(), *of)
    some = [None if value is None else json.loads(value) for value in found]
    items = document if isinstance(document, list) else []
    children = list(document.values()) if isinstance(document, dict) else items
    if isinstance(document, list | dict):
        assert some[0] == [child["a"] for child in children if isinstance(child, dict) and "a" in child]
        assert some[2] == items[1:]
        assert sorted(map(as_json, some[1] or [])) == sorted(
            as_json(each["a"]) for each in everything(document) if isinstance(each, dict) and "a" in each
        )
        assert some[3] == [child for child in children if type(child) is int and child == 1]
    assert some[4] == (items[-1] if items else None)
    assert some[5] == document


@settings(max_examples=10, deadline=None)
@given(_TEXTS.filter(bool))
def test_compressed_bodies_are_looked_into_as_they_were(text: str) -> None:
    bare = zlib.compressobj(wbits=-15)
    for coding, body in {
        "identity": text.encode(),
        "gzip": gzip.compress(text.encode()),
        "deflate": zlib.compress(text.encode()),
        "Deflate": bare.compress(text.encode()) + bare.flush(),
    }.items():
        (value,) = taken(body, {"type": "body"}, headers={"Content-Encoding": coding})
        assert value is not None
        assert json.loads(value) == text


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "compress"])
def test_what_is_not_coded_as_it_says_is_not_there(coding: str) -> None:
    assert taken(b"plain", {"type": "body"}, {"type": "status"}, headers={"Content-Encoding": coding}) == [None, "200"]


def test_a_body_that_becomes_too_long_is_not_there() -> None:
    bomb = gzip.compress(bytes(9 * 1024 * 1024))
    assert taken(bomb, {"type": "body"}, headers={"Content-Encoding": "gzip"}) == [None]


def test_cookies_and_elements_are_found() -> None:
    page = b'<form><input name=csrf value="a&#43;b"><p class=note>One <b>two</b></p></form>'
    found = taken(
        page,
        {"type": "cookie", "name": "sid"},
        {"type": "css", "selector": "form > input[name=csrf]", "attribute": "value"},
        {"type": "css", "selector": ".note"},
        {"type": "css", "selector": "table"},
        headers={"Set-Cookie": "sid=abc; Path=/"},
    )
    assert found == ['"abc"', '"a+b"', '"One two"', None]
