"""What a user of Python sends: from its words to the texts of a message."""

import json as plain_json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode

from apibench.authoring.python_user.line import Texts
from apibench.authoring.python_user.messages import RANGE
from apibench.authoring.tracing.user import Expectation
from apibench.model.http_text import MAX_HEADERS_TOTAL, MAX_PATH, header_name, is_one_line, is_path
from apibench.model.late_text import MAX_BODY

_encoded = plain_json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def texts_of(  # noqa: PLR0913 - what a request has
    path: str,
    lasting: Mapping[str, Any],
    *,
    params: Mapping[str, Any] | None = None,
    headers: Mapping[str, Any] | None = None,
    json: Any = None,
    data: str | bytes | None = None,
    expect: Expectation | None = None,
    name: str = "",
) -> tuple[Texts, bool]:
    """
    The texts of a request, and whether it has a body. `lasting`: the user's headers.

    Raises ValueError and TypeError.
    """
    del name  # it was looked at before
    if params:
        path = f"{path}{'&' if '?' in path else '?'}{urlencode(params, quote_via=quote)}"
    if path[:1] != "/" or not is_path(path) or len(path) > MAX_PATH:
        message = f"{path[:80]!r} is no path: it begins with /, and is percent-encoded where it has to be"
        raise ValueError(message)
    content, body = (b"", None) if json is None and data is None else _body(json, data)
    ranges = b"" if expect is None else _ranges(expect)
    return (ranges, path.encode(), _header_lines(content, lasting, headers), body or b""), body is not None


def _body(json: Any, data: str | bytes | None) -> tuple[bytes, bytes | None]:
    """The header that tells what it is, if anything, and the body itself."""
    if json is not None and data is not None:
        message = "a request has a body of JSON or of data, and not both"
        raise TypeError(message)
    content, body = b"", None
    if json is not None:
        content, body = b"Content-Type: application/json\r\n", _encoded(json).encode()
    elif data is not None:
        body = data.encode() if isinstance(data, str) else bytes(data)
    if body is not None and len(body) > MAX_BODY:
        message = f"the body has {len(body):,} bytes, and {MAX_BODY:,} are the most"
        raise ValueError(message)
    return content, body


def _header_lines(content: bytes, lasting: Mapping[str, Any], own: Mapping[str, Any] | None) -> bytes:
    if own:
        # A header of the request's own comes in place of one of the user's.
        given = {_name(name)[0] for name in own}
        lasting = {name: value for name, value in lasting.items() if _name(name)[0] not in given} | dict(own)
    lines = [_line(name, value if type(value) is str else _text(name, value)) for name, value in lasting.items()]
    if content and not any(_name(name)[0] == "content-type" for name in lasting):
        lines.append(content)
    whole = b"".join(lines)
    if len(whole) > MAX_HEADERS_TOTAL:
        message = f"the headers have {len(whole):,} bytes, and {MAX_HEADERS_TOTAL:,} are the most"
        raise ValueError(message)
    return whole


@lru_cache(maxsize=1_000)
def _name(name: str) -> tuple[str, bytes]:
    """As it is compared, and as it is written."""
    try:
        header_name(name)
    except ValueError as error:
        message = f"the header {name!r} is not sent: {error}"
        raise ValueError(message) from error
    return name.lower(), f"{name}: ".encode()


@lru_cache(maxsize=1_000)
def _line(name: str, text: str) -> bytes:
    if not is_one_line(text):
        message = f"the value of the header {name} holds CR, LF, NUL or another control character"
        raise ValueError(message)
    return _name(name)[1] + f"{text}\r\n".encode()


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        message = f"the header {name} is text, and not {value!r}"
        raise TypeError(message)
    return str(value)


def _ranges(expect: Any) -> bytes:
    if not isinstance(expect, Expectation):
        message = f"expect={expect!r} is no expectation. Write expect=status({expect!r})"
        raise TypeError(message)
    return b"".join(RANGE.pack(each["first"], each["last"]) for each in expect.ranges)
