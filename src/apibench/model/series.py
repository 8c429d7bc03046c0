"""The series of a plan: what its requests are counted under."""

from collections.abc import Iterator

from apibench.model.plan import Plan
from apibench.model.run import SeriesName


def series_of(plan: Plan) -> tuple[SeriesName, ...]:
    """As the engine numbers them: by scenario and step, each before its redirects; equal names are one series."""
    return tuple(dict.fromkeys(_series(plan)))


def redirects_of(step: str) -> str:
    """What the requests are counted under that follow the redirects of a step."""
    return f"{step} → redirect"


def _series(plan: Plan) -> Iterator[SeriesName]:
    places = {scenario.name: place for place, scenario in enumerate(plan.scenarios)}
    for scenario, sent in plan.sent():
        place = places[scenario.name]
        yield SeriesName(place, sent.name)
        if plan.hosts[sent.host].redirects:
            yield SeriesName(place, redirects_of(sent.name))
