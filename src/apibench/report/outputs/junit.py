"""
JUnit XML for CI: a case for the measurement itself and one for every threshold.

An invalid measurement is an error, and then no threshold is judged: figures that can't be trusted fail nobody.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree import ElementTree as ET

from apibench.report.figure_text import in_unit

_Outcome = tuple[str, str] | None
"""The element (`failure`, `error`, `skipped`) and its message; None for a case that passed."""


def junit_text(document: Mapping[str, Any]) -> str:
    """One suite, named as the run is, with the run's facts as its properties."""
    run = document["run"]
    cases = list(_cases(document))
    kinds = [outcome[0] for _, outcome in cases if outcome is not None]
    suites = ET.Element("testsuites")
    suite = ET.SubElement(
        suites,
        "testsuite",
        {
            "name": run["name"],
            "tests": str(len(cases)),
            "failures": str(kinds.count("failure")),
            "errors": str(kinds.count("error")),
            "skipped": str(kinds.count("skipped")),
            "time": f"{run['actual_s']:.3f}",
            "timestamp": run["started_at"],
        },
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in _facts(document):
        ET.SubElement(properties, "property", {"name": name, "value": value})
    for name, outcome in cases:
        case = ET.SubElement(suite, "testcase", {"classname": run["name"], "name": name, "time": "0"})
        if outcome is not None:
            ET.SubElement(case, outcome[0], {"message": outcome[1]})
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _cases(document: Mapping[str, Any]) -> Iterator[tuple[str, _Outcome]]:
    verdict = document["verdict"]
    reasons = "; ".join(verdict["reasons"])
    invalid = verdict["status"] == "invalid"
    yield "the measurement is valid", ("error", reasons) if invalid else None
    failed = False
    for row in document["thresholds"]:
        outcome = _outcome(row)
        failed = failed or outcome is not None
        yield row["expression"], ("skipped", "the measurement is invalid") if invalid else outcome
    if verdict["status"] == "failed" and not failed:
        # Interrupted, or nothing succeeded: no threshold says so.
        yield "the run succeeded", ("failure", reasons)


def _outcome(row: Mapping[str, Any]) -> _Outcome:
    if row["passed"]:
        return None
    if row["no_data"]:
        return "failure", "no data"
    bound = "at least " if row["censored"] else ""
    return "failure", f"measured {bound}{in_unit(row['value'], row['unit'])}"


def _facts(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    run = document["run"]
    yield "run", run["id"]
    yield "seed", str(run["seed"])
    yield "plan_sha256", run["plan_sha256"]
    yield "scenarios", ", ".join(scenario["name"] for scenario in document["scenarios"])
    yield from ((f"tag.{name}", value) for name, value in run["tags"].items())
