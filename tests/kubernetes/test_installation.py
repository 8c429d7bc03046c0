"""An installation on Kubernetes itself, made by the page's commands, with workers that are made for each run."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.distributed.processes import open_plan
from tests.kubernetes.installation import NAMESPACE, REGION, Installation
from tests.kubernetes.pod import Pod

from apibench.engine.echo_server import EchoServer

INDEX = "batch.kubernetes.io/job-completion-index"
pytestmark = pytest.mark.timeout(300)


@dataclass
class Bereft:
    """A run of two workers, of which one was killed."""

    run_id: str
    echo: EchoServer
    killed: Pod
    other: Pod


@pytest.fixture(scope="module")
def bereft(here: Installation) -> Iterator[Bereft]:
    """It goes on for some time, for the Job controller lets ten seconds pass: other tests come between."""
    with here.target() as echo:
        run_id = here.run(plan=open_plan(echo.address, 100, 20), regions={REGION: 2})
        here.until("its load begins", lambda: echo.counts()["requests"] > 0)
        killed, other = here.workers(run_id)
        killed.kill()
        yield Bereft(run_id, echo, killed, other)


@pytest.mark.usefixtures("bereft")
def test_a_pod_is_evicted_in_the_middle_and_the_run_measures_all_the_same(here: Installation) -> None:
    with here.target() as echo:
        run_id = here.run(plan=open_plan(echo.address, 200, 8), regions={REGION: 2})
        here.until("its load begins", lambda: echo.counts()["requests"] > 0)
        (job,) = here.jobs(run_id)
        evicted, other = here.workers(run_id)
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": evicted.name}}
        here.cluster.api.ask("POST", f"/api/v1/namespaces/{NAMESPACE}/pods/{evicted.name}/eviction", eviction)
        here.until("it has gone", lambda: evicted.exit_code is not None)
        assert here.state(run_id) == "running"
        document = here.result(run_id)
        counted = echo.counts()["requests"]
    assert (job["spec"]["completions"], job["spec"]["completionMode"]) == (2, "Indexed")
    assert document["load"]["offered"] == 1_600 == document["requests"]["ok"] == counted, here.said()
    assert document["load"]["lost"] == 0
    here.until_nothing_is_left(run_id)
    assert (evicted.exit_code, other.exit_code) == (0, 0)
    assert here.ended(run_id) == [evicted, other]  # nobody has come in its place: it was not needed any more


def test_a_worker_that_is_killed_is_replaced_by_the_job_controller_and_comes_as_a_spare(
    here: Installation, bereft: Bereft
) -> None:
    run_id, killed, other = bereft.run_id, bereft.killed, bereft.other
    here.until("a spare has come", lambda: "is taken as a spare" in here.events(run_id))
    document = here.result(run_id)
    counted = bereft.echo.counts()["requests"]
    load = document["load"]
    assert load["offered"] == 2_000 == load["started"] + load["lost"]
    assert document["requests"]["ok"] <= counted <= document["requests"]["attempts"] + load["lost"]
    here.until_nothing_is_left(run_id)
    (spare,) = {*here.ended(run_id)} - {killed, other}
    assert (killed.exit_code, other.exit_code, spare.exit_code) == (137, 0, 0)
    assert spare.document["metadata"]["annotations"][INDEX] == killed.document["metadata"]["annotations"][INDEX]
