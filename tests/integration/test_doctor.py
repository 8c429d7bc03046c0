"""The doctor looks at everything and measures for real."""

import json

from tests.integration.conftest import Command


def test_the_doctor_measures_a_rate_that_the_host_can_do(apibench: Command) -> None:
    examined = apibench("doctor", "--self-test", "500ms", "--json")
    assert examined.code == 0
    symptoms = {symptom["name"]: symptom for symptom in json.loads(examined.stdout)}
    looked_at = {"clock", "processors", "descriptors", "ports", "timers", "self-test", "safe rate", "floor"}
    assert looked_at <= symptoms.keys()
    assert "/s" in symptoms["safe rate"]["found"]
