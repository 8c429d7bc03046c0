"""A recording of a browser (HAR 1.2): the exchanges in it that a load test wants, and why the others are left out."""

import base64
import binascii
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from apibench.authoring.importing.addresses import split_address
from apibench.authoring.importing.journey import Journey
from apibench.model.errors import SourceUnreadable
from apibench.model.step import MAX_STEPS

MOST = MAX_STEPS // 4
"""Requests of a recording that become a journey: there are pauses and what is taken out of answers besides."""
_STATIC_TYPES = frozenset(("image", "stylesheet", "script", "font", "media", "manifest", "texttrack"))
_STATIC_MEDIA = (
    *("image/", "font/", "audio/", "video/", "text/css", "text/javascript", "application/javascript"),
    *("application/x-javascript", "application/font", "application/x-font", "application/wasm"),
)
_STATIC_ENDINGS = tuple(
    f".{ending}"
    for ending in (
        *("css", "js", "mjs", "map", "png", "jpg", "jpeg", "gif", "svg", "ico", "webp", "avif", "woff", "woff2"),
        *("ttf", "otf", "eot", "mp3", "mp4", "webm", "wasm"),
    )
)


@dataclass(slots=True)
class Exchange:
    """A request and what was answered."""

    place: str
    method: str
    origin: str
    path: str
    """With its query, percent-encoded."""
    headers: list[tuple[str, str]]
    media_type: str
    body: str | None
    started_s: float | None
    """Since 1970; None where the recording does not say."""
    ended_s: float | None
    status: int
    answer_headers: list[tuple[str, str]]
    answer: Any = None
    """The JSON of its answer; None where that is none."""
    answer_text: str = ""
    """The answer where it is no JSON."""
    kind: str = ""
    troubles: list[str] = field(default_factory=list)


def exchanges(document: dict[str, Any], source: str, journey: Journey) -> list[Exchange]:
    """
    What a load test wants of a recording, in the order of its start.

    Raises SourceUnreadable where it is no HAR.
    """
    log = document.get("log")
    entries = log.get("entries") if isinstance(log, dict) else None
    if not isinstance(entries, list):
        raise SourceUnreadable(f"{source} is no HAR: it has no log.entries", "Export the recording as HAR.")
    found = []
    dropped: Counter[str] = Counter()
    for at, entry in enumerate(entries):
        place = f"log.entries[{at}]"
        exchange = _exchange(entry, place) if isinstance(entry, dict) else None
        if exchange is None:
            journey.leave(place, "is no request with an address of HTTP")
            continue
        why = _why_not(entry, exchange)
        if why:
            dropped[why] += 1
        else:
            found.append(exchange)
    for why, times in dropped.items():
        journey.leave("log.entries", f"requests {why}: {times:,}")
    found = _of_one_site(found, journey)
    if all(each.started_s is not None for each in found):
        found.sort(key=lambda each: each.started_s or 0)
    if len(found) > MOST:
        journey.leave("log.entries", f"only the first {MOST} requests were converted: a plan has {MAX_STEPS:,} steps")
    return found[:MOST]


def _why_not(entry: dict[str, Any], exchange: Exchange) -> str:
    media = exchange.kind
    kind = str(entry.get("_resourceType", "")).lower()
    if kind == "websocket":
        return "of WebSockets were left out"
    plain = exchange.path.partition("?")[0].lower()
    if kind in _STATIC_TYPES or media.startswith(_STATIC_MEDIA) or (not kind and plain.endswith(_STATIC_ENDINGS)):
        return "of files that do not change were left out: images, styles, scripts, fonts"
    if exchange.method == "OPTIONS" and any(
        name.lower() == "access-control-request-method" for name, _ in exchange.headers
    ):
        return "that ask whether another origin may be asked (CORS) were left out"
    if entry.get("_fromCache"):
        return "answered by the browser's cache were left out"
    return "" if exchange.status else "without an answer were left out"


def _of_one_site(found: list[Exchange], journey: Journey) -> list[Exchange]:
    pages = [each for each in found if each.kind == "text/html"] or found
    if not pages:
        return []
    site = _site(pages[0].origin)
    others = Counter(each.origin for each in found if _site(each.origin) != site)
    for origin, times in others.most_common():
        journey.leave("log.entries", f"requests to another site were left out, {origin}: {times:,}")
    return [each for each in found if _site(each.origin) == site]


def _site(origin: str) -> str:
    """`shop.example` of `https://api.shop.example:8443`: by the shape of the name, which is nearly always right."""
    host = urlsplit(origin).hostname or ""
    labels = host.split(".")
    if ":" in host or labels[-1].isdigit() or len(labels) < 3:
        return host
    return ".".join(labels[-3:] if len(labels[-1]) == 2 and len(labels[-2]) <= 3 else labels[-2:])


def _exchange(entry: dict[str, Any], place: str) -> Exchange | None:
    request, response = _object(entry, "request"), _object(entry, "response")
    url = request.get("url")
    split = split_address(url) if isinstance(url, str) and url.startswith(("http://", "https://")) else None
    if split is None:
        return None
    started_s, ended_s = _times(entry)
    status = response.get("status")
    exchange = Exchange(
        place,
        str(request.get("method", "GET")),
        *split,
        list(_pairs(request.get("headers"))),
        "",
        None,
        started_s,
        ended_s,
        status if isinstance(status, int) else 0,
        list(_pairs(response.get("headers"))),
    )
    _read_body(exchange, _object(request, "postData"))
    _read_answer(exchange, _object(response, "content"))
    return exchange


def _read_body(exchange: Exchange, posted: dict[str, Any]) -> None:
    exchange.media_type = str(posted.get("mimeType", ""))
    text = posted.get("text")
    if isinstance(text, str) and text:
        exchange.body = text
    elif params := list(_pairs(posted.get("params"))):
        exchange.body = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in params)
        if "multipart" in exchange.media_type:
            exchange.body = None
            exchange.troubles.append("its form of several parts was left out: the recording does not hold it whole")


def _read_answer(exchange: Exchange, content: dict[str, Any]) -> None:
    text = content.get("text")
    exchange.kind = str(content.get("mimeType", "")).partition(";")[0].strip().lower()
    if not isinstance(text, str):
        return
    if content.get("encoding") == "base64":
        try:
            text = base64.b64decode(text, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return
    try:
        exchange.answer = json.loads(text) if text.lstrip()[:1] in ("{", "[") else None
    except (ValueError, RecursionError):
        exchange.answer = None
    if exchange.answer is None:
        exchange.answer_text = text


def _times(entry: dict[str, Any]) -> tuple[float | None, float | None]:
    try:
        started_s = datetime.fromisoformat(str(entry.get("startedDateTime"))).timestamp()
    except (ValueError, OverflowError, OSError):
        return None, None
    took_ms = entry.get("time")
    known = isinstance(took_ms, int | float) and 0 <= took_ms < 1e9
    return started_s, started_s + (float(took_ms or 0) / 1_000 if known else 0)


def _object(holder: dict[str, Any], name: str) -> dict[str, Any]:
    value = holder.get(name)
    return value if isinstance(value, dict) else {}


def _pairs(value: Any) -> Iterator[tuple[str, str]]:
    for each in value if isinstance(value, list) else []:
        if isinstance(each, dict) and isinstance(each.get("name"), str):
            yield each["name"], str(each.get("value", ""))
