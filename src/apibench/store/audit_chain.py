"""
How deeds are chained: each row's hash covers the row and the hash before it.

So a row that was changed, taken out or put in breaks the chain from there on. What a chain alone can't show is that its
end was cut off: whoever wants to know that keeps a hash elsewhere.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from apibench.model.installation import AuditRow


def chained(previous: AuditRow | None, deed: AuditRow) -> AuditRow:
    """
    A deed as the row that follows; its own number and hashes do not matter.

    Raises ValueError or TypeError for a detail that is no JSON.
    """
    # As it will be read back: keys are text, tuples are lists.
    plain: dict[str, Any] = json.loads(json.dumps(deed.detail, allow_nan=False))
    number = previous.number + 1 if previous else 1
    unsealed = replace(deed, number=number, detail=plain, previous_hash=previous.hash if previous else "", hash="")
    return replace(unsealed, hash=hash_of(unsealed))


def hash_of(row: AuditRow) -> str:
    """What the hash of a row has to be: SHA-256 of everything else in it, in hex."""
    covered = [row.previous_hash, row.number, row.at, row.actor, row.action, row.subject, row.detail]
    text = json.dumps(covered, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def first_broken(rows: Iterable[AuditRow], previous: AuditRow | None = None) -> int | None:
    """The number of the first row that does not follow from the one before it; None for a whole chain."""
    for row in rows:
        number = previous.number + 1 if previous else 1
        previous_hash = previous.hash if previous else ""
        if row.number != number or row.previous_hash != previous_hash or row.hash != hash_of(row):
            return row.number
        previous = row
    return None
