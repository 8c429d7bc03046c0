"""A run as a monitoring system sees it, of real processes: the same counts as in its document, whoever hangs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.distributed.processes import TOKEN, Processes, open_plan
from tests.otlp_collector import Collector, running_collector
from tests.ports import free_port

from apibench.engine.echo_server import EchoServer
from apibench.model.buckets import BOUNDS_NS, bucket_counts
from apibench.model.histogram import from_times

pytestmark = pytest.mark.timeout(180)
TIMES = ("response", "service")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Processes]:
    """Nothing runs yet."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "2")
    made = Processes(tmp_path, f"sqlite:///{tmp_path}/store.sqlite")
    yield made
    made.close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    """One that takes everything."""
    with running_collector() as made:
        yield made


def measured(here: Processes) -> dict[str, Any]:
    """The document of a run with a warm-up, failures and two steps."""
    with EchoServer(http="127.0.0.1:0", knobs="delay=2ms:90,40ms:10&status=503:5") as target:
        plan = open_plan(target.address, 200, 3)
        plan["warmup"] = "1s"
        plan["scenarios"][0]["steps"].append({"type": "request", "host": "api", "path": "/second"})
        return here.result(here.run(plan=plan, tags={"team": "x"}))


def scraped(here: Processes) -> dict[tuple[str, ...], float]:
    """All samples, by the name and the values of their labels but the run's."""
    answer = httpx.get(f"http://{here.http}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60)
    return {
        (sample.name, *(value for name, value in sample.labels.items() if name != "run")): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_what_is_scraped_and_what_is_sent_are_the_document_s_counts(here: Processes, collector: Collector) -> None:
    here.start("serve", "serve", "--http", here.http, "--otlp", collector.url)
    here.until_idle(1)
    document = measured(here)
    main, warmup, load = document["requests"], document["warmup"]["requests"], document["load"]
    rows = document["intervals"]
    here.until("all is sent", lambda: scraped(here)["apibench_otlp_windows_sent_total",] == len(rows))
    assert {row["state"] for row in rows} == {"sealed"}
    assert main["failed"] > 0

    samples = scraped(here)
    for name in ("started", "ok", "failed", "unfinished"):
        assert samples["apibench_run_requests_total", name] == main[name] + warmup[name]
        steps = [
            value for key, value in samples.items() if key[0] == "apibench_run_step_requests_total" and name in key
        ]
        assert sum(steps) == main[name] + warmup[name]
        assert len(steps) == 2
    for name in TIMES:
        block = document[f"{name}_time"]
        assert samples[f"apibench_run_{name}_seconds_count",] == block["count"]
        assert samples[f"apibench_run_{name}_seconds_sum",] == int(block["sum_ns"]) / 1e9
        counts = bucket_counts(from_times(block))
        for place, bound_ns in enumerate(BOUNDS_NS):
            found = samples[f"apibench_run_{name}_seconds_bucket", str(bound_ns / 1e9)]
            assert found == sum(counts[: place + 1])

    assert collector.values("apibench.iterations.offered")["main",] == load["offered"]
    assert collector.values("apibench.iterations.started")["main",] == load["started"]
    assert sum(collector.values("apibench.iterations.dropped").values()) == sum(load["dropped"].values())
    outcomes = collector.values("apibench.requests.outcomes")
    for name in ("ok", "failed", "unfinished"):
        assert sum(count for key, count in outcomes.items() if key[0] == "main" and name in key) == main[name]
        assert sum(count for key, count in outcomes.items() if key[0] == "warmup" and name in key) == warmup[name]
    assert collector.values("apibench.network.received")["main",] == document["bytes"]["received"]
    for name in TIMES:
        points = [point for point in collector.points(f"apibench.{name}_time") if phase(point) == "main"]
        added = [sum(place) for place in zip(*(point.bucket_counts for point in points), strict=True)]
        assert added == bucket_counts(from_times(document[f"{name}_time"]))
    starts = collector.starts()
    assert [start_ns - starts[0] for start_ns in starts] == [round(row["start_s"] * 1e9) for row in rows]
    assert len(collector.points("apibench.requests.in_flight")) == len(rows)
    assert here.end("serve") == 0


def phase(point: Any) -> str:
    """Of a point."""
    value: str = next(each.value.string_value for each in point.attributes if each.key == "apibench.phase")
    return value


@pytest.mark.parametrize("hangs", [False, True])
def test_a_collector_that_refuses_or_hangs_costs_the_run_nothing(
    here: Processes, collector: Collector, *, hangs: bool
) -> None:
    collector.status = 503
    if hangs:
        collector.answers.clear()
    here.start("serve", "serve", "--http", here.http, "--otlp", collector.url.replace("//", "//ann:pa55@"))
    here.until_idle(1)
    document = measured(here)
    assert document["load"]["started"] == document["load"]["offered"] == 600
    assert all(row["state"] == "sealed" for row in document["intervals"])
    assert collector.asked.is_set()
    assert scraped(here)["apibench_otlp_windows_sent_total",] == 0
    if not hangs:
        here.until("it is told", lambda: scraped(here)["apibench_otlp_windows_dropped_total",] > 0)
        assert here.log("serve").count("windows do not arrive at") == 1
    assert "opentelemetry.exporter" not in here.log("serve")
    assert "pa55" not in here.log("serve")
    assert here.end("serve") == 0


def test_an_aggregator_that_dies_and_a_controller_that_takes_over_leave_no_gap(
    here: Processes, collector: Collector
) -> None:
    other = f"127.0.0.1:{free_port()}"
    here.start("controller", "controller", "--http", here.http, "--grpc", here.grpc, "--otlp", collector.url)
    here.start_aggregator("--controller", other)
    here.start_worker("w0", "--controller", other)
    here.until_idle(1)
    here.start("standby", "controller", "--http", "127.0.0.1:0", "--grpc", other, "--otlp", collector.url)
    with EchoServer(http="127.0.0.1:0") as target:
        run_id = here.run(plan=open_plan(target.address, 100, 20))
        here.until("windows arrive", lambda: bool(collector.starts()))
        here.kill("aggregator")
        here.start("aggregator")
        heard = len(collector.starts())
        here.until("windows arrive again", lambda: len(collector.starts()) > heard + 2)
        here.kill("controller")
        here.start("controller")
        document = here.result(run_id)
    rows = document["intervals"]
    here.until("all is sent", lambda: len(collector.starts()) == len(rows))
    starts = collector.starts()
    assert [start_ns - starts[0] for start_ns in starts] == [round(row["start_s"] * 1e9) for row in rows]


def test_a_url_that_is_none_ends_it_at_once(here: Processes) -> None:
    here.start("serve", "serve", "--http", here.http, "--otlp", "collector:4318")
    assert here.exit_code("serve") == 2
    assert "no URL of an OpenTelemetry collector" in here.log("serve")
