"""Minutes of single workers are the sums of their seconds, and it is known which batches are in none that is stored."""

import zlib

import pytest

from apibench.aggregator.minutes import FOLDED, WANTED, Minutes
from apibench.aggregator.segment_book import Delivery
from apibench.authoring.load_words import LoadWords
from apibench.authoring.request_words import RequestWords
from apibench.authoring.url_plan import url_plan
from apibench.engine.echo_server import EchoServer
from apibench.engine.rust import RustEngine
from apibench.engine.seam import EngineOptions
from apibench.model.batch import BatchRange, IntervalBatch, IntervalSum
from apibench.model.counts import IntervalCounts


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


def delivery(segment: int, number: int, counts: bytes) -> Delivery:
    """A batch of worker `wSEGMENT`."""
    return Delivery.of(IntervalBatch("r1", segment, f"w{segment}", number, counts, zlib.crc32(counts)), "eu")


def a_sum(segment: int, first: int, until: int, counts: bytes) -> IntervalSum:
    """What its worker says of these batches."""
    return IntervalSum("r1", segment, f"w{segment}", BatchRange(first, until), counts, zlib.crc32(counts))


@pytest.mark.parametrize("count", [1, 2, FOLDED, 2 * FOLDED + 3])
def test_a_minute_is_the_sum_of_its_seconds(seconds: list[bytes], count: int) -> None:
    minutes, total = Minutes(), IntervalCounts()
    for number in range(count):
        second = seconds[number % len(seconds)]
        for segment in (1, 2):
            minutes.add(0, delivery(segment, number, second))
        total.clear_pending()
        total.merge_wire(second)

    taken = minutes.take(1, 9, ())

    assert [(each.segment, each.worker_id, each.region, each.counts()) for each in taken] == [
        (1, "w1", "eu", total.to_wire()),
        (2, "w2", "eu", total.to_wire()),
    ]
    assert {each.batches for each in taken} == {BatchRange(0, count)}
    minutes.stored(1, 0, BatchRange(0, count))
    assert [each.worker_id for each in minutes.take(1, 9, ())] == ["w2"]
    assert (minutes.keep_from(1, count), minutes.keep_from(2, count)) == (count, 0)


def test_minutes_are_taken_a_few_at_a_time_until_none_is_left(seconds: list[bytes]) -> None:
    minutes, taken = Minutes(), []
    for segment in range(5):
        minutes.add(0, delivery(segment, 0, seconds[0]))
    minutes.add(60, delivery(0, 1, seconds[0]))
    while some := minutes.take(60, 2, ()):
        assert len(some) <= 2
        taken += [(each.start_ns, each.segment) for each in some]
        for each in some:
            minutes.stored(each.segment, each.start_ns, each.batches)
    assert taken == [(0, segment) for segment in range(5)]


def test_of_a_segment_that_is_over_no_minute_waits_for_its_end(seconds: list[bytes]) -> None:
    minutes = Minutes()
    for segment in (1, 2):
        minutes.add(60, delivery(segment, 0, seconds[0]))
    assert [each.segment for each in minutes.take(60, 9, {2})] == [2]


def test_what_is_wanted_is_what_counts_and_is_in_no_stored_minute(seconds: list[bytes]) -> None:
    minutes = Minutes()
    for start_ns, first, until in ((0, 0, 30), (0, 30, 60), (60, 60, 120), (120, 120, 150)):
        minutes.lacks(7, start_ns, BatchRange(first, until))
    minutes.stored(7, 0, BatchRange(0, 60))
    minutes.stored(7, 60, BatchRange(80, 100))
    assert minutes.wanted(7) == (BatchRange(60, 80), BatchRange(100, 120), BatchRange(120, 150))
    assert (minutes.lacking(7), minutes.keep_from(7, 150)) == (2, 60)

    # Part of it comes, and something that nobody has asked for.
    assert minutes.add_sum("eu", a_sum(7, 100, 110, seconds[0]), 9)
    assert not minutes.add_sum("eu", a_sum(7, 70, 90, seconds[0]), 9)
    assert not minutes.add_sum("eu", a_sum(7, 100, 110, seconds[0]), 9), "it has come already"
    assert not minutes.add_sum("eu", a_sum(8, 60, 80, seconds[0]), 9)
    assert minutes.wanted(7) == (BatchRange(60, 80), BatchRange(110, 120), BatchRange(120, 150))

    # The rest of it, but for what is no longer there.
    assert minutes.add_sum("eu", a_sum(7, 60, 80, seconds[0]), 9)
    assert minutes.add_sum("eu", a_sum(7, 110, 120, b""), 0)
    minutes.add(120, delivery(7, 150, seconds[1]))
    assert minutes.add_sum("eu", a_sum(7, 120, 150, seconds[0]), 9)
    minutes.add(120, delivery(7, 151, seconds[1]))
    assert (minutes.wanted(7), minutes.lacking(7), minutes.keep_from(7, 152)) == ((), 1, 60)
    taken = minutes.take(180, 9, ())
    assert [(each.start_ns, each.batches) for each in taken] == [
        (60, BatchRange(60, 80)),
        (60, BatchRange(100, 110)),
        (120, BatchRange(120, 150)),
        (120, BatchRange(150, 152)),
    ]
    for each in taken:
        minutes.stored(7, each.start_ns, each.batches)
    assert minutes.keep_from(7, 152) == 152


def test_so_many_sums_are_asked_for_at_once_and_nothing_is_forgotten_meanwhile() -> None:
    minutes = Minutes()
    for number in range(2 * WANTED):
        minutes.lacks(7, number * 60, BatchRange(number, number + 1))
    assert minutes.wanted(7) == tuple(BatchRange(number, number + 1) for number in range(WANTED))
    assert minutes.keep_from(7, 99) == 0
