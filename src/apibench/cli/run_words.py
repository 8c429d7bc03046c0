"""
From the words behind `apibench run` to a request for a run, or to everything that is wrong with them at once.

The parser stops at the first word that it does not understand. Here it is asked again without that word, until it
understands the rest, and then the rest is read too.
"""

from collections.abc import Sequence
from typing import cast

from cyclopts import (
    App,
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    RepeatArgumentError,
    UnknownOptionError,
    UnusedCliTokensError,
)

from apibench.assembly.run_request import RunRequest
from apibench.cli import foreign
from apibench.model.errors import UsageError, WordsInvalid
from apibench.model.fault import Fault

_STAND_IN = "http://localhost/"
"""Stands for a missing target, so that the other words are read too."""


def run_request(app: App, arguments: Sequence[str]) -> RunRequest | None:
    """
    What is to be run; None where the words only asked for help, which was then given.

    Raises WordsInvalid with all faults, and PlanInvalid or PlanUnreadable for a plan that can't be.
    """
    words, faults = foreign.split(arguments)
    words = foreign.completed(words)
    parsed = None
    while parsed is None:
        try:
            parsed = app.parse_args(["run", *words], exit_on_error=False, print_error=False)
        except CycloptsError as error:
            faults.append(_fault(error))
            fewer = _without(words, error)
            if fewer == words:
                raise WordsInvalid(faults) from error
            words = fewer
    command, bound, _ = parsed
    try:
        request = cast("RunRequest | None", command(*bound.args, **bound.kwargs))
    except WordsInvalid as invalid:
        raise WordsInvalid([*faults, *invalid.faults]) from invalid
    if faults:
        raise WordsInvalid(faults)
    return request


def _fault(error: CycloptsError) -> Fault:
    """What the parser says, as a fault of one word."""
    if isinstance(error, UnknownOptionError):
        message, _, hint = str(error).removeprefix("Unknown option: ").partition(". ")
        flag = message.partition("=")[0].rstrip(".").strip('"')
        return Fault("usage.flag", flag, "there is no such flag", hint or "See apibench run --help.")
    if isinstance(error, CoercionError) and error.token is not None:
        said = str(error)
        choice = said.partition("Choose from: ")[2]
        flag, value = str(error.token.keyword), error.token.value
        if choice:
            return Fault("usage.choice", flag, f"'{value}' is none of the choices", f"Choose {choice}")
        return Fault("usage.value", flag, f"'{value}' is no whole number", "Write digits only.")
    if isinstance(error, RepeatArgumentError) and error.token is not None:
        return Fault("usage.twice", str(error.token.keyword), "is given more than once", "Give it once.")
    if isinstance(error, UnusedCliTokensError):
        extra = " ".join(error.unused_tokens or ())
        return Fault("usage.extra", extra, "is more than one target", "Several URLs go into a file: --targets FILE.")
    if isinstance(error, MissingArgumentError) and error.keyword is None:
        return Fault("usage.target", "TARGET", "is missing", "Name a URL, like http://localhost:8080/, or a plan.")
    if isinstance(error, MissingArgumentError):
        return Fault("usage.value", str(error.keyword), "has no value behind it", "See apibench run --help.")
    raise UsageError(str(error), "See apibench run --help.") from error


def _without(words: list[str], error: CycloptsError) -> list[str]:
    """The words without those that the parser stumbled over."""
    if isinstance(error, UnusedCliTokensError):
        unused = list(error.unused_tokens or ())
        return [word for word in words if word not in unused]
    if isinstance(error, MissingArgumentError) and error.keyword is None:
        return [_STAND_IN, *words]
    if isinstance(error, MissingArgumentError):
        return [word for word in words if word != error.keyword]
    if not isinstance(error, UnknownOptionError | CoercionError | RepeatArgumentError) or error.token is None:
        return words
    keyword, value = str(error.token.keyword), error.token.value
    for place in range(len(words) - 1, -1, -1):  # of a repeated word the last is the one too many
        flag, joined, _ = words[place].partition("=")
        if words[place] == keyword or (joined and flag == keyword):
            following = words[place + 1 : place + 2]
            takes = not joined and bool(following) and (following == [value] or foreign.is_value(following[0]))
            return words[:place] + words[place + 1 + takes :]
        if words[place] == keyword + value:
            return words[:place] + words[place + 1 :]
    return words
