"""
Words of scenarios that are called with what they do not take: refused at their line like all else that is said wrongly,
instead of with a TypeError that names a function of ours.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from types import CodeType, FunctionType
from typing import ParamSpec, TypeVar

from apibench.authoring.tracing import trace
from apibench.authoring.tracing.trouble import names_of_ours
from apibench.model.errors import NotTraceable
from apibench.model.suggestion import did_you_mean

_Given = ParamSpec("_Given")
_Made = TypeVar("_Made")
_Kind = TypeVar("_Kind", bound=type)


def a_word(function: Callable[_Given, _Made]) -> Callable[_Given, _Made]:
    """A word of scenarios. What it is called with and does not take raises NotTraceable."""
    code: CodeType = inspect.unwrap(function).__code__

    @wraps(function)
    def called(*arguments: _Given.args, **words: _Given.kwargs) -> _Made:
        try:
            return function(*arguments, **words)
        except TypeError as error:
            if _has_begun(error, code):
                raise
            raise _misused(function, arguments, words) from error

    return called


def of_words(kind: _Kind) -> _Kind:
    """A class of which each public method is a word."""
    for name, value in list(vars(kind).items()):
        if isinstance(value, FunctionType) and not name.startswith("_"):
            setattr(kind, name, a_word(value))
    return kind


def _has_begun(error: TypeError, code: CodeType) -> bool:
    """Whether it was raised in a function of this code, and not because that could not be called."""
    frame = error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code is code:
            return True
        frame = frame.tb_next
    return False


def _misused(function: Callable[..., object], given: Sequence[object], named: Mapping[str, object]) -> NotTraceable:
    signature = inspect.signature(function)
    # `u.get` hands on to `u.request` what it is given.
    others = [each for each in names_of_ours() if each != "called" and not each.startswith("_")]
    name = others[-1] if others else function.__name__
    own = {at: each for at, each in signature.parameters.items() if at != "self"}
    takes = [at for at, each in own.items() if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]
    unknown = [each for each in named if each not in takes]
    if unknown:
        message = f"`{name}` takes no {' and no '.join(f'`{each}`' for each in unknown)}"
        return trace.refused("AB150", message, " ".join(dict.fromkeys(did_you_mean(each, takes) for each in unknown)))
    remedy = f"It takes: {', '.join(takes)}." if takes else "It takes nothing."
    try:
        bound = signature.bind_partial(*given, **named)
    except TypeError as error:
        return trace.refused("AB150", f"`{name}` can't be called like that: {error}", remedy)
    missing = [at for at in takes if own[at].default is inspect.Parameter.empty and at not in bound.arguments]
    return trace.refused("AB150", f"`{name}` lacks {' and '.join(f'`{each}`' for each in missing)}", remedy)
