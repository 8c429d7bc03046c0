"""Random expressions, mostly of arguments that their functions take, and plans that send what they come to."""

import base64
import random
from typing import Any

from hypothesis import strategies as st
from tests.unit.differential.target import written

from apibench.model.canonical import MAX_INTEGER
from apibench.model.function import ARITY, FORMS, MAX_ARGUMENTS

Document = dict[str, Any]
SIGNATURES: dict[str, tuple[str, str]] = {
    "equal": ("boolean", "any any"),
    "not_equal": ("boolean", "any any"),
    "less": ("boolean", "number number"),
    "less_or_equal": ("boolean", "text text"),
    "greater": ("boolean", "number number"),
    "greater_or_equal": ("boolean", "number number"),
    "and": ("boolean", "boolean boolean"),
    "or": ("boolean", "boolean boolean"),
    "not": ("boolean", "boolean"),
    "add": ("number", "number number"),
    "subtract": ("integer", "integer integer"),
    "multiply": ("number", "number number"),
    "divide": ("number", "number number"),
    "remainder": ("integer", "integer integer"),
    "concat": ("text", "any any any"),
    "text": ("text", "any"),
    "integer": ("integer", "number"),
    "number": ("number", "text"),
    "length": ("integer", "text"),
    "lower": ("text", "text"),
    "upper": ("text", "text"),
    "strip": ("text", "text"),
    "slice": ("text", "text small small"),
    "contains": ("boolean", "text text"),
    "starts_with": ("boolean", "text text"),
    "ends_with": ("boolean", "text text"),
    "replace": ("text", "text text text"),
    "is_null": ("boolean", "any"),
    "member": ("any", "json key"),
    "url_encoded": ("text", "any"),
    "json_encoded": ("text", "any"),
    "base64_encoded": ("text", "any"),
    "base64url_encoded": ("text", "any"),
    "base64_decoded": ("text", "coded"),
    "sha256": ("text", "any"),
    "sha512": ("text", "any form"),
    "sha1": ("text", "any form"),
    "md5": ("text", "any"),
    "hmac_sha256": ("text", "text any"),
    "hmac_sha512": ("text", "text any form"),
    "hmac_sha1": ("text", "text any"),
    "jwt_hs256": ("text", "json text"),
    "random_integer": ("integer", "small integer"),
    "random_choice": ("any", "any any any"),
    "random_item": ("any", "json"),
    "random_text": ("text", "small"),
    "random_uuid": ("text", ""),
    "random_seconds": ("integer", "moment moment"),
    "random_milliseconds": ("integer", "moment moment"),
    "random_iso": ("text", "moment moment"),
    "random_date": ("text", "moment moment"),
}
"""What each usually makes, and of what."""
_TEXTS: tuple[str, ...] = (
    "",
    "a",
    "ab",
    "é",
    "12",
    " -7 ",
    "+3",
    "0.50",
    "1e3",
    "01",
    "1_0",
    "ß",
    "İx",
    "ΑΣ",
    "🙂b",
    '"\\',
    "\r\n\t",
    "%41/?#",
)
_TEXTS += ("\x1c\xa0a\u3000", "null", "true", "{}", "\u0661", "\x7f")
TEXTS = st.sampled_from(_TEXTS) | st.text(max_size=8).filter(lambda text: "\0" not in text and _is_whole(text))
INTEGERS = st.sampled_from((0, 1, -1, 2, 3, 7, MAX_INTEGER, -MAX_INTEGER)) | st.integers(-MAX_INTEGER, MAX_INTEGER)
SMALL = st.integers(-4, 12)
MOMENTS: tuple[str, ...] = (
    "1900-03-01",
    "1969-12-31T23:59:59.999Z",
    "1970-01-01",
    "2000-02-29T12:30",
    "2024-12-31 23:59",
)
MOMENTS += (
    "2000-01-01T00:00:00+05:30",
    "2024-02-29T23:59:59.123456789Z",
    "9999-12-31T23:59:59.999-00:01",
    "0001-01-01",
)
FRACTIONS = st.sampled_from((0.5, -0.0, 2.0, 1e300, 1e-300, 1e16, 1e15, 123456789.125, 1e-5, 2.0**63)) | st.floats(
    allow_nan=False, allow_infinity=False
)
WHOLE = INTEGERS | st.integers(-(2**65), 2**65)
JSON = st.recursive(
    st.none() | st.booleans() | WHOLE | FRACTIONS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
OF_KIND: dict[str, st.SearchStrategy[Any]] = {
    "integer": INTEGERS,
    "small": SMALL,
    "number": WHOLE | FRACTIONS | SMALL,
    "text": TEXTS,
    "boolean": st.booleans(),
    "json": st.lists(JSON, max_size=4) | st.dictionaries(TEXTS, JSON, max_size=3),
    "key": TEXTS | SMALL,
    "form": st.sampled_from(FORMS),
    "moment": st.sampled_from(MOMENTS) | st.integers(-(10**9), 4 * 10**9) | st.integers(-(10**14), 10**14),
    "coded": st.binary(max_size=6).map(lambda some: base64.b64encode(some).decode())
    | TEXTS.map(lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")),
    "any": JSON,
}


def _is_whole(text: str) -> bool:
    return not any(0xD800 <= ord(each) < 0xE000 for each in text)


@st.composite
def expressions(draw: st.DrawFn, kind: str, known: list[Any], depth: int = 3) -> Document:
    """`known`: what has to be in an answer for it, which grows: fractions and JSON stand in no plan."""
    if depth and draw(st.integers(0, 3)):
        makes = [
            name
            for name, (made, _) in SIGNATURES.items()
            if kind in ("any", made) or (kind, made) == ("number", "integer")
        ]
        if makes:
            return _call(draw, draw(st.sampled_from(makes)), known, depth)
    value = draw(OF_KIND[kind])
    plain = value is None or isinstance(value, bool | str) or (isinstance(value, int) and abs(value) <= MAX_INTEGER)
    if plain and "${" not in str(value) and draw(st.booleans()):
        return {"type": "constant", "value": value}
    return _from_answer(value, known)


def _from_answer(value: Any, known: list[Any]) -> Document:
    known.append(value)
    return {"type": "variable", "name": f"v{len(known) - 1}"}


def _call(draw: st.DrawFn, function: str, known: list[Any], depth: int) -> Document:
    kinds = SIGNATURES[function][1].split()
    least, most = ARITY[function]
    if most == MAX_ARGUMENTS and draw(st.booleans()):
        kinds = ["any"] * draw(st.integers(least, 4))
    changing = [place for place, kind in enumerate(kinds) if kind not in ("form", "moment")]
    if changing and not draw(st.integers(0, 5)):
        kinds[draw(st.sampled_from(changing))] = draw(st.sampled_from(sorted(OF_KIND)))
    if kinds[:1] == ["moment"]:
        # What lies before another as constants would be refused with the plan.
        arguments = [_from_answer(draw(OF_KIND["moment"]), known) for _ in kinds]
    else:
        arguments = [draw(expressions(each, known, depth - 1)) for each in kinds]
    return {"type": "call", "function": function, "arguments": arguments}


@st.composite
def expression_plans(draw: st.DrawFn) -> tuple[Document, str]:
    """A plan, and the JSON that its first request is to be answered."""
    known: list[Any] = []
    steps: list[Document] = []
    for number in range(draw(st.integers(1, 8))):
        name = {"type": "variable", "name": f"x{number}"}
        steps += [
            {"type": "set", "to": name["name"], "value": draw(expressions("any", known))},
            {
                "type": "request",
                "host": "target",
                "method": "POST",
                "path": f"/json/{number}",
                "body": {"text": {"type": "call", "function": "json_encoded", "arguments": [name]}},
            },
            {"type": "check", "name": f"check {number}", "condition": draw(expressions("boolean", known))},
            {
                "type": "request",
                "host": "target",
                "name": f"text {number}",
                "path": _concat("/text/", name),
                "headers": [["X-Own", _concat("a ", name, " b")]],
            },
            {
                "type": "when",
                "condition": draw(expressions("boolean", known)),
                "steps": [{"type": "request", "host": "target", "path": f"/holds/{number}"}],
                "otherwise": [{"type": "request", "host": "target", "path": f"/holds-not/{number}"}],
            },
        ]
    first: list[Document] = [{"type": "request", "host": "target", "path": "/values"}]
    first += [
        {"type": "extract", "of": {"type": "json", "path": ["values", at]}, "to": f"v{at}"} for at in range(len(known))
    ]
    text = written({"values": known}, random.Random(draw(st.integers(0, 99))))  # noqa: S311 - the same each time
    scenario = {
        "name": "expressions",
        "defaults": {"on_fail": "continue"},
        "steps": [*first, *steps],
        "load": {"model": "closed", "vus": 1, "ends": {"iterations": 1}},
    }
    plan = {"version": 1, "seed": draw(st.integers(0, MAX_INTEGER)), "scenarios": [scenario]}
    return plan, text


def _concat(*parts: str | Document) -> Document:
    arguments = [{"type": "constant", "value": part} if isinstance(part, str) else part for part in parts]
    return {"type": "call", "function": "concat", "arguments": arguments}
