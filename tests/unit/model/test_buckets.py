"""Buckets hold every value once, and on the right side of their bounds."""

from hypothesis import given
from hypothesis import strategies as st

from apibench.model.buckets import BOUNDS_NS, bucket_counts
from apibench.model.histogram import Histogram

times = st.lists(st.one_of(st.integers(0, 100_000_000_000), st.sampled_from(BOUNDS_NS)), max_size=50)


def histogram(values: list[int]) -> Histogram:
    found = Histogram()
    for value in values:
        found.record(value)
    return found


@given(times)
def test_every_value_is_in_one_bucket_at_most_a_thousandth_off(values: list[int]) -> None:
    counts = bucket_counts(histogram(values))
    assert sum(counts) == len(values)
    for place, bound_ns in enumerate(BOUNDS_NS):
        below = sum(counts[: place + 1])
        assert sum(value * 1.001 <= bound_ns for value in values) <= below <= sum(value <= bound_ns for value in values)


@given(times, times)
def test_sums_of_buckets_are_the_buckets_of_sums(one: list[int], other: list[int]) -> None:
    apart = [bucket_counts(histogram(values)) for values in (one, other)]
    assert bucket_counts(histogram(one + other)) == [sum(pair) for pair in zip(*apart, strict=True)]
