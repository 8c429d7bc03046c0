"""
Words that mean something else in another tool, and words of ours that are not built yet.

A value in the shape of another tool's meaning is refused with a hint and never guessed at: a run that does something
else than its user believes is worse than none. Looked at before the command line is parsed, because a parser would
only say that it does not know the word.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from apibench.model.errors import NotBuilt
from apibench.model.fault import Fault


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
_FILES = (".json", ".yaml", ".yml", ".toml", ".py")
_NOT_BUILT = {
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


def split(arguments: Sequence[str]) -> tuple[list[str], list[Fault]]:
    """A command line of `run` without its foreign words, and what is to be said of each of them."""
    kept: list[str] = []
    faults: list[Fault] = []
    place = 0
    while place < len(arguments):
        argument = arguments[place]
        flag, joined, value = argument.partition("=")
        following = arguments[place + 1] if place + 1 < len(arguments) else ""
        fault = _fault(flag, value if joined else following)
        if fault is None:
            kept.append(argument)
        else:
            faults.append(fault)
            place += not joined and is_value(following)
        place += 1
    return kept, faults


def is_value(text: str) -> bool:
    """Whether a word behind an unknown flag is taken for its value: no flag, and not what is to be loaded."""
    return bool(text) and not text.startswith("-") and "://" not in text and not text.endswith(_FILES)


def _fault(flag: str, value: str) -> Fault | None:
    if flag in _NOT_BUILT:
        return Fault(NotBuilt.code, flag, _NOT_BUILT[flag], "Leave it out: it is refused so that nothing is ignored.")
    for foreign in _FOREIGN:
        if flag == foreign.flag and (foreign.shape is None or re.fullmatch(foreign.shape, value, re.DOTALL)):
            shown = f"{flag} {value}".strip() if foreign.shape is not None else flag
            return Fault("usage.foreign", shown, foreign.message, foreign.hint.replace("{value}", value))
    return None


def completed(arguments: Sequence[str]) -> list[str]:
    """The same, with the number that `-L` alone stands for, as curl's users write it."""
    given: list[str] = []
    for place, argument in enumerate(arguments):
        given.append(argument)
        following = arguments[place + 1] if place + 1 < len(arguments) else ""
        if argument in ("-L", "--location") and not following.isdigit():
            given.append("10")
    return given
