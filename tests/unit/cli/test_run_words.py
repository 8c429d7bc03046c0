"""A command line of `run` becomes a request for a run, or all of its faults at once."""

import os
from pathlib import Path

import pytest

from apibench.assembly.run_request import RunRequest
from apibench.cli.app import app
from apibench.cli.run_words import run_request
from apibench.model.errors import PlanInvalid, PlanUnreadable, WordsInvalid
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
        ((URL, "--data", "a", "--json-body", "1"), "--json-body", "there is a body already"),
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
        ((URL, "-r", "0"), "--rate", "like 500/s"),
        ((URL, "--threads", "0"), "--threads", "Use 1 to 1,024"),
        ((URL, "--threads", "-2"), "--threads", "Use 1 to 1,024"),
        ((URL, "-c", "10.5"), "-c", "'10.5' is no whole number. Write digits only."),
        ((URL, "-u", "0x10"), "-u", "no whole number"),
        ((URL, "--max-connections", "1_000"), "--max-connections", "no whole number"),
        ((URL, "--threads", "1.9"), "--threads", "no whole number"),
        ((URL, "--seed", "1.5"), "--seed", "no whole number"),
        ((URL, "-L", "3.5"), "-L", "no whole number"),
        ((URL, "-L", "abc"), "-L", "'abc' is no whole number"),
        ((URL, "-L", "-3"), "--location", "too low"),
        ((URL, URL), URL, "--targets FILE"),
        ((URL, "--data", "-foo"), "--data", "Write --data=-foo."),
        ((URL, "--data", "-foo", "-c", "5"), "--data", "Write --data=-foo."),
        ((URL, "--xyz"), "--xyz", "See apibench run --help."),
        ((URL, "-o", "json=/"), "--output", "/ is a folder"),
        ((URL, "-o", "json=-", "-o", "csv=-"), "--output", "standard output holds another output already"),
        ((URL, "-o", "json=a", "-o", "csv=a"), "--output", "a holds another output already"),
        ((URL, "--tag", "a=1", "--tag", "a=2"), "--tag", "`a` has a value already"),
        ((URL, "--json-body", "{x"), "--json-body", "that is no JSON: Expecting property name"),
        ((URL, "--json-body", '{"a": NaN}'), "--json-body", "NaN is no number"),
        ((URL, "--cacert", "ca.pem"), "--cacert", "nothing here speaks TLS"),
        ((URL, "--once", "-d", "5s"), "--duration", "--once does one iteration"),
        ((URL, "--once", "--threshold", "p99 < 1s"), "--threshold", "--once does one iteration"),
        ((URL, "--once", "--trace", "-o", "json=a"), "--output", "--trace shows one iteration"),
        (("plan.jsn",), "TARGET", "A plan's name ends in .py, .json, .yaml, .yml or .toml."),
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
    assert places("--targets", str(file)) == ["--targets line 4", "--targets line 5"]
    file.write_text("GET\nGET http://a/ b\n")
    assert places("--targets", str(file)) == ["--targets"]
    assert places(URL, "--targets", str(tmp_path / "nowhere")) == ["--targets"]


def test_lines_of_a_targets_file_may_leave_the_host_to_the_target(tmp_path: Path) -> None:
    file = tmp_path / "targets"
    file.write_text("GET /a?x=1\nPOST http://b:81/c\n")
    request = read("https://api:8443/ignored?too", f"--targets={file}")
    assert request is not None
    assert {host.base_url for host in request.plan.hosts.values()} == {"https://api:8443", "http://b:81"}
    asked = [(step.method, step.path) for _, step in request.plan.requests()]
    assert asked == [("GET", "/a?x=1"), ("POST", "/c")]
    # Nobody names it; and a target that no line asks for would be ignored.
    assert places("--targets", str(file)) == ["--targets line 1"]
    file.write_text("GET http://a/\n")
    assert places("http://b/", "--targets", str(file)) == ["TARGET"]


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


@pytest.mark.parametrize("target", ["no-such.yaml", "scenario.py", "faulty.yaml"])
def test_what_is_wrong_with_a_plan_hides_nothing_that_is_wrong_with_the_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "faulty.yaml").write_text(PLAN.replace("30s", "30"))
    *flags, of_the_plan = places(
        *(target, "--thresold", "x", "-d", "5x", "--stage", "5s:9", "--threshold", "p99 < fast", "--threads", "0"),
        *("--tag", "untagged", "-X", "POST"),
    )
    assert sorted(flags) == sorted(
        ["--thresold", "--duration", "--stage", "--threshold", "--method", "--threads", "--tag"]
    )
    assert of_the_plan == ("scenarios[0].load.duration" if target == "faulty.yaml" else "TARGET")


def test_what_is_wrong_with_the_plan_alone_is_a_bad_plan() -> None:
    with pytest.raises(PlanUnreadable) as unreadable:
        read("no-such.yaml", "-d", "5s", "--arrivals", "poisson")
    assert unreadable.value.exit_code == 104
    with pytest.raises(PlanUnreadable):
        read("scenario.py", "-d", "5s")


def test_a_file_that_may_not_be_written_to_is_refused_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept.json"
    kept.write_text("mine")
    monkeypatch.setattr(os, "access", lambda path, mode: not (Path(path) == kept and mode == os.W_OK))
    assert places(URL, "-o", f"json={kept}") == ["--output"]


def test_a_scheme_is_one_in_any_case(plan: str, tmp_path: Path) -> None:
    assert read("HTTP://127.0.0.1/").plan.hosts["target"].base_url == "http://127.0.0.1"
    (tmp_path / "PLAN.YAML").write_text(PLAN)
    assert read(str(tmp_path / "PLAN.YAML")).plan.hosts.keys() == read(plan).plan.hosts.keys()


def test_a_switch_may_stand_together_with_the_one_for_redirects() -> None:
    (host,) = read("https://127.0.0.1/", "-kL").plan.hosts.values()
    assert (host.tls.verify, host.redirects) == (False, 10)
    (host,) = read("-k4L", "3", "https://127.0.0.1/").plan.hosts.values()
    assert (host.redirects, host.resolve.family) == (3, "4")


def test_help_is_given_and_nothing_is_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_request(app, ["--help"]) is None
    text = capsys.readouterr().out
    for told in (
        "--connections",
        "Examples\n  apibench run ",
        "Exit codes",
        "105  interrupted",
        "response.p99",
        "errors",
    ):
        assert told in text
