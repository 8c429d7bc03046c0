"""
The one byte string that a document has: RFC 8785 (JSON Canonicalization Scheme).

A plan is named by the SHA-256 of it, so two processes, languages or releases must write the same
bytes. Floats are refused rather than formatted: RFC 8785 prints them as ECMAScript does, and a plan
holds only integers, so the hardest page of the standard is not needed. Integers stay within what a
double holds exactly, because a reader in another language may parse them as doubles.
"""

import json
from collections.abc import Mapping, Sequence

MAX_INTEGER = 2**53 - 1
"""The largest integer that survives a reader which parses numbers as doubles (I-JSON, RFC 7493)."""


def canonical_json(document: object) -> bytes:
    """
    The canonical UTF-8 form of a document of objects, lists, text, integers, booleans and null.

    Raises:
        TypeError: a float, a key that is no text, or another type.
        ValueError: an integer beyond ±(2^53 - 1), or text with a lone surrogate.
    """
    return json.dumps(_ordered(document), ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def _ordered(value: object) -> object:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            message = f"{value} does not survive JSON readers that use doubles"
            raise ValueError(message)
        return int(value)
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            message = "only text can be a key"
            raise TypeError(message)
        # By UTF-16 code units, as the standard says: that differs from code points above U+FFFF.
        return {key: _ordered(value[key]) for key in sorted(value, key=_utf16)}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_ordered(item) for item in value]
    message = f"{type(value).__name__} has no canonical form here"
    raise TypeError(message)


def _utf16(key: str) -> bytes:
    return key.encode("utf-16-be")
