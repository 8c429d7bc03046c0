"""Pauses between tries."""

from hypothesis import given
from hypothesis import strategies as st

from apibench.provider.backoff import MOST_ASKED_S, Backoff


@given(st.integers(1, 2000))
def test_pauses_double_up_to_the_longest_and_are_never_more_than_halved_by_chance(times: int) -> None:
    backoff = Backoff(0.5, 30.0)
    for number in range(times):
        whole_s = min(0.5 * 2.0**number, 30.0) if number < 10 else 30.0
        assert whole_s / 2 <= backoff.next_s() <= whole_s


def test_after_a_success_the_first_pause_is_the_first_again() -> None:
    backoff = Backoff(0.5, 30.0)
    for _ in range(8):
        backoff.next_s()
    backoff.reset()
    assert backoff.next_s() <= 0.5


@given(st.floats(0, 1e9))
def test_who_asks_for_patience_gets_it_within_reason(asked_s: float) -> None:
    assert Backoff(0.5, 30.0).next_s(asked_s) >= min(asked_s, MOST_ASKED_S)
    assert Backoff(0.5, 30.0).next_s(asked_s) <= max(MOST_ASKED_S, 0.5)
