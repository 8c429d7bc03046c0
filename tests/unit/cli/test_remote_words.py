"""Where a run is to be carried out, in the words of a command line."""

from pathlib import Path

import pytest

from apibench.assembly.remote_request import RemoteRequest
from apibench.assembly.rest_client import RestClient
from apibench.cli.app import app
from apibench.cli.run_words import run_request
from apibench.model.errors import CertificatesUnusable, UsageError, WordsInvalid

URL = "http://127.0.0.1:1/"
CONTROLLER = ("--controller", "http://127.0.0.1:8090")


def remote(*words: str) -> RemoteRequest | None:
    request = run_request(app, [URL, *words])
    assert request is not None
    return request.remote


def refused(*words: str) -> str:
    with pytest.raises(WordsInvalid) as caught:
        run_request(app, [URL, *words])
    return str(caught.value)


def test_without_a_controller_it_runs_here() -> None:
    assert remote() is None


def test_a_run_elsewhere_names_its_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APIBENCH_TOKEN", "secret-of-somebody")
    found = remote(*CONTROLLER, "--workers", "3", "--on-worker-loss", "degrade")
    assert found is not None
    assert (found.controller, found.token, found.workers) == ("http://127.0.0.1:8090", "secret-of-somebody", 3)
    assert (found.on_worker_loss, found.on_lost_control) == ("degrade", "stop")
    assert "secret" not in repr(found)
    found = remote(*CONTROLLER, "--region", "eu:2,us:1", "--region", "ap:3")
    assert found is not None
    assert found.regions == {"eu": 2, "us": 1, "ap": 3}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--workers", "2"), "--workers: says nothing without a controller"),
        (("--sign-with", "key"), "--sign-with: says nothing without a controller"),
        ((*CONTROLLER, "--sign-with", "key"), "--sign-with: signs functions of Python, and this calls none"),
        (("--region", "eu:1"), "--region: says nothing without a controller"),
        (("--on-lost-control", "finish"), "--on-lost-control: says nothing without a controller"),
        ((*CONTROLLER, "--workers", "0"), "0 workers can't make a load"),
        ((*CONTROLLER, "--workers", "2", "--region", "eu:1"), "--workers says how many already"),
        ((*CONTROLLER, "--region", "eu"), "'eu' is no NAME:COUNT"),
        ((*CONTROLLER, "--region", "eu:0"), "'eu:0' is no NAME:COUNT"),
        ((*CONTROLLER, "--region", "eu:1,eu:2"), "region `eu` has a number already"),
        ((*CONTROLLER, "--threads", "2"), "workers decide that themselves"),
        ((*CONTROLLER, "--no-preflight"), "workers decide that themselves"),
    ],
)
def test_what_can_t_be_is_refused(words: tuple[str, ...], says: str) -> None:
    assert says in refused(*words)


@pytest.mark.parametrize(
    ("url", "token", "says"),
    [
        ("127.0.0.1:8090", "t", "is no URL of a controller"),
        ("ftp://127.0.0.1", "t", "is no URL of a controller"),
        ("http://127.0.0.1:8090/?a=1", "t", "is no URL of a controller"),
        ("http://127.0.0.1:8090", None, "a token is needed"),
        ("http://controller.example:8090", "t", "in plain text"),
    ],
)
def test_a_token_goes_nowhere_where_others_could_read_it(url: str, token: str | None, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        RestClient(url, token)


def test_a_ca_that_can_t_be_read_is_said_by_its_file(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no PEM")
    for name, says in (("nowhere.pem", "no such file"), ("ca.pem", "it is no PEM")):
        with pytest.raises(CertificatesUnusable, match=rf"{name}: {says}"):
            RestClient("https://127.0.0.1:8090", "t", ca_file=tmp_path / name)


def test_plain_text_may_be_wanted_and_is_no_question_on_this_machine() -> None:
    assert RestClient("http://controller.example:8090", "t", insecure=True).url == "http://controller.example:8090"
    assert RestClient("https://controller.example/", "t").url == "https://controller.example"
    assert RestClient("http://localhost:8090", "t").url == "http://localhost:8090"
