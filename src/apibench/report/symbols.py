"""
The few signs beyond ASCII that screens use, and what stands for each where a terminal has none.

One for one, so that a line is as long in either and the columns stay where they are.
"""

from rich.text import Text

SPARKS = "▁▂▃▄▅▆▇█"
HELD, FAILED = "✓", "✗"
DOT = "·"
_ASCII = str.maketrans("▁▂▃▄▅▆▇█✓✗·…µ→━╌", "_.,:;+*#+x|~u>#-")


def for_encoding(text: Text, encoding: str | None) -> Text:
    """The text as this encoding can write it, with its styles. `None` is ASCII."""
    name = encoding or "ascii"
    plain = text.plain
    try:
        plain.encode(name)
    except (UnicodeEncodeError, LookupError):
        plain = plain.translate(_ASCII)
        plain = plain.encode("ascii", "replace").decode("ascii")
    written = text.copy()
    written.plain = plain
    return written
