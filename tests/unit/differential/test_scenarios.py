"""
Random scenarios in Python: what the tracer makes of them and the engine then sends is, byte for byte, what a slow
interpreter sends, and what the function says as Python.

More examples, drawn anew each time: APIBENCH_EXAMPLES=5000.
"""

import copy
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, note, reject
from hypothesis import strategies as st
from tests.unit.differential.draws import Draws
from tests.unit.differential.examples import examples
from tests.unit.differential.interpreter import Iteration, Run, Session, needed, predict
from tests.unit.differential.plain_python import Plain, compiled
from tests.unit.differential.rows import feeders_of
from tests.unit.differential.running import run
from tests.unit.differential.scenarios import Made, scenarios
from tests.unit.differential.target import Target, serving, shop

from apibench.authoring.tracing.python_file import read_python
from apibench.model.errors import PlanInvalid
from apibench.model.plan import Plan
from apibench.model.validation import parse_plan

CHECKS = ("one", "other", "check ")
"""How the names of checks begin that stand in a scenario."""


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with serving() as started:
        yield started


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scenarios")


@examples(150)
@given(made=scenarios(), redirects=st.sampled_from((0, 1, 2, 2)), seed=st.integers(0, 2**53 - 1))
def test_a_scenario_does_what_its_text_says(
    made: Made, redirects: int, seed: int, target: Target, folder: Path
) -> None:
    text = made.text.replace("ADDRESS", target.address)
    note(text)
    plan = traced(folder, text, made.files)
    document = plan.document() | {"seed": seed}
    document["hosts"]["target"]["redirects"] = redirects
    plan = parse_plan(document)
    expected, found = predict(plan.document(), shop), run(plan, target, shop)
    assert sorted(found.sessions) == sorted(expected.sessions)
    assert found.counts == expected.counts
    compare_with_python(plan.document(), text)


def traced(folder: Path, text: str, files: dict[str, str]) -> Plan:
    for name, content in files.items():
        (folder / name).write_bytes(content.encode())
    path = folder / "journey.py"
    path.write_text(text, encoding="utf-8")
    try:
        return read_python(str(path))
    except PlanInvalid as error:
        if {fault.code for fault in error.faults} == {"path.characters"}:
            # Known text of a path is refused where late text is percent-encoded.
            reject()
        raise


def compare_with_python(plan: dict[str, Any], text: str) -> None:
    """Each iteration, from where the interpreter began it. Python goes on behind what fails."""
    function, scenario, feeders = compiled(text), plan["scenarios"][0], feeders_of(plan)
    goes_on = scenario["defaults"]["on_fail"] == "continue"
    users, iterations = scenario["load"]["vus"], scenario["load"]["ends"]["iterations"]
    for user in range(users):
        session = Session()
        for number in range(iterations // users + (user < iterations % users)):
            if any(feeders[name].is_dry for name in needed(scenario["steps"], feeders)):
                break
            plain = Plain(plan, shop, copy.deepcopy(session), copy.deepcopy(feeders))
            plain.draws, plain.turn = Draws(plan["seed"], 0, user, number), user + number
            if scenario["defaults"]["cookies"] == "iteration":
                plain.session.jar.kept = []
            once = Run(plan, shop, feeders)
            end = Iteration(once, session, user, number).run()
            function(plain)
            note(f"user {user}, iteration {number}: {end}")
            if goes_on or end == "ok":
                assert session.sent == plain.session.sent
                written = Counter(
                    {each: count for each, count in once.counts.checks.items() if each[0].startswith(CHECKS)}
                )
                assert written == Counter(plain.checked)
            else:
                assert session.sent == plain.session.sent[: len(session.sent)]
