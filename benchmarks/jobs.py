"""Workers that are made for a run on Kubernetes: how soon its load begins, and how much of that the cluster takes."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from fleet import open_plan
from machine import NotHere, Section

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.kubernetes.cluster import cluster, what_is_missing
from tests.kubernetes.installation import Installation, installation
from tests.postgres import running_postgres

WORKERS = 2


def jobs(times: int) -> Section:
    """From the order to the first request, with a Job for each run; the cluster is that of tests/kubernetes."""
    missing = what_is_missing()
    if missing:
        raise NotHere(f"{missing}; `make test-kubernetes` does all that is needed")
    with tempfile.TemporaryDirectory() as folder, running_postgres() as postgres:
        (Path(folder) / "installation").mkdir()
        with cluster(Path(folder)) as made, installation(made, Path(folder) / "installation", postgres) as here:
            measured = [_once(here) for _ in range(times)]
    begins, nodes = zip(*measured, strict=True)
    return Section(
        f"Workers made for a run: a Job of {WORKERS} on Kubernetes 1.37, nodes made up, all on one host",
        [
            f"- from `POST /v1/runs` to the first request: median {statistics.median(begins):.2f} s, "
            f"at most {max(begins):.2f} s of {times}",
            f"- of that until the last pod has a node: median {statistics.median(nodes):.2f} s, "
            f"at most {max(nodes):.2f} s. A real node has images to pull besides, and a cluster may have to make nodes",
        ],
    )


def _once(here: Installation) -> tuple[float, float]:
    """Seconds from the order to the first request, and until the last pod has a node."""
    with here.target() as echo:
        asked_s = time.monotonic()
        run_id = here.run(plan=open_plan(echo.address, 200, 3), workers=WORKERS)
        while not echo.counts()["requests"]:
            time.sleep(0.001)
        began_s = time.monotonic()
        last_s = max(pod.came_s for pod in here.workers(run_id))
        here.result(run_id)
    here.until_nothing_is_left(run_id)
    return began_s - asked_s, last_s - asked_s
