"""A result as Python reads it: an object over the document that every report is made of."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from apibench.model.errors import ResultUnreadable, RunFailed
from apibench.model.exit_codes import ExitCode
from apibench.model.histogram import from_times
from apibench.report.data_table import NoSuchName, Table
from apibench.report.group_figures import GroupFigures
from apibench.report.judged import Check, JudgedThreshold
from apibench.report.result import SCHEMA, headline
from apibench.report.result_tables import cell_table, endpoint_table, error_table, series_table
from apibench.report.schema import result_schema
from apibench.report.schema_check import deviations
from apibench.report.step_figures import Figures, ScenarioFigures, StepFigures
from apibench.report.times import Times

_TOLD = 3
"""Deviations from the schema that are told."""


@dataclass(frozen=True, eq=False)
class Result:
    """
    What a run came to.

    `result["GET /products/{id}"]` has the figures of a step, `result.total` those of all requests together, of which
    the usual ones stand here too: `result.p99 < 0.2`. Times are in seconds, shares from 0 to 1.
    """

    document: Mapping[str, Any]
    """The result document, `apibench.result/1`, with all that there is. Not to be changed."""
    notes: tuple[str, ...] = ()
    """What the command would have said on standard error."""

    @classmethod
    def load(cls, path: "str | os.PathLike[str]") -> "Result":
        """
        Read a document that `-o json=FILE` or `save` has written.

        Raises ResultUnreadable: no such file, no JSON, or not a result.
        """
        return cls(_read(Path(path)))

    def save(self, path: "str | os.PathLike[str]") -> None:
        """Write the document to a file. Raises OSError."""
        Path(path).write_text(json.dumps(self.document) + "\n", encoding="utf-8")

    @property
    def verdict(self) -> Literal["passed", "failed", "invalid"]:
        """`invalid`: these are not the target's figures, because the generator was the limit."""
        found: Literal["passed", "failed", "invalid"] = self.document["verdict"]["status"]
        return found

    @property
    def passed(self) -> bool:
        """Whether the verdict is `passed`."""
        return self.verdict == "passed"

    @property
    def exit_code(self) -> ExitCode:
        """With which the command would have ended: 0 passed, 99 a threshold failed, 112 the measurement is invalid."""
        return ExitCode(self.document["verdict"]["exit_code"])

    @property
    def reasons(self) -> tuple[str, ...]:
        """What led to the verdict; empty where it passed."""
        return tuple(self.document["verdict"]["reasons"])

    @property
    def ended(self) -> Literal["complete", "interrupted", "aborted", "crashed", "unreachable"]:
        """How the run ended."""
        found: Literal["complete", "interrupted", "aborted", "crashed", "unreachable"] = self.document["run"]["ended"]
        return found

    @property
    def run_id(self) -> str:
        """The name of this run, unlike every other's."""
        return str(self.document["run"]["id"])

    @property
    def name(self) -> str:
        """What the plan is called."""
        return str(self.document["run"]["name"])

    def raise_if_failed(self) -> "Result":
        """Itself, where it passed; else raises RunFailed with the verdict, its thresholds and its errors as text."""
        if not self.passed:
            raise RunFailed(self.judgement)
        return self

    @property
    def judgement(self) -> str:
        """The verdict with its reasons, thresholds, errors and checks, as the last screen has them."""
        from apibench.report.summary import judgement  # noqa: PLC0415 - who reads figures prints none

        return judgement(self.document)

    @cached_property
    def total(self) -> Figures:
        """All requests together."""
        return Figures(self.name, self.document, self._headline)

    @property
    def requests(self) -> int:
        """How many were started."""
        return self.total.requests

    @property
    def errors(self) -> float:
        """The share of those started that failed or never ended, from 0 to 1; NaN where none was started."""
        return self.total.errors

    @property
    def rate(self) -> float:
        """Requests a second that were ok, within the measured window; NaN where there was none."""
        return self.total.rate

    @property
    def response(self) -> Times:
        """From when requests were due until they ended."""
        return self.total.response

    @property
    def service(self) -> Times:
        """From when requests were sent until they ended."""
        return self.total.service

    @property
    def p50(self) -> float:
        """The median of the headline, in seconds."""
        return self.total.p50

    @property
    def p90(self) -> float:
        """The 90th percentile of the headline, in seconds."""
        return self.total.p90

    @property
    def p95(self) -> float:
        """The 95th percentile of the headline, in seconds."""
        return self.total.p95

    @property
    def p99(self) -> float:
        """The 99th percentile of the headline, in seconds."""
        return self.total.p99

    @property
    def p999(self) -> float:
        """The 99.9th percentile of the headline, in seconds."""
        return self.total.p999

    @property
    def max(self) -> float:
        """The longest of the headline, in seconds."""
        return self.total.max

    def p(self, percentile: float) -> float:
        """A percentile of the headline, in seconds: `p(99.9)`. Raises UsageError for one not from 0 to 100."""
        return self.total.p(percentile)

    @cached_property
    def scenarios(self) -> Mapping[str, ScenarioFigures]:
        """By name, in the plan's order."""
        found = [ScenarioFigures.of(each, self._headline) for each in self.document["scenarios"]]
        return {each.name: each for each in found}

    @cached_property
    def steps(self) -> tuple[StepFigures, ...]:
        """Of all scenarios, in the plan's order."""
        return tuple(step for scenario in self.scenarios.values() for step in scenario.steps)

    def __getitem__(self, step: str) -> StepFigures:
        """
        A step by its name.

        Raises NoSuchName, a KeyError: there is none; or several scenarios have one, see `scenarios`.
        """
        found = [each for each in self.steps if each.name == step]
        if len(found) > 1:
            places = ", ".join(f"result.scenarios[{each.scenario!r}]" for each in found)
            raise NoSuchName(f"several scenarios have a step '{step}'. Ask one of them: {places}.")
        if not found:
            raise NoSuchName.among((each.name for each in self.steps), "step", step)
        return found[0]

    def group(self, name: str) -> GroupFigures:
        """
        A group of steps by its name.

        Raises NoSuchName, a KeyError: there is none; or several scenarios have one, see `scenarios`.
        """
        all_groups = [each for scenario in self.scenarios.values() for each in scenario.groups.values()]
        found = [each for each in all_groups if each.name == name]
        if len(found) > 1:
            places = ", ".join(f"result.scenarios[{each.scenario!r}].groups" for each in found)
            raise NoSuchName(f"several scenarios have a group '{name}'. Ask one of them: {places}.")
        if not found:
            raise NoSuchName.among((each.name for each in all_groups), "group", name)
        return found[0]

    @property
    def checks(self) -> tuple[Check, ...]:
        """Those that were looked at."""
        # Earlier releases had none.
        return tuple(Check(**each) for each in self.document.get("checks", ()))

    @property
    def thresholds(self) -> tuple[JudgedThreshold, ...]:
        """Each with what it was measured to be."""
        return tuple(JudgedThreshold.of(row) for row in self.document["thresholds"])

    @cached_property
    def series(self) -> Table:
        """A row for each second and each step that something happened to in it; times in seconds: `response_p99_s`."""
        return series_table(self.document)

    @cached_property
    def endpoints(self) -> Table:
        """A row for each step, over the whole run without its warm-up; times in seconds, `errors` from 0 to 1."""
        return endpoint_table(self.document)

    @cached_property
    def errors_by_name(self) -> Table:
        """A row for each step and each name of an error that its requests had."""
        return error_table(self.document)

    def histogram(self, step: str | None = None, of: Literal["response", "service"] | None = None) -> Table:
        """
        How the times are spread: `up_to_s` and `count`, the shortest first.

        Args:
            step: all requests together unless told. Raises NoSuchName, as `result[step]` does.
            of: the headline unless told.
        """
        figures: Figures = self.total if step is None else self[step]
        times = {"response": figures.response, "service": figures.service, None: figures.times}
        if of not in times:
            raise NoSuchName.among(("response", "service"), "kind of times", of)
        return cell_table(times[of].histogram)

    @property
    def _headline(self) -> Literal["response_time", "service_time"]:
        return "service_time" if headline(self.document) == "service_time" else "response_time"

    def __str__(self) -> str:
        """The last screen."""
        from apibench.report.summary import summary  # noqa: PLC0415 - as above

        return summary(self.document, width=100, hints=False).plain

    def _repr_html_(self) -> str:
        """What a notebook shows: tables and pictures, without scripts."""
        from apibench.report.notebook.result_html import result_html  # noqa: PLC0415 - as above

        return result_html(self.document, self.notes)

    def __repr__(self) -> str:
        return f"<Result {self.verdict}: {self.total.brief}>"


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ResultUnreadable(f"{path} can't be read: {error.strerror or error}", "Check name and rights.") from error
    except UnicodeDecodeError as error:
        raise ResultUnreadable(f"{path} is no text", _REMEDY) from error
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ResultUnreadable(f"{path} is no JSON: {error}", _REMEDY) from error
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        said = "says of no schema that it is by it" if schema is None else f"is by the schema {schema!r}"
        raise ResultUnreadable(f"{path} {said}, and not by '{SCHEMA}'", _REMEDY)
    found = list(deviations(document, result_schema()))
    if not found:
        found = list(_broken_times(document))
    if found:
        more = f", and {len(found) - _TOLD} more" if len(found) > _TOLD else ""
        told = "; ".join(found[:_TOLD])
        raise ResultUnreadable(f"{path} is no result: {told}{more}", "Has it been changed by hand?")
    checked: dict[str, Any] = document
    return checked


_REMEDY = "Name a file that `-o json=FILE` or `Result.save` has written."


def _broken_times(document: Mapping[str, Any]) -> Any:
    """Times that contradict themselves: no schema says it."""
    steps = [step for scenario in document["scenarios"] for step in scenario["steps"]]
    for place, block in (("", document), *((f"{step['name']}: ", step) for step in steps)):
        for name in ("response_time", "service_time"):
            try:
                from_times(block[name])
            except ValueError as error:
                yield f"{place}{name}: {error}"
