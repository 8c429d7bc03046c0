"""What every store must do, run over each of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apibench.store.memory import MemoryStore
from apibench.store.seam import RunStore
from apibench.store.sqlite import SqliteStore


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunStore]:
    made: RunStore = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "history.sqlite")
    yield made
    made.close()


def begin(store: RunStore, run_id: str, second: int = 0) -> None:
    store.begin(run_id, f"name of {run_id}", f"2026-11-24T10:00:{second:02}+00:00", {"plan": {"version": 1}})


def test_a_run_is_there_from_its_beginning_and_has_a_result_once_it_is_finished(store: RunStore) -> None:
    begin(store, "a1")
    (found,) = store.recent(10)
    assert (found.run_id, found.name, found.result) == ("a1", "name of a1", None)
    assert found.beginning == {"plan": {"version": 1}}
    store.finish("a1", {"schema": "x", "ok": 2**53})
    assert store.find("a1")[0].result == {"schema": "x", "ok": 2**53}


def test_runs_come_newest_first_and_are_found_by_the_beginning_of_their_id(store: RunStore) -> None:
    for second, run_id in enumerate(("ab1", "ab2", "b%1")):
        begin(store, run_id, second)
    assert [run.run_id for run in store.recent(2)] == ["b%1", "ab2"]
    assert [run.run_id for run in store.find("ab")] == ["ab2", "ab1"]
    assert [run.run_id for run in store.find("last")] == ["b%1"]
    assert store.find("%") == []
    assert store.find("zz") == []


def test_telling_an_interval_twice_keeps_the_first(store: RunStore) -> None:
    begin(store, "a")
    store.append("a", 1, "second")
    store.append("a", 0, "first")
    store.append("a", 1, "again")
    assert list(store.intervals("a")) == ["first", "second"]
    assert list(store.intervals("nobody")) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(texts=st.lists(st.text(st.characters(codec="utf-8"), max_size=200), max_size=20))
def test_intervals_come_back_as_they_went_in(tmp_path: Path, texts: list[str]) -> None:
    stores: list[RunStore] = [MemoryStore(), SqliteStore(tmp_path / "property.sqlite")]
    for number, made in enumerate(stores):
        run_id = f"run{number}{len(made.recent(10_000))}"
        begin(made, run_id)
        for place, text in enumerate(texts):
            made.append(run_id, place, text)
        assert list(made.intervals(run_id)) == texts
        made.close()
