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
    takes_value: bool = True
    """Whether what stands behind it is its value, in the tool whose flag it is."""


_DURATION = r"\d+(\.\d+)?(ms|s|m|h)?"
_NUMBER = r"\d+(\.\d+)?[kKmM]?"
_ALWAYS = "Both times are always shown, with their percentiles; --summary full shows more."
_BODY = "-d is the duration here, as in wrk and k6; a body is --data."
_SHORT = (
    _Foreign("-d", r"[\[{\"@].*", "that is a body", _BODY),
    _Foreign("-d", r"[^\d\s-].*", "that is no duration", _BODY),
    _Foreign("-d", r"\d+(\.\d+)?", "that has no unit", "Write {value}s if you mean seconds."),  # 10m is ten minutes
    _Foreign("-H", r"https?://.*", "that is a URL", "-H is a header here; give the URL as the target."),
    _Foreign("-t", r"\d+", "-t is no flag here", "Threads are --threads {value}."),
    _Foreign("-t", _DURATION, "-t is no flag here", "The duration is -d {value}, the timeout --timeout {value}."),
    _Foreign("-q", _NUMBER, "-q is no flag here", "A rate of {value} a second, in all, is --rate {value}/s."),
    _Foreign("-q", None, "-q is no flag here", "To see less: --summary none --progress none.", takes_value=False),
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
    _Foreign("-l", None, "-l is no flag here", _ALWAYS, takes_value=False),
    _Foreign("-w", None, "-w is no flag here", "Threads are --threads; figures go into files with -o KIND=FILE."),
    _Foreign("-W", None, "-W is no flag here", "A warm-up, counted apart, is --warmup 5s."),
    _Foreign("-e", None, "-e is no flag here", "Variables of scripts are not built; a header is -H 'Name: value'."),
    _Foreign("-T", None, "-T is no flag here", "A content type is -H 'Content-Type: {value}'."),
    _Foreign("-A", None, "-A is no flag here", "Write -H 'Accept: …', or -H 'User-Agent: …' if you mean curl's."),
)
_LONG = (
    _Foreign("--requests", None, "there is no such flag", "Iterations are -n {value}."),
    _Foreign("--concurrency", None, "there is no such flag", "Connections are -c {value}."),
    _Foreign("--latency", None, "there is no such flag", _ALWAYS, takes_value=False),
    _Foreign("--json", r"[\[{\"@].*", "there is no such flag", "A body in JSON is --json-body."),
    _Foreign(
        *("--json", None, "there is no such flag"),
        "A result in JSON is -o json=run.json; a body in JSON is --json-body.",
        takes_value=False,
    ),
    _Foreign("--csv", None, "there is no such flag", "Write -o csv=run.csv."),
    _Foreign("--html", None, "there is no such flag", "html is not built yet; -o json=run.json keeps every figure."),
    _Foreign("--run-time", None, "there is no such flag", "The duration is -d {value}."),
    _Foreign("--request", None, "there is no such flag", "The method is -X {value}."),
    _Foreign("--spawn-rate", None, "there is no such flag", "A slow start is a stage: --stage 30s:@200."),
    _Foreign("--host", None, "there is no such flag", "Give the URL as the target."),
    _Foreign("--url", None, "there is no such flag", "Give the URL as the target."),
    _Foreign(
        *("--insecure-skip-tls-verify", None, "there is no such flag", "Not to check certificates is -k."),
        takes_value=False,
    ),
    _Foreign("--disable-keepalive", None, "there is no such flag", "That is --no-keepalive.", takes_value=False),
    _Foreign("--no-tui", None, "there is no such flag", "That is --progress plain, or none.", takes_value=False),
    _Foreign(
        "--quiet", None, "there is no such flag", "To see less: --summary none --progress none.", takes_value=False
    ),
    _Foreign("--headless", None, "there is no such flag", "Leave it out: there is nothing to open.", takes_value=False),
)
_FOREIGN = {
    flag: tuple(each for each in (*_SHORT, *_LONG) if each.flag == flag)
    for flag in dict.fromkeys(each.flag for each in (*_SHORT, *_LONG))
}
_FILES = (".json", ".yaml", ".yml", ".toml", ".py")
_ATTACHED = re.compile(r"(-[A-Za-z])(.+)", re.DOTALL)
_SWITCHES = re.compile(r"-[k46L]{2,}")
_NOT_BUILT = {
    "--tui": "A full-screen view is not built yet",
    "--web": "A dashboard is not built yet",
    "-x": "Proxies are not built yet",
    "--proxy": "Proxies are not built yet",
}
_TAKE_URLS = ("-x", "--proxy")
_TAKE_TEXT = (
    *("--data", "--body", "-b", "--json-body", "--form", "-F", "--header", "-H"),
    *("--user", "-a", "--name", "--tag"),
)
"""What stands behind them may begin with a dash, and is told as that."""


def split(arguments: Sequence[str]) -> tuple[list[str], list[Fault]]:
    """A command line of `run` without its foreign words, and what is to be said of each of them."""
    kept: list[str] = []
    faults: list[Fault] = []
    place = 0
    while place < len(arguments):
        argument = arguments[place]
        flag, joined, value = argument.partition("=")
        following = arguments[place + 1] if place + 1 < len(arguments) else ""
        others = [*kept, *arguments[place + 2 :]]
        if (attached := _ATTACHED.fullmatch(argument)) and (kept[-1:] or [""])[0] not in _TAKE_TEXT:
            # `-t4`, as wrk's users write it.
            flag, value, joined = attached[1], attached[2].removeprefix("="), "="
        fault, takes_value = _fault(flag, value if joined else following)
        if fault is None:
            kept.append(argument)
        else:
            faults.append(fault)
            is_url = flag in _TAKE_URLS and "://" in following and any(_is_target(word) for word in others)
            place += not joined and takes_value and (is_value(following) or is_url)
        place += 1
    return kept, faults


def is_value(text: str) -> bool:
    """Whether a word behind an unknown flag is taken for its value: no flag, and not what is to be loaded."""
    return bool(text) and not text.startswith("-") and not _is_target(text)


def _is_target(text: str) -> bool:
    return "://" in text or (text.endswith(_FILES) and not text.startswith(("@", "-")))


def _fault(flag: str, value: str) -> tuple[Fault | None, bool]:
    """What is to be said of a flag with what stands behind it, and whether that is its value."""
    if flag in _NOT_BUILT:
        hint = "Leave it out: it is refused so that nothing is ignored."
        return Fault(NotBuilt.code, flag, _NOT_BUILT[flag], hint), True
    for foreign in _FOREIGN.get(flag, ()):
        if foreign.shape is not None and not re.fullmatch(foreign.shape, value, re.DOTALL):
            continue
        if flag == "-d" and _is_target(value):
            continue  # its value was forgotten, and this is what is to be loaded
        shown = f"{flag} {value}".strip() if foreign.shape is not None else flag
        said = value if is_value(value) else "…"
        return Fault(
            "usage.foreign", shown, foreign.message, foreign.hint.replace("{value}", said)
        ), foreign.takes_value
    return None, False


def completed(arguments: Sequence[str]) -> list[str]:
    """The same, with the number that `-L` alone stands for, as curl's users write it."""
    single: list[str] = []
    for argument in arguments:
        # `-kL`: a switch each, of which the parser would not take the last one without its number.
        single += [f"-{letter}" for letter in argument[1:]] if _SWITCHES.fullmatch(argument) else [argument]
    given: list[str] = []
    for place, argument in enumerate(single):
        given.append(argument)
        if argument in ("-L", "--location"):
            following = single[place + 1] if place + 1 < len(single) else ""
            others = [*single[:place], *single[place + 2 :]]
            if not _is_number_of_hops(following, others):
                given.append("10")
    return given


def _is_number_of_hops(following: str, others: Sequence[str]) -> bool:
    """Whether a word behind `-L` was meant as its number, if only to be refused as one: -3, abc."""
    if re.fullmatch(r"-?\d+", following) and following not in ("-4", "-6"):
        return True
    return is_value(following) and any(_is_target(word) for word in others)
