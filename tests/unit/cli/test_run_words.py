"""A command line of `run` becomes a request for a run, or all of its faults at once."""

from pathlib import Path

import pytest

from apibench.assembly.run_request import RunRequest
from apibench.cli.app import app
from apibench.cli.run_words import run_request
from apibench.model.errors import PlanInvalid, WordsInvalid
from apibench.model.load import Closed, Open

URL = "http://127.0.0.1:8080/things?a=1"


def read(*words: str) -> RunRequest:
    request = run_request(app, words)
    assert request is not None
    return request


def places(*words: str) -> list[str]:
    with pytest.raises(WordsInvalid) as refused:
        read(*words)
    assert all(fault.message and fault.remedy for fault in refused.value.faults)
    return [fault.place for fault in refused.value.faults]


def test_a_url_alone_is_fifty_connections_for_ten_seconds() -> None:
    load = read(URL).plan.scenarios[0].load
    assert isinstance(load, Closed)
    assert (load.vus, load.ends.duration_ns) == (50, 10_000_000_000)


def test_all_faults_are_told_at_once_each_with_its_flag(tmp_path: Path) -> None:
    assert places(
        *("127.0.0.1:80", "--thresold", "x", "-t", "4", "-c", "many", "--arrivals", "often", "-d", "5x", "-H", "bad"),
        *("-H", "Good: yes", "-H", "worse", "--threshold", "p99 < fast", "-o", f"jsn={tmp_path}", "--tag", "untagged"),
        *("--wait-for-target", "soon", "--resolve", "a:b", "--timeout", "never"),
    ) == [
        *("-t 4", "-c", "--arrivals", "--thresold"),
        *("--header", "--header", "TARGET", "--timeout", "--resolve", "--duration"),
        *("--output", "--tag", "--wait-for-target", "--threshold"),
    ]


@pytest.mark.parametrize(
    ("words", "place", "says"),
    [
        ((), "TARGET", "is missing"),
        ((URL, "-c"), "-c", "no value behind it"),
        ((URL, "http://b/"), "http://b/", "--targets FILE"),
        ((URL, "-d", "5s", "-d", "3s"), "-d", "more than once"),
        ((URL, "--durration", "5s"), "--durration", "--duration"),
        ((URL, "--http", "2"), "--http", "not built yet"),
        ((URL, "--http", "9"), "--http", "none of the choices"),
        ((URL, "--data", "a", "--json-body", "b"), "--json-body", "there is a body already"),
        ((URL, "--data", "@/no/such/file"), "--data", "/no/such/file can't be read"),
        ((URL, "-F", "field"), "--form", "NAME=VALUE"),
        ((URL, "-a", "nobody"), "--user", "USER:PASSWORD"),
        ((URL, "-4", "-6"), "-6", "both families"),
        ((URL, "--arrivals", "poisson"), "--arrivals", "belongs to the open model"),
        ((URL, "-r", "5/s", "--max-catchup", "1"), "--max-catchup", "too low"),
        ((URL, "-r", "5/s", "-c", "5", "--when-busy", "drop", "--max-catchup", "2"), "--rate", "never catches up"),
        ((URL, "--stage", "5s:9"), "--stage", "5s:9/s or 5s:@9"),
        ((URL, "--stage", "5s:9/s", "--stage", "5s:@9"), "--stage", "mixed"),
        ((URL, "-o", "html"), "--output", "not built yet"),
        ((URL, "-o", "json=/no/such/folder/file"), "--output", "no folder"),
        (("http://user:secret@a/",), "TARGET", "no place for a password"),
        (("http://a/ b",), "TARGET", "space"),
        ((URL, "-H", "Host: a\nb"), "--header", ""),
        ((URL, "-X", "G ET"), "--method", ""),
    ],
)
def test_a_single_fault_names_its_flag_and_its_remedy(words: tuple[str, ...], place: str, says: str) -> None:
    with pytest.raises(WordsInvalid) as refused:
        read(*words)
    (fault,) = refused.value.faults
    assert fault.place == place
    assert says in str(fault)


def test_a_faulty_line_of_a_targets_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "targets"
    file.write_text("# ours\nGET http://a/\n\nGET ftp://b/\nP@ST http://c/\n")
    assert places(URL, "--targets", str(file)) == ["--targets line 4", "--targets line 5"]
    file.write_text("GET\nGET http://a/ b\n")
    assert places(URL, "--targets", str(file)) == ["--targets"]


def test_a_form_is_a_body_with_its_boundary(tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(b"\x89PNG")
    (step,) = read(URL, "-F", "name=Tom", "-F", f"photo=@{tmp_path}/cat.png").plan.scenarios[0].steps
    document = step.model_dump(mode="json")
    assert document["method"] == "POST"
    headers = read(URL, "-F", "name=Tom").plan.document()["scenarios"][0]["defaults"]["headers"]
    assert [name for name, _ in headers] == ["Content-Type"]
    assert headers[0][1].startswith("multipart/form-data; boundary=")


PLAN = """\
version: 1
hosts: {api: 'http://127.0.0.1:8080'}
scenarios:
  - name: main
    steps: [{type: request}]
    load: {users: 50, duration: 30s}
thresholds: ['p99 < 1s', 'errors < 1%']
"""


@pytest.fixture
def plan(tmp_path: Path) -> str:
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN)
    return str(path)


def test_words_take_the_place_of_what_a_plan_says(plan: str) -> None:
    changed = read(plan, "-d", "5s", "-u", "3", "--threshold", "p99 < 2s", "--seed", "7", "--name", "short").plan
    load = changed.scenarios[0].load
    assert isinstance(load, Closed)
    assert (load.vus, load.ends.duration_ns) == (3, 5_000_000_000)
    assert changed.thresholds == ("p99 < 2s", "errors < 1%")
    assert (changed.seed, changed.name) == (7, "short")
    opened = read(plan, "-r", "20/s").plan.scenarios[0].load
    assert isinstance(opened, Open)
    assert opened.ends.duration_ns == 30_000_000_000


def test_words_of_a_url_are_no_words_of_a_plan(plan: str) -> None:
    assert places(plan, "-X", "POST", "-H", "A: b", "-k", "-c", "5") == [
        *("--connections", "--method", "--header", "--insecure"),
    ]


def test_a_faulty_plan_tells_its_own_faults(plan: str) -> None:
    Path(plan).write_text(PLAN.replace("30s", "30"))
    with pytest.raises(PlanInvalid):
        read(plan)


def test_help_is_given_and_nothing_is_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_request(app, ["--help"]) is None
    assert "--connections" in capsys.readouterr().out
