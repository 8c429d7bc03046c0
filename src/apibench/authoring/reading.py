"""
What became of words on their way into a plan's document: the document, all their faults, and who said what.

A word that can't be read is put down as a fault, and something harmless stands in for it in the document, so that
the rest is validated too: whoever mends a command line in CI should not need one push per mistake.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from apibench.model import validation
from apibench.model.errors import UsageError
from apibench.model.fault import Fault, Place, place_text

Value = TypeVar("Value")


@dataclass
class Reading:
    """A document in the making."""

    document: dict[str, Any] = field(default_factory=dict)
    refused: list[Fault] = field(default_factory=list)
    """The words that could not be read; `path` is the word, as ("duration",) or ("headers", 2)."""
    said: dict[Place, Place] = field(default_factory=dict)
    """Which word a place of the document, and what lies below it, came from."""

    def refuse(self, word: Place, message: str, remedy: str, code: str = "usage") -> None:
        """Put down a fault of one word."""
        self.refused.append(Fault(code=code, place=place_text(word), message=message, remedy=remedy, path=word))

    def attempt(self, parse: Callable[[str], Value], text: str, word: Place, instead: Value) -> Value:
        """The parsed text, or `instead` and a fault on record."""
        try:
            return parse(text)
        except UsageError as error:
            self.refuse(word, error.message, error.hint, error.code)
            return instead

    def faults(self) -> list[Fault]:
        """Every fault of the words and of the plan that they make, each at its word; empty where all is well."""
        found = list(self.refused)
        heard = {fault.path for fault in found}
        for fault in validation.faults(self.document):
            word = self._word(fault.path)
            if word is None:
                found.append(fault)
            elif word not in heard:
                found.append(Fault(fault.code, place_text(word), fault.message, fault.remedy, path=word))
                heard.add(word)  # one base URL for ten targets is one fault
        return found

    def _word(self, path: Place) -> Place | None:
        for length in range(len(path), 0, -1):
            if path[:length] in self.said:
                return self.said[path[:length]]
        return None
