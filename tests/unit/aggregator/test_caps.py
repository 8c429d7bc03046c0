"""What a cap drops at best, against a simulation of arrivals and virtual users."""

import random

import pytest

from apibench.aggregator.caps import dropped_at_best
from apibench.model.load import Open
from apibench.model.units import NS_PER_S


def load(arrivals: str, max_vus: int) -> Open:
    rate, ends = {"count": 1, "per_ns": NS_PER_S}, {"duration_ns": NS_PER_S}
    return Open.model_validate({"model": "open", "rate": rate, "ends": ends, "arrivals": arrivals, "max_vus": max_vus})


def simulated(arrivals: str, max_vus: int, busy: float, count: int = 40_000) -> float:
    """One arrival a second on average, each of which occupies a virtual user for `busy` seconds."""
    draw = random.Random(7)  # noqa: S311 - a simulation
    at_s, free_s, dropped = 0.0, [0.0] * max_vus, 0
    for _ in range(count):
        at_s += draw.expovariate(1) if arrivals == "poisson" else 1
        place = min(range(max_vus), key=free_s.__getitem__)
        if free_s[place] > at_s:
            dropped += 1
        else:
            free_s[place] = at_s + busy
    return dropped / count


@pytest.mark.parametrize("arrivals", ["constant", "poisson"])
@pytest.mark.parametrize(("max_vus", "busy"), [(1, 0.3), (2, 1.9), (3, 1.5), (5, 4.5), (10, 4.0)])
def test_it_is_what_a_simulation_drops(arrivals: str, max_vus: int, busy: float) -> None:
    assert dropped_at_best(load(arrivals, max_vus), busy) == pytest.approx(simulated(arrivals, max_vus, busy), abs=0.01)


@pytest.mark.parametrize("arrivals", ["constant", "poisson"])
def test_more_virtual_users_never_drop_more(arrivals: str) -> None:
    for busy in (0.0, 0.1, 3.0, 50.0):
        shares = [dropped_at_best(load(arrivals, most), busy) for most in range(1, 80)]
        assert shares == sorted(shares, reverse=True)
        assert all(0 <= share <= 1 for share in shares)
    assert dropped_at_best(load(arrivals, 4), 8.0) >= 0.5
