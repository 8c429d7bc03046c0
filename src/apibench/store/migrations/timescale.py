"""
What TimescaleDB adds where its extension is in the database.

Three levels: `plain` (no extension: native partitions), `apache` (its free part: hypertables) and `tsl` (everything:
columnstore, policies, continuous aggregates). Chunks are of one day, as the partitions are.
"""

from typing import Literal

from sqlalchemy import Connection, text

Level = Literal["plain", "apache", "tsl"]
_COLUMNSTORE_SINCE = (2, 18)

_SEGMENTS = {
    "metric_part": ("run_no, tier_s, region, worker_id", "start_ns, part, ts"),
    "metric_series": ("run_no, tier_s, region, kind, phase, series", "start_ns, part, ts"),
}
"""By table: what a compressed segment has in common, and how it is ordered."""

# Counts by hour over all runs, out of the minutes: for dashboards that look at months. The tiers serve single runs.
_BY_HOUR = """
CREATE MATERIALIZED VIEW metric_by_hour
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket(INTERVAL '1 hour', ts) AS hour, run_no, region, kind, phase, series,
    sum(offered) AS offered, sum(started) AS started, sum(ok) AS ok, sum(failed) AS failed,
    sum(unfinished) AS unfinished, sum(dropped) AS dropped,
    sum(response_sum_ns) AS response_sum_ns, max(response_max_ns) AS response_max_ns,
    sum(service_sum_ns) AS service_sum_ns, max(service_max_ns) AS service_max_ns
FROM metric_series WHERE tier_s = 60
GROUP BY 1, 2, 3, 4, 5, 6
WITH NO DATA
"""

_REFRESHED = """
SELECT add_continuous_aggregate_policy('metric_by_hour',
    start_offset => INTERVAL '3 days', end_offset => INTERVAL '1 hour', schedule_interval => INTERVAL '1 hour')
"""


def level_of(connection: Connection) -> Level:
    """How much of TimescaleDB is there."""
    if connection.dialect.name != "postgresql":
        return "plain"
    version = connection.scalar(text("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'"))
    if version is None:
        return "plain"
    licence = connection.scalar(text("SELECT current_setting('timescaledb.license', true)"))
    numbers = tuple(int(number) for number in version.partition("-")[0].split(".")[:2])
    return "tsl" if licence == "timescale" and numbers >= _COLUMNSTORE_SINCE else "apache"


def hypertables(level: Level) -> list[str]:
    """The statements that turn the tables by day into hypertables, and have them looked after."""
    made = [
        f"SELECT create_hypertable('{table}', 'ts', chunk_time_interval => INTERVAL '1 day')" for table in _SEGMENTS
    ]
    if level != "tsl":
        return made
    for table, (segments, order) in _SEGMENTS.items():
        made += [
            f"ALTER TABLE {table} SET (timescaledb.enable_columnstore, {_by(segments, order)})",
            f"CALL add_columnstore_policy('{table}', after => INTERVAL '1 day')",
        ]
    return [
        *made,
        _BY_HOUR,
        _REFRESHED,
    ]


def _by(segments: str, order: str) -> str:
    return f"timescaledb.segmentby = '{segments}', timescaledb.orderby = '{order}'"
