"""What `apibench keys` says and makes, and flags of services that say whose code is run."""

import shlex
from pathlib import Path

import pytest

from apibench.assembly.key_files import keys_trusted_by, signing_key
from apibench.cli.app import run_command


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder of one's own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["signing.key", "my keys/a.key"])
def test_it_makes_both_halves_and_the_next_commands_name_them(
    capsys: pytest.CaptureFixture[str], here: Path, name: str
) -> None:
    assert run_command(["keys", "--file", name, "--name", "ann"]) == 0
    said = capsys.readouterr().out
    (trusted,) = keys_trusted_by(here / f"{name}.pub")
    assert trusted.fingerprint in said
    assert signing_key(here / name).public == trusted
    commands = [shlex.split(line) for line in said.splitlines() if line.startswith("  ")]
    assert (commands[0][1], commands[-1][-1]) == (f"{name}.pub", name)
    assert run_command(["keys", "--file", name]) == 0
    assert capsys.readouterr().out.count("kept") == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--name", "a\nb"), "--name: 'a\nb' is no name"),
        (("--name", ""), "--name: '' is no name"),
        (("--file", "."), "is a directory"),
        (("--file", "/proc/nowhere/key"), "no such file or directory"),
    ],
)
def test_what_can_t_be_is_refused_and_nothing_is_made(
    capsys: pytest.CaptureFixture[str], here: Path, words: tuple[str, ...], says: str
) -> None:
    assert run_command(["keys", *words]) == 2
    assert says in capsys.readouterr().err
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--python-processes", "2"), "--python-processes: is of calls of Python, and this has none"),
        (("--python-keys", "k", "--python-timeout", "soon"), "--python-timeout: "),
        (("--python-keys", "k", "--python-memory", "1KiB"), "--python-memory: is less than Python itself needs"),
    ],
)
@pytest.mark.parametrize("verb", ["worker", "serve"])
def test_how_functions_are_called_is_told_wrongly(
    capsys: pytest.CaptureFixture[str], verb: str, words: tuple[str, ...], says: str
) -> None:
    assert run_command([verb, *words]) == 2
    assert says in capsys.readouterr().err
