"""What the steps of a run are called in metrics, and which of them are counted one by one."""

from typing import NamedTuple

from apibench.model.plan import Plan
from apibench.model.redaction import redacted_text
from apibench.model.series import series_of

MAX_STEPS = 50
"""Of a run, that have series of their own: the first of the plan, redirects counted too. Others stand together."""


class StepLabel(NamedTuple):
    """Names, without what may be a secret in an address."""

    scenario: str
    step: str


OTHERS = StepLabel("", "")
"""All steps that are not counted one by one."""


class StepLabels:
    """Of one run."""

    def __init__(self, plan: str) -> None:
        """`plan` is a plan's canonical JSON."""
        parsed = Plan.model_validate_json(plan)
        names = series_of(parsed)
        self._shown = {
            (name.scenario, name.step): StepLabel(
                redacted_text(parsed.scenarios[name.scenario].name), redacted_text(name.step)
            )
            for name in names[:MAX_STEPS]
        }
        self.left_out = len(names) - len(self._shown)
        """How many steps stand together."""

    def of(self, scenario: int, step: str) -> StepLabel:
        """Of the step of that name in the scenario of that number."""
        return self._shown.get((scenario, step), OTHERS)
