"""Moments and spans of plans: what is taken here is what the engine takes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.engine.generating import made

from apibench.model.moment import is_offset, moment_of

MOMENTS = st.from_regex(
    r"\A(19|20)\d\d-[0-1]\d-[0-3]\d([T ][0-2]\d:[0-6]\d(:[0-6]\d(\.\d{1,9})?)?(Z|[+-][0-2]\d:[0-6]\d)?)?\Z"
)


def takes(function: str, text: str) -> bool:
    """Whether the engine does, of a text that it is told only while the load runs."""
    late = f"slice('{text}x', 0, {len(text)})"
    arguments = f"{late}, {late}" if function == "random_iso" else late
    return made(f"{function}({arguments})")[0][0] is not None


@pytest.mark.parametrize(
    "text",
    [
        "2024-02-29",
        "2023-02-29",
        "2024-1-1",
        "2024-01-01T12",
        "2024-01-01T12:00",
        "2024-01-01T12:00:00.1234567Z",
        "",
        "now",
    ],
)
def test_a_moment_is_one_to_both(text: str) -> None:
    assert (moment_of(text) is not None) == takes("random_iso", text)


@pytest.mark.parametrize("text", ["90s", "-1d", "+1h30m", "250ms", "1", "1x", "", "-", "1.5h", "1h 30m", "--1s", "٣s"])
def test_a_span_is_one_to_both(text: str) -> None:
    assert is_offset(text) == takes("now_seconds", text)


@given(texts=st.lists(MOMENTS, min_size=20, max_size=20))
def test_whatever_looks_like_a_moment_is_judged_alike(texts: list[str]) -> None:
    found: list[Any] = made(
        *(f"random_iso(slice('{text}x', 0, {len(text)}), slice('{text}x', 0, {len(text)}))" for text in texts)
    )
    assert [moment_of(text) is not None for text in texts] == [values[0] is not None for values in found]
