"""
The plan: what a run is to do, whole, validated and frozen. Everything downstream trusts it.

It has one document form. `to_engine_json` sends that down with every default filled in and nothing
left out, so the engine needs no defaults of its own and two releases can't disagree about one.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, Field, Strict, model_validator

from apibench.model import crosscheck
from apibench.model.canonical import MAX_INTEGER, canonical_json
from apibench.model.errors import ThresholdInvalid
from apibench.model.feeder import Feeder
from apibench.model.host import Host
from apibench.model.part import DurationNs, Name, Part, fault
from apibench.model.redaction import redacted
from apibench.model.scenario import Scenario
from apibench.model.setup import Setup, Teardown
from apibench.model.step import PythonUser, Request, Step, inside
from apibench.model.threshold import Threshold, parse_threshold

DEFAULT_DRAIN_NS = 10_000_000_000
SCHEMA_ID = "urn:apibench:plan:1"


def _threshold_text(text: str) -> str:
    try:
        return str(parse_threshold(text))
    except ThresholdInvalid as error:
        raise fault("threshold", error.message, error.hint) from error


ThresholdText = Annotated[str, Strict(), Field(max_length=500), AfterValidator(_threshold_text)]
"""Kept as canonical text: readable in the document, and equal thresholds are equal."""


class Sent(NamedTuple):
    """What the requests are that a step may send: under which name they are counted, and to which host they go."""

    name: str
    host: str


class Plan(Part):
    """Version 1 of the plan."""

    version: Literal[1]
    name: Name = "plan"
    seed: Annotated[int, Strict(), Field(ge=0, le=MAX_INTEGER)] = 0
    """Every random value of a run follows from it."""
    warmup_ns: DurationNs = 0
    """Comes before the load's duration, and is counted apart."""
    drain_ns: DurationNs = DEFAULT_DRAIN_NS
    """How long, after a scenario's end in time, what was due may still be sent and answered."""
    hosts: Mapping[Name, Host] = Field(min_length=1, max_length=100)
    feeders: Mapping[Name, Feeder] = Field(default={}, max_length=100)
    setup: Setup | None = None
    """What is done once before the load."""
    teardown: Teardown | None = None
    """What is done once behind it."""
    scenarios: tuple[Scenario, ...] = Field(min_length=1, max_length=100)
    thresholds: tuple[ThresholdText, ...] = Field(default=(), max_length=1_000)

    @model_validator(mode="after")
    def _parts_fit_together(self) -> "Plan":
        found = next(crosscheck.faults(self.document()), None)
        if found is not None:
            # Only the first: `parse_plan`, which wants them all, asks `crosscheck` itself.
            raise fault(crosscheck.CODE, f"{found.place}: {found.message}", found.remedy)
        return self

    def document(self) -> dict[str, Any]:
        """The plan as plain objects, lists, text and integers, with every default filled in."""
        return self.model_dump(mode="json")

    def to_engine_json(self) -> bytes:
        """What goes down to the engine: the whole document, every key there, `null` for what is not set."""
        return engine_json(self.document())

    def canonical(self) -> bytes:
        """RFC 8785, without the places where steps were written: a comment above a step changes nothing it does."""
        return canonical_json(_without_sources(self.document()))

    def sha256(self) -> str:
        """The plan's name for machines: 64 hex digits of its canonical form."""
        return hashlib.sha256(self.canonical()).hexdigest()

    def redacted(self) -> dict[str, Any]:
        """The document as it may be stored and shown: secrets in headers, paths and URLs are replaced."""
        return redacted(self.document())

    def parsed_thresholds(self) -> tuple[Threshold, ...]:
        """The thresholds, ready to be judged."""
        return tuple(parse_threshold(text) for text in self.thresholds)

    def requests(self) -> Iterator[tuple[Scenario, Request]]:
        """Every request step with its scenario, in the document's order."""
        for scenario in self.scenarios:
            for _, steps in scenario.all_steps():
                for step in _all_steps(steps):
                    if isinstance(step, Request):
                        yield scenario, step

    def sent(self) -> Iterator[tuple[Scenario, Sent]]:
        """Whatever its steps may send with its scenario, in the document's order; also what only Python writes."""
        for scenario in self.scenarios:
            for _, steps in scenario.all_steps():
                for sent in sent_by(steps):
                    yield scenario, sent


def engine_json(document: dict[str, Any]) -> bytes:
    """A plan's document as the engine reads it."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def plan_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the document form."""
    schema = Plan.model_json_schema(mode="validation")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **schema,
        "title": "API Benchmark plan, version 1",
    }


def sent_by(steps: tuple[Step, ...]) -> Iterator[Sent]:
    """What these steps may send, and those inside of them."""
    for step in _all_steps(steps):
        if isinstance(step, Request):
            yield Sent(step.name, step.host)
        elif isinstance(step, PythonUser):
            yield from (Sent(request.name, step.host) for request in step.requests)


def _all_steps(steps: tuple[Step, ...]) -> Iterator[Step]:
    for step in steps:
        yield step
        for inner in inside(step):
            yield from _all_steps(inner)


def _without_sources(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_sources(item) for key, item in value.items() if not (key == "source" and "type" in value)}
    if isinstance(value, list):
        return [_without_sources(item) for item in value]
    return value
