"""Addresses: the part that a scenario has as its `base_url`, and the part that its requests have as their path."""

import re
from urllib.parse import quote, urlsplit

from pydantic import TypeAdapter, ValidationError

from apibench.model.host import BaseUrl

_ENCODED = re.compile(r"%(?![0-9A-Fa-f]{2})")
_IDENTIFIER = re.compile(
    r"\d+|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{12,}"
    r"|(?=[A-Za-z0-9_-]*\d)(?=[A-Za-z0-9_-]*[A-Z])(?=[A-Za-z0-9_-]*[a-z])[A-Za-z0-9_-]{16,}"
)
"""Segments that name one of many: numbers, UUIDs, long hexadecimals, and long words of mixed letters and digits."""
_BASE_URL = TypeAdapter[str](BaseUrl)


def split_address(url: str) -> tuple[str, str] | None:
    """
    `https://shop.example` and `/products?page=1` of an address; None where it is none of HTTP.

    User, password and fragment are not in either.
    """
    try:
        parts = urlsplit(url.strip() if "://" in url else f"http://{url.strip()}")
        host, port = (parts.hostname or "").encode("idna").decode("ascii").lower(), parts.port
    except (ValueError, UnicodeError):
        return None
    host = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    origin = f"{parts.scheme}://{host}" + (f":{port}" if port is not None and port != usual else "")
    try:
        _BASE_URL.validate_python(origin)
    except ValidationError:
        return None
    return origin, target(f"{parts.path}?{parts.query}" if parts.query else parts.path)


def credentials(url: str) -> tuple[str, str] | None:
    """User and password of an address, if it has them."""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
    except ValueError:
        return None
    return None if parts.username is None else (parts.username, parts.password or "")


def target(path: str) -> str:
    """A path with its query as it may be sent: what is percent-encoded stays, what has to be is."""
    path = path if path.startswith("/") else f"/{path}"
    return encoded(path)


def encoded(text: str) -> str:
    """A part of a path, percent-encoded where a path can't hold it; what is encoded already is not encoded again."""
    text = _ENCODED.sub("%25", text.encode("utf-8", "replace").decode())
    return quote(text, safe="/?&=:;,@!$'()*+%[]~|\"-._")


def template(path: str) -> str:
    """`/products/17?x=1` as `/products/{id}`."""
    segments = path.partition("?")[0].split("/")
    return "/".join("{id}" if _IDENTIFIER.fullmatch(segment) else segment for segment in segments)
