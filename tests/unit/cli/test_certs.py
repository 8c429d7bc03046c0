"""What `apibench certs` says: what is there now, until when, and how to go on."""

import re
import shlex
from pathlib import Path

import pytest

from apibench.cli.app import run_command


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder of one's own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    """Its lines."""
    assert run_command(["certs", *words]) == 0
    return capsys.readouterr().out.splitlines()


def test_it_says_until_when_each_holds_and_whether_it_was_there(capsys: pytest.CaptureFixture[str]) -> None:
    first = [line.split() for line in said(capsys, "--days", "5")[:4]]
    assert [line[0] for line in first] == ["ca", "controller", "aggregator", "worker"]
    assert [line[1:3] for line in first[:2]] == [["certs/ca.pem", "made"], ["certs/controller.pem", "made"]]
    assert all(re.fullmatch(r"holds until \d{4}-\d\d-\d\d", " ".join(line[3:])) for line in first)
    assert [line.split()[2] for line in said(capsys)[:4]] == ["kept"] * 4
    assert run_command(["certs", "--host", "controller.example"]) == 2
    assert capsys.readouterr().err == (
        "apibench: certs/controller.pem is not for controller.example. `--renew` makes it again, by the same CA.\n"
    )
    assert "For localhost, 127.0.0.1, ::1" in said(capsys, "--host", "controller.example", "--renew")[4]


@pytest.mark.parametrize("words", [(), ("--host", "fd00::7"), ("--folder", "my certs")])
def test_the_next_three_commands_name_files_that_are_there(
    capsys: pytest.CaptureFixture[str], here: Path, words: tuple[str, ...]
) -> None:
    commands = [shlex.split(line) for line in said(capsys, *words) if re.match(r"  apibench (?!workers)", line)]
    assert [command[1] for command in commands] == ["controller", "aggregator", "worker"]
    for command in commands:
        for flag in ("--ca-file", "--certificate-file", "--key-file"):
            assert (here / command[command.index(flag) + 1]).is_file()
    reached = [command[command.index("--controller") + 1] for command in commands[1:] if "--controller" in command]
    assert reached == (["[fd00::7]:8091"] * 2 if "--host" in words else [])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--host", "a:80"), "--host: 'a:80' is no name or address. "),
        (("--days", "0"), "--days: 0 is too low. The least is 1."),
        (("--days", "4000"), "--days: 4000 is too high. The most is 3,650."),
    ],
)
def test_what_can_t_be_is_refused_and_nothing_is_made(
    capsys: pytest.CaptureFixture[str], here: Path, words: tuple[str, ...], says: str
) -> None:
    assert run_command(["certs", *words]) == 2
    assert capsys.readouterr().err.startswith(f"apibench: {says}")
    assert list(here.iterdir()) == []
