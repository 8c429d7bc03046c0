"""
Faults between parts of a plan: names that nothing defines, names given twice, scenarios that send nothing.

Works on the raw document and skips whatever has the wrong shape, because a plan with a bad port *and* a
misspelt host should hear of both at once. The shape's own faults are `validation`'s.
"""

from collections.abc import Iterator
from typing import Any

from apibench.model import group_faults, setup_faults, variables
from apibench.model.errors import ThresholdInvalid
from apibench.model.fault import Fault, Place, place_text
from apibench.model.nesting import all_steps, inner_steps, steps_of
from apibench.model.signing import OWN_HEADERS
from apibench.model.step import MAX_STEPS, default_name
from apibench.model.suggestion import did_you_mean
from apibench.model.threshold import Threshold, parse_threshold

_SILENT = (
    "leave",
    "end",
    "think",
    "pace",
    "pick",
    "extract",
    "feed",
    "set",
    "python",
    "check",
    "when",
    "repeat",
    "group",
)
"""Types of steps that send no request of their own."""
CODE = "plan.parts"
"""Under this code `Plan` reports that these checks found something."""


def faults(document: Any) -> Iterator[Fault]:
    """Every fault between the parts, in the document's order."""
    if not isinstance(document, dict):
        return
    yield from _between(document)
    yield from setup_faults.faults(document, _between)


def _between(document: dict[str, Any]) -> Iterator[Fault]:
    """Of hosts, feeders, scenarios and thresholds."""
    scenarios = [(index, each) for index, each in enumerate(_list(document, "scenarios")) if isinstance(each, dict)]
    yield from _host_names(document, scenarios)
    yield from _scenario_names(scenarios)
    yield from _step_counts(scenarios)
    yield from _feeders(document, scenarios)
    yield from _jumps(scenarios)
    yield from _signatures(document, scenarios)
    yield from _default_headers(scenarios)
    yield from variables.faults(scenarios)
    yield from group_faults.faults(scenarios, set(_step_names(document, scenarios)))
    yield from _threshold_steps(document, scenarios)


def _host_names(document: dict[str, Any], scenarios: list[tuple[int, dict[str, Any]]]) -> Iterator[Fault]:
    hosts = document.get("hosts")
    if not isinstance(hosts, dict) or not hosts:
        return
    names = [name for name in hosts if isinstance(name, str)]
    for _, place, step in _senders(scenarios):
        host = step.get("host")
        if isinstance(host, str) and host not in hosts:
            yield _fault("host.unknown", (*place, "host"), f"no host is called `{host}`", did_you_mean(host, names))


def _feeders(document: dict[str, Any], scenarios: list[tuple[int, dict[str, Any]]]) -> Iterator[Fault]:
    feeders = document.get("feeders")
    known = feeders if isinstance(feeders, dict) else {}
    for index, scenario in scenarios:
        for place, step in _all_steps(index, scenario):
            name = step.get("feeder")
            if step.get("type") != "feed" or not isinstance(name, str):
                continue
            if name not in known:
                message = f"no feeder is called `{name}`"
                yield _fault("feeder.unknown", (*place, "feeder"), message, did_you_mean(name, list(known)))


def _jumps(scenarios: list[tuple[int, dict[str, Any]]]) -> Iterator[Fault]:
    for index, scenario in scenarios:
        for word, steps in steps_of(scenario):
            yield from _jumps_in(steps, ("scenarios", index, word), word, in_loop=False)


def _jumps_in(steps: list[Any], place: Place, word: str, *, in_loop: bool) -> Iterator[Fault]:
    for number, step in enumerate(steps):
        kind = step.get("type") if isinstance(step, dict) else None
        if kind == "leave" and not in_loop:
            yield _fault(
                "leave.place", (*place, number), "a loop is left where there is none", "Put it into one, or use `end`."
            )
        elif kind == "end" and word != "steps":
            yield _fault("end.place", (*place, number), f"`{word}` is no iteration", "Use `when` around what follows.")
        if isinstance(step, dict):
            for inner, inner_list in inner_steps(step):
                loops = in_loop or kind == "repeat"
                yield from _jumps_in(inner_list, (*place, number, *inner), word, in_loop=loops)


def _signatures(document: dict[str, Any], scenarios: list[tuple[int, dict[str, Any]]]) -> Iterator[Fault]:
    hosts = document.get("hosts")
    for index, place, request in _requests(scenarios):
        if not isinstance(request.get("sign"), dict):
            continue
        known = request.get("host")
        host = hosts.get(known) if isinstance(hosts, dict) and isinstance(known, str) else None
        if isinstance(host, dict) and host.get("redirects"):
            message = "a signed request that follows redirects is not built yet"
            yield _fault("not_built", (*place, "sign"), message, f"Set `redirects: 0` of the host `{known}`.")
        defaults = dict(scenarios)[index].get("defaults")
        holders = [(place, request), (("scenarios", index, "defaults"), defaults if isinstance(defaults, dict) else {})]
        for where, holder in holders:
            for at, pair in enumerate(_list(holder, "headers")):
                name = pair[0] if isinstance(pair, list | tuple) and pair else None
                if isinstance(name, str) and name.lower() in OWN_HEADERS:
                    message = f"a signed request gets its `{name}` by being signed"
                    yield _fault("sign.header", (*where, "headers", at), message, "Leave it out.")


def _default_headers(scenarios: list[tuple[int, dict[str, Any]]]) -> Iterator[Fault]:
    """What whole users in Python send beside a request's own headers, they say themselves."""
    for index, scenario in scenarios:
        defaults = scenario.get("defaults")
        headers = _list(defaults, "headers") if isinstance(defaults, dict) else []
        if headers and any(step.get("type") == "python_user" for _, step in _all_steps(index, scenario)):
            message = "a whole user in Python gets no headers of its scenario"
            place = ("scenarios", index, "defaults", "headers")
            yield _fault("python_user.headers", place, message, "Have it set `u.headers`.")


def _scenario_names(scenarios: list[tuple[int, dict[str, Any]]]) -> Iterator[Fault]:
    seen: dict[str, int] = {}
    for index, scenario in scenarios:
        name = scenario.get("name")
        if not isinstance(name, str):
            continue
        if name in seen:
            message = f"scenarios[{seen[name]}] is called `{name}` too"
            yield _fault("scenario.twice", ("scenarios", index, "name"), message, "Give each a name of its own.")
        seen.setdefault(name, index)


def _step_counts(scenarios: list[tuple[int, dict[str, Any]]]) -> Iterator[Fault]:
    total = 0
    for index, scenario in scenarios:
        total += sum(max(len(_list(step, "requests")), 1) for _, step in _all_steps(index, scenario))
        steps = list(all_steps(_list(scenario, "steps"), ("scenarios", index, "steps")))
        # A step of an unknown type may have been meant to be a request; its own fault is enough.
        if steps and all(step.get("type") in _SILENT for _, step in steps):
            message = "no step of it sends a request"
            yield _fault("scenario.silent", ("scenarios", index, "steps"), message, "Add a step of type `request`.")
    if total > MAX_STEPS:
        message = f"{total:,} steps, counted with those inside of others and with each request of whole users"
        yield _fault("steps.many", ("scenarios",), message, f"A plan has at most {MAX_STEPS:,}.")


def _threshold_steps(document: dict[str, Any], scenarios: list[tuple[int, dict[str, Any]]]) -> Iterator[Fault]:
    groups = group_faults.names(scenarios)
    names = set(_step_names(document, scenarios)) | groups
    for index, text in enumerate(_list(document, "thresholds")):
        try:
            threshold = parse_threshold(text) if isinstance(text, str) else None
        except ThresholdInvalid:
            continue
        if threshold is None:
            continue
        place = ("thresholds", index)
        if threshold.metric == "checks":
            yield from _threshold_checks(threshold, place, scenarios)
        elif threshold.step is not None and threshold.step not in names:
            message = f"no step is called '{threshold.step}'"
            yield _fault("threshold.step", place, message, did_you_mean(threshold.step, names))
        elif threshold.step in groups:
            of_group = group_faults.threshold_fault(threshold, place)
            if of_group is not None:
                yield of_group


def _threshold_checks(
    threshold: Threshold, place: Place, scenarios: list[tuple[int, dict[str, Any]]]
) -> Iterator[Fault]:
    names = set()
    for index, scenario in scenarios:
        for _, step in _all_steps(index, scenario):
            if step.get("type") == "check":
                names.add(str(step.get("name")))
            elif step.get("type") == "extract":
                names.add(f"extract {step.get('to')}")
            elif step.get("type") == "feed":
                names.add(f"feed {step.get('feeder')}")
            elif step.get("type") in ("python", "python_user"):
                names.update((f"python {step.get('function')}", *_texts(step, "checks")))
    if not names:
        message = "no step checks anything"
        yield _fault("threshold.checks", place, message, "Add a step of type `check`, or use `errors`.")
    elif threshold.step is not None and threshold.step not in names:
        message = f"no check is called '{threshold.step}'"
        yield _fault("threshold.checks", place, message, did_you_mean(threshold.step, names))


def _step_names(document: dict[str, Any], scenarios: list[tuple[int, dict[str, Any]]]) -> Iterator[str]:
    """Of all that is counted by itself: every request, and the redirects that are followed from it."""
    hosts = document.get("hosts")
    for _, _, step in _senders(scenarios):
        known = step.get("host")
        host = hosts.get(known) if isinstance(hosts, dict) and isinstance(known, str) else None
        redirects = isinstance(host, dict) and host.get("redirects")
        for name in _names(step):
            yield name
            if redirects:
                yield f"{name} → redirect"


def _names(sender: dict[str, Any]) -> Iterator[str]:
    """What its requests are counted under."""
    if sender.get("type") == "python_user":
        requests = (each for each in _list(sender, "requests") if isinstance(each, dict))
        yield from (each["name"] for each in requests if isinstance(each.get("name"), str))
        return
    name = sender.get("name")
    if isinstance(name, str) and name:
        yield name
    else:
        yield default_name(sender.get("method", "GET"), sender.get("path", "/"))


def _requests(scenarios: list[tuple[int, dict[str, Any]]]) -> Iterator[tuple[int, Place, dict[str, Any]]]:
    return (each for each in _senders(scenarios) if each[2].get("type") == "request")


def _senders(scenarios: list[tuple[int, dict[str, Any]]]) -> Iterator[tuple[int, Place, dict[str, Any]]]:
    """Each step that sends requests."""
    for index, scenario in scenarios:
        for place, step in _all_steps(index, scenario):
            if step.get("type") in ("request", "python_user"):
                yield index, place, step


def _all_steps(index: int, scenario: dict[str, Any]) -> Iterator[tuple[Place, dict[str, Any]]]:
    for word, steps in steps_of(scenario):
        yield from all_steps(steps, ("scenarios", index, word))


def _list(mapping: dict[str, Any], key: str) -> list[Any]:
    value = mapping.get(key)
    return value if isinstance(value, list) else []


def _texts(mapping: dict[str, Any], key: str) -> list[str]:
    return [each for each in _list(mapping, key) if isinstance(each, str)]


def _fault(code: str, path: Place, message: str, remedy: str) -> Fault:
    return Fault(code=code, place=place_text(path), message=message, remedy=remedy, path=path)
