"""Headers that all requests have from one of them on are said once: `u.headers[...] = ...`."""

from apibench.authoring.importing.journey import Behaviour, Request, SetHeader, requests
from apibench.authoring.importing.values import Value, is_late

_OF_BODIES = ("content-type", "content-encoding", "content-language")


def share_headers(scenario: Behaviour) -> None:
    """Move what requests share in front of the first of them that has it."""
    sent = requests(scenario.steps)
    candidates: dict[tuple[str, Value], int] = {}
    for at, request in enumerate(sent):
        for pair in request.headers:
            candidates.setdefault(pair, at)
    moved: set[str] = set()
    for (name, value), first in candidates.items():
        from_there = sent[first:]
        if name.lower() in _OF_BODIES or name.lower() in moved or len(from_there) < 2:
            continue
        if not all((name, value) in each.headers for each in from_there):
            continue
        place = _place(scenario, sent[first])
        if is_late(value) and scenario.steps[place] is not sent[first]:
            continue  # what it is made of may be known in that block only
        moved.add(name.lower())
        scenario.steps.insert(place, SetHeader(name, value))
        for request in from_there:
            request.headers.remove((name, value))


def _place(scenario: Behaviour, wanted: Request) -> int:
    return next(at for at, step in enumerate(scenario.steps) if any(each is wanted for each in requests([step])))
