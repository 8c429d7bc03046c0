"""
Words that mean something else in another tool, and words of ours that are not built yet.

A value in the shape of another tool's meaning is refused with a hint and never guessed at: a run that does something
else than its user believes is worse than none. Looked at before the command line is parsed, because a parser would
only say that it does not know the word.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from apibench.model.errors import ApibenchError, NotBuilt, UsageError


@dataclass(frozen=True, slots=True)
class _Foreign:
    """A flag, the shape of value that is meant (None: any), and what to say."""

    flag: str
    shape: str | None
    message: str
    hint: str


_DURATION = r"\d+(\.\d+)?(ms|s|m|h)?"
_NUMBER = r"\d+(\.\d+)?[kKmM]?"
_FOREIGN = (
    _Foreign("-d", r"[\[{\"@].*", "that is a body", "-d is the duration here, as in wrk and k6; a body is --data."),
    _Foreign("-d", _NUMBER, "that has no unit", "Write {value}s if you mean seconds."),
    _Foreign("-H", r"https?://.*", "that is a URL", "-H is a header here; give the URL as the target."),
    _Foreign("-t", r"\d+", "-t is no flag here", "Threads are --threads {value}."),
    _Foreign("-t", _DURATION, "-t is no flag here", "The duration is -d {value}, the timeout --timeout {value}."),
    _Foreign("-q", _NUMBER, "-q is no flag here", "A rate of {value} a second, in all, is --rate {value}/s."),
    _Foreign("-q", None, "-q is no flag here", "To see less: --summary none --progress none."),
    _Foreign(
        "-s", r"\d.*:.*", "-s is no flag here", "A stage is --stage {value}, with /s behind a rate or @ before VUs."
    ),
    _Foreign("-s", None, "-s is no flag here", "Scripts are not built yet; a plan may be a file."),
    _Foreign("-p", None, "-p is no flag here", "Pipelining is not built, because its times mean something else."),
    _Foreign("-D", None, "-D is no flag here", "A body from a file is --data @{value}."),
    _Foreign("-i", _NUMBER, "-i is no flag here", "Iterations are -n {value}."),
    _Foreign("-f", None, "-f is no flag here", "Give the file as the target."),
    _Foreign(
        "-c", r".*\.(js|json|ya?ml|toml)", "that is a file", "-c is connections here; give the file as the target."
    ),
)
_NOT_BUILT = {
    "-F": "Multipart forms are not built yet",
    "--form": "Multipart forms are not built yet",
    "--max-catchup": "A bound on catching up is not built yet",
    "--once": "A single iteration with --trace is not built yet",
    "--trace": "A trace is not built yet",
    "--tui": "A full-screen view is not built yet",
    "--web": "A dashboard is not built yet",
    "--controller": "Runs on other machines are not built yet",
    "--workers": "Runs on other machines are not built yet",
    "--region": "Runs on other machines are not built yet",
    "-x": "Proxies are not built yet",
    "--proxy": "Proxies are not built yet",
}


def refuse(arguments: Sequence[str]) -> None:
    """Raise for every foreign word of a command line of `run`, all of them at once."""
    faults: list[ApibenchError] = []
    for place, argument in enumerate(arguments):
        flag, joined, value = argument.partition("=")
        following = arguments[place + 1] if place + 1 < len(arguments) else ""
        value = value if joined else following
        if flag in _NOT_BUILT:
            faults.append(
                NotBuilt(f"{flag}: {_NOT_BUILT[flag]}", "Leave it out: it is refused so that nothing is ignored.")
            )
            continue
        for foreign in _FOREIGN:
            if flag == foreign.flag and (foreign.shape is None or re.fullmatch(foreign.shape, value, re.DOTALL)):
                shown = f"{flag} {value}".strip()
                faults.append(UsageError(f"{shown}: {foreign.message}", foreign.hint.replace("{value}", value)))
                break
    if len(faults) == 1:
        raise faults[0]
    if faults:
        told = "\n".join(f"  {fault}" for fault in faults)
        raise UsageError(f"{len(faults)} words of this command line cannot be:\n{told}\nMend them all", "Try again.")


def completed(arguments: Sequence[str]) -> list[str]:
    """The same, with the number that `-L` alone stands for, as curl's users write it."""
    given: list[str] = []
    for place, argument in enumerate(arguments):
        given.append(argument)
        following = arguments[place + 1] if place + 1 < len(arguments) else ""
        if argument in ("-L", "--location") and not following.isdigit():
            given.append("10")
    return given
