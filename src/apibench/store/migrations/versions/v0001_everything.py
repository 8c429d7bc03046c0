"""The first: everything."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from apibench.store.column_types import BLOB, NUMBER, Instant, Words
from apibench.store.migrations.timescale import hypertables, level_of
from apibench.store.migrations.triggers import append_only

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make all tables in an empty database."""
    dialect = op.get_bind().dialect.name
    _what_is_wanted()
    for statement in append_only(dialect):
        op.execute(statement)
    level = level_of(op.get_bind())
    _what_was_measured(native=dialect == "postgresql" and level == "plain")
    if level != "plain":
        for statement in hypertables(level):
            op.execute(statement)


def _words(name: str, **options: Any) -> sa.Column[str]:
    return sa.Column(name, Words, nullable=False, **options)


def _number(name: str, **options: Any) -> sa.Column[int]:
    return sa.Column(name, NUMBER, nullable=False, **options)


def _what_is_wanted() -> None:
    op.create_table(
        "leader",
        _words("name", primary_key=True),
        _number("term"),
        _words("holder"),
        sa.Column("expires_s", sa.Double, nullable=False),
    )
    op.create_table("setting", _words("name", primary_key=True), _words("value"))
    op.create_table(
        "test", _words("test_id", primary_key=True), _words("name"), _words("created_at"), sa.UniqueConstraint("name")
    )
    op.create_table(
        "test_version",
        sa.Column("test_id", Words, sa.ForeignKey("test.test_id"), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        *(_words(name) for name in ("plan", "plan_sha256", "created_at", "created_by")),
    )
    op.create_table(
        "run",
        sa.Column("number", NUMBER, sa.Identity(), primary_key=True),
        *(_words(name) for name in ("run_id", "plan", "plan_sha256", "state", "created_at")),
        _number("rev"),
        *(_words(name) for name in ("desired", "name")),
        sa.Column("test_id", Words),
        sa.Column("test_version", sa.Integer),
        *(sa.Column(name, Words) for name in ("started_at", "ended_at", "ended", "verdict")),
        sa.Column("exit_code", sa.Integer),
        *(_words(name) for name in ("reason", "created_by")),
        sa.Column("idempotency_key", Words),
        *(sa.Column(name, sa.JSON, nullable=False) for name in ("tags", "notes", "options", "machine")),
        sa.UniqueConstraint("run_id"),
        sa.UniqueConstraint("created_by", "idempotency_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_run_state", "run", ["state"])
    op.create_table(
        "run_event",
        sa.Column("run_id", Words, sa.ForeignKey("run.run_id"), primary_key=True),
        _number("rev", primary_key=True, autoincrement=False),
        _words("at"),
        sa.Column("event", sa.JSON, nullable=False),
    )
    op.create_table(
        "token",
        _words("token_id", primary_key=True),
        *(_words(name) for name in ("secret_hash", "role", "name", "created_at")),
        *(sa.Column(name, Words) for name in ("expires_at", "revoked_at")),
    )
    op.create_table(
        "audit",
        _number("number", primary_key=True, autoincrement=False),
        *(_words(name) for name in ("at", "actor", "action", "subject")),
        sa.Column("detail", sa.JSON, nullable=False),
        *(_words(name) for name in ("previous_hash", "hash")),
    )


def _what_was_measured(*, native: bool) -> None:
    op.create_table(
        "shard",
        sa.Column("shard", sa.Integer, primary_key=True, autoincrement=False),
        _number("epoch"),
        _words("owner"),
    )
    op.create_table(
        "result",
        sa.Column("run_no", NUMBER, sa.Identity(), primary_key=True),
        _words("run_id"),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("opening", sa.JSON, nullable=False),
        sa.Column("facts", sa.JSON),
        sa.Column("version", NUMBER),
        sa.Column("document", BLOB),
        sa.UniqueConstraint("run_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "ingest_mark",
        sa.Column("run_no", NUMBER, sa.ForeignKey("result.run_no"), primary_key=True, autoincrement=False),
        sa.Column("segment", sa.Integer, primary_key=True, autoincrement=False),
        _words("worker_id"),
        _number("durable"),
    )
    by_day: dict[str, Any] = {"postgresql_partition_by": "RANGE (ts)"} if native else {}
    for kept, options in (("metric", by_day), ("total", {})):
        op.create_table(f"{kept}_part", *_part_columns(), **options)
        op.create_table(f"{kept}_series", *_series_columns(), sqlite_with_rowid=False, **options)
        if native and kept == "metric":
            for table in ("metric_part", "metric_series"):
                op.execute(f"CREATE TABLE {table}_rest PARTITION OF {table} DEFAULT")


def _stretch() -> list[sa.Column[Any]]:
    return [
        _number("run_no", primary_key=True, autoincrement=False),
        sa.Column("tier_s", sa.Integer, primary_key=True, autoincrement=False),
        _number("start_ns", primary_key=True, autoincrement=False),
        _words("region", primary_key=True),
    ]


def _part_columns() -> list[sa.Column[Any]]:
    return [
        *_stretch(),
        _words("worker_id", primary_key=True),
        sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("ts", Instant, primary_key=True),
        _number("end_ns"),
        sa.Column("workers", sa.Integer, nullable=False),
        sa.Column("workers_expected", sa.Integer, nullable=False),
        sa.Column("counts", BLOB, nullable=False),
        _words("host"),
    ]


def _series_columns() -> list[sa.Column[Any]]:
    counts = ("offered", "started", "ok", "failed", "unfinished", "dropped")
    times = ("sum_ns", "min_ns", "max_ns", "p50_ns", "p90_ns", "p99_ns")
    return [
        *_stretch(),
        sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
        _words("kind", primary_key=True),
        _words("phase", primary_key=True),
        sa.Column("series", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("ts", Instant, primary_key=True),
        *(_number(name) for name in counts),
        *(sa.Column(f"{time}_{figure}", NUMBER) for time in ("response", "service") for figure in times),
    ]
