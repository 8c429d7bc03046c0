"""Whether what stands behind `-m` asks for the tests of a mark, or only does not leave them out."""

import re

_NAME = re.compile(r"([\w:+\-.\[\]\\/]+)(\([^()]*=[^()]*\))?")
_WORDS = ("and", "or", "not")


def asks_for(expression: str, mark: str) -> bool:
    """
    True where a test is chosen because it has the mark: `apibench`, `apibench and not slow`, `slow or apibench`.

    `not slow` chooses some that have it, and asks for none.
    """
    return any(
        _holds(expression, mark, marked=True, others=others)
        and not _holds(expression, mark, marked=False, others=others)
        for others in (False, True)
    )


def _holds(expression: str, mark: str, *, marked: bool, others: bool) -> bool:
    def value(name: re.Match[str]) -> str:
        if name[1] in _WORDS:
            return name[0]
        return str(marked if name[1] == mark else others)

    try:
        return bool(eval(_NAME.sub(value, expression), {}))  # noqa: S307 - of `True`, `False` and the three words only
    except (SyntaxError, TypeError):
        return False  # pytest says what is wrong with it
