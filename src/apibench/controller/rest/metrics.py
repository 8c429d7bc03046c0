"""`/metrics`: the installation for Prometheus. With a token: how many runs there are is not everybody's business."""

from collections import Counter
from collections.abc import Iterator
from itertools import accumulate

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from apibench.controller.rest.figures import COUNTED, ITERATIONS, LEVELS, TIMES
from apibench.controller.rest.follower import RunFollower
from apibench.controller.rest.outlet import WindowOutlet
from apibench.controller.rest.refusals import responses
from apibench.controller.rest.services import NO_QUERY, VIEWER, Parts, Services
from apibench.model.buckets import BOUNDS_NS, bucket_counts
from apibench.model.errors import StoreFailed
from apibench.model.installation import RunState
from apibench.model.units import NS_PER_S

MAX_RUNS = 1_000
WORKER_STATES = ("idle", "busy", "leaving", "silent")
_GOING_ON = tuple(state.value for state in RunState if not state.is_over)
_BOUNDS = (*(str(bound_ns / NS_PER_S) for bound_ns in BOUNDS_NS), "+Inf")

router = APIRouter(tags=["health"], dependencies=[VIEWER, NO_QUERY])


class _Snapshot(Collector):
    """The installation at one moment, as metrics."""

    def __init__(self, parts: Services, runs: Counter[str] | None, follower: RunFollower) -> None:
        self._parts = parts
        self._runs = runs
        self._follower = follower

    def collect(self) -> Iterator[Metric]:
        """All families."""
        operations = self._parts.operations
        yield InfoMetricFamily("apibench_build", "What runs here.", {"version": self._parts.version})
        yield GaugeMetricFamily("apibench_leads", "1 where this controller can start runs.", int(operations.leads))
        yield GaugeMetricFamily("apibench_killed", "1 while the kill switch is on.", int(bool(operations.killed)))
        yield GaugeMetricFamily("apibench_store_up", "1 where the store answers.", int(self._runs is not None))
        workers = GaugeMetricFamily("apibench_workers", "Workers by state.", labels=["state"])
        states = Counter(str(view.state) for view in operations.workers())
        for state in WORKER_STATES:
            workers.add_metric([state], states[state])
        yield workers
        if self._runs is not None:
            runs = GaugeMetricFamily("apibench_runs", "Runs that are not over, by state.", labels=["state"])
            for state in _GOING_ON:
                runs.add_metric([state], self._runs.get(state, 0))
            yield runs
        yield from self._of_runs()
        yield from self._of_iterations()
        yield from self._of_generators()
        yield from self._of_steps()
        for name in TIMES:
            yield self._of_times(name)
        if self._follower.outlet is not None:
            yield from _of_outlet(self._follower.outlet)

    def _of_runs(self) -> Iterator[Metric]:
        windows = CounterMetricFamily("apibench_run_windows", "Windows of runs that are going on.", labels=["run"])
        requests = CounterMetricFamily(
            "apibench_run_requests", "Requests of runs that are going on.", labels=["run", "outcome"]
        )
        for run_id, figures in self._follower.figures.items():
            windows.add_metric([run_id], figures.windows)
            for name in COUNTED:
                requests.add_metric([run_id, name], figures.requests[name])
        yield windows
        yield requests

    def _of_iterations(self) -> Iterator[Metric]:
        iterations = CounterMetricFamily(
            "apibench_run_iterations", "Iterations in sealed windows.", labels=["run", "outcome"]
        )
        errors = CounterMetricFamily(
            "apibench_run_errors", "Requests that failed in sealed windows, by name.", labels=["run", "error"]
        )
        for run_id, figures in self._follower.figures.items():
            for name in ITERATIONS:
                iterations.add_metric([run_id, name], figures.iterations[name])
            for error, count in sorted(figures.errors.items()):
                errors.add_metric([run_id, error], count)
        yield iterations
        yield errors

    def _of_generators(self) -> Iterator[Metric]:
        levels = {
            "in_flight": GaugeMetricFamily(
                "apibench_run_requests_in_flight", "At the end of the last sealed window.", labels=["run"]
            ),
            "waiting": GaugeMetricFamily(
                "apibench_run_iterations_waiting", "Due, and without a virtual user at its end.", labels=["run"]
            ),
        }
        processors = CounterMetricFamily(
            "apibench_run_generator_cpu_seconds", "Of all its engines together, in sealed windows.", labels=["run"]
        )
        gaps = GaugeMetricFamily(
            "apibench_run_generator_longest_gap_seconds", "The longest that an engine did not look.", labels=["run"]
        )
        for run_id, figures in self._follower.figures.items():
            for name in LEVELS:
                levels[name].add_metric([run_id], figures.levels[name])
            processors.add_metric([run_id], figures.generator_cpu_ns / NS_PER_S)
            gaps.add_metric([run_id], figures.longest_gap_ns / NS_PER_S)
        yield from (*levels.values(), processors, gaps)

    def _of_steps(self) -> Iterator[Metric]:
        steps = CounterMetricFamily(
            "apibench_run_step_requests",
            "Requests in sealed windows, by step; under an empty step those of all that are left out.",
            labels=["run", "scenario", "step", "outcome"],
        )
        left_out = GaugeMetricFamily("apibench_run_steps_left_out", "Steps that stand together.", labels=["run"])
        for run_id, figures in self._follower.figures.items():
            left_out.add_metric([run_id], figures.labels.left_out)
            for label, counts in figures.steps.items():
                for name in COUNTED:
                    steps.add_metric([run_id, *label, name], counts[name])
        yield steps
        yield left_out

    def _of_times(self, name: str) -> Metric:
        family = HistogramMetricFamily(
            f"apibench_run_{name}_seconds", f"{name.title()} times in sealed windows, without warm-up.", labels=["run"]
        )
        for run_id, figures in self._follower.figures.items():
            times = figures.times[name]
            up_to = list(zip(_BOUNDS, accumulate(bucket_counts(times)), strict=True))
            family.add_metric([run_id], up_to, times.sum_ns / NS_PER_S)
        return family


def _of_outlet(outlet: WindowOutlet) -> Iterator[Metric]:
    yield CounterMetricFamily("apibench_otlp_windows_sent", "Windows that the collector has taken.", outlet.sent)
    yield CounterMetricFamily("apibench_otlp_windows_dropped", "Windows that it did not take in time.", outlet.dropped)


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        **responses(),
        200: {"description": "Prometheus text", "content": {"text/plain": {"schema": {"type": "string"}}}},
    },
)
async def show_metrics(request: Request, parts: Parts) -> Response:
    """Runs and workers by state, and what the runs that are going on have done."""
    follower: RunFollower = request.app.state.follower
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    registry.register(_Snapshot(parts, await _runs(parts), follower))
    return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _runs(parts: Services) -> Counter[str] | None:
    try:
        rows = await parts.store.runs(limit=MAX_RUNS, states=_GOING_ON)
    except StoreFailed:
        return None
    return Counter(row.state.value for row in rows)
