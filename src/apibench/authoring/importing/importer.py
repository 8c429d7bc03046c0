"""An input of any kind becomes the text of a file of scenarios, and a list of what was not converted."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

from apibench.authoring.importing.fitting import fit
from apibench.authoring.importing.hiding import hide, hide_in_names
from apibench.authoring.importing.journey import Journey, Left, requests
from apibench.authoring.importing.keeping import keep
from apibench.authoring.importing.names import plain
from apibench.authoring.importing.scenario_text import scenario_text
from apibench.authoring.importing.scoping import Scope
from apibench.authoring.importing.sharing import share_headers
from apibench.model.errors import SourceUnreadable, UsageError
from apibench.model.suggestion import did_you_mean

KINDS: Mapping[str, str] = {
    "curl": "commands of curl: a file of them, or 'curl …' itself",
    "har": "a recording of a browser; two of the same journey tell what comes out of answers",
    "postman": "a collection, version 2.1; an environment may be the second source",
    "openapi": "a description of an API, version 3.0 or 3.1, in JSON or YAML",
    "locustfile": "users of Locust",
    "k6": "a script of k6",
}
"""What can be imported; each has a module of its name."""


@dataclass(frozen=True, slots=True)
class Imported:
    """The file, and what is to be said of it."""

    text: str
    left: tuple[Left, ...]
    secrets: tuple[str, ...]
    """Variables of the environment to be set where the load is made."""
    variables: tuple[str, ...]
    """Variables of the environment to be set when the file is loaded."""
    requests: int


class Importer(Protocol):
    """What the module of a kind has, called `journey`."""

    def __call__(self, source: str, second: str | None, name: str) -> Journey:
        """Read one source, or two; `name` is for the scenario. Raises SourceUnreadable, UsageError."""
        ...


def import_source(kind: str, source: str, second: str | None = None) -> Imported:
    """
    Read a source and write it as a file of Python. Nothing of it is run.

    Raises:
        UsageError: there is no such kind, or it takes no second source.
        SourceUnreadable: it can't be read, is too large, is not of that kind, or has no request that can be sent.
    """
    if kind not in KINDS:
        raise UsageError(f"'{kind}' can't be imported", did_you_mean(kind, KINDS))
    read: Importer = import_module(f"apibench.authoring.importing.{kind}").journey
    name = plain(Path(source).stem, "journey") if len(source) < 200 and "\n" not in source else "journey"
    return finished(read(source, second, name))


def _settle(journey: Journey) -> None:
    for scenario in journey.scenarios:
        Scope(scenario, journey).settle()


def finished(journey: Journey) -> Imported:
    """A journey as a file: without secrets, and with nothing that can't be loaded. Raises SourceUnreadable if empty."""
    _settle(journey)
    if not journey.made_up:
        hide(journey)
    fit(journey)
    _settle(journey)  # requests may have been left out
    if not journey.scenarios:
        told = "; ".join(str(left) for left in journey.left[:3])
        message = f"{journey.source} has no request that can be sent{': ' if told else ''}{told}"
        raise SourceUnreadable(message, "Check that it is the right file.")
    for scenario in journey.scenarios:
        share_headers(scenario)
        keep(scenario)
    count = sum(len(requests(steps)) for scenario in journey.scenarios for steps in scenario.parts())
    written = scenario_text(journey)
    text = hide_in_names(written.text, journey)
    return Imported(text, tuple(journey.left), written.secrets, written.variables, count)
