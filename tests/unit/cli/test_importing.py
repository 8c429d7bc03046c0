"""`apibench import` on the command line: what is written where, and what is refused."""

from pathlib import Path

import pytest

from apibench.authoring.importing import source as sources
from apibench.authoring.importing.importer import KINDS
from apibench.cli.app import run_command
from apibench.cli.help_text import BELOW

COMMAND = "curl -k http://127.0.0.1/a"


def test_the_file_is_written_and_what_was_not_converted_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["import", "curl", COMMAND]) == 0
    told = capsys.readouterr()
    assert 'u.get("/a")' in told.out
    assert told.err.splitlines() == [
        "1 request imported; 1 thing not converted, or not quite:",
        "  line 1: -k: certificates are checked",
    ]
    assert "# - line 1: -k: certificates are checked" in told.out.splitlines()
    path = tmp_path / "a.py"
    assert run_command(["import", "curl", COMMAND, "-o", str(path)]) == 0
    assert path.read_text() == told.out
    assert f"Next: apibench run {path} --once --trace" in capsys.readouterr().err


def test_a_file_that_is_there_stays_unless_forced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.py"
    path.write_text("mine")
    assert run_command(["import", "curl", COMMAND, "-o", str(path)]) == 2
    assert capsys.readouterr().err == f"apibench: {path} is there already. Write to another file, or add --force.\n"
    assert path.read_text() == "mine"
    assert run_command(["import", "curl", COMMAND, "-o", str(path), "--force"]) == 0
    assert "u.get" in path.read_text()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["crul", "x"], "'crul' can't be imported. Did you mean `curl`?"),
        (["jmx", "x"], "'jmx' can't be imported. Known here: "),
        (["curl"], "SOURCE: is missing. "),
        (["curl", "none.sh"], "none.sh can't be read: No such file or directory. Check name and rights."),
        (["curl", "."], ". can't be read: Is a directory. Check name and rights."),
        (["curl", "binary"], "binary is not UTF-8 (byte 0). Save it as UTF-8."),
        (["curl", "a\0b"], "a\0b can't be read: embedded null byte. Check name and rights."),
        (["curl", "big"], "big is larger than 1,000 bytes. Record less, or split it."),
    ],
)
def test_what_cannot_be_imported_is_refused_in_one_line(
    words: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sources, "MAX_BYTES", 1_000)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "big").write_text("x" * 1_001)
    assert run_command(["import", *words]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"apibench: {says}")
    assert told.err.count("\n") == 1


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["import", "curl", COMMAND, "-o", str(tmp_path / "none" / "a.py")]) == 1
    assert "a.py can't be written: No such file or directory." in capsys.readouterr().err


def test_the_help_names_every_kind() -> None:
    for kind in KINDS:
        assert f"\n  {kind} " in BELOW["import"]
