"""`apibench explain`: what a code means, and what to write instead."""

import sys
from textwrap import fill

from apibench.authoring.tracing.codes import CODES
from apibench.model.errors import UsageError
from apibench.model.suggestion import did_you_mean

_WIDTH = 80


def explain(code: str | None = None, /) -> int:
    """
    Explain a code of a refusal, or list all of them.

    Parameters
    ----------
    code
        Like AB101.
    """
    if code is None:
        sys.stdout.writelines(f"{known}  {told.title}\n" for known, told in CODES.items())
        return 0
    told = CODES.get(code.upper())
    if told is None:
        raise UsageError(f"there is no code {code}", did_you_mean(code.upper(), list(CODES)))
    wrong, right = (text.replace("\n", "\n    ") for text in (told.wrong, told.right))
    why = fill(told.why, _WIDTH, break_long_words=False, break_on_hyphens=False)
    sys.stdout.write(f"{code.upper()}: {told.title}\n\n{why}\n\nInstead of\n\n    {wrong}\n\nwrite\n\n    {right}\n")
    return 0
