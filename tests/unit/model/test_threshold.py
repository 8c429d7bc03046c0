"""The grammar of thresholds: what it reads, that its text reads back, and how it refuses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apibench.model.errors import ThresholdInvalid
from apibench.model.threshold import Operator, Threshold, Unit, parse_threshold
from apibench.model.units import PPB_PER_ONE, reduced


@st.composite
def thresholds(draw: st.DrawFn) -> Threshold:
    times = ["p50", "p99", "p99.9", "p100", "min", "mean", "max", "response.p99", "service.max", "iteration.p99.99"]
    metric = draw(st.sampled_from([*times, "rate", "iterations", "errors", "checks", "dropped"]))
    limit: object
    if metric in ("rate", "iterations"):
        unit, limit = Unit.RATE, reduced(draw(st.integers(0, 10**7)), draw(st.integers(1, 10**12)))
    elif metric in ("errors", "checks", "dropped"):
        unit, limit = Unit.SHARE, draw(st.integers(0, PPB_PER_ONE))
    else:
        unit, limit = Unit.DURATION, draw(st.integers(0, 10**13))
    step = None
    if not metric.startswith(("iteration", "dropped")):
        printable = st.characters(codec="utf-8", exclude_categories=("C", "Z"), include_characters=" '\"")
        step = draw(st.none() | st.text(printable, min_size=1, max_size=60))
    window_s, abort = draw(st.none() | st.integers(1, 3_600)), draw(st.booleans())
    operator = draw(st.sampled_from(Operator))
    return Threshold(metric, operator, limit, unit, step, window_s, abort)


@given(thresholds())
def test_the_text_of_a_threshold_reads_back_to_the_same(threshold: Threshold) -> None:
    assert parse_threshold(str(threshold)) == threshold


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_a_remedy(text: str) -> None:
    try:
        parse_threshold(text)
    except ThresholdInvalid as error:
        assert error.message
        assert error.hint


def test_every_part_is_understood() -> None:
    threshold = parse_threshold("service.p99.9 of 'POST /login' <= 1.5s for 10s abort")
    assert threshold == Threshold(
        metric="service.p99.9",
        operator=Operator.AT_MOST,
        limit=1_500_000_000,
        unit=Unit.DURATION,
        step="POST /login",
        window_s=10,
        abort=True,
    )
    assert (threshold.source, threshold.aggregate, threshold.quantile) == ("service", "p99.9", 0.999)


@pytest.mark.parametrize(
    ("metric", "quantile"), [("p50", 0.5), ("p99.99", 0.9999), ("p100", 1.0), ("max", None), ("errors", None)]
)
def test_a_percentile_is_a_quantile_in_code(metric: str, quantile: float | None) -> None:
    limit = "1%" if metric == "errors" else "1s"
    assert parse_threshold(f"{metric} < {limit}").quantile == quantile


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("p99<200ms", "p99 < 200ms"),
        ("p99.90 < 0.2s", "p99.9 < 200ms"),
        ('errors of "it\'s" == 0', "errors of 'it''s' == 0%"),
        ("rate >= 1000", "rate >= 1000/s"),
        ("rate >= 1k/s for 1m", "rate >= 1000/s for 1m"),
    ],
)
def test_one_meaning_has_one_text(text: str, canonical: str) -> None:
    assert str(parse_threshold(text)) == canonical


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("p99 < 200", "200ms if milliseconds"),
        ("erors < 1%", "Did you mean `errors`?"),
        ("respnse.p99 < 1s", "Did you mean `response.p99`?"),
        ("p(95) < 300ms", "Write p95"),
        ("p101 < 1s", "no percentile"),
        ("p0 < 1s", "no percentile"),
        ("errors < 0.01", "Write 1% if"),
        ("errors = 0%", "Write =="),
        ("errors => 0%", "Write >="),
        ("errors != 0%", "Use <"),
        ("p99 < -1s", "never below 0"),
        ("p99 < 1s for 1.5s", "whole seconds"),
        ("p99 < 1s for 2h", "1s to 1h"),
        ("p99 of '' < 1s", "no name"),
        ("dropped of 'GET /' < 1%", "whole iterations"),
        ("iteration.p99 of 'GET /' < 1s", "whole iterations"),
        ("fast", "Write METRIC"),
        ("p99 < 1s quickly", "Write METRIC"),
        ("p99 < " + "9" * 600, "too long"),
    ],
)
def test_a_refused_threshold_says_how_to_write_it(text: str, words: str) -> None:
    with pytest.raises(ThresholdInvalid) as caught:
        parse_threshold(text)
    assert words in str(caught.value)
