"""What polars, pyarrow and DuckDB read out of our tables is what is in them."""

import gc
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from apibench.report.data_table import Kind, Table, Value

KINDS: dict[str, Kind] = {"n": "int64", "x": "float64", "t": "utf8"}
texts = st.text(st.characters(codec="utf-8"))
rows = st.tuples(
    st.none() | st.integers(-(2**63), 2**63 - 1), st.none() | st.floats(allow_nan=False), st.none() | texts
)
tables = st.lists(rows).map(lambda made: Table.of_rows(KINDS, made))


def by_duckdb(table: Table) -> list[tuple[Value, ...]]:
    connection = duckdb.connect()
    connection.register("made", table)
    found: list[tuple[Value, ...]] = connection.sql("from made").fetchall()
    return found


def lines(table: Table) -> list[tuple[Value, ...]]:
    return [tuple(row.values()) for row in table]


@given(tables)
def test_each_reader_has_every_value_and_every_null(table: Table) -> None:
    assert pa.table(table).to_pylist() == list(table)
    assert pl.DataFrame(table).rows() == lines(table)
    assert by_duckdb(table) == lines(table)


@given(tables, st.integers(0, 20), st.integers(0, 20))
def test_slices_are_of_the_same_memory_and_hold_the_same_values(table: Table, start: int, length: int) -> None:
    expected = lines(table)[start : start + length]
    assert pl.DataFrame(table).slice(start, length).rows() == expected
    sliced = pa.table(table).slice(start, length)
    sliced.validate(full=True)
    assert [tuple(row.values()) for row in sliced.to_pylist()] == expected


def test_a_table_without_rows_keeps_its_columns_and_their_kinds() -> None:
    empty = Table.of_rows(KINDS, [])
    assert [str(field.type) for field in pa.table(empty).schema] == ["int64", "double", "large_string"]
    assert pl.DataFrame(empty).schema == {"n": pl.Int64, "x": pl.Float64, "t": pl.String}
    assert by_duckdb(empty) == []


def many() -> Table:
    return Table.of_rows(KINDS, [(number, number / 2, f"text {number}") for number in range(10_000)])


def test_what_was_read_outlives_the_table() -> None:
    held: list[Any] = []
    for read in (pa.table, pl.DataFrame):
        table = many()
        held.append(read(table))
        del table
    gc.collect()
    _ = [bytearray(1_000_000) for _ in range(20)]  # what is free is written over
    for each in held:
        assert each["n"].to_pylist() if isinstance(each, pa.Table) else each["n"].to_list() == list(range(10_000))
        assert each["t"][9_999] == "text 9999" or each["t"][9_999].as_py() == "text 9999"


def test_a_stream_outlives_its_table_unread() -> None:
    table = many()
    reader = pa.RecordBatchReader.from_stream(table)
    del table
    gc.collect()
    assert reader.read_all().num_rows == 10_000


def test_a_table_can_be_read_again_and_each_reader_has_its_own() -> None:
    table = many()
    first, second = pa.table(table), pa.table(table)
    assert first == second
    del first
    gc.collect()
    assert second["n"].to_pylist() == table["n"]


def test_a_stream_that_nobody_reads_is_let_go() -> None:
    table = many()
    for _ in range(50):
        table.__arrow_c_stream__()
        pa.RecordBatchReader.from_stream(table)


def test_what_polars_threads_let_go_of_needs_no_interpreter() -> None:
    for _ in range(20):
        frame = pl.DataFrame(many())
        parts = frame.group_by(pl.col("n") % 7).agg(pl.col("x").sum(), pl.col("t").first()).sort("n")
        del frame
        assert parts.height == 7
