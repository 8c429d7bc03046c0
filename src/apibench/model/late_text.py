"""
Text of a request that may be late: paths, header values, bodies.

What is known of it is held to the same rules as text that is known whole. What is late is held to them by the engine
when it is known: a path is percent-encoded, and a header that would break out of its line is not sent.
"""

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Discriminator, Field, Strict, Tag

from apibench.model.expression import KNOWN, Call, Constant, Expression, Late, kind_of
from apibench.model.http_text import (
    HeaderName,
    HeaderValue,
    Path,
    check_header_size,
    is_one_line,
    is_path,
    refuse_all_but_secrets,
)
from apibench.model.part import fault

MAX_HEADERS = 100
MAX_BODY = 8 * 1024 * 1024


def _known_parts(text: Expression) -> Iterator[str]:
    """The texts that stand in it as they are."""
    if isinstance(text, Constant):
        if isinstance(text.value, str):
            yield text.value
    elif isinstance(text, Call) and text.function == "concat":
        for part in text.arguments:
            yield from _known_parts(part)


def _begins_known(text: Expression) -> str:
    while isinstance(text, Call) and text.function == "concat" and text.arguments:
        text = text.arguments[0]
    return text.value if isinstance(text, Constant) and isinstance(text.value, str) else ""


def _path(text: str | Expression) -> str | Expression:
    if isinstance(text, str):
        return text
    if not _begins_known(text).startswith("/"):
        remedy = "Put scheme and host into `base_url`, and begin with /."
        raise fault("path.relative", "a late path begins with a / that is not late", remedy)
    for known in _known_parts(text):
        if not is_path(known):
            remedy = "Percent-encode it."
            raise fault("path.characters", "holds spaces, a # or characters beyond ASCII", remedy)
    return text


def _header(text: str | Expression) -> str | Expression:
    if not isinstance(text, str):
        for known in _known_parts(text):
            if not is_one_line(known):
                remedy = "Keep it on one line."
                raise fault("header.value", "holds CR, LF, NUL or another control character", remedy)
    return text


def _headers(
    headers: tuple[tuple[str, str | Expression], ...],
) -> tuple[tuple[str, str | Expression], ...]:
    check_header_size([(name, value if isinstance(value, str) else "") for name, value in headers])
    if any(name.lower() == "host" and not isinstance(value, str) for name, value in headers):
        # Who may be loaded was decided by the name that stands in the plan.
        raise fault("headers.host", "the Host header can't be late", "Write the name itself.")
    return headers


KnownBody = Annotated[str, Strict(), Field(max_length=MAX_BODY), AfterValidator(refuse_all_but_secrets)]
LatePath = Annotated[Annotated[Path, Tag(KNOWN)] | Late, Discriminator(kind_of), AfterValidator(_path)]
LateHeaderValue = Annotated[Annotated[HeaderValue, Tag(KNOWN)] | Late, Discriminator(kind_of), AfterValidator(_header)]
LateBody = Annotated[Annotated[KnownBody, Tag(KNOWN)] | Late, Discriminator(kind_of)]
Headers = Annotated[
    tuple[tuple[HeaderName, LateHeaderValue], ...], Field(max_length=MAX_HEADERS), AfterValidator(_headers)
]
"""Pairs in the order in which they are sent; a name may come twice."""
