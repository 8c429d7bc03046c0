"""What an installation takes as a plan."""

from typing import Any

import pytest

from apibench.controller.catalogue import Catalogue
from apibench.model.errors import PlanInvalid


def test_a_plan_that_calls_python_is_refused_by_the_functions_name_and_its_place() -> None:
    step: dict[str, Any] = {"type": "python", "function": "sign", "arguments": [], "to": "proof"}
    request = {"type": "request", "path": "/a"}
    load = {"vus": 1, "iterations": 1}
    document = {
        "version": 1,
        "hosts": {"h": "http://127.0.0.1:1"},
        "scenarios": [{"name": "s", "load": load, "steps": [request, {"type": "repeat", "times": 2, "steps": [step]}]}],
    }
    with pytest.raises(PlanInvalid) as caught:
        Catalogue.plan(document)
    (fault,) = caught.value.faults
    assert (fault.code, fault.place) == ("python", "scenarios[0].steps[1].steps[0]")
    assert "`sign` is Python, and to have that called by workers is not built yet" in str(caught.value)
