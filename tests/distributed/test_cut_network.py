"""A worker behind a link that is cut: its share moves, nothing is counted twice, and what it measured still comes."""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.distributed.processes import Processes, open_plan
from tests.distributed.test_processes import at, check_against, offered_by_second
from tests.postgres import Postgres

from apibench.engine.echo_server import EchoServer

LEASE_S = 10
HERE, THERE = "10.213.71.1", "10.213.71.2"
pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("ip") is None or os.geteuid() != 0, reason="needs a network of its own"),
]


class Elsewhere:
    """A network of its own, with a link to this one."""

    def __init__(self) -> None:
        self.name = f"apibench-{os.getpid()}"
        self._link = f"ab{os.getpid()}"

    def make(self) -> None:
        """With addresses at both ends."""
        ip("netns", "add", self.name)
        ip("link", "add", self._link, "type", "veth", "peer", "name", "uplink", "netns", self.name)
        ip("address", "add", f"{HERE}/30", "dev", self._link)
        ip("link", "set", self._link, "up")
        ip("-n", self.name, "address", "add", f"{THERE}/30", "dev", "uplink")
        ip("-n", self.name, "link", "set", "uplink", "up")
        ip("-n", self.name, "link", "set", "lo", "up")

    def cut(self) -> None:
        """Nothing passes any more, and nobody is told."""
        ip("-n", self.name, "link", "set", "uplink", "down")

    def mend(self) -> None:
        """As before."""
        ip("-n", self.name, "link", "set", "uplink", "up")

    def remove(self) -> None:
        """With the link."""
        ip("netns", "delete", self.name)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


@contextlib.contextmanager
def elsewhere() -> Iterator[Elsewhere]:
    made = Elsewhere()
    made.make()
    try:
        yield made
    finally:
        made.remove()


def test_a_worker_behind_a_cut_link_loses_its_share_and_brings_what_it_measured(
    tmp_path: Path, postgres: Postgres
) -> None:
    rate_per_s, length_s = 200, 30
    with elsewhere() as far, EchoServer(http=f"{HERE}:0") as target:
        here = Processes(tmp_path, postgres.new_database(), host=HERE)
        here.prefix_of["far"] = ["ip", "netns", "exec", far.name]
        try:
            here.start_controller("--insecure")
            here.start_aggregator("--insecure")
            for name in ("near", "far"):
                here.start_worker(name, "--insecure")
            here.until_idle(2)
            plan = open_plan(target.address, rate_per_s, length_s)
            plan["hosts"]["api"]["timeouts"] = {"total": "2s"}
            run_id = here.run(plan=plan)
            here.until_running(run_id)
            began_s = time.monotonic()
            at(began_s + 4)
            far.cut()
            at(began_s + 4 + LEASE_S + 4)
            far.mend()
            document = here.result(run_id)
            counted = target.counts()["requests"]
            said = here.said()
        finally:
            here.close()
    load, fates = document["load"], [each["fate"] for each in document["run"]["workers"]]
    assert load["offered"] == rate_per_s * length_s, said
    assert fates.count("lost") == 1, said
    check_against(document, counted)
    # It went on until its lease ran out, and what it measured has come since: lost is only what nobody sent then.
    assert all(each["complete"] for each in document["run"]["workers"]), said
    half = rate_per_s / 2
    assert load["lost"] < half * 4, said
    assert document["requests"]["by_error"].get("timeout", 0) > 0, said
    by_second = offered_by_second(document)
    assert by_second[-8:] == [rate_per_s] * 8, said
