"""`apibench doctor`: what this machine allows."""

import json
import sys
from dataclasses import asdict
from typing import Annotated

from cyclopts import Parameter

from apibench.assembly.doctor import examine
from apibench.cli.flag_values import duration_ns
from apibench.model.errors import UsageError

LEAST_NS = 100_000_000
_MARKS = {"ok": "ok  ", "note": "note", "warning": "WARN"}


def doctor(
    *,
    self_test: str = "2s",
    as_json: Annotated[bool, Parameter(name="--json", negative="", show_default=False)] = False,
) -> int:
    """
    Look at this machine's clock, processors, limits and timers, and measure what it can do against our own target.

    Parameters
    ----------
    self_test
        How long each load of the self-test lasts: one as fast as it goes, then some at a rate, until one is kept.
    as_json
        Print JSON.
    """
    if duration_ns("--self-test", self_test) < LEAST_NS:
        raise UsageError(f"--self-test: {self_test} is too short to measure anything", "Use 100ms or more.")
    symptoms = examine(self_test)
    if as_json:
        sys.stdout.write(json.dumps([asdict(symptom) for symptom in symptoms], indent=2) + "\n")
        return 0
    for symptom in symptoms:
        advice = f"\n{'':19}{symptom.advice}" if symptom.advice else ""
        sys.stdout.write(f"{_MARKS[symptom.level]}  {symptom.name:<13}{symptom.found}{advice}\n")
    return 0
