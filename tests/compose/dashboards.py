"""The dashboards as Grafana would read them, and what they ask Prometheus for."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.compose.composed import ROOT

FOLDER = ROOT / "deploy" / "compose" / "dashboards"
RATE_INTERVAL = "8s"
"""What Grafana makes of $__rate_interval where it is asked closely: four times the interval of its data source."""


@dataclass(frozen=True)
class Query:
    """One of a panel."""

    dashboard: str
    panel: str
    expression: str

    def asked(self, run_id: str) -> str:
        """With Grafana's variables filled in."""
        return self.expression.replace("$__rate_interval", RATE_INTERVAL).replace("$run", run_id)


def dashboards() -> dict[str, dict[str, Any]]:
    """By the names of their files."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def queries() -> Iterator[Query]:
    """Of all panels."""
    for name, dashboard in dashboards().items():
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                yield Query(name, panel["title"], target["expr"])


def labels() -> Iterator[tuple[str, str]]:
    """Metric and label of each variable that shows values of one."""
    for dashboard in dashboards().values():
        for variable in dashboard["templating"]["list"]:
            found = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"])
            assert found is not None
            yield found[1], found[2]
