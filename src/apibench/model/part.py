"""
What all parts of a plan share: frozen, no unknown words, integers that are integers, bounded numbers.

Nothing is coerced: `"50"` is no number and `1.0` no integer here. Text with units is turned into
integers before (`authoring.plan_words`), so that a plan has one form and one hash.
"""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, ValidationInfo
from pydantic.functional_validators import BeforeValidator
from pydantic_core import PydanticCustomError

from apibench.model.canonical import MAX_INTEGER

MAX_DURATION_NS = 30 * 86_400 * 1_000_000_000
"""30 days: longer than any test, and small enough that sums of a thousand of them stay exact."""
MAX_VUS = 1_000_000
MAX_NAME = 200
"""Longest name of anything, in characters. Names become series, metrics and file names."""


class Part(BaseModel):
    """A frozen piece of a plan that refuses words it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def fault(code: str, message: str, remedy: str) -> PydanticCustomError:
    """What a validator raises: a stable code, what is wrong, what to do. `validation` makes a `Fault` of it."""
    # Through the context, because pydantic would read braces in a message as its own.
    return PydanticCustomError(code, "{message}", {"message": message, "remedy": remedy})


def _refuse_unprintable(name: str) -> str:
    if not name.isprintable() or name != name.strip():
        raise fault("name.odd", "a name has only printable characters, and no space at its ends", "Rename it.")
    return name


def _refuse_null(value: Any) -> Any:
    if isinstance(value, str) and "\0" in value:
        raise fault("text.nul", "holds a NUL character", "Take it out.")
    return value


Text = Annotated[str, Strict(), AfterValidator(_refuse_null)]
Name = Annotated[str, Strict(), Field(min_length=1, max_length=MAX_NAME), AfterValidator(_refuse_unprintable)]
Flag = Annotated[bool, Strict()]
Whole = Annotated[int, Strict(), Field(ge=0, le=MAX_INTEGER)]
Positive = Annotated[int, Strict(), Field(ge=1, le=MAX_INTEGER)]
DurationNs = Annotated[int, Strict(), Field(ge=0, le=MAX_DURATION_NS)]
"""Nanoseconds, from 0."""
SpanNs = Annotated[int, Strict(), Field(ge=1, le=MAX_DURATION_NS)]
"""Nanoseconds, at least one: what a timeout of 0 would mean, every tool says differently."""
Port = Annotated[int, Strict(), Field(ge=1, le=65_535)]
Vus = Annotated[int, Strict(), Field(ge=0, le=MAX_VUS)]


def _refuse_not_built(value: Any, info: ValidationInfo) -> Any:
    # The neutral value passes: a fully explicit document names these words with nothing in them.
    if value is None or value in ((), []):
        return value
    raise not_built(str(info.field_name))


def not_built(word: str) -> PydanticCustomError:
    """The refusal of a word that the design has and this release has not."""
    return fault("not_built", f"`{word}` is not built yet", "Leave it out: it is refused so that nothing is ignored.")


NotBuilt = Annotated[None, BeforeValidator(_refuse_not_built)]
"""A place of the design that this release can't fill: only `null` stands there."""
NotBuiltList = Annotated[tuple[()], BeforeValidator(_refuse_not_built)]
"""The same for a list: only the empty one stands there."""
