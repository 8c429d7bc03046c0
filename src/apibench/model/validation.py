"""
From a raw document to a `Plan`, or to all of its faults at once, each with its place and a remedy.

Pydantic finds what is wrong with the shape; here its errors become words for people, and the checks
between the parts are added even where the shape is faulty.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from apibench.model import crosscheck, shape
from apibench.model.errors import PlanInvalid
from apibench.model.expression import KNOWN, NAME_PATTERN
from apibench.model.fault import Fault, Place, place_text
from apibench.model.part import Part
from apibench.model.plan import Plan
from apibench.model.signing import LABEL_PATTERN
from apibench.model.step import NOT_BUILT_STEPS
from apibench.model.suggestion import did_you_mean
from apibench.model.units import format_duration

MAX_DEPTH = 40
MAX_NODES = 500_000
"""Values in a document. 1,000 steps with 100 headers each have some 310,000; a real plan has 5,000."""

_OWN_REMEDY = "remedy"
_ELSEWHERE = {
    ("ClosedStage", "rate"): "A closed load's stages move `vus`; for a rate write `model: open`.",
    ("OpenStage", "vus"): "An open load's stages move `rate`; for users write `model: closed`.",
    ("Closed", "rate"): "A closed load has `vus`; for a rate write `model: open`.",
    ("Open", "vus"): "An open load takes as many as it needs; `max_vus` bounds them.",
    ("Scenario", "thresholds"): "Thresholds stand at the top of the plan.",
    ("Plan", "steps"): "Steps stand in a scenario.",
    ("Plan", "load"): "A load stands in a scenario.",
    ("Host", "url"): "Call it `base_url`.",
}


def parse_plan(document: object) -> Plan:
    """
    Validate a whole document.

    Raises:
        PlanInvalid: with every fault, in the document's order.
    """
    plan, found = validated(document)
    if plan is None:
        raise PlanInvalid(found)
    return plan


def faults(document: object) -> list[Fault]:
    """Everything that is wrong with a document; empty where it is a plan."""
    return validated(document)[1]


def validated(document: object) -> tuple[Plan | None, list[Fault]]:
    """The plan that a document is, or everything that is wrong with it."""
    excess = too_much(document)
    if excess is not None:
        return None, [excess]
    try:
        # It asks `crosscheck` too, so that there is nothing left to find.
        return Plan.model_validate(document), []
    except ValidationError as error:
        told = error.errors()
    found = [_fault(details, document) for details in told if not follows_from_others(details)]
    known = {fault.path for fault in found}
    found += [fault for fault in crosscheck.faults(document) if fault.path not in known]
    found = found or [_fault(details, document) for details in told]
    return None, sorted(found, key=lambda fault: _order(document, fault.path))


def fault_of(details: ErrorDetails, path: Place, model: type[Part] | None) -> Fault:
    """Pydantic's error about another document than a plan, in the same words; `model` is where its last word stands."""
    code, message, remedy = _words(details, path, model)
    return Fault(code=code, place=place_text(path), message=message, remedy=remedy, path=path)


def too_much(document: object) -> Fault | None:
    """Bounds what every later walk costs, also for documents that did not come from a file."""
    waiting: list[tuple[object, int]] = [(document, 1)]
    nodes = 0
    while waiting:
        value, depth = waiting.pop()
        nodes += 1
        if depth > MAX_DEPTH:
            return _whole("plan.deep", f"nested deeper than {MAX_DEPTH} levels", "Make it flatter.")
        if nodes > MAX_NODES:
            return _whole("plan.large", f"more than {MAX_NODES:,} values", "Split the plan.")
        if value is None or isinstance(value, str | int):
            continue  # most of them
        if isinstance(value, Mapping):
            waiting.extend((item, depth + 1) for item in value.values())
        elif isinstance(value, list | tuple):
            waiting.extend((item, depth + 1) for item in value)
    return None


def _whole(code: str, message: str, remedy: str) -> Fault:
    return Fault(code=code, place="", message=message, remedy=remedy)


def follows_from_others(details: ErrorDetails) -> bool:
    """Whether an error is there only because others are: it need not be told."""
    if details["type"] == "too_short":
        # Pydantic counts only the valid entries; a list of one faulty step is not empty.
        least = details["ctx"]["min_length"]
        return isinstance(details["input"], list | tuple | Mapping) and len(details["input"]) >= least
    return details["type"] == crosscheck.CODE


def _fault(details: ErrorDetails, document: object) -> Fault:
    path, model = _walk(details["loc"], document)
    code, message, remedy = _words(details, path, model)
    return Fault(code=code, place=place_text(path), message=message, remedy=remedy, path=path)


def _walk(location: Place, document: object) -> tuple[Place, type[Part] | None]:
    """
    Pydantic's location as a path in the document, and the model in which its last word stands.

    The two differ where a union chose a member: pydantic puts the member's tag into the location, as in
    ("steps", 0, "request", "path"). No document has that word there, so it is left out.
    """
    path: list[str | int] = []
    annotation: Any = Plan
    model: type[Part] | None = Plan
    here: object = document
    for word in location:
        tags = [shape.tag(each) for each in shape.parts(annotation)] if annotation is not None else []
        if len(tags) > 1 and any(each is not None and each[1] == word for each in tags):
            annotation = next(each for each in shape.parts(annotation) if (shape.tag(each) or ("", ""))[1] == word)
            continue
        if word == "[key]" or (word == KNOWN and isinstance(here, str)):
            continue
        path.append(word)
        if isinstance(word, int):
            model, annotation = None, shape.item(annotation, word) if annotation is not None else None
        else:
            model = shape.choose(annotation, here) if isinstance(here, Mapping) and annotation is not None else None
            if model is None and annotation is not None and len(shape.parts(annotation)) == 1:
                model = shape.parts(annotation)[0]
            field = model.model_fields.get(word) if model is not None else None
            if field is not None:
                annotation = field.annotation
            else:
                annotation = shape.value(annotation) if annotation is not None and model is None else None
        here = _inside(here, word)
    return tuple(path), model


def _inside(value: object, word: str | int) -> object:
    if isinstance(value, Mapping):
        return value.get(word)
    if isinstance(value, list | tuple) and isinstance(word, int) and 0 <= word < len(value):
        return value[word]
    return None


def _words(details: ErrorDetails, path: Place, model: type[Part] | None) -> tuple[str, str, str]:
    kind, context = details["type"], details.get("ctx", {})
    if _OWN_REMEDY in context:
        return kind, context["message"], context[_OWN_REMEDY]
    if kind == "extra_forbidden" and model is not None:
        return _unknown_word(str(path[-1]), model)
    if kind == "missing":
        return "missing", "is missing", f"Add `{path[-1]}`."
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        return _unknown_kind(details)
    is_time = bool(path) and str(path[-1]).endswith("_ns")
    shown = _show(details["input"], path, is_time=is_time)
    if kind == "string_pattern_mismatch" and context["pattern"] in _WRITTEN_OF:
        return kind, f"{shown} has a character that can't stand there", _WRITTEN_OF[context["pattern"]]
    for kinds, code, message, remedy in _SAYINGS:
        if kind in kinds:
            words = {key: _number(value, is_time=is_time) for key, value in context.items()}
            return code, message.format(shown=shown, **words), remedy.format(shown=shown, **words)
    return kind, details["msg"][:1].lower() + details["msg"][1:], "See `apibench plan --schema`."


_WRITTEN_OF = {
    NAME_PATTERN: "Write it of letters, digits and _, and begin with no digit.",
    LABEL_PATTERN: "Write it of small letters, digits and -.",
}
_SAYINGS: tuple[tuple[tuple[str, ...], str, str, str], ...] = (
    (("int_type", "int_from_float", "int_parsing"), "type", "{shown} is no whole number", "Write digits only."),
    (("string_type", "string_unicode"), "type", "{shown} is no text", "Put it in quotes."),
    (("bool_type", "bool_parsing"), "type", "{shown} is neither true nor false", "Write true or false."),
    (("tuple_type", "list_type"), "type", "{shown} is no list", "Write a list, with one entry for each."),
    (
        ("model_type", "model_attributes_type", "mapping_type", "dict_type"),
        "type",
        "{shown} is no object",
        "Write keys and values.",
    ),
    (("greater_than_equal",), "range", "{shown} is too low", "The least is {ge}."),
    (("less_than_equal",), "range", "{shown} is too high", "The most is {le}."),
    (("string_too_short",), "range", "is empty", "Write something."),
    (("string_too_long",), "range", "is too long", "At most {max_length} characters."),
    (("too_short",), "range", "has too few entries", "It needs at least {min_length}."),
    (("too_long",), "range", "has too many entries", "At most {max_length}."),
    (("literal_error",), "choice", "{shown} is none of the choices", "Choose {expected}."),
    (("none_required",), "not_built", "is not built yet", "Leave it out."),
)


def _unknown_word(word: str, model: type[Part]) -> tuple[str, str, str]:
    remedy = _ELSEWHERE.get((model.__name__, word)) or _meant(word, model)
    return "unknown", f"`{word}` is no word of {_title(model)}", remedy


def _meant(word: str, model: type[Part]) -> str:
    """
    Which word was meant. Of `duration_ns` files say `duration`, unless somebody writes the document's own form; and
    where a step was written nobody says.
    """
    fields = [name for name in model.model_fields if name != "source"]
    return did_you_mean(word, fields if word.endswith("_ns") else [name.removesuffix("_ns") for name in fields])


def _title(model: type[Part]) -> str:
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in model.__name__).strip()
    words = words.removeprefix("from ")
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}{' load' if words in ('open', 'closed') else ''}"


def _unknown_kind(details: ErrorDetails) -> tuple[str, str, str]:
    context = details.get("ctx", {})
    key = str(context.get("discriminator", "")).strip("'")
    if details["type"] == "union_tag_not_found":
        return "missing", f"does not say its `{key}`", f"Add `{key}`."
    word = str(context.get("tag", ""))
    if word in NOT_BUILT_STEPS:
        return "not_built", f"`{word}` is not built yet", "Leave it out: it is refused so that nothing is ignored."
    known = [each.strip().strip("'") for each in str(context.get("expected_tags", "")).split(",")]
    return "choice", f"`{word[:60]}` is no {key} known here", did_you_mean(word, known)


def _number(value: object, *, is_time: bool) -> str:
    if not isinstance(value, int):
        return str(value)
    return format_duration(value) if is_time else f"{value:,}"


def _show(value: object, path: Place, *, is_time: bool) -> str:
    # A header's value may be a secret, and a fault may end up in a log.
    if "headers" in path:
        return "the value"
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = f"'{value}'" if isinstance(value, str) else _number(value, is_time=is_time and value != 0)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _order(document: object, path: Place) -> tuple[int, ...]:
    """Sorts faults as their places stand in the document; what is missing comes where its parent ends."""
    here, order = document, []
    for word in path:
        if isinstance(here, Mapping) and word in here:
            order.append(list(here).index(word))
        else:
            order.append(word if isinstance(word, int) else MAX_NODES)
        here = _inside(here, word)
    return tuple(order)
