"""What is beyond a quota, all of it at once."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from apibench.model.demand import Demand
from apibench.model.load import Rate
from apibench.model.quota import Quota

S = 1_000_000_000
_BOUND = st.none() | st.integers(0, 50)
_RATE = _BOUND.map(lambda per_s: None if per_s is None else Rate(count=per_s, per_ns=S))
_QUOTAS = st.builds(Quota, _RATE, _BOUND, _BOUND, _BOUND)
_DEMANDS = st.builds(Demand, st.fractions(0, 40, max_denominator=9), st.integers(0, 40), st.none() | st.integers(1, 40))


@given(_QUOTAS, _DEMANDS, st.lists(_DEMANDS, max_size=4))
def test_everything_that_is_beyond_is_told_and_nothing_else(quota: Quota, asked: Demand, others: list[Demand]) -> None:
    everyone = [asked, *others]
    lasts_ns = S if asked.duration_ns is None else asked.duration_ns
    beyond = {
        "quota.rate": quota.rate is not None
        and sum(each.rate_per_s for each in everyone) * quota.rate.per_ns > quota.rate.count * S,
        "quota.vus": quota.vus is not None and sum(each.vus for each in everyone) > quota.vus,
        "quota.duration": quota.duration_ns is not None and lasts_ns > quota.duration_ns,
        "quota.runs": quota.runs is not None and len(everyone) > quota.runs,
    }
    faults = quota.faults(asked, others, "quota")
    assert [fault.code for fault in faults] == [code for code, holds in beyond.items() if holds]
    assert all(fault.place == fault.code and fault.message and fault.remedy for fault in faults)
    of_rate = quota.faults_of_rate(asked, others, "quota")
    assert [fault.code for fault in of_rate] == (["quota.rate"] if beyond["quota.rate"] else [])


def test_a_rate_that_is_a_hair_beyond_does_not_read_like_the_bound() -> None:
    (fault,) = Quota(Rate(count=1_000, per_ns=S)).faults(Demand(1_000 + Fraction(1, 10**9), 1, None), [], "quota")
    assert fault.message == "1,000.001/s would be due, and 1,000/s are allowed"
    assert fault.remedy == "Ask for at most 1,000/s."


def test_what_is_left_is_told_where_others_use_some() -> None:
    others = [Demand(Fraction(700), 30, S)]
    faults = Quota(Rate(count=1_000, per_ns=S), 50).faults(Demand(Fraction(500), 40, S), others, "token.quota")
    assert [(fault.place, fault.remedy.partition(".")[0]) for fault in faults] == [
        ("token.quota.rate", "Ask for at most 300/s, or wait for other runs to end"),
        ("token.quota.vus", "Ask for at most 20, or wait for other runs to end"),
    ]
