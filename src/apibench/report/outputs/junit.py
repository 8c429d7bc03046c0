"""JUnit XML for CI: a case for the measurement itself and one for every threshold."""

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET


def junit_text(document: Mapping[str, Any]) -> str:
    """One suite, named as the run is."""
    verdict, run = document["verdict"], document["run"]
    cases = [("the measurement is valid", None if verdict["status"] != "invalid" else "; ".join(verdict["reasons"]))]
    for row in document["thresholds"]:
        failure = None
        if not row["passed"]:
            failure = (
                "no data" if row["no_data"] else f"measured {row['value']:g} {row['unit']}, limit {row['limit']:g}"
            )
        cases.append((row["expression"], failure))
    if verdict["status"] == "failed" and all(failure is None for _, failure in cases):
        cases.append(("the run succeeded", "; ".join(verdict["reasons"])))
    failures = sum(failure is not None for _, failure in cases)
    suites = ET.Element("testsuites")
    suite = ET.SubElement(
        suites,
        "testsuite",
        {
            "name": run["name"],
            "tests": str(len(cases)),
            "failures": str(failures),
            "errors": "0",
            "time": f"{run['actual_s']:.3f}",
            "timestamp": run["started_at"],
        },
    )
    for name, failure in cases:
        case = ET.SubElement(suite, "testcase", {"classname": run["name"], "name": name, "time": "0"})
        if failure is not None:
            ET.SubElement(case, "failure", {"message": failure}).text = failure
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"
