"""Measured seconds, as if they had been at another time."""

from __future__ import annotations


def moved(data: bytes, start_ns: int, end_ns: int) -> bytes:
    """The same interval with another beginning and end: the first two fields of `apibench.v1.Interval`."""
    at = 0
    while at < len(data) and data[at] in (0x08, 0x10):
        at += 1
        while data[at] & 0x80:
            at += 1
        at += 1
    return b"\x08" + _varint(start_ns) + b"\x10" + _varint(end_ns) + data[at:]


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
