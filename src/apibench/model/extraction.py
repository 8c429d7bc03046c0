"""
What is taken out of a response, one class a kind, told apart by `type`.

Paths, patterns and selectors are the engine's to read: it is asked when a plan is read, so that its words are told with
the place.
"""

import json
from typing import Annotated, Any, Literal

from pydantic import Field, Strict, model_validator

from apibench import _engine
from apibench.model.http_text import HeaderName
from apibench.model.part import Part, fault

MAX_PATTERN = 2_000

_Words = Annotated[str, Strict(), Field(min_length=1, max_length=MAX_PATTERN)]
_Word = Annotated[str, Strict(), Field(min_length=1, max_length=100)]


class FromStatus(Part):
    """The status of the response."""

    type: Literal["status"]


class FromHeader(Part):
    """The first header of this name, in any case."""

    type: Literal["header"]
    name: HeaderName


class FromCookie(Part):
    """The last cookie of this name that the response sets."""

    type: Literal["cookie"]
    name: HeaderName


JsonKey = Annotated[str, Strict(), Field(max_length=1_000)] | Annotated[int, Strict(), Field(ge=0, le=1_000_000)]


class FromJson(Part):
    """A value of the JSON body: members by name, items by number from 0. No path: the whole of it."""

    type: Literal["json"]
    path: tuple[JsonKey, ...] = Field(default=(), max_length=30)


class _Read(Part):
    """One that the engine reads."""

    @model_validator(mode="after")
    def _can_be_read(self) -> "_Read":
        document: dict[str, Any] = self.model_dump()
        wrong = _engine.extraction_fault(json.dumps(document))
        if wrong is not None:
            kind, written = _WRITTEN[document["type"]]
            raise fault(
                "extract.read", f"'{document[written][:60]}' is no {kind}: {wrong}", _REMEDIES[document["type"]]
            )
        return self


class FromJsonPath(_Read):
    """
    What a path selects of the JSON body (RFC 9535): an array, in the body's order; of a path that leads to one value at
    most, that value.
    """

    type: Literal["json_path"]
    path: _Words


class FromRegex(_Read):
    """
    What a group of the first match in the body has: the first group unless told, the whole match where there is none.
    The syntax is that of Rust's crate `regex`, without look-around and back-references.
    """

    type: Literal["regex"]
    pattern: _Words
    group: Annotated[int, Strict(), Field(ge=0, le=1_000)] | _Word | None = None
    """By number or name; 0 is the whole match."""


class FromBoundary(Part):
    """What stands in the body between two texts, where they first do."""

    type: Literal["boundary"]
    left: _Words
    right: _Words


class FromCss(_Read):
    """The text of the first element of an HTML body that a CSS selector finds, or one of its attributes."""

    type: Literal["css"]
    selector: _Words
    attribute: _Word | None = None


class FromBody(Part):
    """The whole body, as text."""

    type: Literal["body"]


KINDS = (FromStatus, FromHeader, FromCookie, FromJson, FromJsonPath, FromRegex, FromBoundary, FromCss, FromBody)
Extraction = Annotated[
    FromStatus | FromHeader | FromCookie | FromJson | FromJsonPath | FromRegex | FromBoundary | FromCss | FromBody,
    Field(discriminator="type"),
]

_WRITTEN = {"json_path": ("path into JSON", "path"), "regex": ("pattern", "pattern"), "css": ("selector", "selector")}
_REMEDIES = {
    "json_path": "Write it as RFC 9535 says, like $.items[?@.price < 10].id.",
    "regex": "Write it as the crate `regex` of Rust reads it, without look-around and back-references.",
    "css": "Write it of names, #id, .class, [attribute=value], :nth-child(n), :not(...), spaces and >.",
}
