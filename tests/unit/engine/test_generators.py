"""What generators make in the engine: of a form that targets take, the same for the same seed, no number twice."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.unit.engine.generating import made

from apibench.model.share import WHOLE, Share

MAIL = re.compile(r"[a-z]+\.[a-z]+\d{1,4}@example\.(com|net|org)")


def one(*expressions: str, **words: Any) -> list[str]:
    return [str(values[0]).strip('"') for values in made(*expressions, **words)]


def test_names_and_addresses_have_their_forms() -> None:
    names = ("first_name", "last_name", "name", "email", "street", "city", "postcode", "country", "phone", "company")
    found = dict(zip(names, one(*(f"random_{name}()" for name in names)), strict=True))
    assert MAIL.fullmatch(found["email"])
    assert re.fullmatch(r"\+1[2-9]\d\d55501\d\d", found["phone"])
    assert re.fullmatch(r"\d{5}", found["postcode"])
    assert re.fullmatch(r"[1-9]\d{0,2} \w+ \w+", found["street"])
    assert re.fullmatch(r"\w+ \w+", found["name"])
    assert all(found.values())


def test_the_same_seed_makes_the_same_of_all() -> None:
    drawn = ("random_name()", "random_email()", "random_iso('2020-01-01', '2030-01-01')", "random_phone()")
    assert made(*drawn, iterations=5, seed=7) == made(*drawn, iterations=5, seed=7)
    assert made(*drawn, iterations=5, seed=7) != made(*drawn, iterations=5, seed=8)


def test_moments_lie_where_they_are_asked_for() -> None:
    iso, day, seconds, milliseconds = made(
        "random_iso('2024-02-28T12:00:00+02:00', '2024-03-01')",
        "random_date('1950-01-01', '1950-01-03')",
        "random_seconds(10, 12)",
        "random_milliseconds('1970-01-01', '1970-01-01T00:00:00.002Z')",
        iterations=200,
    )
    moments = [datetime.fromisoformat(text.strip('"')) for text in iso]
    low, high = datetime(2024, 2, 28, 10, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)
    assert all(low <= moment <= high for moment in moments)
    assert max(moments) - min(moments) > timedelta(days=1)
    assert set(day) == {'"1950-01-01"', '"1950-01-02"', '"1950-01-03"'}
    assert (set(seconds), set(milliseconds)) == ({"10", "11", "12"}, {"0", "1", "2"})


def test_the_clock_is_read_in_all_its_forms_and_offsets() -> None:
    before = datetime.now(UTC)
    iso, day, seconds, milliseconds, later = one(
        "now_iso('-1d')", "now_date('1d')", "now_seconds(60)", "now_milliseconds('-1h30m')", "now_seconds() + 60"
    )
    after = datetime.now(UTC)
    ms, day_long = timedelta(milliseconds=1), timedelta(days=1)
    assert before - ms <= datetime.fromisoformat(iso) + day_long <= after
    assert day in {(each + day_long).date().isoformat() for each in (before, after)}
    assert int(before.timestamp()) + 60 <= int(seconds) <= int(later) <= int(after.timestamp()) + 60
    assert int(before.timestamp() * 1_000) <= int(milliseconds) + 5_400_000 <= after.timestamp() * 1_000


def test_a_run_s_counter_gives_no_number_twice_on_threads_and_workers() -> None:
    def numbers(**words: Any) -> list[int]:
        return [int(each) for each in made("counter('orders')", iterations=300, users=6, **words)[0]]

    assert numbers() == list(range(1, 301))
    assert sorted(numbers(threads=3)) == list(range(1, 301))
    shares: Sequence[Share] = WHOLE.split([1, 2])
    both = [number for segment, share in enumerate(shares) for number in numbers(share=share, segment=segment)]
    assert len(both) == len(set(both)) == 300
    assert max(both) < 1_000, "side by side, with few gaps"


def test_each_user_counts_for_itself_and_all_steps_of_it_with_one_counter() -> None:
    own, again, other = made("vu_counter('a')", "vu_counter('a')", "vu_counter('b')", iterations=4, users=2)
    assert sorted(own) == ["1", "1", "3", "3"]
    assert sorted(again) == ["2", "2", "4", "4"]
    assert sorted(other) == ["1", "1", "2", "2"]


@pytest.mark.parametrize(
    "text", ["random_iso('2024-01-02', now_seconds('-30000d'))", "random_seconds(2, 1)", "now_iso('99999999d')"]
)
def test_what_has_no_value_is_none(text: str) -> None:
    assert made(text) == [[None]]
