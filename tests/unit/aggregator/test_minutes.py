"""Minutes of single workers are the sums of their seconds, however many of these are folded on the way."""

import pytest

from apibench.aggregator.minutes import FOLDED, Minutes
from apibench.engine.echo_server import EchoServer
from apibench.engine.rust import RustEngine
from apibench.engine.seam import EngineOptions
from apibench.model.counts import IntervalCounts
from apibench.scenario.load_words import LoadWords
from apibench.scenario.request_words import RequestWords
from apibench.scenario.url_plan import url_plan


@pytest.fixture(scope="module")
def seconds() -> list[bytes]:
    """Of a real run, at the ends of which something is in flight."""
    with EchoServer(knobs="delay=400ms") as server:
        plan = url_plan(RequestWords(url=server.address), LoadWords(rate="50/s", duration="2s", drain="1s"))
        load = RustEngine().prepare(plan).start(EngineOptions(threads=1))
        found = []
        while not load.ended:
            counts = load.next_counts(100)
            if counts is not None:
                found.append(counts.to_wire())
    return found


@pytest.mark.parametrize("count", [1, 2, FOLDED, 2 * FOLDED + 3])
def test_a_minute_is_the_sum_of_its_seconds(seconds: list[bytes], count: int) -> None:
    minutes, total = Minutes(), IntervalCounts()
    for number in range(count):
        second = seconds[number % len(seconds)]
        minutes.add(0, "eu", "w1", [second])
        minutes.add(0, "", "w2", [second])
        total.clear_pending()
        total.merge_wire(second)

    taken = list(minutes.take(1, 9))

    assert taken == [(0, "eu", "w1", total.to_wire()), (0, "", "w2", total.to_wire())]
    minutes.stored(0, "w1")
    assert [worker_id for _, _, worker_id, _ in minutes.take(1, 9)] == ["w2"]


def test_minutes_are_taken_a_few_at_a_time_until_none_is_left(seconds: list[bytes]) -> None:
    minutes, taken = Minutes(), []
    for number in range(5):
        minutes.add(0, "", f"w{number}", seconds[:1])
    minutes.add(60, "", "w0", seconds[:1])
    while some := [(start_ns, worker_id) for start_ns, _, worker_id, _ in minutes.take(60, 2)]:
        assert len(some) <= 2
        taken += some
        for each in some:
            minutes.stored(*each)
    assert taken == [(0, f"w{number}") for number in range(5)]
