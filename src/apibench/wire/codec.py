"""
Our frozen data as protobuf messages and back, by the names of their fields.

A class and its message have the same name and the same field names (a test holds them together), so nothing is written
down for each of them: how a field passes follows from its type and from what the message says of it. An enumeration is
text, and what only people and charts read (a mapping to anything) is JSON.

What a peer of an earlier release does not send has its default here; what one of a later release sends beside it is not
seen, and a message of a kind that this release does not know decodes to None.
"""

import dataclasses
import json
import types
import typing
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache
from typing import Any, Generic, TypeVar

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message
from pydantic import BaseModel

# They make their messages known to the pool.
from apibench.wire.v1 import aggregation_pb2 as _aggregation
from apibench.wire.v1 import control_pb2 as _control
from apibench.wire.v1 import provision_pb2 as _provision
from apibench.wire.v1 import results_pb2 as _results

PACKAGE = "apibench.v1"
FILES = (_control.DESCRIPTOR, _results.DESCRIPTOR, _aggregation.DESCRIPTOR, _provision.DESCRIPTOR)

T = TypeVar("T")
Convert = Callable[[Any], Any]


class Malformed(ValueError):
    """Bytes that are no such message, or a message that says what can't be."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Field:
    name: str
    to_wire: Convert
    from_wire: Convert
    has_presence: bool
    default: Any
    """Where it is absent: a function that makes it, or None if there is no default."""


class Codec(Generic[T]):
    """Of one class of ours."""

    def __init__(self, kind: type[T]) -> None:
        self.descriptor: Descriptor = descriptor_pool.Default().FindMessageTypeByName(f"{PACKAGE}.{kind.__name__}")
        self._kind = kind
        self._message = message_factory.GetMessageClass(self.descriptor)
        self._fields = tuple(_fields(kind, self.descriptor))

    def to_message(self, value: T) -> Message:
        """The message that says it. Raises ValueError or TypeError for a value that its field can't hold."""
        said = ((field, getattr(value, field.name)) for field in self._fields)
        return self._message(**{field.name: field.to_wire(each) for field, each in said if each is not None})

    def from_message(self, message: Message) -> T:
        """What a message says. Raises Malformed."""
        values: dict[str, Any] = {}
        for field in self._fields:
            if field.has_presence and field.default is not None and not message.HasField(field.name):
                values[field.name] = field.default()
            else:
                values[field.name] = field.from_wire(getattr(message, field.name))
        try:
            return self._kind(**values)
        except ValueError as error:
            raise Malformed(f"{self._kind.__name__}: {' '.join(str(error).split())}") from error

    def to_bytes(self, value: T) -> bytes:
        """As it passes. Mappings are in order, so that equal values have equal bytes."""
        return self.to_message(value).SerializeToString(deterministic=True)

    def from_bytes(self, data: bytes) -> T:
        """What has passed. Raises Malformed."""
        return self.from_message(_parsed(self._message, data))


class Envelope(Generic[T]):
    """One of several classes at a time, in a message that has nothing but a oneof of them."""

    def __init__(self, name: str, *kinds: type[T]) -> None:
        self.descriptor: Descriptor = descriptor_pool.Default().FindMessageTypeByName(f"{PACKAGE}.{name}")
        self._message = message_factory.GetMessageClass(self.descriptor)
        cases = {_message_of(field).name: field.name for field in self.descriptor.fields}
        self._cases = {kind: cases[kind.__name__] for kind in kinds}
        self._codecs = {cases[kind.__name__]: codec_of(kind) for kind in kinds}

    def to_bytes(self, value: T) -> bytes:
        """As it passes."""
        case = self._cases[type(value)]
        return self._message(**{case: self._codecs[case].to_message(value)}).SerializeToString(deterministic=True)

    def from_bytes(self, data: bytes) -> T | None:
        """What has passed; None for what a peer of a later release says. Raises Malformed."""
        message = _parsed(self._message, data)
        case = message.WhichOneof("message")
        return self._codecs[case].from_message(getattr(message, case)) if case in self._codecs else None


def codec_of(kind: type[T]) -> Codec[T]:
    """The codec of a class. Raises KeyError where no message has its name."""
    key: Any = kind
    made: Codec[T] = _codec_of(key)
    return made


@cache
def _codec_of(kind: Any) -> Codec[Any]:
    return Codec(kind)


def _message_of(field: FieldDescriptor) -> Descriptor:
    if field.message_type is None:
        message = f"{field.full_name} is no message"
        raise TypeError(message)
    return field.message_type


def _parsed(kind: type[Message], data: bytes) -> Message:
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise Malformed(f"these {len(data)} bytes are no {kind.DESCRIPTOR.name}") from error


def _fields(kind: Any, descriptor: Descriptor) -> typing.Iterator[_Field]:
    defaults: dict[str, Callable[[], Any]] = {}
    if issubclass(kind, BaseModel):
        hints: dict[str, Any] = {name: each.annotation for name, each in kind.model_fields.items()}
    else:
        hints = typing.get_type_hints(kind)
        for each in dataclasses.fields(kind):
            if each.default_factory is not dataclasses.MISSING:
                defaults[each.name] = each.default_factory
            elif each.default is not dataclasses.MISSING:
                defaults[each.name] = _always(each.default)
    for name, hint in hints.items():
        field = descriptor.fields_by_name[name]
        to_wire, from_wire = _converters(hint, field)
        yield _Field(name, to_wire, from_wire, field.has_presence, defaults.get(name))


def _always(value: Any) -> Callable[[], Any]:
    return lambda: value


def _same(value: Any) -> Any:
    return value


def _converters(hint: Any, field: FieldDescriptor) -> tuple[Convert, Convert]:
    """How a value of that type goes into a field, and comes out of it."""
    origin, words = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        (some,) = (word for word in words if word is not types.NoneType)
        return _converters(some, field)
    if origin is tuple and words[-1] is Ellipsis:
        to_wire, from_wire = _converters(words[0], field)
        return lambda values: [to_wire(each) for each in values], lambda values: tuple(map(from_wire, values))
    if origin is tuple:
        return _by_place(_message_of(field))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(words[1], field)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return str, _enumeration(hint)
    if isinstance(hint, type) and (dataclasses.is_dataclass(hint) or issubclass(hint, BaseModel)):
        codec = codec_of(hint)
        return codec.to_message, codec.from_message
    return _same, _same


def _by_place(descriptor: Descriptor) -> tuple[Convert, Convert]:
    kind, names = message_factory.GetMessageClass(descriptor), [field.name for field in descriptor.fields]
    return (
        lambda values: kind(**dict(zip(names, values, strict=True))),
        lambda message: tuple(getattr(message, name) for name in names),
    )


def _mapping(values: Any, field: FieldDescriptor) -> tuple[Convert, Convert]:
    if field.message_type is None:
        return lambda mapping: json.dumps(mapping, ensure_ascii=False, separators=(",", ":")), _json
    to_wire, from_wire = _converters(values, field.message_type.fields_by_name["value"])
    return (
        lambda mapping: {key: to_wire(value) for key, value in mapping.items()},
        lambda mapping: {key: from_wire(value) for key, value in mapping.items()},
    )


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Malformed(f"a document that is no JSON: {error}") from error


def _enumeration(kind: type[StrEnum]) -> Convert:
    def from_wire(text: str) -> StrEnum:
        try:
            return kind(text)
        except ValueError as error:
            raise Malformed(f"`{text}` is no {kind.__name__} that this version knows") from error

    return from_wire
