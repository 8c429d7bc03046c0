"""Every figure of a result follows from its intervals alone."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from apibench.engine.echo_server import EchoServer
from apibench.model.histogram import Histogram, from_times, merged

Measure = Callable[..., dict[str, Any]]
COUNTS = ("started", "ok", "failed", "unfinished", "stale_retries")


def total(rows: Iterable[dict[str, Any]], name: str) -> int:
    return sum(row[name] for row in rows)


def added(rows: Iterable[dict[str, Any]], name: str) -> Counter[str]:
    sums: Counter[str] = Counter()
    for row in rows:
        sums.update(row[name])
    return +sums


@pytest.mark.parametrize(
    "load",
    [
        ("-r", "300/s", "-d", "1500ms", "--warmup", "700ms"),
        ("-c", "5", "-d", "1200ms", "--warmup", "300ms"),
        ("-r", "100/s", "-d", "1s", "-c", "1", "--when-busy", "drop", "--drain", "100ms"),
    ],
    ids=" ".join,
)
def test_the_totals_are_the_sums_of_the_intervals(measure: Measure, load: tuple[str, ...]) -> None:
    with EchoServer(knobs="delay=1ms:90,30ms:9,400ms:1&status=503:5&close=10", seed=2) as server:
        document = measure(server.address, *load, "--timeout", "300ms")
    rows = document["intervals"]
    assert document["load"]["dropped"] == {
        **dict.fromkeys(("cap", "deadline", "ended", "dry"), 0),
        **added(rows, "dropped"),
    }
    check_sums(rows, document)
    check_sums([row["warmup"] for row in rows if "warmup" in row], document["warmup"])


def check_sums(rows: list[dict[str, Any]], block: dict[str, Any]) -> None:
    for name in COUNTS:
        assert total(rows, name) == block["requests"][name], name
    for name in ("by_status", "by_error"):
        assert added(rows, name) == Counter(block["requests"][name])
    for name in ("started", "ok", "failed", "unfinished"):
        assert total(rows, f"iterations_{name}") == block["iterations"][name]
    for name, short in (("response_time", "response_hdr"), ("service_time", "service_hdr")):
        rebuilt = merged(Histogram.from_text(row[short]) for row in rows if row[short] is not None)
        assert rebuilt.to_payload() == from_times(block[name]).to_payload()


def test_rates_are_events_inside_the_planned_window_over_its_length(measure: Measure) -> None:
    with EchoServer(knobs="delay=300ms") as server:
        document = measure(server.address, "-r", "20/s", "-d", "1500ms")
    window = [row for row in document["intervals"] if row["phase"] == "main"]
    assert sum(row["length_s"] for row in window) == pytest.approx(1.5)
    assert document["requests"]["ok"] == 30
    # What fell due in the last 300 ms ended in the drain: it counts, but not in the rate.
    assert total(window, "ok") == 24
    assert document["requests"]["ok_per_s"] == pytest.approx(24 / 1.5)
    assert document["load"]["offered_per_s"] == pytest.approx(20)


def test_intervals_follow_the_equations(measure: Measure, echo: EchoServer) -> None:
    document = measure(f"{echo.address}/?delay=50ms", "-r", "200/s", "-c", "3", "-d", "1s", "--drain", "500ms")
    waiting = in_flight = 0
    for row in document["intervals"]:
        waiting += row["offered"] - row["iterations_started"] - sum(row["dropped"].values())
        in_flight += row["started"] - row["ok"] - row["failed"] - row["unfinished"]
        assert (waiting, in_flight) == (row["waiting"], row["in_flight"])
    load = document["load"]
    assert load["offered"] == load["started"] + sum(load["dropped"].values()) == 200
    assert load["dropped"]["ended"] > 0
    # Those that waited in vain stay in the headline as lower bounds.
    assert document["response_time"]["censored"] >= load["dropped"]["ended"]
