"""What the parser of command lines says, in our words: which word, what is wrong with it, and what to do."""

from cyclopts import (
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    RepeatArgumentError,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
)

from apibench.model.errors import UsageError
from apibench.model.fault import Fault
from apibench.model.suggestion import nearest


def parser_fault(error: CycloptsError, verb: str = "") -> Fault:
    """What the parser says, as a fault of one word. Raises UsageError for what has no word of its own."""
    see = f"See apibench {verb} --help." if verb else "See apibench --help."
    if isinstance(error, UnknownCommandError):
        return _no_command(error)
    if isinstance(error, UnknownOptionError):
        message, _, hint = str(error).removeprefix("Unknown option: ").partition(". ")
        flag = message.partition("=")[0].rstrip(".").strip('"')
        # Of `-foo` it only says again that there is no -f.
        hint = hint if hint.startswith("Did you mean") else see
        return Fault("usage.flag", flag, "there is no such flag", hint)
    if isinstance(error, CoercionError) and error.token is not None:
        choice = str(error).partition("Choose from: ")[2]
        flag, value = error.token.keyword or _argument(error), error.token.value
        if choice:
            return Fault("usage.choice", flag, f"'{value}' is none of the choices", f"Choose {choice}")
        return Fault("usage.value", flag, f"'{value}' is no whole number", "Write digits only.")
    if isinstance(error, RepeatArgumentError) and error.token is not None:
        return Fault("usage.twice", str(error.token.keyword), "is given more than once", "Give it once.")
    if isinstance(error, UnusedCliTokensError):
        extra = " ".join(error.unused_tokens or ())
        if verb == "run":
            return Fault(
                "usage.extra", extra, "is more than one target", "Several URLs go into a file: --targets FILE."
            )
        return Fault("usage.extra", extra, "is one word too many", see)
    if isinstance(error, MissingArgumentError) and error.keyword is None:
        if verb == "run":
            return Fault("usage.target", "TARGET", "is missing", "Name a URL, like http://localhost:8080/, or a plan.")
        return Fault("usage.value", _argument(error), "is missing", see)
    if isinstance(error, MissingArgumentError):
        return Fault("usage.value", str(error.keyword), "has no value behind it", see)
    raise UsageError(str(error).rstrip("."), see) from error


def _no_command(error: UnknownCommandError) -> Fault:
    word = (error.unused_tokens or ["?"])[0]
    known = [name for name in error.app or () if not name.startswith("-")]
    if "://" in word:
        return Fault("usage.command", word, "is no command", f"Did you mean apibench run {word} ?")
    match = nearest(word, known)
    remedy = f"Did you mean apibench {match}?" if match else "See apibench --help."
    return Fault("usage.command", word, "is no command", remedy)


def _argument(error: CycloptsError) -> str:
    return error.argument.name.lstrip("-").upper() if error.argument is not None else "an argument"
