"""Random values of users in Python: those of `random.Random`, by another stream."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apibench.model.seeded_random import SeededRandom


def drawn(generator: SeededRandom) -> list[object]:
    items = list(range(10))
    generator.shuffle(items)
    return [
        generator.random(),
        generator.randint(-5, 5),
        generator.choice("abc"),
        generator.sample(range(100), 5),
        generator.gauss(0, 1),
        generator.uniform(2, 3),
        generator.randbytes(20),
        generator.choices("ab", [1, 3], k=4),
        items,
    ]


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_the_same_seed_draws_the_same_and_another_something_else(first: bytes, second: bytes) -> None:
    generator = SeededRandom(first)
    whole = drawn(generator)
    generator.gauss(0, 1)
    generator.seed(first)
    assert drawn(generator) == whole == drawn(SeededRandom(first))
    assert (drawn(SeededRandom(second)) == whole) is (first == second)


@given(st.binary(max_size=20), st.integers(0, 300))
def test_bits_are_as_many_as_asked_for(seed: bytes, count: int) -> None:
    generator = SeededRandom(seed)
    several = [generator.getrandbits(count) for _ in range(200)]
    assert all(0 <= each < 1 << count for each in several)
    # Each bit is set in some and not in others: by chance this fails once in 10^57.
    together, common = 0, (1 << count) - 1
    for each in several:
        together, common = together | each, common & each
    assert (together, common) == ((1 << count) - 1, 0)


def test_values_are_spread_evenly() -> None:
    generator = SeededRandom(b"even")
    counts = [0] * 16
    for _ in range(16_000):
        counts[int(generator.random() * 16)] += 1
        counts[generator.randrange(16)] += 1
    # A chi-square of 15 degrees of freedom is above 50 once in 100,000 seeds, and this seed is always the same.
    assert sum((each - 2_000) ** 2 / 2_000 for each in counts) < 50


def test_neighbouring_seeds_have_nothing_in_common() -> None:
    firsts = [SeededRandom(number.to_bytes(16, "little")).random() for number in range(4_000)]
    assert len(set(firsts)) == 4_000
    assert abs(sum(firsts) / 4_000 - 0.5) < 0.02
    assert abs(sum(one * another for one, another in pairwise(firsts)) / 3_999 - 0.25) < 0.02


def test_any_value_is_a_seed_and_none_is_chance() -> None:
    generator = SeededRandom(b"")
    found = []
    for seed in (1, 2, "1", 1.5, None, None):
        generator.seed(seed)
        found.append(generator.random())
    assert len(set(found)) == 6
    generator.seed(1)
    assert generator.random() == found[0]


def test_what_it_can_not_do_is_refused() -> None:
    generator = SeededRandom(b"")
    with pytest.raises(ValueError, match="non-negative"):
        generator.getrandbits(-1)
    for refused in (generator.getstate, lambda: generator.setstate(())):
        with pytest.raises(NotImplementedError):
            refused()
