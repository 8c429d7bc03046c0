"""The history's list and what it shows of a run without an end: figures as people read them."""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from tests.unit.report.screens import SCREENS

from apibench.cli.runs import runs, show
from apibench.store.paths import history_path
from apibench.store.sqlite import SqliteStore


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqliteStore]:
    monkeypatch.setenv("APIBENCH_DATA_DIR", str(tmp_path))
    store = SqliteStore(history_path())
    yield store
    store.close()


def test_the_list_shows_which_figures_are_lower_bounds(store: SqliteStore, capsys: pytest.CaptureFixture[str]) -> None:
    for number, made in enumerate((SCREENS["aborted"], replace(SCREENS["several_steps"], busy=True))):
        store.begin(f"run-{number}", made.plan.name, "2026-01-02T03:04:05", {})
        store.finish(f"run-{number}", made.document())
    assert runs() == 0
    heading, busy, aborted = capsys.readouterr().out.splitlines()
    assert ">= 890/s" in busy
    assert ">= 2.00 s" in aborted
    assert len({line.rindex(name) for line, name in ((heading, "name"), (busy, "checkout"), (aborted, "shop"))}) == 1


def test_a_run_without_an_end_shows_lower_bounds_too(store: SqliteStore, capsys: pytest.CaptureFixture[str]) -> None:
    store.begin("run-0", "frozen", "2026-01-02T03:04:05", {})
    for number, interval in enumerate(SCREENS["aborted"].intervals):
        series = [asdict(each) for each in interval.series]
        text = json.dumps(
            {
                "start_ns": interval.start_ns,
                "end_ns": interval.end_ns,
                "generator": {},
                "scenarios": [],
                "series": series,
            }
        )
        store.append("run-0", number, text)
    assert show("run-0") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [">= 1.00 s" in line for line in lines[-5:]] == [False, False, False, True, False]
