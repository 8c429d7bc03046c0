"""What compose.yaml starts is an installation: its services find each other, a run goes, and dashboards show it."""

import json
import math
import os
import re
import shlex
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.compose.composed import ROOT
from tests.compose.dashboards import Query, labels, queries
from tests.compose.installation import Installation, installation
from tests.compose.page import FIRST_RUN, MAKES_SECRETS
from tests.postgres import Postgres

CONTROLLER, PROMETHEUS = "http://127.0.0.1:8090", "http://127.0.0.1:9090"
pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("ip") is None or os.geteuid() != 0, reason="needs a network of its own"),
]


@pytest.fixture
def secrets(tmp_path: Path) -> dict[str, str]:
    """Made as the page says."""
    subprocess.run(["sh", "-c", MAKES_SECRETS], cwd=tmp_path, check=True)
    return dict(line.split("=") for line in (tmp_path / ".env").read_text().splitlines())


@pytest.fixture
def here(tmp_path: Path, secrets: dict[str, str], postgres: Postgres) -> Iterator[Installation]:
    """Nothing runs yet."""
    with installation(tmp_path, secrets, postgres) as made:
        yield made


def first_run(here: Installation) -> str:
    """The page's, shorter; the id of the run."""
    done = here.run("apibench", *shlex.split(re.sub(r"-d \w+", "-d 8s", FIRST_RUN)))
    # Invalid by a busy machine is no fault of the page.
    assert done.returncode in (0, 112), done.stdout + done.stderr + here.said()
    (run_id,) = re.findall(r"run (\w+) on http://controller:8090", done.stderr)
    return str(run_id)


def shown(here: Installation, query: Query, run_id: str, since_s: float) -> bool:
    """Whether a panel of Grafana would show anything."""
    answer = here.ask(
        "prometheus",
        f"{PROMETHEUS}/api/v1/query_range",
        query=query.asked(run_id),
        start=str(since_s),
        end=str(time.time()),
        step="2",
    )
    assert answer["status"] == "success", f"{query}: {answer}"
    return any(math.isfinite(float(value)) for series in answer["data"]["result"] for _, value in series["values"])


def test_services_find_each_other_a_run_goes_and_every_panel_shows_it(
    here: Installation, secrets: dict[str, str]
) -> None:
    here.start_all()
    began_s = time.time()
    workers = here.run("apibench", "workers", "--json")
    assert [json.loads(line)["state"] for line in workers.stdout.splitlines()] == ["idle", "idle"], workers.stderr
    run_id = first_run(here)
    document = here.ask("controller", f"{CONTROLLER}/v1/runs/{run_id}/result", secrets["APIBENCH_TOKEN"])
    assert document["load"]["offered"] == 500 * 8
    assert len(document["run"]["workers"]) == 2
    assert document["requests"]["failed"] > 0

    for metric, label in labels():
        series = here.ask("prometheus", f"{PROMETHEUS}/api/v1/series", **{"match[]": metric})["data"]
        assert run_id in {each[label] for each in series}
    asked = list(queries())
    assert len(asked) > 40
    empty = [query for query in asked if not shown(here, query, run_id, began_s)]
    assert empty == [], here.said()
    # So a name that is not there, or a label, would be seen.
    for wrong in ("apibench_run_request_total", 'apibench_run_requests_total{outcome="okay"}'):
        assert not shown(here, replace(asked[0], expression=wrong), run_id, began_s)

    scraped = here.ask("prometheus", f"{PROMETHEUS}/api/v1/targets")["data"]["activeTargets"]
    assert {each["health"] for each in scraped} == {"up"}
    assert sorted(each["labels"]["job"] for each in scraped) == ["aggregator", "controller", "worker", "worker"]
    for service in ("prometheus", "worker", "aggregator", "controller", "target"):
        codes = here.end(service)
        assert set(codes) == {0}, f"{service}: {codes}\n{here.said()}"
    assert not any(here.healthy(name) for name in ("prometheus", "worker-1", "aggregator", "controller", "target"))


def test_prometheus_can_read_and_nothing_else_and_keeps_its_token_while_that_holds(
    here: Installation, secrets: dict[str, str]
) -> None:
    here.start("viewer-token")
    here.until("viewer-token", "service_completed_successfully")
    file = here.file("prometheus", "/run/apibench/token")
    token = file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o444
    assert token not in (secrets["APIBENCH_TOKEN"], "")
    assert here.ask("controller", f"{CONTROLLER}/v1/runs", token)["runs"] == []
    assert here.ask("controller", f"{CONTROLLER}/v1/tokens", token)["error"]["code"] == "token.not_allowed"

    here.again("viewer-token")
    assert file.read_text() == token
    file.chmod(0o644)
    file.write_text("ab_gone_gone")
    here.again("viewer-token")
    assert file.read_text() not in (token, "ab_gone_gone")
    found = here.ask("controller", f"{CONTROLLER}/v1/tokens", secrets["APIBENCH_TOKEN"])["tokens"]
    assert [each["role"] for each in found] == ["admin", "viewer", "viewer"]


def test_prometheus_finds_nothing_wrong_with_its_file() -> None:
    file = ROOT / "deploy" / "compose" / "prometheus.yml"
    done = subprocess.run(
        ["promtool", "check", "config", "--syntax-only", file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
