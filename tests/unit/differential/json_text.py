"""JSON as it was written: arrays and objects are handed on as their text, so their parts are taken out of it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

WHITE = " \t\r\n"
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Json:
    """An array or an object."""

    text: str

    @property
    def is_array(self) -> bool:
        return self.text.startswith("[")

    def parts(self) -> list[tuple[str | int, str]]:
        """Its items by number, or its members by name, each as it was written."""
        return list(self._parts())

    def _parts(self) -> Iterator[tuple[str | int, str]]:
        at, number = _skip(self.text, 1), 0
        while self.text[at] not in "]}":
            key: str | int = number
            if not self.is_array:
                key, at = _DECODER.raw_decode(self.text, at)
                at = _skip(self.text, _skip(self.text, at) + 1)
            _, end = _DECODER.raw_decode(self.text, at)
            yield key, self.text[at:end]
            at = _skip(self.text, end)
            if self.text[at] == ",":
                at = _skip(self.text, at + 1)
            number += 1

    def value(self) -> Any:
        """What it says, however it is written."""
        return json.loads(self.text)


def _skip(text: str, at: int) -> int:
    while text[at] in WHITE:
        at += 1
    return at
