"""The doctor looks at everything and measures for real; the demo shows what a run looks like."""

import json

from tests.integration.conftest import Command, on_a_quiet_moment


def test_the_doctor_measures_a_rate_that_the_host_can_do(apibench: Command) -> None:
    examined = apibench("doctor", "--self-test", "500ms", "--json")
    assert examined.code == 0
    symptoms = {symptom["name"]: symptom for symptom in json.loads(examined.stdout)}
    looked_at = {"clock", "processors", "descriptors", "ports", "timers", "self-test", "safe rate", "floor", "steal"}
    assert looked_at <= symptoms.keys()
    assert "% since boot" in symptoms["steal"]["found"]
    assert "/s" in symptoms["safe rate"]["found"]


def test_the_demo_says_why_it_has_worked_although_a_threshold_failed(apibench: Command) -> None:
    def worked() -> bool:
        shown = apibench("demo", "--duration", "1s")
        assert "FAILED" in shown.stdout or "INVALID" in shown.stdout
        told = "A threshold failed on purpose: a run would have exited 99. The demo has worked, and exits 0."
        return shown.code == 0 and told in shown.stdout

    assert on_a_quiet_moment(worked)
