"""
All tables, once, for every database. docs/schema.md says what they are for; the migrations make them.

Two families that never refer to each other, because controller and aggregator may have databases of their own:
what is wanted and done (`test` to `audit`), and what was measured (`result` to `total_series`).
"""

from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Double,
    ForeignKey,
    Identity,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    UniqueConstraint,
)

from apibench.store.column_types import BLOB, NUMBER, Instant, Words

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "pk": "%(table_name)s_key",
        "uq": "%(table_name)s_%(column_0_N_name)s_once",
        "fk": "%(table_name)s_%(column_0_N_name)s_of",
    }
)


def _words(name: str, **options: Any) -> Column[str]:
    return Column(name, Words, nullable=False, **options)


def _number(name: str, **options: Any) -> Column[int]:
    return Column(name, NUMBER, nullable=False, **options)


leader = Table(
    "leader",
    metadata,
    _words("name", primary_key=True),
    _number("term"),
    _words("holder"),
    Column("expires_s", Double, nullable=False),
)
"""One row. `holder` is empty where nobody leads; the term stays, so that no two leaders ever have the same."""

setting = Table("setting", metadata, _words("name", primary_key=True), _words("value"))
"""What holds for the whole installation: `killed`, why nothing may be started; quotas, by whose they are;
the key by which targets are given their lines."""

test = Table(
    "test",
    metadata,
    _words("test_id", primary_key=True),
    _words("name", unique=True),
    _words("created_at"),
)

test_version = Table(
    "test_version",
    metadata,
    Column("test_id", Words, ForeignKey("test.test_id"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    _words("plan"),
    _words("plan_sha256"),
    _words("created_at"),
    _words("created_by"),
    Column("bundle_sha256", Words),
)

bundle = Table(
    "bundle",
    metadata,
    _words("sha256", primary_key=True),
    _words("bundle"),
    _words("created_at"),
    _words("created_by"),
)
"""Code that plans have called, as it was signed: once, however many runs and versions name it."""

run = Table(
    "run",
    metadata,
    Column("number", NUMBER, Identity(), primary_key=True),
    _words("run_id", unique=True),
    _words("plan"),
    _words("plan_sha256"),
    _words("state", index=True),
    _words("created_at"),
    _number("rev"),
    _words("desired"),
    _words("name"),
    Column("test_id", Words),
    Column("test_version", Integer),
    Column("started_at", Words),
    Column("ended_at", Words),
    Column("ended", Words),
    Column("verdict", Words),
    Column("exit_code", Integer),
    _words("reason"),
    _words("created_by"),
    Column("idempotency_key", Words),
    Column("tags", JSON, nullable=False),
    Column("notes", JSON, nullable=False),
    Column("options", JSON, nullable=False),
    Column("machine", JSON, nullable=False),
    Column("bundle_sha256", Words),
    UniqueConstraint("created_by", "idempotency_key"),
    sqlite_autoincrement=True,
)
"""`number` is the order in which runs were asked for."""

run_event = Table(
    "run_event",
    metadata,
    Column("run_id", Words, ForeignKey("run.run_id"), primary_key=True),
    _number("rev", primary_key=True, autoincrement=False),
    _words("at"),
    Column("event", JSON, nullable=False),
)

token = Table(
    "token",
    metadata,
    _words("token_id", primary_key=True),
    _words("secret_hash"),
    _words("role"),
    _words("name"),
    _words("created_at"),
    Column("expires_at", Words),
    Column("revoked_at", Words),
)

audit = Table(
    "audit",
    metadata,
    _number("number", primary_key=True, autoincrement=False),
    _words("at"),
    _words("actor"),
    _words("action"),
    _words("subject"),
    Column("detail", JSON, nullable=False),
    _words("previous_hash"),
    _words("hash"),
)
"""Triggers refuse to change or take away a row (migrations/triggers.py)."""

shard = Table(
    "shard",
    metadata,
    Column("shard", Integer, primary_key=True, autoincrement=False),
    _number("epoch"),
    _words("owner"),
)

result = Table(
    "result",
    metadata,
    Column("run_no", NUMBER, Identity(), primary_key=True),
    _words("run_id", unique=True),
    Column("started_at", Instant, nullable=False),
    Column("opening", JSON, nullable=False),
    Column("facts", JSON),
    Column("version", NUMBER),
    Column("document", BLOB),
    sqlite_autoincrement=True,
)
"""A run whose results came or are to come: what was told of it, and in the end its result document (zlib)."""

ingest_mark = Table(
    "ingest_mark",
    metadata,
    Column("run_no", NUMBER, ForeignKey("result.run_no"), primary_key=True, autoincrement=False),
    Column("segment", Integer, primary_key=True, autoincrement=False),
    _words("worker_id"),
    _number("durable"),
)


def _stretch() -> list[Column[Any]]:
    return [
        _number("run_no", primary_key=True, autoincrement=False),
        Column("tier_s", Integer, primary_key=True, autoincrement=False),
        _number("start_ns", primary_key=True, autoincrement=False),
        _words("region", primary_key=True),
    ]


def _part_table(name: str, **options: Any) -> Table:
    return Table(
        name,
        metadata,
        *_stretch(),
        _words("worker_id", primary_key=True),
        Column("part", Integer, primary_key=True, autoincrement=False),
        # The last of the key: partitions and chunks need it there, and it follows from run and start.
        Column("ts", Instant, primary_key=True),
        _number("end_ns"),
        Column("workers", Integer, nullable=False),
        Column("workers_expected", Integer, nullable=False),
        Column("counts", BLOB, nullable=False),
        _words("host"),
        **options,
    )


def _series_table(name: str, **options: Any) -> Table:
    counts = ("offered", "started", "ok", "failed", "unfinished", "dropped")
    times = ("sum_ns", "min_ns", "max_ns", "p50_ns", "p90_ns", "p99_ns")
    return Table(
        name,
        metadata,
        *_stretch(),
        Column("part", Integer, primary_key=True, autoincrement=False),
        _words("kind", primary_key=True),
        _words("phase", primary_key=True),
        Column("series", SmallInteger, primary_key=True, autoincrement=False),
        Column("ts", Instant, primary_key=True),
        *(_number(count) for count in counts),
        *(Column(f"{time}_{figure}", NUMBER) for time in ("response", "service") for figure in times),
        **options,
    )


_BY_DAY = {"postgresql_partition_by": "RANGE (ts)"}

metric_part = _part_table("metric_part", **_BY_DAY)
"""The truth: tiers of seconds. `counts` (packed) holds everything."""
total_part = _part_table("total_part")
"""The same for whole runs; kept when days of `metric_part` are forgotten."""
metric_series = _series_table("metric_series", sqlite_with_rowid=False, **_BY_DAY)
"""An index for people and charts: figures of each series of each part that is of all workers of a region."""
total_series = _series_table("total_series", sqlite_with_rowid=False)

PARTITIONED = (metric_part, metric_series)
"""What is kept by day, and forgotten by day."""
