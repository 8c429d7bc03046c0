"""
Which words may stand at a place of a plan, read off the models themselves.

One walker for whoever needs to know: `validation` for "did you mean", `authoring.plan_words` for turning
`duration: 30s` into `duration_ns`. A list of places kept by hand would forget the next field.
"""

import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from apibench.model.part import Part


def options(annotation: Any) -> tuple[Any, ...]:
    """The types that an annotation allows, without `Annotated` and unions around them."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return options(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return tuple(each for member in get_args(annotation) for each in options(member))
    return (annotation,)


def parts(annotation: Any) -> tuple[type[Part], ...]:
    """The models among them."""
    return tuple(each for each in options(annotation) if isinstance(each, type) and issubclass(each, Part))


def holds(annotation: Any, kind: type) -> bool:
    """Whether a value of this very type may stand there."""
    return kind in options(annotation)


def item(annotation: Any, place: int = 0) -> Any:
    """What a list there holds at a place; `None` where none may stand, or nothing at that place of it."""
    for each in options(annotation):
        if get_origin(each) is tuple and get_args(each):
            items = get_args(each)
            if items[-1] is Ellipsis:
                return items[0]
            return items[place] if place < len(items) else None
    return None


def value(annotation: Any) -> Any:
    """What a mapping with free keys holds there (the plan's `hosts`); `None` where none may stand."""
    for each in options(annotation):
        if get_origin(each) in (dict, Mapping):
            return get_args(each)[1]
    return None


def tag(part: type[Part]) -> tuple[str, str] | None:
    """The field and word by which a union tells this model: ("type", "request")."""
    for name in ("type", "model"):
        field = part.model_fields.get(name)
        if field is not None and field.is_required() and get_origin(field.annotation) is Literal:
            return name, str(get_args(field.annotation)[0])
    return None


def choose(annotation: Any, document: Mapping[Any, Any]) -> type[Part] | None:
    """The model that this document claims to be; `None` where it can't be told."""
    models = parts(annotation)
    if len(models) == 1:
        return models[0]
    for model in models:
        tagged = tag(model)
        if tagged is not None and document.get(tagged[0]) == tagged[1]:
            return model
    return None
