"""
Text that goes on the wire in a request's head: methods, paths, header names and values.

The one invariant: no byte of a plan can end a line early or start another request. CR, LF and NUL
are refused everywhere, in names, values and paths, so that a plan (which may come from a stranger over
REST) can't smuggle a second request to the target.
"""

import re
from collections.abc import Sequence
from typing import Annotated
from urllib.parse import quote

from pydantic import AfterValidator, Field, Strict

from apibench.model.part import fault
from apibench.model.secret import OPENING, without_references

MAX_HEADER_NAME = 256
MAX_HEADER_VALUE = 16 * 1_024
MAX_HEADERS_TOTAL = 64 * 1_024
"""Characters over all headers of a request; servers stop reading at 8 to 64 KiB."""
MAX_PATH = 16 * 1_024

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_IN_PATH = re.compile(r"[\x21\x22\x24-\x7e]*")
_PATH = re.compile(r"/[\x21\x22\x24-\x7e]*")  # visible ASCII without '#', which never leaves a client
_USUAL_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
_OURS = {
    "content-length": "The engine writes it from the body.",
    "transfer-encoding": "The engine frames the body itself.",
    "connection": "Set `keepalive` at the host.",
    "keep-alive": "Set `keepalive` at the host.",
    "upgrade": "Changing the protocol is not built yet.",
    "expect": "Waiting for 100 Continue is not built yet.",
    "trailer": "Trailers are not built yet.",
    "proxy-connection": "Proxies are not built yet.",
}


def refuse_template(text: str) -> str:
    """`${name}` will be a variable. Sent as it stands it would load the wrong resource, silently."""
    return _refuse_variable(refuse_secret(text))


def refuse_secret(text: str) -> str:
    """Where a secret would be shown, or never be filled in."""
    if OPENING in text:
        raise fault("secret.place", "a secret can't stand here", "Send it in a header or in a text body.")
    return text


def refuse_all_but_secrets(text: str) -> str:
    """The same where secrets may be named."""
    rest = without_references(text)
    if OPENING in rest:
        remedy = "Write ${secret:NAME}, of letters, digits and _; behind a bar json, url, base64 or basic:USER."
        raise fault("secret.name", "holds what is no reference to a secret", remedy)
    _refuse_variable(rest)
    return text


def is_path(text: str) -> bool:
    """Whether it can be part of a path: visible ASCII without `#`."""
    return _IN_PATH.fullmatch(text) is not None


def is_one_line(text: str) -> bool:
    """Whether it can be a header's value."""
    return _CONTROL.search(text) is None


def _refuse_variable(text: str) -> str:
    if "${" in text:
        raise fault(
            "late.place",
            "`${...}` can't stand here",
            "Late values stand in paths, headers and bodies of a plan's steps.",
        )
    return text


def _method(method: str) -> str:
    if _TOKEN.fullmatch(method) is None:
        raise fault("method.odd", "a method is one word of letters", "Write it like GET or POST.")
    if method.upper() in _USUAL_METHODS and method not in _USUAL_METHODS:
        raise fault("method.case", f"methods are case-sensitive, and `{method}` is none", f"Write {method.upper()}.")
    if method == "CONNECT":
        raise fault("not_built", "`CONNECT` is not built yet", "Use another method.")
    return method


def _path(path: str) -> str:
    refuse_template(path)
    if not path.startswith("/"):
        remedy = "Put scheme and host into `base_url`." if "://" in path else f"Write /{path[:40]}."
        raise fault("path.relative", "a path starts with /", remedy)
    if "#" in path:
        raise fault("path.fragment", "holds a #fragment, which no client sends", "Cut it off, or write %23.")
    if _PATH.fullmatch(path) is None:
        escaped = quote(path[:80], safe="/?&=:;,@!$'()*+%[]~|\"")
        raise fault("path.characters", "holds spaces or characters beyond ASCII", f"Percent-encode it: {escaped}")
    return path


def header_name(name: str) -> str:
    """The name of a header that may be set. Raises what pydantic makes a fault of, a ValueError."""
    if _TOKEN.fullmatch(name) is None:
        raise fault("header.name", "a header name has letters, digits and hyphens", "Write it like X-Request-Id.")
    if name.lower() in _OURS:
        raise fault("header.ours", f"`{name}` can't be set", _OURS[name.lower()])
    return name


def _header_value(value: str) -> str:
    refuse_all_but_secrets(value)
    if not is_one_line(value):
        raise fault("header.value", "holds CR, LF, NUL or another control character", "Keep it on one line.")
    return value


def check_header_size(headers: Sequence[tuple[str, str]]) -> None:
    """Refuse headers that no server takes: too long together, or of two hosts."""
    if sum(len(name) + len(value) for name, value in headers) > MAX_HEADERS_TOTAL:
        raise fault(
            "headers.size", f"more than {MAX_HEADERS_TOTAL:,} characters together", "Send fewer or shorter ones."
        )
    if sum(name.lower() == "host" for name, _ in headers) > 1:
        raise fault("headers.host", "has two Host headers, which every server refuses", "Keep one.")


Method = Annotated[str, Strict(), Field(min_length=1, max_length=32), AfterValidator(_method)]
Path = Annotated[str, Strict(), Field(max_length=MAX_PATH), AfterValidator(_path)]
HeaderName = Annotated[str, Strict(), Field(max_length=MAX_HEADER_NAME), AfterValidator(header_name)]
HeaderValue = Annotated[str, Strict(), Field(max_length=MAX_HEADER_VALUE), AfterValidator(_header_value)]
