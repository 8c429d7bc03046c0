"""What the engine makes of random expressions is what a slow interpreter makes of them; of all functions."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from tests.unit.differential.examples import examples
from tests.unit.differential.expressions import SIGNATURES, expression_plans
from tests.unit.differential.interpreter import predict
from tests.unit.differential.running import run
from tests.unit.differential.target import Answer, Target, serving

from apibench.model.function import ARITY, COUNTERS, OFFSETS
from apibench.model.validation import parse_plan

WORDS = ("first_name", "last_name", "name", "email", "street", "city", "postcode", "country", "phone", "company")


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with serving() as started:
        yield started


ELSEWHERE = OFFSETS | COUNTERS | {f"random_{word}" for word in WORDS}
"""
What the clock says nobody can tell beforehand, what is counted depends on who comes first, and names and addresses are
drawn from tables of the engine: they have tests of their own.
"""


def test_every_function_is_among_the_random_ones() -> None:
    assert set(SIGNATURES) == set(ARITY) - ELSEWHERE


@examples(150)
@given(made=expression_plans())
def test_expressions_come_to_what_they_come_to_slowly(made: tuple[dict[str, Any], str], target: Target) -> None:
    document, text = made
    plan = parse_plan(document | {"hosts": {"target": {"base_url": target.address}}})

    def answering(_request: bytes, _number: int) -> Answer:
        return Answer(body=text)

    expected, found = predict(plan.document(), answering), run(plan, target, answering)
    assert found.sessions == expected.sessions
    assert found.counts == expected.counts
