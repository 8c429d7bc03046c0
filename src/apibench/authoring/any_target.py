"""What is to be run, and how much of it: a URL, a plan or scenarios, with what somebody says over them."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from apibench.authoring.load_words import LoadWords
from apibench.authoring.plan_languages import LANGUAGES
from apibench.authoring.plan_override import read_alone, read_override
from apibench.authoring.reading import Reading
from apibench.authoring.request_words import RequestWords
from apibench.authoring.url_plan import read_url
from apibench.model.callee import Callee
from apibench.model.errors import ApibenchError, PlanInvalid, UnitInvalid, WordsInvalid
from apibench.model.fault import Fault, Place
from apibench.model.plan import Plan
from apibench.model.units import parse_count, parse_duration

if TYPE_CHECKING:
    from apibench.authoring.tracing.any_scenario import AnyScenario
    from apibench.authoring.tracing.loads import Ends


@dataclass(frozen=True, slots=True)
class TargetRead:
    """The words as a plan's document; of what is no plan only what is wrong with the words themselves."""

    reading: Reading
    unusable: ApibenchError | None
    """Why there is no plan that they could change."""
    callees: Mapping[str, Callee] = field(default_factory=dict)
    """The functions of Python that scenarios have called while the load runs, by their names in the plan."""
    file: Path | None = None
    """Of scenarios, where it is one."""

    def plan(self, place: Callable[[Place], str], said_in: str = "the command line") -> Plan:
        """
        The plan that it comes to.

        Args:
            place: how a word is written where it was said.
            said_in: where that is.

        Raises:
            WordsInvalid: with all faults of the words and of the plan.
            ApibenchError: the plan's own, where only it is at fault.
        """
        faults = self.reading.faults() if self.unusable is None else self.reading.refused
        if faults:
            told = [replace(fault, place=place(fault.path)) for fault in faults]
            raise WordsInvalid([*told, *([] if self.unusable is None else plan_faults(self.unusable))], said_in)
        if self.unusable is not None:
            raise self.unusable
        return Plan.model_validate(self.reading.document)


def read_target(
    target: "str | Sequence[AnyScenario]",
    request: RequestWords,
    load: LoadWords,
    *,
    base_url: str | None = None,
    once: bool = False,
) -> TargetRead:
    """
    Read them.

    Args:
        target: a URL, the name of a file, or scenarios.
        request: what belongs to a URL alone, and the URL.
        load: what may be said over a plan, too.
        base_url: where the requests of a plan go instead.
        once: whether it will be done once, so that a load need not say when it ends.
    """
    if isinstance(target, str) and not _is_file(target):
        seeded = replace(load, seed=secrets.randbelow(2**32) if load.seed is None else load.seed)
        reading = read_url(request, seeded)
        if base_url is not None:
            reading.refuse(("base_url",), "belongs to a plan; a URL says it itself", "Change the URL.")
        return TargetRead(reading, None)
    # A URL needs neither YAML nor a tracer.
    from apibench.authoring.any_plan import read_any_plan  # noqa: PLC0415
    from apibench.authoring.tracing.python_file import is_python, scenario_file  # noqa: PLC0415

    unusable: ApibenchError | None = None
    callees: dict[str, Callee] = {}
    try:
        reading = read_override(read_any_plan(target, _ends(load, once=once), callees), load, base_url=base_url)
    except ApibenchError as error:
        # What is wrong with the other words is told beside it.
        reading, unusable = read_alone(load), error
    usual = RequestWords()
    for word in (each.name for each in fields(RequestWords) if each.name != "url"):
        if getattr(request, word) != getattr(usual, word):
            reading.refuse((word,), "belongs to a URL; a plan says it itself", "Change it in the plan.")
    file = Path(scenario_file(target)[0]) if isinstance(target, str) and is_python(target) else None
    return TargetRead(reading, unusable, callees, file)


def _is_file(target: str) -> bool:
    if "://" in target:
        return False
    return target.endswith(".py") or ".py:" in target or target.lower().endswith(tuple(LANGUAGES))


def _ends(load: LoadWords, *, once: bool) -> "Ends":
    """What these words say of the end, as far as it can be read; what can't is told as theirs."""
    from apibench.authoring.tracing.loads import Ends  # noqa: PLC0415 - as above

    try:
        if load.duration is not None:
            parse_duration(load.duration)
        if load.iterations is not None:
            parse_count(load.iterations)
    except UnitInvalid:
        return Ends(iterations="1")
    if once:
        return Ends("1s", None)
    if load.stages:
        # They say the length anew, whatever it was.
        return Ends(load.duration or "1s", load.iterations)
    return Ends(load.duration, load.iterations)


def plan_faults(unusable: ApibenchError) -> Sequence[Fault]:
    """What is wrong with a plan, as faults that can stand beside those of a command line."""
    if isinstance(unusable, PlanInvalid):
        return unusable.faults
    return [Fault(unusable.code, "TARGET", unusable.message, unusable.hint)]
