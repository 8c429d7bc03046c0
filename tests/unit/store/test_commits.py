"""Whatever is committed, in whatever order: what was not refused is there, and only that, in memory and in a file."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apibench.model.aggregation import RunOpening
from apibench.model.errors import Conflict, StaleTerm
from apibench.model.metric import IngestMark, MetricPart, PartQuery
from apibench.store.commits import moment, moved
from apibench.store.database import open_stores
from apibench.store.memory_results import MemoryResultStore
from apibench.store.results import ResultStore

STARTED = "2026-11-25T10:00:00+00:00"
COMMITS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2), st.booleans()), max_size=10)
"""Each: second of the part, where the mark is said to stand, by how much it moves, whether the epoch is over."""


async def what_became_of_it(store: ResultStore, commits: list[tuple[int, int, int, bool]]) -> None:
    await store.open_run(RunOpening("r", "{}", STARTED))
    await store.own(0, "before")
    epoch = await store.own(0, "now")
    stands, kept = 0, set[MetricPart]()
    for second, expected, step, is_stale in commits:
        part = MetricPart("r", 1, second, second + 1, "", "", len(kept), 1, 1, b"counts")
        moves = [(IngestMark("r", 0, "w", expected + step), expected)]
        if is_stale or expected != stands:
            with pytest.raises(StaleTerm if is_stale else Conflict):
                await store.commit(0, epoch - is_stale, [part], moves)
        else:
            await store.commit(0, epoch, [part], moves)
            stands += step
            kept.add(part)
        assert {part async for part in store.parts(PartQuery("r", 1))} == kept
        assert [mark.durable for mark in await store.marks("r")] in ([stands], [] if stands == 0 else [stands])


@settings(max_examples=25)
@given(COMMITS)
def test_commits_add_up_in_memory(commits: list[tuple[int, int, int, bool]]) -> None:
    asyncio.run(what_became_of_it(MemoryResultStore(), commits))


@settings(max_examples=10)
@given(COMMITS)
def test_commits_add_up_in_a_file(commits: list[tuple[int, int, int, bool]]) -> None:
    async def law() -> None:
        with tempfile.TemporaryDirectory() as folder:
            stores = await open_stores(f"sqlite:///{Path(folder) / 'store'}", scalars=lambda _counts: [])
            await what_became_of_it(stores.results, commits)
            await stores.close()

    asyncio.run(law())


def test_a_store_that_was_told_no_days_forgets_nothing() -> None:
    async def law() -> None:
        store = MemoryResultStore()
        await store.open_run(RunOpening("r", "{}", STARTED))
        part = MetricPart("r", 1, 0, 1, "", "", 0, 1, 1, b"counts")
        await store.commit(0, await store.own(0, "one"), [part], [])
        assert await store.maintain(moment(STARTED).timestamp() + 10_000 * 86_400) == []
        assert [part async for part in store.parts(PartQuery("r", 1))] == [part]

    asyncio.run(law())


def test_a_refused_mark_is_told_with_where_it_stands() -> None:
    stands = {("r", 3): IngestMark("r", 3, "w", 7)}
    with pytest.raises(Conflict, match=r"segment 3 are in up to 7 of worker w, not up to 6 of v"):
        moved(stands, [(IngestMark("r", 3, "v", 9), 6)])


def test_moments_are_of_utc_whatever_the_offset_that_is_told() -> None:
    assert moment("2026-11-25T11:00:00+01:00") == moment("2026-11-25T10:00:00") == moment("2026-11-25T10:00:00+00:00")
    assert moment(STARTED, 1_999_999_999).microsecond == 999_999
    assert moment(STARTED, -1).second == 59
