"""A window that moves on holds what adding up its seconds anew would come to."""

from hypothesis import given
from hypothesis import strategies as st

from apibench.aggregator.sliding import Slice, SlidingWindow
from apibench.model.histogram import Histogram

SECONDS = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 9), st.lists(st.integers(0, 10**10), max_size=4)))


def part(length_ns: int, count: int, times: list[int]) -> Slice:
    made = Slice(length_ns, count, count + 1, count + 2, count + 3, count + 4, count + 5, time=Histogram())
    made.checks_passed, made.checks_failed = count + 6, count + 7
    for each in times:
        made.time.record(each)
    return made


def figures(each: Slice) -> tuple[object, ...]:
    counts = each.length_ns, each.ok, each.failed, each.unfinished, each.started, each.ended, each.dropped
    return *counts, each.checks_passed, each.checks_failed, each.time.to_json()


@given(SECONDS, st.integers(1, 8))
def test_it_is_the_sum_of_its_seconds_or_nothing(seconds: list[tuple[int, int, list[int]]], length_ns: int) -> None:
    window = SlidingWindow(length_ns)
    for number in range(len(seconds)):
        window.add(part(*seconds[number]))
        anew = Slice()
        for each in reversed(seconds[: number + 1]):
            if anew.length_ns < length_ns:
                anew.merge(part(*each))
        found = window.sum()
        if anew.length_ns == length_ns:
            assert found is not None
            assert figures(found) == figures(anew)
        else:
            assert found is None
