"""How many random examples there are, and which."""

import os

from hypothesis import HealthCheck, Phase, settings

_WANTED = os.environ.get("APIBENCH_EXAMPLES")
"""So many, others each time. Unless told the same few each time."""
_SMALLEST = "APIBENCH_SHRINK" in os.environ
"""Whether what fails is made smaller, which takes minutes."""


def examples(usual: int) -> settings:
    """The settings of a test that has so many of them."""
    return settings(
        max_examples=int(_WANTED or usual),
        derandomize=_WANTED is None,
        database=None,
        phases=tuple(Phase) if _SMALLEST else (Phase.explicit, Phase.generate),
        report_multiple_bugs=False,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
