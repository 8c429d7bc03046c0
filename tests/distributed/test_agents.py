"""Workers that an agent makes for each run: real processes, from the order to the last one's end."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.distributed.processes import Processes, open_plan, processes

from apibench.engine.echo_server import EchoServer
from apibench.model.errors import ApibenchError


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """An installation whose workers are made by an agent: each test leaves it as it was."""
    folder = tmp_path_factory.mktemp("agents")
    with processes(folder, f"sqlite:///{folder}/store.db", 0, "--workers-from", "agent") as made:
        words = ("--controller", made.grpc, "--spool", str(folder / "made"), "--name", "agent", "--region", "eu")
        made.start("agent", "agent", *words)
        made.until("the agent is there", lambda: bool(made.agents()))
        yield made


def attached(here: Processes) -> int:
    """How many workers there are."""
    return sum(each["state"] != "silent" for each in here.ask("GET", "/v1/workers")["workers"])


def processes_of(run_id: str) -> list[int]:
    """Of the workers that were made for a run."""
    word = f"--run={run_id}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if word in words:
            found.append(int(path.parent.name))
    return found


def test_workers_are_made_for_a_run_and_gone_after_it(here: Processes) -> None:
    with EchoServer(http="127.0.0.1:0") as target:
        run_id = here.run(plan=open_plan(target.address, 200, 3), regions={"eu": 2})
        here.until_running(run_id)
        assert len(processes_of(run_id)) == 2
        (provision,) = here.agents()[0]["provisions"]
        assert (provision["run"], provision["wanted"], provision["failed"]) == (run_id, 2, False)
        document = here.result(run_id)
        counted = target.counts()["requests"]
    assert document["requests"]["ok"] == 600 == counted
    assert [each["region"] for each in document["run"]["workers"]] == ["eu", "eu"]
    here.until("its workers are gone", lambda: not processes_of(run_id) and attached(here) == 0)
    here.until("nothing is wanted", lambda: here.agents()[0]["provisions"] == [])
    assert not (here.folder / "made" / run_id).exists()


def test_a_worker_that_dies_is_replaced_by_one_that_takes_its_share(here: Processes) -> None:
    with EchoServer(http="127.0.0.1:0") as target:
        run_id = here.run(plan=open_plan(target.address, 100, 25), regions={"eu": 2})
        here.until_running(run_id)
        os.kill(processes_of(run_id)[0], signal.SIGKILL)
        here.until("a spare has come", lambda: "is taken as a spare" in here.events(run_id))
        document = here.result(run_id)
        counted = target.counts()["requests"]
    load = document["load"]
    assert load["offered"] == 2_500 == load["started"] + load["lost"]
    assert document["requests"]["ok"] <= counted <= document["requests"]["attempts"] + load["lost"]
    assert len(document["run"]["workers"]) == 3
    here.until("its workers are gone", lambda: not processes_of(run_id))


def test_an_agent_that_dies_takes_no_run_with_it_and_leaves_nothing(here: Processes) -> None:
    with EchoServer(http="127.0.0.1:0") as target:
        run_id = here.run(plan=open_plan(target.address, 100, 4), regions={"eu": 2})
        here.until_running(run_id)
        here.kill("agent")
        document = here.result(run_id)
        assert document["requests"]["ok"] == 400 == target.counts()["requests"]
    here.until("its workers have gone by themselves", lambda: not processes_of(run_id))
    here.start("agent")
    here.until("it is there again", lambda: here.agents()[0]["last_heard_s"] < 1)


def test_a_controller_that_is_started_again_ends_nobody(here: Processes) -> None:
    with EchoServer(http="127.0.0.1:0") as target:
        run_id = here.run(plan=open_plan(target.address, 100, 8), regions={"eu": 2})
        here.until_running(run_id)
        before = sorted(processes_of(run_id))
        here.kill("controller")
        here.start("controller")
        document = here.result(run_id)
        assert document["requests"]["ok"] == 800 == target.counts()["requests"]
        assert len(document["run"]["workers"]) == 2
        assert "lost" not in here.events(run_id)
    assert before
    here.until("its workers are gone", lambda: not processes_of(run_id))


def test_workers_that_can_not_start_fail_the_run_and_it_says_why(here: Processes) -> None:
    here.environment_of["astray"] = {"APIBENCH_PYTHON_KEYS": str(here.folder / "nowhere")}
    here.start("astray", "agent", "--controller", here.grpc, "--name", "astray", "--region", "us")
    here.until("the agent is there", lambda: len(here.agents()) == 2)
    with EchoServer(http="127.0.0.1:0") as target:
        run_id = here.run(plan=open_plan(target.address, 100, 4), regions={"us": 1})
        here.until("the run fails", lambda: here.state(run_id) == "failed")
        reason = here.ask("GET", f"/v1/runs/{run_id}")["reason"]
        assert reason.startswith("its workers cannot be made: us: a worker has ended with 2: ")
        assert "nowhere" in reason
        assert target.counts()["requests"] == 0
    assert not processes_of(run_id)
    here.end("astray")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, "nothing says how many workers are to be made"),
        ({"regions": {"eu": 9}}, "9 workers are more than the agent agent makes"),
        ({"regions": {"asia": 1}}, "no agent of region `asia` is there"),
    ],
)
def test_what_no_agent_makes_is_refused_at_once(here: Processes, asked: dict[str, Any], words: str) -> None:
    here.until("an aggregator", lambda: bool(here.ask("GET", "/readyz")["ready"]))
    before = here.ask("GET", "/v1/runs")["runs"]
    with pytest.raises(ApibenchError, match=words):
        here.client.ask("POST", "/v1/runs", {"plan": open_plan("http://127.0.0.1:9", 1, 1), **asked})
    assert here.ask("GET", "/v1/runs")["runs"] == before
