"""Runs whose workers are Jobs: REST, controller, agent, an API server, pods that dial in, and their end."""

import os
from collections.abc import Iterator

import pytest
from tests.distributed.kubernetes import Cluster, pod_template
from tests.distributed.processes import TOKEN, Processes, open_plan, processes
from tests.unit.provider.fake_api import status

from apibench.engine.echo_server import EchoServer


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """An installation whose workers are made by an agent; none is there."""
    folder = tmp_path_factory.mktemp("jobs")
    with processes(folder, f"sqlite:///{folder}/store.db", 0, "--workers-from", "agent") as made:
        yield made


@pytest.fixture(scope="module")
def cluster(here: Processes) -> Iterator[Cluster]:
    """A cluster with an agent of that installation. Each test leaves nothing in it."""
    environment = {**os.environ, "APIBENCH_TOKEN": TOKEN, "NO_COLOR": "1"}
    pod = str(pod_template(here.folder, here.grpc))
    words = ("--provider", "k8s-job", "--pod", pod, "--region", "eu", "--name", "agent", "--controller", here.grpc)
    with Cluster(here.folder / "cluster", environment) as made:
        here.environment_of["agent"] = {"KUBECONFIG": str(made.kubeconfig)}
        here.start("agent", "agent", *words)
        here.until("the agent is there", lambda: bool(here.agents()))
        yield made


def ended(cluster: Cluster) -> list[int]:
    """Exit codes of all pods so far."""
    return cluster.ask(lambda: list(cluster.kubelet.exit_codes))


def until_nothing_is_left(here: Processes, cluster: Cluster) -> None:
    here.until("no Job is left", lambda: not cluster.jobs())
    assert cluster.ask(lambda: (cluster.kubelet.pids, cluster.kubelet.pods)) == ([], [])
    here.until("nothing is wanted", lambda: here.agents()[0]["provisions"] == [])


def test_a_run_has_a_job_made_and_nothing_of_it_is_left(here: Processes, cluster: Cluster) -> None:
    before = len(ended(cluster))
    with EchoServer(http="127.0.0.1:0") as target:
        run_id = here.run(plan=open_plan(target.address, 200, 3), workers=2)
        here.until_running(run_id)
        (job,) = cluster.ask(lambda: cluster.kubelet.jobs)
        document = here.result(run_id)
        counted = target.counts()["requests"]
    assert job["metadata"]["labels"]["apibench/run"] == run_id
    assert (job["spec"]["completions"], job["spec"]["completionMode"]) == (2, "Indexed")
    assert document["requests"]["ok"] == 600 == counted
    assert len(document["run"]["workers"]) == 2
    until_nothing_is_left(here, cluster)
    assert ended(cluster)[before:] == [0, 0]


def test_a_pod_that_is_taken_away_hands_its_share_over(here: Processes, cluster: Cluster) -> None:
    with EchoServer(http="127.0.0.1:0") as target:
        run_id = here.run(plan=open_plan(target.address, 200, 8), regions={"eu": 2})
        here.until_running(run_id)
        before = len(ended(cluster))
        cluster.ask(cluster.kubelet.evict)
        here.until("it has gone", lambda: ended(cluster)[before:] == [0])
        document = here.result(run_id)
        counted = target.counts()["requests"]
    assert document["load"]["offered"] == 1_600 == document["requests"]["ok"] == counted
    assert document["load"]["lost"] == 0
    until_nothing_is_left(here, cluster)


def test_a_pod_that_is_killed_is_replaced_and_the_new_one_is_a_spare(here: Processes, cluster: Cluster) -> None:
    before = cluster.ask(lambda: cluster.kubelet.made)
    with EchoServer(http="127.0.0.1:0") as target:
        run_id = here.run(plan=open_plan(target.address, 100, 25), workers=2)
        here.until_running(run_id)
        cluster.kill_a_worker()
        here.until("a spare has come", lambda: "is taken as a spare" in here.events(run_id))
        document = here.result(run_id)
        counted = target.counts()["requests"]
    load = document["load"]
    assert load["offered"] == 2_500 == load["started"] + load["lost"]
    assert document["requests"]["ok"] <= counted <= document["requests"]["attempts"] + load["lost"]
    assert cluster.ask(lambda: cluster.kubelet.made) == before + 3
    until_nothing_is_left(here, cluster)


def test_an_agent_that_is_started_again_finds_the_job_of_a_run_that_goes_on(here: Processes, cluster: Cluster) -> None:
    before = cluster.ask(lambda: cluster.kubelet.made)
    with EchoServer(http="127.0.0.1:0") as target:
        run_id = here.run(plan=open_plan(target.address, 100, 20), workers=1)
        here.until_running(run_id)
        here.kill("agent")
        here.start("agent")
        document = here.result(run_id)
        assert document["requests"]["ok"] == 2_000 == target.counts()["requests"]
    until_nothing_is_left(here, cluster)
    assert cluster.ask(lambda: cluster.kubelet.made) == before + 1


def test_a_quota_that_is_used_up_fails_the_run_by_its_name(here: Processes, cluster: Cluster) -> None:
    refused = status(403, "Forbidden", "jobs.batch is forbidden: exceeded quota: load, requested: count/jobs.batch=1")
    cluster.ask(lambda: cluster.api.always.update({"create jobs": refused}))
    with EchoServer(http="127.0.0.1:0") as target:
        run_id = here.run(plan=open_plan(target.address, 100, 4), workers=1)
        here.until("the run fails", lambda: here.state(run_id) == "failed")
        reason = here.ask("GET", f"/v1/runs/{run_id}")["reason"]
        assert "exceeded quota: load" in reason
        assert target.counts()["requests"] == 0
    assert cluster.jobs() == []
    cluster.ask(cluster.api.always.clear)


def test_pods_that_no_node_takes_fail_the_run_when_it_has_waited_long_enough(here: Processes, cluster: Cluster) -> None:
    def makes_pods(*, does: bool) -> None:
        cluster.kubelet.makes_pods = does

    cluster.ask(lambda: makes_pods(does=False))
    run_id = here.run(plan=open_plan("http://127.0.0.1:9", 100, 4), workers=2, patience_s=4)

    def pend() -> None:
        for index in range(2):
            pod = cluster.kubelet.add_pod(cluster.kubelet.jobs[0], index)
            cluster.kubelet.unschedulable(pod, "0/3 nodes are available: 3 Insufficient cpu.")

    here.until("its Job is made", lambda: bool(cluster.jobs()))
    cluster.ask(pend)
    here.until("the run fails", lambda: here.state(run_id) == "failed")
    reason = here.ask("GET", f"/v1/runs/{run_id}")["reason"]
    assert reason.startswith("there were not enough idle workers within 4 s: eu: 2 pods wait: 0/3 nodes are available")
    until_nothing_is_left(here, cluster)
    cluster.ask(lambda: makes_pods(does=True))
