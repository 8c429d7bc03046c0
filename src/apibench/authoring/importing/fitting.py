"""What a plan can't hold is taken out of a journey and said, so that every scenario that is written can be loaded."""

import json
from collections.abc import Iterator

from apibench.authoring.importing import grouping
from apibench.authoring.importing.addresses import encoded
from apibench.authoring.importing.bodies import leave_body, media_type
from apibench.authoring.importing.journey import (
    Assign,
    Behaviour,
    Check,
    Comment,
    Each,
    Group,
    Journey,
    Pace,
    Pause,
    Pick,
    Repeat,
    Request,
    SetHeader,
    Step,
    When,
    inner,
    requests,
)
from apibench.authoring.importing.python_text import quoted
from apibench.authoring.importing.sayable import OURS, TOKEN, can_be_a_value, can_be_said
from apibench.authoring.importing.values import (
    Joined,
    Known,
    Listing,
    Mapping,
    Secret,
    Value,
    is_late,
    joined,
    json_like,
)
from apibench.model.errors import ThresholdInvalid
from apibench.model.http_text import MAX_HEADER_NAME, MAX_HEADER_VALUE, MAX_HEADERS_TOTAL, MAX_PATH, is_one_line
from apibench.model.late_text import MAX_BODY, MAX_HEADERS
from apibench.model.part import MAX_DURATION_NS, MAX_NAME
from apibench.model.secret import OPENING
from apibench.model.step import MAX_STEPS
from apibench.model.threshold import parse_threshold

_MADE_BY_THE_ENGINE = ("content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "host")
_NOT_SENT = {
    "upgrade": "changing the protocol is not built",
    "expect": "waiting for 100 Continue is not built",
    "trailer": "trailers are not built",
    "te": "trailers are not built",
}
_LATE_BODY = 1024 * 1024


def fit(journey: Journey) -> None:
    """Make every scenario one that can be loaded. What was taken out for it is said."""
    for scenario in journey.scenarios:
        _fit_scenario(scenario, journey)
        grouping.settle(scenario, journey)
    for scenario in journey.scenarios:
        _fit_thresholds(scenario, journey)
    journey.scenarios = [each for each in journey.scenarios if _sends(each.steps)]


def _sends(steps: list[Step]) -> bool:
    return any(isinstance(step, Request) or any(_sends(each) for each in inner(step)) for step in steps)


def _fit_scenario(scenario: Behaviour, journey: Journey) -> None:
    left = [MAX_STEPS // 2]
    for steps in scenario.parts():
        steps[:] = list(_fitting(steps, journey, left))
    if left[0] <= 0:
        journey.leave(scenario.name, f"only its first {MAX_STEPS // 2} steps were converted: a plan has {MAX_STEPS:,}")


def _fit_thresholds(scenario: Behaviour, journey: Journey) -> None:
    """Those that can be judged: of steps and checks that are there."""
    all_steps = [step for known in journey.scenarios for steps in known.parts() for step in steps]
    checked = {each.name for each in _checks(all_steps)}
    named = {each.name for each in requests(all_steps) if each.name}
    grouped = grouping.names(all_steps)
    kept = []
    for text in scenario.thresholds:
        try:
            read = parse_threshold(text)
        except ThresholdInvalid as error:
            journey.leave(scenario.name, f"the threshold {text}: {error.message}")
            continue
        known = checked if read.metric == "checks" else named | grouped if read.metric == read.aggregate else named
        if (read.metric == "checks" and not checked) or read.step not in {None, *known}:
            journey.leave(scenario.name, f"the threshold {read} was left out: nothing here is called that")
        else:
            kept.append(str(read))
    scenario.thresholds = list(dict.fromkeys(kept))


def _checks(steps: list[Step]) -> Iterator[Check]:
    for step in steps:
        if isinstance(step, Check):
            yield step
        for inside in inner(step):
            yield from _checks(inside)


def _fitting(steps: list[Step], journey: Journey, left: list[int]) -> Iterator[Step]:
    for step in steps:
        if not isinstance(step, Comment):
            left[0] -= 1
        if left[0] <= 0:
            return
        value, what = _needed(step)
        if value is not None and not can_be_a_value(value):
            journey.leave("", f"{what} was left out: a plan can't hold it")
            continue
        for inside in inner(step):
            inside[:] = list(_fitting(inside, journey, left))
        if _is_whole(step, journey):
            yield step


def _needed(step: Step) -> tuple[Value | None, str]:
    """The value without which a step is none, and what it is."""
    match step:
        case Repeat(times, _):
            return times, "what is done several times"
        case Each(_, values, _):
            return values, "what is done with each item"
        case When(condition, _, _):
            return condition, "what is done under a condition"
        case Check(condition, name):
            return condition, f"the check {quoted(_printable(name))}"
        case Assign(name, value):
            return value, f"the value of {name}"
        case _:
            return None, ""


def _is_whole(step: Step, journey: Journey) -> bool:
    """Whether there is anything left of a step whose inner steps fit already. What of it can be mended is."""
    match step:
        case Request():
            return _fits(step, journey)
        case Pick():
            step.cases = [case for case in step.cases if case.weight > 0 and _does(case.steps)]
            for case in step.cases:
                case.weight, case.name = min(case.weight, 1_000_000), _printable(case.name)
            return bool(step.cases)
        case Pause():
            step.low_ns, step.high_ns = (min(max(each, 0), MAX_DURATION_NS) for each in (step.low_ns, step.high_ns))
            step.high_ns = max(step.low_ns, step.high_ns)
        case Pace():
            step.period_ns = min(max(step.period_ns, 1), MAX_DURATION_NS)
        case Check():
            step.name = _printable(step.name) or "check"
        case Group():
            step.name = _printable(step.name) or "group"
            return _does(step.steps)
        case SetHeader(name, value):
            pairs = _headers([(name, value)], "u.headers", journey)
            step.name, step.value = pairs[0] if pairs else (name, value)
            return bool(pairs)
        case _:
            return not inner(step) or any(inner(step))
    return True


def _does(steps: list[Step]) -> bool:
    return any(not isinstance(step, Comment) for step in steps)


def _fits(request: Request, journey: Journey) -> bool:
    method = request.method
    if TOKEN.fullmatch(method) is None or len(method) > 32 or method.upper() == "CONNECT":
        journey.leave(request.place, f"a request of the method {quoted(method[:40])} was left out")
        return False
    request.method = method.upper()
    request.path = _path(request.path)
    if _length(request.path) > MAX_PATH or _holds_ours(request.path) or not can_be_said(request.path):
        journey.leave(request.place, "a request was left out: its path is too long, or has characters that we use")
        return False
    request.query = [(_text(name), _parameter(value)) for name, value in request.query]
    if any(_holds_ours(value) or OURS.search(name) or not can_be_said(value) for name, value in request.query):
        request.query = []
        journey.leave(request.place, "its query was left out: it has characters that we use")
    request.headers = _headers(request.headers, request.place, journey)
    request.name = _printable(request.name)
    request.expect = tuple(each for each in request.expect if isinstance(each, str) or 100 <= each <= 599)
    _fit_body(request, journey)
    return True


def _path(path: Value) -> Value:
    parts = path.parts if isinstance(path, Joined) else (path,)
    clean = joined(*(encoded(_known(each)) if isinstance(each, str | Known) else each for each in parts))
    first = clean.parts[0] if isinstance(clean, Joined) else _known(clean) if isinstance(clean, Known) else ""
    return clean if isinstance(first, str) and first.startswith("/") else joined("/", clean)


def _known(part: "str | Known | Value") -> str:
    value = part.value if isinstance(part, Known) else part
    return value if isinstance(value, str) else json_like(value) if isinstance(value, bool | int | float) else ""


def _parameter(value: Value) -> Value:
    if isinstance(value, Known):
        return Known(_text(value.value if isinstance(value.value, str) else json_like(value.value)))
    return _clean(value)


def _headers(pairs: list[tuple[str, Value]], place: str, journey: Journey) -> list[tuple[str, Value]]:
    kept: dict[str, tuple[str, Value]] = {}
    size = 0
    for name, raw in pairs:
        low, value = name.lower(), _alone(_clean(raw))
        if low in _MADE_BY_THE_ENGINE:
            continue
        if low == "accept-encoding":
            journey.leave("", "Accept-Encoding was left out: answers are read only where they are not compressed")
            continue
        why = _NOT_SENT.get(low, "") or _why_not(name, value)
        size += len(name) + _length(value)
        if not why and (size > MAX_HEADERS_TOTAL or len(kept) >= MAX_HEADERS):
            why = "there are too many, or they are too long together"
        if why:
            journey.leave(place, f"the header {quoted(name[:60])} was left out: {why}")
        elif low in kept:
            between = "; " if low == "cookie" else ", "
            kept[low] = (kept[low][0], joined(kept[low][1], between, value))
        else:
            kept[low] = (name, value)
    return list(kept.values())


def _alone(value: Value) -> Value:
    """Text of one value is that value, where text is sent anyway."""
    only = value.parts[0] if isinstance(value, Joined) and len(value.parts) == 1 else value
    return value if isinstance(only, str) else only


def _why_not(name: str, value: Value) -> str:
    if TOKEN.fullmatch(name) is None or len(name) > MAX_HEADER_NAME:
        return "that is no name of a header"
    for text in _texts(value):
        if not is_one_line(text):
            return "its value has control characters"
        if "${" in text:
            return "its value has ${, which stands for something else here"
        if OURS.search(text):
            return "its value has characters that we use"
    if not can_be_said(value):
        return "a plan can't hold how its value is made"
    return "its value is too long" if _length(value) > MAX_HEADER_VALUE else ""


def _fit_body(request: Request, journey: Journey) -> None:
    body = request.json if request.json is not None else request.data
    if body is None:
        return
    clean = _clean(body)
    late = is_late(clean)
    if request.json is not None and not late and any("${" in text for text in _texts(clean)):
        # Within JSON it can be written so that it stands for itself.
        request.json, request.data = None, _json_text(clean)
        if not media_type(request):
            request.headers.append(("Content-Type", Known("application/json")))
    elif request.json is not None:
        request.json = clean
    else:
        request.data = _alone(clean)
    body = request.json if request.json is not None else request.data
    texts = [] if body is None else list(_texts(body))
    if body is not None and not can_be_said(body):
        leave_body(request, journey, "a plan can't hold how it is made")
    elif any(OURS.search(text) for text in texts):
        leave_body(request, journey, "it has characters that we use")
    elif any((OPENING if late else "${") in text for text in texts) and not _escaped(texts):
        leave_body(request, journey, "it has ${, which stands for something else here")
    elif sum(len(text.encode()) for text in texts) > (_LATE_BODY if late else MAX_BODY):
        leave_body(request, journey, "it is too long")


def _escaped(texts: list[str]) -> bool:
    return not any("${" in text for text in texts)


def _json_text(value: Value) -> Value:
    match value:
        case Mapping(pairs):
            parts: list[str | Value] = ["{"]
            for at, (key, each) in enumerate(pairs):
                parts += [", " if at else "", _json_text(Known(key)), ": ", _json_text(each)]
            return joined(*parts, "}")
        case Listing(items):
            parts = ["["]
            for at, each in enumerate(items):
                parts += [", " if at else "", _json_text(each)]
            return joined(*parts, "]")
        case Joined(inside):
            texts = [_inside(each) if isinstance(each, str) else each for each in inside]
            return joined('"', *texts, '"')
        case Known(str() as text):
            return joined(f'"{_inside(text)}"')
        case Known(constant):
            return joined(json.dumps(constant))
        case _:
            return joined('"', value, '"')


def _inside(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1].replace("${", "\\u0024{")


def _texts(value: Value) -> Iterator[str]:
    """The texts that stand in it as they are."""
    match value:
        case Known(str() as text):
            yield text
        case Joined(parts):
            for each in parts:
                yield from _texts(Known(each) if isinstance(each, str) else each)
        case Listing(items):
            for each in items:
                yield from _texts(each)
        case Mapping(pairs):
            for key, each in pairs:
                yield key
                yield from _texts(each)
        case _:
            pass


def _clean(value: Value) -> Value:
    """The same with texts that can be sent: halves of surrogates are not."""
    match value:
        case Known(str() as text):
            return Known(_text(text))
        case Joined(parts):
            return joined(*(_text(each) if isinstance(each, str) else _clean(each) for each in parts))
        case Listing(items):
            return Listing(tuple(_clean(each) for each in items))
        case Mapping(pairs):
            return Mapping(tuple((_text(key), _clean(each)) for key, each in pairs))
        case Secret():
            return value
        case _:
            return value


def _text(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _holds_ours(value: Value) -> bool:
    return any(OURS.search(text) for text in _texts(value))


def _length(value: Value) -> int:
    return sum(len(text) for text in _texts(value))


def _printable(text: str) -> str:
    line = "".join(each if each.isprintable() else " " for each in _text(text))
    return OURS.sub("?", line)[:MAX_NAME].strip()
