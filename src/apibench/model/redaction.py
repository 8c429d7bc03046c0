"""
A document that may be stored and shown: what looks like a secret is replaced, the rest stays readable.

By name, because a value does not tell what it is: of a header, a query parameter, a variable. A variable that is sent
under a secret name holds a secret, whatever it is called itself. Bodies are kept: what is secret in them has no name
we could know. A plan that must not show its bodies holds them elsewhere.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from apibench.model.function import KEY_AT
from apibench.model.nesting import inner_steps, steps_of
from apibench.model.secret import without_references
from apibench.model.signing import KEYS

REPLACEMENT = "[redacted]"

_SECRET_NAME = re.compile(
    r"authorization|cookie|(api|access|secret|private|session|auth)[-_]?(key|token|id)\b|token|secret|"
    r"pass[-_ ]?w(or)?d|passphrase|credential|signature|jwt|csrf|xsrf|^pwd$|^sig$|^key$",
    re.IGNORECASE,
)
_USER_INFO = re.compile(r"(?<=://)[^/?#\s@]+(?=@)")
_SCHEME = re.compile(r"\s*(Basic|Bearer|Digest|Negotiate|Token)?\s+", re.IGNORECASE)
_QUERY_VALUE = re.compile(r"(?P<name>[^?&=;#\s]+)=(?P<value>[^&;#\s]*)")
_SEAM = "\0"
"""Between the pieces of a late text while it is looked at whole. No text of a plan has it."""
_OPAQUE = "\1"
"""A piece that is late, or is changed before it is sent: it may hold a secret, and what is in it ends nothing."""
_JOINING = frozenset(("and", "or", "not"))
_COMPARING = frozenset(("equal", "not_equal", "less", "less_or_equal", "greater", "greater_or_equal"))
_ANSWERS = _COMPARING | {"contains", "starts_with", "ends_with", "is_null", "length"}
"""Functions that do not hand on what they are given. What stands beside it in them may be the same secret."""
_MEASURING = frozenset(("slice", "random_integer", "random_text"))
"""Functions whose whole numbers say how long or how large."""

_Leaf = dict[str, Any]
"""A constant or a variable in an expression."""


def is_secret_name(name: str) -> bool:
    """Whether a header, query parameter or variable of this name should not be shown."""
    return _SECRET_NAME.search(name) is not None


def redacted_text(text: str) -> str:
    """The same for a text that may hold a URL or a path: no user, no value of a secret parameter."""
    return _clean_text(text)


def redacted(document: dict[str, Any]) -> dict[str, Any]:
    """A copy of a plan's document without secrets in headers, paths, names, URLs and the values of variables."""
    return {key: _clean(_without_keys(value), key, frozenset()) for key, value in document.items()}


def _without_keys(value: Any) -> Any:
    """A copy without the keys that stand in calls of functions."""
    if isinstance(value, list):
        return [_without_keys(each) for each in value]
    if not isinstance(value, dict):
        return value
    copied = {key: _without_keys(each) for key, each in value.items()}
    if value.get("type") == "call" and value.get("function") in KEY_AT:
        key_at, arguments = KEY_AT[value["function"]], copied["arguments"]
        copied["arguments"] = [_hidden(each) if at == key_at else each for at, each in enumerate(arguments)]
    return copied


def _clean(value: Any, key: str, secret: frozenset[str]) -> Any:
    """`secret`: the variables of the scenario that hold one."""
    if isinstance(value, dict) and key in ("setup", "teardown"):
        return _clean_errand(value)
    if isinstance(value, list) and key == "scenarios":
        return [_clean(each, "scenario", _secret_variables(each)) for each in value]
    if isinstance(value, dict) and key == "path":
        return _clean_late_text(value)
    if isinstance(value, dict) and key == "feeders":
        return {name: _clean_feeder(feeder) for name, feeder in value.items()}
    if isinstance(value, dict) and key == "sign":
        return {word: _clean_header("secret", each) if word in KEYS else each for word, each in value.items()}
    if isinstance(value, dict) and key in ("value", "condition", "times"):
        return _clean_expression(value, secret)
    if isinstance(value, dict):
        cleaned = {inner: _clean(item, inner, secret) for inner, item in value.items()}
        return {**cleaned, **_hidden_source(value)} if value.get("to") in secret else cleaned
    if isinstance(value, list) and key == "headers":
        return [[name, _clean_header(name, text)] for name, text in value]
    if isinstance(value, list):
        return [_clean(item, key, secret) for item in value]
    if isinstance(value, str) and key in ("path", "name", "base_url", "checks"):
        return _clean_text(value)
    return value


def _hidden_source(step: dict[str, Any]) -> dict[str, Any]:
    """What a variable that holds a secret is made of."""
    if step.get("type") == "set":
        return {"value": _hidden(step.get("value"))}
    return {"arguments": [_hidden(each) for each in _arguments(step)]} if step.get("type") == "python" else {}


def _clean_errand(errand: dict[str, Any]) -> dict[str, Any]:
    secret = _secret_variables(errand)
    values = {
        name: _hidden(value) if is_secret_name(name) else _clean_expression(value, secret)
        for name, value in errand.get("values", {}).items()
    }
    cleaned = _clean({word: each for word, each in errand.items() if word != "values"}, "scenario", secret)
    return {**cleaned, "values": values} if "values" in errand else cleaned


def _clean_feeder(feeder: dict[str, Any]) -> dict[str, Any]:
    """Rows are often users with their passwords, and a result is no place for thousands of them."""
    return feeder if feeder["text"] is None else {**feeder, "text": REPLACEMENT}


def _clean_header(name: str, text: Any) -> Any:
    if isinstance(text, str):
        return _hidden_text(text) if is_secret_name(name) else _clean_text(text)
    return _hidden(text) if is_secret_name(name) else _clean_late_text(text)


# Text that is known.


def _hidden_text(text: str) -> str:
    # What only names a secret gives nothing away: `Bearer ${secret:SHOP}`.
    return text if _SCHEME.fullmatch(without_references(text)) else REPLACEMENT


def _clean_text(text: str) -> str:
    without_user = _clean_users(text)
    return _clean_parameters(without_user) if "?" in without_user else without_user


def _clean_users(text: str) -> str:
    return _USER_INFO.sub(lambda match: _covered(match[0]), text)


def _clean_parameters(text: str) -> str:
    return _QUERY_VALUE.sub(_clean_parameter, text)


def _clean_parameter(match: re.Match[str]) -> str:
    is_secret = is_secret_name(match["name"].replace(_SEAM, ""))
    return f"{match['name']}={_covered(match['value'])}" if is_secret else match[0]


def _covered(text: str) -> str:
    """Each piece of it replaced."""
    return _SEAM.join(REPLACEMENT if piece else "" for piece in text.split(_SEAM))


# Text and values that are late: expressions in the document's form.


def _clean_late_text(text: Any) -> Any:
    """The value of a parameter may stand in another piece than its name: all are looked at together."""
    shown = iter(_clean_pieces(text))

    def change(leaf: _Leaf, piece: str) -> _Leaf:
        cleaned = next(shown)
        return _with_text(leaf, cleaned if cleaned != piece else _clean_text(_text_of(leaf)))

    return _changed(text, change)


def _clean_pieces(text: Any) -> list[str]:
    """What is left of each of its leaves, in order."""
    whole = _SEAM.join(piece for _, piece in _leaves(text))
    return _clean_parameters(_clean_users(whole)).split(_SEAM)


def _clean_expression(value: Any, secret: frozenset[str]) -> Any:
    """What stands beside a secret may be the same one: `password == "hunter2"`."""
    if not isinstance(value, dict) or value.get("type") != "call":
        return value
    arguments = _arguments(value)
    if value.get("function") not in _JOINING and any(_tells(each, secret) for each in arguments):
        return _hidden(value)
    return {**value, "arguments": [_clean_expression(each, secret) for each in arguments]}


def _hidden(value: Any) -> Any:
    return _changed(value, lambda leaf, _: _with_text(leaf, _hidden_text(_text_of(leaf))))


def _with_text(leaf: _Leaf, text: str) -> _Leaf:
    """A constant with another text. Variables, true, false and null give nothing away."""
    known = leaf.get("value")
    changes = isinstance(known, str | int) and not isinstance(known, bool) and str(known) != text
    return {**leaf, "value": text} if changes else leaf


def _text_of(leaf: _Leaf) -> str:
    return str(leaf.get("value", ""))


def _changed(value: Any, change: Callable[[_Leaf, str], _Leaf], *, whole: bool = True) -> Any:
    """
    A copy with each leaf changed, by itself and by its piece of the text; from left to right, as they are sent.

    What only says which part of a value it is, or how much, is none. `whole`: leaves are sent as they are.
    """
    if not isinstance(value, dict) or value.get("type") not in ("constant", "variable", "call"):
        return value
    if value["type"] != "call":
        known = value.get("value")
        return change(value, known.replace(_SEAM, "") if whole and isinstance(known, str) else _OPAQUE)
    function, arguments = value.get("function"), []
    for at, each in enumerate(_arguments(value)):
        names = function == "member" and (at > 0 or each.get("type") == "variable")
        measures = function in _MEASURING and isinstance(each.get("value"), int)
        inner_whole = whole and function == "concat"
        arguments.append(each if names or measures else _changed(each, change, whole=inner_whole))
    return {**value, "arguments": arguments}


def _leaves(value: Any) -> list[tuple[_Leaf, str]]:
    found: list[tuple[_Leaf, str]] = []

    def note(leaf: _Leaf, piece: str) -> _Leaf:
        found.append((leaf, piece))
        return leaf

    _changed(value, note)
    return found


def _arguments(value: _Leaf) -> list[_Leaf]:
    arguments = value.get("arguments")
    return arguments if isinstance(arguments, list) else []


# Which variables hold a secret.


def _secret_variables(scenario: dict[str, Any]) -> frozenset[str]:
    """By their names, by where they are sent, by what they are made of, and by what is made of them."""
    steps = [step for _, each in steps_of(scenario) for step in _all_steps(each)]
    secret = {each["to"] for each in steps if "to" in each and is_secret_name(each["to"])}
    for name, value in scenario.get("values", {}).items():
        secret.update(_variables(value) if is_secret_name(name) else ())
    for holder in (scenario.get("defaults") or {}, *steps):
        secret.update(_sent_as_secrets(holder))
        secret.update(_used_as_keys(holder))
    # What a function makes of values may tell any of them.
    sets = [(each["to"], each["value"]) for each in steps if each["type"] == "set"]
    calls = [each for each in steps if each["type"] == "python"]
    sets += [(each["to"], {"type": "call", "function": "python", "arguments": each["arguments"]}) for each in calls]
    before = -1
    while len(secret) > before:
        before = len(secret)
        for to, value in sets:
            if to in secret:
                secret.update(_variables(value))
            elif _tells(value, frozenset(secret)):
                secret.add(to)
    return frozenset(secret)


def _all_steps(steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for step in steps:
        yield step
        for _, inner in inner_steps(step):
            yield from _all_steps(inner)


def _sent_as_secrets(holder: dict[str, Any]) -> Iterator[str]:
    """The variables in secret headers and secret parameters."""
    for word in KEYS:
        yield from _variables((holder.get("sign") or {}).get(word))
    for name, text in holder.get("headers") or ():
        if is_secret_name(name):
            yield from _variables(text)
    path = holder.get("path")
    if isinstance(path, dict):
        for (leaf, piece), cleaned in zip(_leaves(path), _clean_pieces(path), strict=True):
            if leaf["type"] == "variable" and cleaned != piece:
                yield leaf["name"]


def _used_as_keys(value: Any) -> Iterator[str]:
    if isinstance(value, list | tuple):
        for each in value:
            yield from _used_as_keys(each)
    elif isinstance(value, dict):
        if value.get("type") == "call" and value.get("function") in KEY_AT:
            yield from _variables(value["arguments"][KEY_AT[value["function"]]])
        for each in value.values():
            yield from _used_as_keys(each)


def _variables(value: Any) -> Iterator[str]:
    """Those that are used whole: of one with members, the others may be no secret."""
    return (leaf["name"] for leaf, _ in _leaves(value) if leaf["type"] == "variable")


def _tells(value: Any, secret: frozenset[str]) -> bool:
    """Whether a secret can be seen in a value."""
    if not isinstance(value, dict) or value.get("function") in _ANSWERS | _JOINING:
        return False
    if value.get("type") == "variable":
        return value.get("name") in secret
    arguments = _arguments(value)
    if value.get("function") == "member" and len(arguments) == 2 and is_secret_name(_text_of(arguments[1])):
        return True
    return any(_tells(each, secret) for each in arguments)
