"""Under which number a request or a check is counted: by where it stands in the text."""

import sys
from types import CodeType

from apibench.authoring.python_user.written import WrittenRequests
from apibench.model.suggestion import did_you_mean


class Places:
    """Those of one scenario."""

    def __init__(self, written: WrittenRequests) -> None:
        """`written`: what its text has."""
        self._written = written
        self._by_name = {name: number for number, (name, _) in enumerate(written.requests)}
        self._checks = {name: number for number, name in enumerate(written.checks)}
        self._known: dict[tuple[int, int], tuple[int, CodeType]] = {}

    def number(self, name: str | None) -> int:
        """
        Of the request that calls the function that has called this: by where that stands, or by its name.

        Raises LookupError for one that was not seen in the text.
        """
        frame = sys._getframe(2)  # noqa: SLF001 - nothing else tells where a call stands
        known = self._known.get((id(frame.f_code), frame.f_lasti))
        if known is not None:
            return known[0]
        code, at = frame.f_code, frame.f_lasti
        line, end_line, column, end_column = (part or 0 for part in list(code.co_positions())[at // 2])
        number = self._written.places.get((code.co_filename, line, end_line, column, end_column))
        if number is None and name is not None:
            return self.named(name)
        if number is None:
            message = (
                f"nobody saw the request in line {line} of {code.co_filename} when the file was loaded: its function "
                f"is none that the scenario leads to. Name it: @python_user(helpers=[{code.co_name}], ...)"
            )
            raise LookupError(message)
        # The code is held, so that no other one gets its number.
        self._known[id(code), at] = number, code
        return number

    def named(self, name: str) -> int:
        """Of the request of that name. Raises LookupError."""
        return _of(name, self._by_name, "request")

    def check(self, name: str) -> int:
        """Of a check. Raises LookupError."""
        return _of(name, self._checks, "check")


def _of(name: str, known: dict[str, int], what: str) -> int:
    number = known.get(name)
    if number is None:
        message = f"nobody saw a {what} {name!r} when the file was loaded. {did_you_mean(name, list(known))}"
        raise LookupError(message)
    return number
