"""`apibench plan`, and what becomes of errors on the command line."""

import json
from pathlib import Path

import pytest

from apibench.assembly.key_files import make_keys
from apibench.authoring.plan_file import parse_plan_document, read_plan
from apibench.cli.app import run_command
from apibench.controller.bundles import Bundles
from apibench.store.memory_control import MemoryControlStore

PLAN = """\
version: 1
hosts: {api: 'http://127.0.0.1:8080'}
scenarios:
  - name: main
    steps: [{type: request, headers: {Authorization: Bearer hunter2}}]
    load: {users: 50, duration: 30s}
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN, encoding="utf-8")
    return path


def test_a_plan_is_printed_explicit_and_redacted(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["plan", str(plan)]) == 0
    printed = capsys.readouterr().out
    assert json.loads(printed) == read_plan(plan).redacted()
    assert "hunter2" not in printed


def test_secrets_are_printed_only_when_asked_for(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["plan", str(plan), "--secrets"]) == 0
    assert json.loads(capsys.readouterr().out) == read_plan(plan).document()


def test_the_sha256_is_printed_alone(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["plan", str(plan), "--sha256"]) == 0
    assert capsys.readouterr().out == read_plan(plan).sha256() + "\n"


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["plan", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out)["$schema"].endswith("2020-12/schema")


def test_a_bad_plan_tells_its_faults_on_stderr_and_exits_104(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan.write_text(PLAN.replace("30s", "30"), encoding="utf-8")
    assert run_command(["plan", str(plan)]) == 104
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{plan}:6:23 scenarios[0].load.duration: '30' is no duration" in err


def test_no_plan_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["plan"]) == 2
    assert "no plan is given" in capsys.readouterr().err


def test_an_unknown_verb_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["plam"]) == 2
    assert "Did you mean apibench plan?" in capsys.readouterr().err


CALLING = """\
from apibench import scenario

def sign(order):
    return order

@scenario(base_url="http://127.0.0.1:1", load="1 vu", iterations=1)
def shopper(u):
    u.get(f"/{u.py(sign, 'a')}", headers={"X-Api-Key": KEY})
"""


def calling(folder: Path, key: str) -> Path:
    path = folder / "calling_shopper.py"
    path.write_text(CALLING.replace("KEY", repr(key)))
    return path


def test_a_signed_plan_is_printed_with_its_code_as_an_installation_takes_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_keys(tmp_path / "k", "ann")
    path, words = calling(tmp_path, "hunter2"), ("--sign-with", str(tmp_path / "k"))
    assert run_command(["plan", str(path), *words]) == 2
    assert "--sign-with signs a plan as it is printed, and this one holds secrets or rows" in capsys.readouterr().err
    assert run_command(["plan", str(path), *words, "--secrets"]) == 0
    printed = json.loads(capsys.readouterr().out)
    bundles = Bundles(MemoryControlStore(), lambda: 1, allowed=True)
    code, faults = bundles.code_of(parse_plan_document(printed["plan"]), printed["bundle"])
    assert faults == []
    assert code is not None
    assert code.signed_by == make_keys(tmp_path / "k", "ann").key.public.fingerprint


def test_nothing_is_signed_of_a_plan_that_calls_none_or_leads_to_none(
    plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_keys(tmp_path / "k", "ann")
    words = ("--sign-with", str(tmp_path / "k"))
    assert run_command(["plan", str(plan), *words]) == 2
    assert "signs functions of Python, and this calls none" in capsys.readouterr().err
    assert run_command(["plan", str(calling(tmp_path, ""))]) == 0
    file = tmp_path / "written.json"
    file.write_text(capsys.readouterr().out)
    assert run_command(["plan", str(file), *words]) == 104
    assert "`sign` is Python, and only a scenario in Python can have that called" in capsys.readouterr().err
