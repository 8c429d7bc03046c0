"""Recordings of a browser: one becomes a journey as it was, two one in which values are taken out of answers."""

import re
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from typing import Any
from urllib.parse import unquote, unquote_plus

from apibench.authoring.importing.addresses import template
from apibench.authoring.importing.bodies import json_of, set_body
from apibench.authoring.importing.correlation import Correlation, Scalar
from apibench.authoring.importing.hosts import Hosts
from apibench.authoring.importing.journey import Journey, Pause, Request, Step
from apibench.authoring.importing.names import Names
from apibench.authoring.importing.recorded_cookies import RecordedCookies
from apibench.authoring.importing.recording import Exchange, exchanges
from apibench.authoring.importing.source import read_json
from apibench.authoring.importing.values import Joined, Known, Listing, Mapping, Named, Value, joined, method
from apibench.model.errors import SourceUnreadable

_OF_BROWSERS = re.compile(
    r":.*|sec-.*|host|connection|content-length|accept-encoding|upgrade-insecure-requests|te|priority|dnt|pragma|"
    r"cache-control|if-none-match|if-modified-since|if-range|referer|cookie|x-client-data|save-data|alt-used"
)
"""Headers that a browser makes, or that are of its cache; cookies are looked at by themselves."""
_LEAST_S, _MOST_S = 0.2, 60.0
_PLAIN = re.compile(r"[A-Za-z0-9._~-]+")
_FORM = "application/x-www-form-urlencoded"
Look = Callable[[str, Scalar, Scalar], Value | None]


def journey(source: str, second: str | None, name: str) -> Journey:
    """
    A recording, or two of the same journey.

    Raises SourceUnreadable.
    """
    found = Journey("har", source)
    first = exchanges(read_json(source), source, found)
    other: list[Exchange] = []
    if second is not None:
        other = exchanges(read_json(second), second, Journey("har", second))
        if not other:
            raise SourceUnreadable(f"{second} has no request of a site", "Check that it is the right recording.")
    _write(first, _partners(first, other), found, Hosts(found, name), compared=second is not None)
    return found


def _write(
    recorded: list[Exchange], partners: list[Exchange | None], found: Journey, hosts: Hosts, *, compared: bool
) -> None:
    correlation, cookies = Correlation(found, Names()), RecordedCookies(found)
    ended_s: dict[str, float] = {}
    groups: dict[str, list[Sequence[Step]]] = {}
    for exchange, partner in zip(recorded, partners, strict=True):
        if compared and partner is None:
            found.leave(exchange.place, "the second recording has no such request: sent as recorded")
        for trouble in exchange.troubles:
            found.leave(exchange.place, trouble)
        correlation.place, correlation.origin, correlation.before = exchange.place, exchange.origin, []
        request = _request(exchange, partner, correlation)
        if cookie := cookies.header(exchange):
            request.headers.append(("Cookie", Known(cookie)))
        cookies.answered(exchange)
        pause = _pause(exchange, ended_s.get(exchange.origin), found)
        # What is taken out of its answer is known only when a later request has been looked at.
        taken = correlation.answered(request, exchange, partner)
        group = groups.setdefault(exchange.origin, [])
        group += [[pause] if pause else [], correlation.before, [request], taken]
        if exchange.ended_s is not None:
            ended_s[exchange.origin] = max(exchange.ended_s, ended_s.get(exchange.origin, 0))
    for origin, group in groups.items():
        hosts.add(origin, *(step for steps in group for step in steps))


def _partners(first: list[Exchange], second: list[Exchange]) -> list[Exchange | None]:
    """For each exchange of the first recording the one in the second that is the same step of the journey."""
    partners: list[Exchange | None] = [None] * len(first)
    keys, others = ([(each.method, each.origin, template(each.path)) for each in known] for known in (first, second))
    for kind, start, end, other, other_end in SequenceMatcher(None, keys, others, autojunk=False).get_opcodes():
        for at in range(min(end - start, other_end - other) if kind in ("equal", "replace") else 0):
            one, two = first[start + at], second[other + at]
            same = (one.method, one.origin, _depth(one.path)) == (two.method, two.origin, _depth(two.path))
            if kind == "equal" or same:
                partners[start + at] = two
    return partners


def _depth(path: str) -> int:
    return path.partition("?")[0].count("/")


def _pause(exchange: Exchange, ended_s: float | None, found: Journey) -> Pause | None:
    if exchange.started_s is None or ended_s is None or exchange.started_s - ended_s < _LEAST_S:
        return None
    length_s = round(exchange.started_s - ended_s, 1)
    if length_s > _MOST_S:
        found.leave(exchange.place, f"the pause of {length_s:,.0f} s before it was cut to {_MOST_S:.0f} s")
        length_s = _MOST_S
    length_ns = int(length_s * 10) * 100_000_000
    return Pause(length_ns, length_ns)


def _request(exchange: Exchange, partner: Exchange | None, correlation: Correlation) -> Request:
    def look(what: str, one: Scalar, other: Scalar) -> Value | None:
        if partner is not None:
            return correlation.look(what, one, other)
        correlation.suspect(what, one)
        return None

    other = partner or exchange
    request = Request(exchange.method, _path(exchange.path, other.path, look), exchange.place)
    request.headers = _headers(exchange, other, look)
    if exchange.body is not None:
        _body(request, exchange, other, look)
    if exchange.status >= 400:
        request.expect = (exchange.status,)
    told = "".join(f"{{{each.name}}}" if isinstance(each, Named) else str(each) for each in _parts(request.path))
    if template(told) != told.partition("?")[0]:
        request.name = f"{exchange.method} {template(told)}"
    return request


def _parts(path: Value) -> list[Any]:
    if isinstance(path, Joined):
        return [each if isinstance(each, str | Named) else Named("value") for each in path.parts]
    return [path.value] if isinstance(path, Known) else []


def _path(one: str, other: str, look: Look) -> Value:
    plain, _, query = one.partition("?")
    other_plain, _, other_query = other.partition("?")
    segments, others = plain.split("/"), other_plain.split("/")
    parts: list[str | Value] = []
    for at, segment in enumerate(segments):
        same = others[at] if len(others) == len(segments) else segment
        found = look("a part of the path", unquote(segment), unquote(same)) if segment else None
        parts += ["/" if at else "", segment if found is None else _in_address(found, unquote(segment))]
    return joined(*parts, *(("?", _pairs(query, other_query, "the parameter", look)) if query else ()))


def _in_address(value: Value, recorded: str) -> Value:
    """Encoded where what was recorded shows that it may have to be."""
    if isinstance(value, Joined):
        return joined(*(each if isinstance(each, str) else _in_address(each, recorded) for each in value.parts))
    return value if _PLAIN.fullmatch(recorded) else method(value, "urlquote")


def _pairs(one: str, other: str, what: str, look: Look) -> Value:
    """The query of an address, or a form."""
    pairs, others = [each.partition("=") for each in one.split("&")], [each.partition("=") for each in other.split("&")]
    same_names = [each[0] for each in pairs] == [each[0] for each in others]
    parts: list[str | Value] = []
    for at, (name, sign, value) in enumerate(pairs):
        same = others[at][2] if same_names else value
        told = unquote_plus(name)
        found = look(f"{what} '{told}'", unquote_plus(value), unquote_plus(same)) if value else None
        parts += ["&" if at else "", name, sign, value if found is None else _in_address(found, unquote_plus(value))]
    return joined(*parts)


def _headers(exchange: Exchange, other: Exchange, look: Look) -> list[tuple[str, Value]]:
    others = {name.lower(): value for name, value in other.headers}
    found = []
    for name, value in exchange.headers:
        if _OF_BROWSERS.fullmatch(name.lower()):
            continue
        late = look(f"the header '{name}'", value, others.get(name.lower(), value))
        shown = name if name != name.lower() else "-".join(word.capitalize() for word in name.split("-"))
        found.append((shown, Known(value) if late is None else late))
    return found


def _body(request: Request, exchange: Exchange, other: Exchange, look: Look) -> None:
    text = exchange.body or ""
    set_body(request, text, kind=exchange.media_type.partition(";")[0].strip().lower())
    if request.json is not None:
        request.json = _json(request.json, json_of(other.body or "") or request.json, "", look)
    elif exchange.media_type.lower().startswith(_FORM):
        request.data = _pairs(text, other.body or text, "the field", look)
    elif other.body is not None and other.body != text:
        look("its body", text, other.body)


def _json(one: Value, other: Value, key: str, look: Look) -> Value:
    match one, other:
        case Mapping(pairs), Mapping(others):
            known = dict(others)
            return Mapping(tuple((name, _json(each, known.get(name, each), name, look)) for name, each in pairs))
        case Listing(items), Listing(others):
            same = [*others, *items[len(others) :]]
            return Listing(tuple(_json(each, same[at], key, look) for at, each in enumerate(items)))
        case Known(value), Known(second):
            found = look(f"the field '{key}'", value, second)
            return one if found is None else found
        case _:
            return one
