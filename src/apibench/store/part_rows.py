"""Parts as rows: which table, which columns, which of them a query wants."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, Table, select, tuple_

from apibench.model.counts import pack, unpack
from apibench.model.metric import MetricPart, PartQuery
from apibench.store import schema
from apibench.store.scalars import Scalars

PLACE = ("tier_s", "start_ns", "region", "worker_id", "part")
"""What tells the parts of a run apart; all but the first are their order too."""


def part_table(tier_s: int) -> Table:
    """Where parts of that tier are. Whole runs stand apart, for they outlive their seconds."""
    return schema.metric_part if tier_s else schema.total_part


def series_table(tier_s: int) -> Table:
    """Where their figures are."""
    return schema.metric_series if tier_s else schema.total_series


@dataclass(frozen=True, slots=True)
class PackedParts:
    """Rows by table, ready to be written."""

    rows: dict[Table, list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, part: MetricPart, run_no: int, ts: datetime, scalars: Scalars) -> None:
        """One part, and the figures of its series if it is of all workers of its region."""
        place = {"run_no": run_no, "ts": ts} | {name: getattr(part, name) for name in PLACE}
        row = place | {
            "end_ns": part.end_ns,
            "workers": part.workers,
            "workers_expected": part.workers_expected,
            "counts": pack(part.counts),
            "host": part.host,
        }
        self.rows.setdefault(part_table(part.tier_s), []).append(row)
        figures = [] if part.worker_id else scalars(part.counts)
        if figures:
            del place["worker_id"]
            self.rows.setdefault(series_table(part.tier_s), []).extend(place | each.columns() for each in figures)

    def days(self) -> set[date]:
        """For which there has to be room."""
        return {row["ts"].date() for table in schema.PARTITIONED for row in self.rows.get(table, ())}


def unpacked(run_id: str, row: Row[Any]) -> MetricPart:
    """A part as it was given, as far as it was asked for."""
    columns = row._asdict()
    del columns["run_no"], columns["ts"]
    return MetricPart(run_id, **columns | {"counts": unpack(columns["counts"]) if "counts" in columns else b""})


def at_place(part: MetricPart, run_no: int) -> Select[Any]:
    """The part that stands where that one would."""
    columns = part_table(part.tier_s).c
    return select(part_table(part.tier_s)).where(
        columns.run_no == run_no, *(columns[name] == getattr(part, name) for name in PLACE)
    )


def wanted(query: PartQuery, run_no: int, begun: datetime, after: MetricPart | None, limit: int) -> Select[Any]:
    """Parts of a query that follow one, in order."""
    table = part_table(query.tier_s)
    order = [table.c[name] for name in PLACE[1:]]
    columns = [column for column in table.c if query.counts or column is not table.c.counts]
    statement = select(*columns).where(*_conditions(query, table, run_no, begun)).order_by(*order).limit(limit)
    if after is None:
        return statement
    return statement.where(tuple_(*order) > tuple_(*(getattr(after, name) for name in PLACE[1:])))


def _conditions(query: PartQuery, table: Table, run_no: int, begun: datetime) -> Iterable[ColumnElement[bool]]:
    columns = table.c
    yield columns.run_no == run_no
    yield columns.tier_s == query.tier_s
    yield columns.start_ns >= query.from_ns
    # The same again as moments, a microsecond wider, so that days without any are not looked into.
    yield columns.ts >= begun + timedelta(microseconds=query.from_ns // 1_000 - 1)
    if query.to_ns is not None:
        yield columns.start_ns < query.to_ns
        yield columns.ts <= begun + timedelta(microseconds=query.to_ns // 1_000 + 1)
    if query.regions:
        yield columns.region.in_(query.regions)
    if query.workers is None:
        yield columns.worker_id == ""
    elif query.workers:
        yield columns.worker_id.in_(query.workers)
    else:
        yield columns.worker_id != ""
