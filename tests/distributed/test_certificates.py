"""Real processes that know one another by the files of `apibench certs`, and by nothing else."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.distributed.processes import Processes, open_plan

from apibench.assembly.certificate_folder import make_certificates
from apibench.assembly.rest_client import RestClient
from apibench.engine.echo_server import EchoServer
from apibench.model.errors import LinkLost

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def certs(tmp_path: Path) -> Path:
    """Made as a user makes them."""
    subprocess.run([sys.executable, "-m", "apibench", "certs"], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path / "certs"


@pytest.fixture
def here(tmp_path: Path, certs: Path) -> Iterator[Processes]:
    """Nothing runs yet."""
    made = Processes(tmp_path, f"sqlite:///{tmp_path}/store.sqlite", certs / "ca.pem")
    yield made
    made.close()


def files(folder: Path, service: str) -> list[str]:
    """The flags of a service."""
    names = {"--ca-file": "ca.pem", "--certificate-file": f"{service}.pem", "--key-file": f"{service}.key"}
    return [word for flag, name in names.items() for word in (flag, str(folder / name))]


def hears(here: Processes, name: str, words: str) -> bool:
    """Whether a service has said that."""
    return words in here.log(name)


def test_who_has_no_certificate_of_the_ca_takes_no_part(tmp_path: Path, certs: Path, here: Processes) -> None:
    make_certificates(tmp_path / "others", ["127.0.0.1"], days=1, renew=False)
    stranger = tmp_path / "stranger"
    shutil.copytree(tmp_path / "others", stranger)
    shutil.copy(certs / "ca.pem", stranger / "ca.pem")
    here.start_controller(*files(certs, "controller"))
    here.start_aggregator(*files(certs, "aggregator"))
    here.start_worker("good", *files(certs, "worker"))
    here.start_worker("plain")
    here.start_worker("stranger", *files(stranger, "worker"))
    here.start_worker("distrustful", *files(tmp_path / "others", "worker"))
    for name in ("plain", "stranger"):
        here.until(name, partial(hears, here, name, "ended the connection before anything was said"))
    here.until("distrustful", partial(hears, here, "distrustful", "its certificate is of another CA"))
    here.until_idle(1)
    with EchoServer(http="127.0.0.1:0") as target:
        document = here.result(here.run(plan=open_plan(target.address, 100, 2)))
        assert document["requests"]["ok"] == 200 == target.counts()["requests"]
    assert len(document["run"]["workers"]) == 1


def test_people_are_shown_a_certificate_too_and_files_that_do_not_do_end_a_service_at_once(
    certs: Path, here: Processes
) -> None:
    here.start_controller(*files(certs, "controller"))
    assert here.ask("GET", "/v1/workers")["workers"] == []
    with pytest.raises(LinkLost, match="is not to be trusted"):
        RestClient(here.client.url, "of somebody who trusts only the system").ask("GET", "/healthz")
    shutil.copy(certs / "ca.key", certs / "worker.key")
    for name, start in (("aggregator", here.start_aggregator), ("w", lambda *words: here.start_worker("w", *words))):
        start(*files(certs, "worker"))
        assert here.exit_code(name) == 2
        assert "worker.pem: the key is another certificate's" in here.log(name)
