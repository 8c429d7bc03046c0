"""Frozen data as plain documents (dictionaries, lists, texts, numbers) and back, by names and types of fields."""

import dataclasses
import types
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

Data = TypeVar("Data")


def to_plain(value: Any) -> Any:
    """A document of a value. Raises TypeError for what has no plain form."""
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: to_plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(each) for key, each in value.items()}
    if isinstance(value, Sequence | set | frozenset):
        return [to_plain(each) for each in (sorted(value) if isinstance(value, set | frozenset) else value)]
    message = f"{type(value).__name__} has no plain form"
    raise TypeError(message)


def from_plain(kind: type[Data], document: Any) -> Data:
    """The value of a document; fields that it leaves out are as they are by default. Raises KeyError, TypeError."""
    value: Data = _read(kind, document)
    return value


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _read(kind: Any, document: Any) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if document is None:
            return None
        return _read(next(each for each in arguments if each is not type(None)), document)
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_read(arguments[0], each) for each in document)
        return tuple(_read(each, part) for each, part in zip(arguments, document, strict=True))
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return {_read(arguments[0], key): _read(arguments[1], each) for key, each in document.items()}
    if not isinstance(kind, type):
        return document
    if dataclasses.is_dataclass(kind):
        hints = _hints(kind)
        return kind(**{name: _read(hints[name], each) for name, each in document.items() if name in hints})
    if issubclass(kind, BaseModel):
        return kind.model_validate(document)
    if issubclass(kind, Enum) or kind is int:
        return kind(document)
    return document
