"""The laws of a commit of results, the same for every store: what is moved, what is written twice, what a day is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from pydantic import TypeAdapter

from apibench.model.aggregation import RunFacts, RunOpening
from apibench.model.errors import Conflict
from apibench.model.metric import IngestMark, MetricPart

DAYS_AHEAD = 3
"""For how many days room is made before they come."""


def moved(
    present: Mapping[tuple[str, int], IngestMark], marks: Sequence[tuple[IngestMark, int]]
) -> dict[tuple[str, int], IngestMark]:
    """
    Where marks stand after a commit, by run and segment; of one that is named twice the second follows the first.

    Raises Conflict where one stands elsewhere than it was said to, ValueError where one would move back.
    """
    after: dict[tuple[str, int], IngestMark] = {}
    for mark, expected in marks:
        key = (mark.run_id, mark.segment)
        stands = after.get(key) or present.get(key) or replace(mark, durable=0)
        if mark.durable < expected:
            message = f"a mark of run {mark.run_id} would move back, from {expected} to {mark.durable}"
            raise ValueError(message)
        if (stands.worker_id, stands.durable) != (mark.worker_id, expected):
            raise Conflict(
                f"the results of run {mark.run_id}, segment {mark.segment} are in up to {stands.durable} of worker "
                f"{stands.worker_id}, not up to {expected} of {mark.worker_id}",
                "Read the marks again.",
            )
        after[key] = mark
    return after


def part_differs(part: MetricPart) -> Conflict:
    """The refusal of a part whose place another one has."""
    return Conflict(
        f"part {part.part} of run {part.run_id} at {part.start_ns} ns ({part.tier_s} s, {part.region!r}, "
        f"{part.worker_id!r}) is there already, and is another",
        "Give it another number.",
    )


def run_not_opened(run_id: str) -> Conflict:
    """The refusal of results of an unknown run."""
    return Conflict(f"run {run_id} has not been opened", "Open it before its results come.")


def moment(started_at: str, start_ns: int = 0) -> datetime:
    """When a stretch began, by the server's wall clock: whose days it is kept and forgotten by."""
    begun = datetime.fromisoformat(started_at)
    begun = begun.replace(tzinfo=UTC) if begun.tzinfo is None else begun.astimezone(UTC)
    return begun + timedelta(microseconds=start_ns // 1_000)


def first_day_ns(started_at: str) -> int:
    """How much of the day on which a run began lay before it: its stretches of that day begin before this."""
    begun = moment(started_at)
    return (midnight(begun.date() + timedelta(days=1)) - begun) // timedelta(microseconds=1) * 1_000


def kept_since(now_s: float, keep_days: int | None) -> date | None:
    """The first day that is kept: so many whole ones before today. None: all are."""
    return None if keep_days is None else datetime.fromtimestamp(now_s, UTC).date() - timedelta(days=keep_days)


def days_ahead(now_s: float) -> Iterable[date]:
    """Today and those for which room is made."""
    today = datetime.fromtimestamp(now_s, UTC).date()
    return (today + timedelta(days=day) for day in range(DAYS_AHEAD + 1))


def midnight(day: date) -> datetime:
    """When a day begins, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


@lru_cache(maxsize=1)
def openings() -> TypeAdapter[RunOpening]:
    """How an opening is written as a document, and read."""
    return TypeAdapter(RunOpening)


@lru_cache(maxsize=1)
def run_facts() -> TypeAdapter[RunFacts]:
    """How facts of a run are written as a document, and read."""
    return TypeAdapter(RunFacts)
