"""The Arrow C stream, read as the interface says and no library does: who owns what, until when."""

import ctypes
import gc
import resource
from collections.abc import Sequence
from typing import Any, Literal

import pytest

from apibench.model.arrow import arrow_stream

Columns = Sequence[tuple[str, Literal["int64", "float64", "utf8"], Sequence[int | float | str | None]]]
COLUMNS: Columns = (
    ("n", "int64", [1, None, -(2**63)]),
    ("x", "float64", [0.5, 1.5, None]),
    ("t", "utf8", ["é", "", None]),
)
_RELEASE = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class Schema(ctypes.Structure):
    """`ArrowSchema` of the interface."""

    _fields_ = (
        ("format", ctypes.c_char_p),
        ("name", ctypes.c_char_p),
        ("metadata", ctypes.c_void_p),
        ("flags", ctypes.c_int64),
        ("child_count", ctypes.c_int64),
        ("children", ctypes.POINTER(ctypes.c_void_p)),
        ("dictionary", ctypes.c_void_p),
        ("release", ctypes.c_void_p),
        ("owner", ctypes.c_void_p),
    )


class Array(ctypes.Structure):
    """`ArrowArray` of the interface."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("length", "null_count", "offset", "buffer_count", "child_count")),
        ("buffers", ctypes.POINTER(ctypes.c_void_p)),
        ("children", ctypes.POINTER(ctypes.c_void_p)),
        ("dictionary", ctypes.c_void_p),
        ("release", ctypes.c_void_p),
        ("owner", ctypes.c_void_p),
    )


_GET = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)


class Stream(ctypes.Structure):
    """`ArrowArrayStream` of the interface."""

    _fields_ = (
        ("get_schema", _GET),
        ("get_next", _GET),
        ("get_last_error", ctypes.c_void_p),
        ("release", ctypes.c_void_p),
        ("owner", ctypes.c_void_p),
    )


def pointer_of(capsule: object) -> int:
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    found: int = get(capsule, b"arrow_array_stream")
    return found


def taken(capsule: object) -> Stream:
    """The stream moved out of its capsule, as a reader does."""
    held = Stream.from_address(pointer_of(capsule))
    mine = Stream.from_buffer_copy(held)
    held.release = None
    return mine


def release(structure: Any) -> None:
    _RELEASE(structure.release)(ctypes.addressof(structure))


def next_of(stream: Stream) -> Array:
    array = Array()
    assert stream.get_next(ctypes.addressof(stream), ctypes.addressof(array)) == 0
    return array


def values(array: Array) -> list[int | None]:
    """Of a column of 64-bit integers."""
    data = ctypes.cast(array.buffers[1], ctypes.POINTER(ctypes.c_int64))
    bits = ctypes.cast(array.buffers[0], ctypes.POINTER(ctypes.c_uint8)) if array.buffers[0] else None
    return [data[row] if bits is None or bits[row // 8] >> row % 8 & 1 else None for row in range(array.length)]


def test_a_stream_has_a_schema_and_one_batch_and_then_its_end() -> None:
    stream, schema = taken(arrow_stream(COLUMNS)), Schema()
    assert stream.get_schema(ctypes.addressof(stream), ctypes.addressof(schema)) == 0
    fields = [Schema.from_address(schema.children[number]) for number in range(schema.child_count)]
    assert (schema.format, [(each.name, each.format) for each in fields]) == (
        b"+s",
        [(b"n", b"l"), (b"x", b"g"), (b"t", b"U")],
    )
    batch = next_of(stream)
    assert (batch.length, batch.child_count, batch.buffer_count) == (3, 3, 1)
    columns = [Array.from_address(batch.children[number]) for number in range(3)]
    assert [each.null_count for each in columns] == [1, 1, 1]
    assert values(columns[0]) == [1, None, -(2**63)]
    offsets = ctypes.cast(columns[2].buffers[1], ctypes.POINTER(ctypes.c_int64))
    assert (offsets[:4], ctypes.string_at(columns[2].buffers[2], 2)) == ([0, 2, 2, 2], "é".encode())
    assert next_of(stream).release is None, "the end"
    for each in (batch, schema, stream):
        release(each)
        assert each.release is None


def test_a_batch_outlives_its_stream_and_a_column_its_batch() -> None:
    capsule = arrow_stream(COLUMNS)
    stream = taken(capsule)
    del capsule
    batch = next_of(stream)
    release(stream)
    held = Array.from_address(batch.children[0])
    column = Array.from_buffer_copy(held)
    held.release = None  # it is ours now
    release(batch)
    gc.collect()
    assert values(column) == [1, None, -(2**63)]
    release(column)


def test_a_table_without_rows_has_a_schema_and_no_batch() -> None:
    stream, schema = taken(arrow_stream([("n", "int64", []), ("t", "utf8", [])])), Schema()
    assert next_of(stream).release is None
    assert stream.get_schema(ctypes.addressof(stream), ctypes.addressof(schema)) == 0
    assert schema.child_count == 2
    release(schema)
    release(stream)


def test_a_column_without_nulls_has_no_bits_for_them() -> None:
    stream = taken(arrow_stream([("n", "int64", list(range(9)))]))
    batch = next_of(stream)
    column = Array.from_address(batch.children[0])
    assert (column.null_count, column.buffers[0], values(column)) == (0, None, list(range(9)))
    release(batch)
    release(stream)


@pytest.mark.parametrize("how", ["unread", "half read", "read"])
def test_whatever_becomes_of_a_stream_its_memory_comes_back(how: str) -> None:
    megabyte: Columns = [("n", "int64", [7] * 65_536), ("t", "utf8", ["x" * 8] * 65_536)]

    def go() -> None:
        capsule = arrow_stream(megabyte)
        if how == "unread":
            return
        stream = taken(capsule)
        if how == "read":
            release(next_of(stream))
        release(stream)

    go()
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(100):
        go()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 30_000, "100 of them are 170 MB"


@pytest.mark.parametrize(
    ("columns", "error"),
    [
        ([("n", "int64", [1]), ("m", "int64", [1, 2])], ValueError),
        ([("n", "int32", [1])], ValueError),
        ([("n", "int64", ["1"])], TypeError),
        ([("n", "int64", [2**63])], OverflowError),
        ([("t", "utf8", ["\ud800"])], UnicodeEncodeError),
    ],
)
def test_what_is_no_column_is_refused(columns: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        arrow_stream(columns)
