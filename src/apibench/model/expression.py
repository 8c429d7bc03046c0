"""
Expressions: values that are known only while the load runs.

Four kinds make all of them: what is always the same, what a step has put under a name, what set-up has handed over, and
what a function makes of others. A text with late parts is the function `concat`.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, Strict, Tag, field_validator, model_validator
from pydantic_core import PydanticCustomError

from apibench.model.canonical import MAX_INTEGER
from apibench.model.fault import Place
from apibench.model.function import (
    ARITY,
    COUNTERS,
    FORM_AT,
    FORMS,
    MAX_ARGUMENTS,
    MAX_COUNTER_NAME,
    MOMENTS,
    OFFSETS,
    ONE_WAY,
    Function,
)
from apibench.model.moment import is_offset, moment_of
from apibench.model.part import Part, Text, fault
from apibench.model.secret import OPENING, is_reference
from apibench.model.suggestion import did_you_mean

MAX_TEXT = 1024 * 1024
KNOWN = "known"
"""The tag of text that stands in a plan as it is, where it may be late. No document has this word there."""

NAME_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"
VariableName = Annotated[str, Strict(), Field(min_length=1, max_length=100, pattern=NAME_PATTERN)]


def _misplaced_secret() -> PydanticCustomError:
    remedy = (
        "Send it in a header or a text body that has nothing late in it, or give it whole to a function that makes "
        "digests or signatures, like hmac_sha256."
    )
    return fault("secret.place", "a secret can't stand in a value, or in a text with late parts", remedy)


class Constant(Part):
    """Always the same: text, a whole number, true, false or null."""

    type: Literal["constant"]
    value: (
        Annotated[bool, Strict()]
        | Annotated[int, Strict(), Field(ge=-MAX_INTEGER, le=MAX_INTEGER)]
        | Annotated[Text, Field(max_length=MAX_TEXT)]
        | None
    )

    @field_validator("value")
    @classmethod
    def _names_no_secret(cls, value: bool | int | str | None) -> bool | int | str | None:  # noqa: FBT001 - its kinds
        # It would be sent as it stands: secrets are filled in only where a text is known whole.
        if isinstance(value, str) and OPENING in value and not is_reference(value):
            raise _misplaced_secret()
        return value

    @property
    def is_secret(self) -> bool:
        """Whether it is the name of a secret, whose value is filled in where the load is made."""
        return isinstance(self.value, str) and is_reference(self.value)


class Variable(Part):
    """What a step before has put under a name."""

    type: Literal["variable"]
    name: VariableName


class Shared(Part):
    """What set-up has handed over: known before the load begins, and the same for every iteration."""

    type: Literal["shared"]
    name: VariableName


class Call(Part):
    """What a function makes of other values."""

    type: Literal["call"]
    function: Function
    arguments: "tuple[Argument, ...]" = Field(default=(), max_length=MAX_ARGUMENTS)

    @model_validator(mode="after")
    def _as_many_as_it_takes(self) -> "Call":
        least, most = ARITY[self.function]
        if not least <= len(self.arguments) <= most:
            wanted = str(least) if least == most else f"{least} to {most:,}"
            message = f"`{self.function}` takes {wanted} arguments, and has {len(self.arguments)}"
            raise fault("call.arguments", message, "Give as many as it takes.")
        return self

    @model_validator(mode="after")
    def _keeps_secrets(self) -> "Call":
        if self.function not in ONE_WAY and any(
            isinstance(each, Constant) and each.is_secret for each in self.arguments
        ):
            raise _misplaced_secret()
        return self

    @model_validator(mode="after")
    def _writes_digests_in_a_form(self) -> "Call":
        for form in self.arguments[FORM_AT.get(self.function, MAX_ARGUMENTS) :]:
            if isinstance(form, Constant) and form.value not in FORMS:
                message = f"`{self.function}` writes no digest as {form.value!r}"
                raise fault("call.form", message, did_you_mean(str(form.value), FORMS))
        return self

    @model_validator(mode="after")
    def _is_about_moments(self) -> "Call":
        texts = [each.value for each in self.arguments if isinstance(each, Constant) and isinstance(each.value, str)]
        for text in texts if self.function in OFFSETS else ():
            if not is_offset(text):
                raise fault("call.offset", f"{text!r} is no span of time", "Write it like '90s', '-1d' or '1h30m'.")
        moments = []
        for text in texts if self.function in MOMENTS else ():
            moment = moment_of(text)
            if moment is None:
                remedy = "Write it like '2024-12-31' or '2024-12-31T23:59:59Z'."
                raise fault("call.moment", f"{text!r} is no moment", remedy)
            moments.append(moment)
        if moments != sorted(moments):
            raise fault("call.moment", f"{texts[1]!r} lies before {texts[0]!r}", "Put the earlier one first.")
        return self

    @model_validator(mode="after")
    def _names_its_counter(self) -> "Call":
        if self.function in COUNTERS:
            name = self.arguments[0].value if isinstance(self.arguments[0], Constant) else None
            if not isinstance(name, str) or not 0 < len(name) <= MAX_COUNTER_NAME:
                message = f"`{self.function}` takes a name of 1 to {MAX_COUNTER_NAME} letters, which is known"
                raise fault("call.counter", message, f"Write it like {self.function}('orders').")
        return self


def _no_secret(constant: Constant) -> Constant:
    if constant.is_secret:
        raise _misplaced_secret()
    return constant


Argument = Annotated[Constant | Variable | Shared | Call, Field(discriminator="type")]
_Alone = Annotated[Constant, AfterValidator(_no_secret)]
Expression = Annotated[_Alone | Variable | Shared | Call, Field(discriminator="type")]
"""A whole expression: only the functions in it may be given secrets."""
Call.model_rebuild()


Late = (
    Annotated[_Alone, Tag("constant")]
    | Annotated[Variable, Tag("variable")]
    | Annotated[Shared, Tag("shared")]
    | Annotated[Call, Tag("call")]
)
KINDS = (Constant, Variable, Shared, Call)
"""An expression where text that is known may stand too."""


def kind_of(value: Any) -> Any:
    """By which of these a value is read: the tag of known text, or the kind of an expression."""
    if isinstance(value, str):
        return KNOWN
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", KNOWN)
    return kind if isinstance(kind, str) else None


def pattern_of(document: Any) -> str:
    """A late text as a reader sees it, of the document's form: `/products/{id}`."""
    if not isinstance(document, dict):
        return str(document)
    match document.get("type"):
        case "constant":
            return str(document.get("value"))
        case "variable" | "shared":
            return f"{{{document.get('name')}}}"
        case _:
            pass
    arguments = document.get("arguments")
    arguments = arguments if isinstance(arguments, list | tuple) else ()
    inner = [pattern_of(each) for each in arguments]
    if document.get("function") == "concat":
        return "".join(inner)
    if document.get("function") == "member" and len(inner) == 2 and inner[1].isidentifier():
        # `{id}` of an item that has one: where the item came from, a reader need not know.
        return f"{{{inner[1]}}}"
    constants = [isinstance(each, dict) and each.get("type") == "constant" for each in arguments]
    late_ones = [each for each, is_constant in zip(inner, constants, strict=True) if "{" in each and not is_constant]
    # `/search?q={query}` rather than what is done to it on the way.
    return late_ones[0] if len(late_ones) == 1 else f"{{{document.get('function')}}}"


def shared_in(document: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Where a document uses what set-up has handed over, up to the whole expression, and the name of that."""
    if isinstance(document, dict):
        if document.get("type") == "shared" and isinstance(document.get("name"), str):
            yield place[: place.index("arguments")] if "arguments" in place else place, document["name"]
        for key, value in document.items():
            yield from shared_in(value, (*place, key))
    elif isinstance(document, list | tuple):
        for at, value in enumerate(document):
            yield from shared_in(value, (*place, at))


def variables_in(document: Any) -> Iterator[str]:
    """The names that an expression of the document's form looks up."""
    if isinstance(document, dict):
        if document.get("type") == "variable" and isinstance(document.get("name"), str):
            yield document["name"]
        for value in document.values():
            yield from variables_in(value)
    elif isinstance(document, list | tuple):
        for value in document:
            yield from variables_in(value)
