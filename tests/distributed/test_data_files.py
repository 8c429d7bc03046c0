"""Rows of data on several workers: each is sent once, and files of a worker are out of reach unless it says so."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.distributed.processes import Processes, open_plan
from tests.integration.recording import Target
from tests.integration.recording import target as listening

pytestmark = pytest.mark.timeout(180)
ROWS = 300


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Processes]:
    """An installation of two workers, of which one has a folder of data."""
    made = Processes(tmp_path, f"sqlite:///{tmp_path}/store.sqlite")
    made.start("serve", "serve", "--http", made.http, "--grpc", made.grpc, "--data", str(tmp_path / "data"))
    made.start_worker("elsewhere")
    made.until_idle(2)
    yield made
    made.close()


@pytest.fixture
def target() -> Iterator[Target]:
    """It answers while a test lasts."""
    with listening() as made:
        yield made


def fed(address: str, **feeder: Any) -> dict[str, Any]:
    plan = open_plan(address, 100, 4)
    plan["feeders"] = {"users": {"order": "unique", "when_dry": "fail", **feeder}}
    (scenario,) = plan["scenarios"]
    scenario["steps"] = [{"type": "feed", "feeder": "users"}, {**scenario["steps"][0], "path": "/${users.n}"}]
    return plan


def test_a_unique_row_is_sent_once_by_all_workers_together(here: Processes, target: Target) -> None:
    text = "n\n" + "".join(f"{number}\n" for number in range(ROWS))
    document = here.result(here.run(plan=fed(target.address, text=text), workers=2))
    assert target.paths == Counter({f"/{number}": 1 for number in range(ROWS)})
    assert len([each for each in document["run"]["workers"] if each["batches"]]) == 2
    assert (document["iterations"]["ok"], document["iterations"]["failed"]) == (ROWS, 100)
    (check,) = document["checks"]
    assert (check["name"], check["failed"]) == ("feed users", 100)
    assert document["run"]["plan"]["feeders"]["users"]["text"] == "[redacted]"


def test_a_load_ends_on_each_worker_where_its_rows_do(here: Processes, target: Target) -> None:
    text = "n\n" + "".join(f"{number}\n" for number in range(ROWS))
    plan = fed(target.address, text=text, when_dry="stop")
    plan["scenarios"][0]["load"]["ends"] = {"duration": "100s"}
    plan["thresholds"] = ["dropped == 0%"]
    document = here.result(here.run(plan=plan, workers=2))
    assert target.paths == Counter({f"/{number}": 1 for number in range(ROWS)})
    load, run = document["load"], document["run"]
    assert load["dropped"]["dry"] >= 2
    assert load["offered"] == load["started"] + load["dropped"]["dry"] == ROWS + load["dropped"]["dry"]
    assert (run["ended"], document["verdict"]["status"]) == ("complete", "passed")
    assert run["actual_s"] < 30, "100 a second, of 300 rows"


def test_a_counter_s_numbers_are_sent_once_by_all_workers_together(here: Processes, target: Target) -> None:
    plan = open_plan(target.address, 100, 2)
    (step,) = plan["scenarios"][0]["steps"]
    step["path"] = "/${counter('orders')}"
    document = here.result(here.run(plan=plan, workers=2))
    assert set(target.paths.values()) == {1}
    assert len(target.paths) == document["iterations"]["ok"] == 200
    assert max(int(path[1:]) for path in target.paths) < 300
    assert len([each for each in document["run"]["workers"] if each["batches"]]) == 2


def test_users_of_an_open_load_log_in_and_out_on_each_worker(here: Processes, target: Target) -> None:
    plan = open_plan(target.address, 50, 2)
    (scenario,) = plan["scenarios"]
    scenario["load"] |= {"when_busy": "queue", "max_vus": 6}
    (page,) = scenario["steps"]
    scenario["on_start"] = [{**page, "path": "/in"}]
    scenario["on_stop"] = [{**page, "path": "/out"}]
    document = here.result(here.run(plan=plan, workers=2))
    assert target.paths == {"/in": 6, "/": 100, "/out": 6}
    steps = {step["name"]: step["requests"]["ok"] for step in document["scenarios"][0]["steps"]}
    assert steps == {"GET /in": 6, "GET /": 100, "GET /out": 6}
    assert document["iterations"]["ok"] == document["load"]["offered"] == 100


def test_a_worker_s_files_are_out_of_reach_unless_it_names_their_folder(here: Processes, target: Target) -> None:
    (here.folder / "data").mkdir()
    (here.folder / "data" / "n.csv").write_text("n\n" + "".join(f"{number}\n" for number in range(400)))
    run_id = here.run(plan=fed(target.address, path="n.csv"), workers=2)
    here.until("the run ends", lambda: here.state(run_id) == "failed")
    assert "has no folder of data" in here.ask("GET", f"/v1/runs/{run_id}")["reason"]
    assert not target.paths
    here.end("elsewhere")
    document = here.result(here.run(plan=fed(target.address, path="n.csv"), workers=1))
    assert document["iterations"]["ok"] == 400 == len(target.paths)
