"""Requests of a program, out of the words that clients of HTTP have in common."""

import ast
from collections.abc import Mapping as Words
from typing import Protocol
from urllib.parse import quote

from apibench.authoring.importing.addresses import encoded, split_address
from apibench.authoring.importing.authorization import basic
from apibench.authoring.importing.journey import Request
from apibench.authoring.importing.program_values import Program, Unclear
from apibench.authoring.importing.templated import in_address
from apibench.authoring.importing.values import (
    Joined,
    Known,
    Listing,
    Mapping,
    Value,
    is_environment,
    joined,
)

_FORM = "application/x-www-form-urlencoded"


class Addressed(Protocol):
    """Whatever knows where a scenario's requests go."""

    base_url: str
    """Empty where it is not known yet."""


def read_address(url: Value, place: Addressed) -> Value:
    """The path of an address, which is of the scenario's host or tells it. Raises Unclear for another host."""
    parts: list[str | Value] = list(url.parts) if isinstance(url, Joined) else [url]
    first = parts[0].value if isinstance(parts[0], Known) else parts[0]
    if not isinstance(first, str):
        raise Unclear
    if "://" in first:
        head, slashes, rest = first.partition("://")
        ends = [at for at in (rest.find("/"), rest.find("?")) if at >= 0]
        if not ends and len(parts) > 1:
            raise Unclear
        begin = min(ends, default=len(rest))
        split = split_address(head + slashes + rest[:begin])
        if split is None or (place.base_url and place.base_url != split[0]):
            raise Unclear
        place.base_url = split[0]
        first = rest[begin:]
    first = first if first.startswith("/") else f"/{first}"
    values = [
        encoded(each.partition("#")[0]) if isinstance(each, str) else in_path(each) for each in (first, *parts[1:])
    ]
    return joined(*values)


def in_path(value: Value) -> Value:
    """A late value in an address, as clients put it there: only what an address can't hold is encoded."""
    return in_address(value) if is_environment(value) else value


def read_headers(value: Value) -> list[tuple[str, Value]]:
    """Raises Unclear for what is no object."""
    if not isinstance(value, Mapping):
        raise Unclear
    return [
        (name, joined(each) if isinstance(each, Known) else each) for name, each in value.pairs if each != Known(None)
    ]


def read_query(value: Value, request: Request) -> None:
    """Parameters: an object, or text. Raises Unclear."""
    if isinstance(value, Mapping):
        for name, each in value.pairs:
            if isinstance(each, Mapping | Listing):
                raise Unclear
            if each != Known(None):
                request.query.append((name, joined(each) if isinstance(each, Known) else each))
    elif isinstance(value, Joined) or (isinstance(value, Known) and value.value is not None):
        request.path = joined(request.path, "?", value)
    else:
        raise Unclear


def read_form(value: Value, request: Request) -> None:
    """The body of a form, or text. Raises Unclear."""
    if isinstance(value, Mapping):
        parts: list[str | Value] = []
        for name, each in value.pairs:
            if isinstance(each, Mapping | Listing):
                raise Unclear
            text = joined(each) if isinstance(each, Known) else each
            known = isinstance(text, Known) and isinstance(text.value, str)
            shown = Known(quote(str(text.value), safe="")) if known and isinstance(text, Known) else _encoded(text)
            parts += ["&" if parts else "", quote(name, safe=""), "=", shown]
        request.data = joined(*parts)
        if not any(name.lower() == "content-type" for name, _ in request.headers):
            request.headers.append(("Content-Type", Known(_FORM)))
    elif isinstance(value, Listing) or (isinstance(value, Known) and not isinstance(value.value, str)):
        raise Unclear
    else:
        request.data = value


def _encoded(value: Value) -> Value:
    if isinstance(value, Joined):
        return joined(*(quote(each, safe="") if isinstance(each, str) else in_address(each) for each in value.parts))
    return in_address(value)


def read_credentials(value: Value) -> tuple[str, Value]:
    """The header of a user and a password that are known. Raises Unclear."""
    given = [each.value for each in value.items if isinstance(each, Known)] if isinstance(value, Listing) else []
    if len(given) != 2 or not all(isinstance(each, str) for each in given):
        raise Unclear
    return "Authorization", Known(basic(str(given[0]), str(given[1])))


def words_of(node: ast.Call, program: Program, names: tuple[str, ...]) -> Words[str, ast.expr]:
    """The arguments of a call by their names. Raises Unclear where they can't be told apart."""
    if any(isinstance(each, ast.Starred) for each in node.args) or len(node.args) > len(names):
        raise Unclear
    found = dict(zip(names, node.args, strict=False))
    for word in node.keywords:
        if word.arg is None:
            program.leave(node, "arguments of two stars were left out")
        else:
            found[word.arg] = word.value
    return found
