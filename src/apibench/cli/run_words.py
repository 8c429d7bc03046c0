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
from apibench.authoring.any_target import plan_faults
from apibench.cli import foreign
from apibench.cli.parser_faults import parser_fault
from apibench.model.errors import NotBuilt, PlanInvalid, PlanUnreadable, WordsInvalid
from apibench.model.fault import Fault

_STAND_IN = "http://localhost/"
"""Stands for a missing target, so that the other words are read too."""


def run_request(app: App, arguments: Sequence[str]) -> RunRequest | None:
    """
    What is to be run; None where the words only asked for help, which was then given.

    Raises WordsInvalid with all faults; PlanInvalid or PlanUnreadable where only the plan is at fault.
    """
    words, faults = foreign.split(arguments)
    words = foreign.completed(words)
    dashed: dict[str, Fault] = {}
    parsed = None
    while parsed is None:
        try:
            parsed = app.parse_args(["run", *words], exit_on_error=False, print_error=False)
        except CycloptsError as error:
            fault = parser_fault(error, "run")
            if _has_targets(words) and isinstance(error, MissingArgumentError) and error.keyword is None:
                words = ["", *words]  # its lines name their hosts themselves
                continue
            fewer = _without(words, error)
            faults = _told(faults, fault, error, words, dashed)
            if fewer == words:
                raise WordsInvalid(faults) from error
            words = fewer
    command, bound, _ = parsed
    try:
        request = cast("RunRequest | None", command(*bound.args, **bound.kwargs))
    except WordsInvalid as invalid:
        raise WordsInvalid([*faults, *invalid.faults]) from invalid
    except (PlanInvalid, PlanUnreadable, NotBuilt) as unusable:
        if not faults:
            raise
        raise WordsInvalid([*faults, *plan_faults(unusable)]) from unusable
    if faults:
        raise WordsInvalid(faults)
    return request


def _has_targets(words: Sequence[str]) -> bool:
    return any(word.partition("=")[0] == "--targets" for word in words)


def _told(
    faults: list[Fault], fault: Fault, error: CycloptsError, words: list[str], dashed: dict[str, Fault]
) -> list[Fault]:
    """
    The faults with the next one.

    A value that begins with a dash is taken for a flag: first its own flag has no value, then it is none that is
    known. That is one fault, and not the user's spelling of a flag. `dashed` remembers the first half of it.
    """
    if isinstance(error, MissingArgumentError) and error.keyword in words:
        following = words[words.index(str(error.keyword)) + 1 :][:1]
        if following and following[0].startswith("-"):
            dashed[following[0]] = fault
    if isinstance(error, UnknownOptionError) and (first := dashed.get(str(error.token.keyword))) in faults:
        value = str(error.token.keyword)
        told = Fault(first.code, first.place, f"'{value}' behind it looks like a flag", f"Write {first.place}={value}.")
        return [told if each is first else each for each in faults]
    return [*faults, fault]


def _without(words: list[str], error: CycloptsError) -> list[str]:
    """The words without those that the parser stumbled over."""
    if isinstance(error, UnusedCliTokensError):
        return _without_last(words, error.unused_tokens or ())
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


def _without_last(words: list[str], unused: Sequence[str]) -> list[str]:
    """Of words that stand there twice the last is the one that is not wanted."""
    left = list(words)
    for word in unused:
        if word in left:
            del left[len(left) - 1 - left[::-1].index(word)]
    return left
