"""Verbs of the design that are not built yet. Refused by name; one that is built is simply taken out of the table."""

from collections.abc import Mapping, Sequence

from apibench.model.errors import NotBuilt

LATER_VERBS: Mapping[str, str] = {
    "compare": "Until then: apibench show RUN, for each of them.",
    "report": "Until then: apibench show RUN, or -o json=run.json.",
}
"""And what to do until they are."""


def refuse_later(arguments: Sequence[str]) -> None:
    """Raise NotBuilt where the verb is one of these."""
    verb = next(iter(arguments), "")
    if verb in LATER_VERBS:
        raise NotBuilt(f"apibench {verb} is not built yet", LATER_VERBS[verb])
