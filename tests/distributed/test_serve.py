"""`apibench serve`: everything in one process, and workers elsewhere that join it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.distributed.processes import Processes, open_plan
from tests.integration.conftest import niceness_by_thread

from apibench.engine.echo_server import EchoServer

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Processes]:
    """Nothing runs yet."""
    made = Processes(tmp_path, f"sqlite:///{tmp_path}/store.sqlite")
    yield made
    made.close()


def test_a_worker_elsewhere_has_a_part_in_runs_beside_the_one_within(here: Processes) -> None:
    here.start("serve", "serve", "--http", here.http, "--grpc", here.grpc)
    here.start_worker("elsewhere")
    here.until_idle(2)
    with EchoServer(http="127.0.0.1:0") as target:
        document = here.result(here.run(plan=open_plan(target.address, 200, 3), workers=2))
        assert document["requests"]["ok"] == document["load"]["offered"] == 600 == target.counts()["requests"]
    workers = document["run"]["workers"]
    assert len({each["worker"] for each in workers}) == 2
    assert all(each["batches"] > 0 for each in workers)
    assert here.end("elsewhere") == 0
    assert here.end("serve") == 0


def test_without_a_port_for_them_it_is_alone(here: Processes) -> None:
    here.start("serve", "serve", "--http", here.http)
    here.until_idle(1)
    with EchoServer(http="127.0.0.1:0") as target:
        document = here.result(here.run(plan=open_plan(target.address, 100, 1)))
        assert document["requests"]["ok"] == 100 == target.counts()["requests"]
    assert "workers elsewhere" not in here.log("serve")


def test_whatever_is_no_load_gives_way_to_it(here: Processes) -> None:
    here.start("serve", "serve", "--http", here.http)
    here.until_idle(1)
    with EchoServer(http="127.0.0.1:0") as target:
        run_id = here.run(plan=open_plan(target.address, 100, 2))
        here.until("requests are sent", lambda: target.counts()["requests"] > 0)
        threads = niceness_by_thread(here.pid("serve"))
        here.result(run_id)
    assert threads["apibench-0"] == 0
    assert threads["main"] == 10


def test_an_aggregator_elsewhere_is_refused_for_there_is_one(tmp_path: Path, here: Processes) -> None:
    here.start("serve", "serve", "--http", here.http, "--grpc", here.grpc)
    here.start_aggregator("--store", f"sqlite:///{tmp_path}/its-own.sqlite")
    here.until("it is refused", lambda: f"{here.grpc} refuses" in here.log("aggregator"))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--grpc", "0.0.0.0:0"), "in plain text, for everybody on the way to read"),
        (("--grpc", "127.0.0.1:0", "--advertise", "nowhere"), "`nowhere` is no HOST:PORT"),
        (("--advertise", "c.example:8091"), "Give --grpc HOST:PORT"),
    ],
)
def test_what_can_t_be_ends_it_at_once(here: Processes, words: tuple[str, ...], says: str) -> None:
    here.start("serve", "serve", "--http", here.http, *words)
    assert here.exit_code("serve") == 2
    assert says in here.log("serve")
