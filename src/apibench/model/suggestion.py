"""Did you mean ...? One rule for every place where a word is refused."""

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was probably meant to be, or `None` where a guess would mislead."""
    # 0.6 finds `base_ulr` and `durations`, and keeps quiet on two words that only share letters.
    found = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A remedy: the nearest known word, or all of them."""
    words = sorted(known)
    match = nearest(word, words)
    if match is not None:
        return f"Did you mean `{match}`?"
    return "Known here: " + ", ".join(f"`{each}`" for each in words) + "."
