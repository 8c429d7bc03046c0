"""Loads are made where a mark expression asks for them, and not where it only leaves them in."""

import pytest

from apibench.testing.mark_expression import asks_for


@pytest.mark.parametrize(
    ("expression", "asked"),
    [
        ("apibench", True),
        ("apibench and not slow", True),
        ("apibench and slow", True),
        ("slow or apibench", True),
        ("not (slow or not apibench)", True),
        ("device(serial=1) or apibench", True),
        ("", False),
        ("not slow", False),
        ("not apibench", False),
        ("not (apibench or slow)", False),
        ("slow or not apibench", False),
        ("apibench_other", False),
        ("apibench and", False),
        ("__import__('os')", False),
        ("'apibench'(1)", False),
    ],
)
def test_it_is_asked_for_where_the_mark_decides(expression: str, *, asked: bool) -> None:
    assert asks_for(expression, "apibench") is asked
