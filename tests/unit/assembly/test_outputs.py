"""What a run is written to: line by line where lines are wanted, and without losing anything else to one that fails."""

import json
import sys
from pathlib import Path

import pytest
from tests.unit.report.screens import SCREENS

from apibench.assembly.outputs import Outputs
from apibench.assembly.run_request import OutputKind, OutputTarget

RUN = SCREENS["passed_open"]
DOCUMENT = RUN.document()


def outputs(*targets: OutputTarget) -> Outputs:
    made = Outputs(targets)
    made.begin()
    return made


def test_each_second_is_in_the_file_as_soon_as_it_is_sealed(tmp_path: Path) -> None:
    path = tmp_path / "run.ndjson"
    made = outputs(OutputTarget("ndjson", str(path)))
    for count, row in enumerate(DOCUMENT["intervals"], 1):
        made.append(row)
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        assert [line["type"] for line in lines] == ["interval"] * count
    made.finish(DOCUMENT)
    *rows, last = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [{name: value for name, value in row.items() if name != "type"} for row in rows] == DOCUMENT["intervals"]
    assert last["type"] == "result"
    assert (made.written, made.lost) == ([str(path)], False)


def test_one_that_is_lost_costs_the_others_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = tmp_path / "run.json"
    made = outputs(
        OutputTarget("ndjson", "/dev/full"),
        OutputTarget("csv", str(tmp_path / "no" / "folder")),
        OutputTarget("ndjson", str(tmp_path)),
        OutputTarget("json", str(good)),
        OutputTarget("junit", "-"),
    )
    for row in DOCUMENT["intervals"]:
        made.append(row)
    made.finish(DOCUMENT)
    told = capsys.readouterr()
    assert sorted(line.partition(":")[2].strip() for line in told.err.splitlines()) == [
        "cannot write /dev/full: no space left on device",
        f"cannot write {tmp_path / 'no' / 'folder'}: no such file or directory",
        f"cannot write {tmp_path}: is a directory",
    ]
    assert made.lost
    assert made.written == [str(good)]
    assert json.loads(good.read_text(encoding="utf-8")) == DOCUMENT
    assert told.out.startswith("<?xml")
    assert made.takes_standard_output


def test_files_are_utf_8_wherever_they_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = SCREENS["long_named_step"]
    path = tmp_path / "run.csv"
    encodings: list[str | None] = []
    real = Path.write_text

    def noted(self: Path, text: str, encoding: str | None = None) -> int:
        encodings.append(encoding)
        return real(self, text, encoding=encoding)

    monkeypatch.setattr(Path, "write_text", noted)
    made = outputs(OutputTarget("csv", str(path)))
    made.finish(run.document())
    assert encodings == ["utf-8"]


@pytest.mark.parametrize(
    ("kind", "path", "terminal"), [("ndjson", "-", True), ("json", "-", False), ("ndjson", "f", False)]
)
def test_lines_on_a_terminal_are_known(
    monkeypatch: pytest.MonkeyPatch, kind: OutputKind, path: str, *, terminal: bool
) -> None:
    made = Outputs([OutputTarget(kind, path)])
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert made.streams_to_a_terminal is terminal
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False)
    assert not made.streams_to_a_terminal
