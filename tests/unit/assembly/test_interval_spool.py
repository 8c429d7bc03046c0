"""The seconds of a run on disk: all of them, in order, and not in memory."""

import json
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict

import pytest
from tests.unit.report.screens import SCREENS

from apibench.assembly.interval_spool import IntervalSpool
from apibench.model.interval import Interval


def as_written(interval: Interval) -> Interval:
    """As the engine gives it: with the text that it comes from."""
    document = asdict(interval)
    del document["text"]
    for scenario in document["scenarios"]:
        scenario["time"] = scenario.pop("times").get("time")
    return Interval.from_json(json.dumps(document))


INTERVALS = tuple(as_written(each) for each in SCREENS["passed_open"].intervals)


@pytest.fixture
def spool() -> Iterator[IntervalSpool]:
    with closing(IntervalSpool()) as made:
        yield made


def test_what_was_put_in_comes_out_as_often_as_it_is_asked_for(spool: IntervalSpool) -> None:
    for count, interval in enumerate(INTERVALS, 1):
        spool.append(interval)
        assert len(spool) == count
        assert list(spool) == list(INTERVALS[:count])
    assert INTERVALS[0] in spool


def test_a_disk_that_is_full_costs_memory_and_nothing_else(
    spool: IntervalSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool.append(INTERVALS[0])

    def full(_: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spool._file, "write", full, raising=False)
    spool.append(INTERVALS[1])
    assert list(spool) == list(INTERVALS[:2])


def test_hours_take_no_memory(spool: IntervalSpool) -> None:
    text = INTERVALS[1].text
    tracemalloc.start()
    try:
        spool.append(Interval.from_json(text))
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(4 * 3_600):
            spool.append(Interval(0, 1, {}, text=text))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 64 * 1024
    assert len(spool) == 1 + 4 * 3_600
