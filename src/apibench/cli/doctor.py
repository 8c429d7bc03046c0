"""`apibench doctor`: what this machine allows."""

import json
import sys
from dataclasses import asdict
from typing import Annotated

from cyclopts import Parameter

from apibench.assembly.doctor import examine

_MARKS = {"ok": "ok  ", "note": "note", "warning": "WARN"}


def doctor(
    *,
    self_test: str = "2s",
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """
    Look at this machine's clock, processors, limits and timers, and measure what it can do against our own target.

    Parameters
    ----------
    self_test
        How long each of the two measurements takes.
    as_json
        Print JSON.
    """
    symptoms = examine(self_test)
    if as_json:
        sys.stdout.write(json.dumps([asdict(symptom) for symptom in symptoms], indent=2) + "\n")
        return 0
    for symptom in symptoms:
        advice = f"\n{'':19}{symptom.advice}" if symptom.advice else ""
        sys.stdout.write(f"{_MARKS[symptom.level]}  {symptom.name:<13}{symptom.found}{advice}\n")
    return 0
