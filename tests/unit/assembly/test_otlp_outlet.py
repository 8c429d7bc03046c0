"""What a collector gets, and that one which is slow, away or refuses stops nobody."""

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.otlp_collector import Collector, running_collector
from tests.unit.controller.rest.windows import MS, STARTED_NS, counts, row, run, sealed, step

from apibench.assembly.otlp_outlet import MAX_BATCH, MAX_WAITING, OtlpOutlet
from apibench.assembly.outlets import outlet_to
from apibench.controller.rest.step_labels import MAX_STEPS
from apibench.model.errors import UsageError

S = 1_000_000_000


@pytest.fixture
def collector() -> Iterator[Collector]:
    """One that takes everything."""
    with running_collector() as made:
        yield made


@pytest.fixture
def outlet_of() -> Iterator[Callable[[str], OtlpOutlet]]:
    """Makes outlets."""
    made: list[OtlpOutlet] = []

    def make(url: str) -> OtlpOutlet:
        made.append(OtlpOutlet(url))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_a_window_arrives_as_deltas_of_its_own_times(document: dict[str, Any], collector: Collector) -> None:
    outlet = OtlpOutlet(collector.url)
    failed = step("GET /items", failed=3, errors={"timeout": 2, "reset": 1})
    warm = step("GET /items", "warmup", response_ns=[7 * MS])
    window = row(2, [2 * MS, 40 * MS], warmup=counts([7 * MS]))
    window["steps"] += [failed, warm]
    outlet.take(sealed(run(document, name="nightly", tags={"team": "x", "api_key": "abc"}), window))
    outlet.close()
    assert (outlet.sent, outlet.dropped, collector.paths) == (1, 0, ["/v1/metrics"])
    assert collector.values("apibench.iterations.offered") == {("main",): 4, ("warmup",): 3}
    assert collector.values("apibench.iterations.started") == {("main",): 2, ("warmup",): 1}
    assert collector.values("apibench.iterations.dropped")["main", "cap"] == 2
    assert collector.values("apibench.requests.started") == {("main", "GET /items"): 5, ("warmup", "GET /items"): 1}
    outcomes = collector.values("apibench.requests.outcomes")
    assert outcomes["main", "GET /items", "ok"] == 2
    assert outcomes["main", "GET /items", "failed", "timeout"] == 2
    assert outcomes["main", "GET /items", "failed", "reset"] == 1
    assert collector.values("apibench.network.received") == {("main",): 200, ("warmup",): 100}
    assert [point.as_int for point in collector.points("apibench.requests.in_flight")] == [3]
    main, warmup = collector.points("apibench.response_time")
    assert (main.count, main.sum, main.min, main.max) == (2, 0.042, 0.002, 0.04)
    assert dict(zip(main.explicit_bounds, main.bucket_counts, strict=False))[0.0025] == 1
    assert (warmup.count, len(warmup.bucket_counts)) == (1, len(warmup.explicit_bounds) + 1)
    for point in (main, *collector.points("apibench.iterations.offered")):
        assert (point.start_time_unix_nano, point.time_unix_nano) == (STARTED_NS + 2 * S, STARTED_NS + 3 * S)
    (resource,) = collector.requests[0].resource_metrics
    said = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert (said["service.name"], said["apibench.run.id"], said["apibench.run.name"]) == ("apibench", "r1", "nightly")
    assert said["apibench.run.tag.team"] == "x"
    assert "abc" not in str(said)


def test_steps_beyond_the_bound_are_one_series(document: dict[str, Any], collector: Collector) -> None:
    names = [f"step {number}" for number in range(MAX_STEPS + 3)]
    scenario = document["scenarios"][0]
    scenario["steps"] = [{**scenario["steps"][0], "name": name} for name in names]
    outlet = OtlpOutlet(collector.url)
    outlet.take(sealed(run(document), row(0, steps=[step(name, response_ns=[MS]) for name in names])))
    outlet.close()
    started = collector.values("apibench.requests.started")
    assert len(started) == MAX_STEPS + 1
    assert started["main", "True"] == 3


def test_a_collector_that_hangs_makes_nobody_wait_and_the_oldest_windows_are_dropped(
    document: dict[str, Any], collector: Collector, outlet_of: Callable[[str], OtlpOutlet]
) -> None:
    collector.answers.clear()
    outlet, window = outlet_of(collector.url), sealed(run(document), row(0, [MS]))
    outlet.take(window)
    assert collector.asked.wait(10)
    for _ in range(MAX_WAITING + MAX_BATCH):
        outlet.take(window)
    assert (outlet.sent, outlet.dropped) == (0, MAX_BATCH)
    collector.answers.set()


def test_what_is_refused_is_dropped_and_said_once_without_a_password(
    document: dict[str, Any],
    collector: Collector,
    outlet_of: Callable[[str], OtlpOutlet],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    collector.status = 400
    window = sealed(run(document), row(0))
    outlet = outlet_of(collector.url.replace("//", "//ann:pa55@") + "/?token=t0ken")
    outlet.take(window)
    until(lambda: outlet.dropped == 1)
    outlet.take(window)
    until(lambda: outlet.dropped == 2)
    collector.status = 200
    outlet.take(window)
    until(lambda: outlet.sent == 1)
    refused, again = (record.getMessage() for record in caplog.records if record.name.startswith("apibench"))
    assert "windows do not arrive at http://[redacted]@127.0.0.1" in refused
    assert "400" in refused
    assert again.endswith("again; 2 were dropped so far")
    assert "pa55" not in caplog.text
    assert "t0ken" not in caplog.text


def test_one_that_is_away_is_told_by_its_cause(
    document: dict[str, Any], collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.1")
    collector.close()
    outlet = OtlpOutlet(collector.url)
    outlet.take(sealed(run(document), row(0)))
    outlet.close()
    assert (outlet.sent, outlet.dropped) == (0, 1)
    assert "windows do not arrive" in caplog.text


@pytest.mark.parametrize(
    "url", ["collector:4318", "localhost", "ftp://collector", "http://", "https:///v1", "http://[::1", "http://h:1e5"]
)
def test_what_is_no_url_of_a_collector_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match=r"no URL of an OpenTelemetry collector.*--otlp http://HOST:4318"):
        outlet_to(url)


def test_without_the_library_the_flag_is_refused_and_without_the_flag_nobody_asks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [each for each in sys.modules if each.startswith("apibench.assembly.otlp")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http", None)
    assert outlet_to(None) is None
    assert outlet_to("") is None
    with pytest.raises(UsageError, match=r"pip install 'api-benchmark\[otel\]'"):
        outlet_to("http://127.0.0.1:4318")


def until(holds: Callable[[], bool]) -> None:
    """Let another thread do what it has to."""
    turn = threading.Event()
    while not holds():
        turn.wait(0.01)
