"""What is told of an iteration, as a person reads it."""

from typing import Any

import pytest

from apibench.report.story import story_lines

PLAN: dict[str, Any] = {"scenarios": [{"name": "shopper", "steps": [{"type": "feed", "source": None}]}]}


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("me", '{"user":"ann","password":"x"}', 'me = {"user": "ann", "password": "[redacted]"}'),
        ("me", '[{"a":{"api_key":7}},1]', 'me = [{"a": {"api_key": "[redacted]"}}, 1]'),
        ("me", '{"user":"ann", "password":"cut he', "me = [redacted]"),
        ("me", '{"user":  "ann"}', 'me = {"user":  "ann"}'),
        ("text", '"the token is"', 'text = "the token is"'),
        ("token", '"x"', "token = [redacted]"),
    ],
)
def test_what_has_the_name_of_a_secret_is_not_shown(name: str, value: str, shown: str) -> None:
    told = [{"scenario": 0, "step": "scenarios[0].steps[0]", "what": "value", "name": name, "value": value}]
    assert [line.strip() for line in story_lines(told, PLAN)][2:] == [shown]
