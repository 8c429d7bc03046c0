"""The Job of a run: one that Kubernetes takes, whose name is its own."""

import copy
import re
from dataclasses import replace
from typing import Any

import kubernetes_validate
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.provider.following import FORM, RUN, TEMPLATE

from apibench.model.run_id import new_run_id
from apibench.provider.job_form import MAX_NAME, label_value
from apibench.provider.pod_template import checked_template

OLDEST, NEWEST = "1.29", "1.37"
LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
WITHOUT_NAME = {"spec": {"containers": [{"name": "load", "image": "x:1", "command": ["apibench", "worker"]}]}}


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("template", [TEMPLATE, WITHOUT_NAME], ids=["two containers", "one container"])
@pytest.mark.parametrize("region", ["", "eu", "Frankfurt (Main)"])
def test_it_is_a_job_of_kubernetes(version: str, template: dict[str, Any], region: str) -> None:
    form = replace(FORM, region=region, template=checked_template(template))
    kubernetes_validate.validate(form.document(RUN), version, strict=True)
    wrong = form.document(RUN)
    wrong["spec"]["parallel"] = 2
    with pytest.raises(kubernetes_validate.ValidationError, match="parallel"):
        kubernetes_validate.validate(wrong, version, strict=True)


def test_it_says_what_becomes_of_whom() -> None:
    spec = FORM.document(RUN)["spec"]
    assert {key: value for key, value in spec.items() if key != "template"} == {
        "completionMode": "Indexed",
        "completions": 2,
        "parallelism": 2,
        "backoffLimitPerIndex": 1,
        "maxFailedIndexes": 2,
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {
            "rules": [
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                {
                    "action": "FailJob",
                    "onExitCodes": {"containerName": "worker", "operator": "In", "values": [2]},
                },
            ]
        },
        "activeDeadlineSeconds": 900,
        "ttlSecondsAfterFinished": 3600,
    }


def test_its_pods_are_those_of_the_installation_and_know_their_run() -> None:
    before = copy.deepcopy(TEMPLATE)
    document = FORM.document(RUN)
    template = document["spec"]["template"]
    labels = {
        "app.kubernetes.io/name": "api-benchmark",
        "app.kubernetes.io/component": "worker",
        "app.kubernetes.io/managed-by": "apibench-agent",
        "apibench/agent": "agent-eu",
        "apibench/region": "eu",
        "apibench/run": RUN.run_id,
    }
    assert document["metadata"] == {"name": f"apibench-{RUN.run_id}-eu", "labels": labels}
    assert template["metadata"]["labels"] == {"team": "shop", **labels}
    assert template["metadata"]["annotations"] == {
        "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
        "karpenter.sh/do-not-disrupt": "false",  # the installation says otherwise than we would
    }
    proxy, worker = template["spec"]["containers"]
    assert proxy == {"name": "proxy", "image": "registry/proxy:1"}
    assert worker["args"] == ["worker", "--controller=c:8089", f"--run={RUN.run_id}", "--region=eu"]
    assert worker["terminationMessagePolicy"] == "FallbackToLogsOnError"
    assert template["spec"]["restartPolicy"] == "Never"
    assert template["spec"]["serviceAccountName"] == "worker"
    assert before == TEMPLATE


def test_the_first_container_is_the_worker_where_none_is_called_so() -> None:
    document = replace(FORM, template=checked_template(WITHOUT_NAME)).document(RUN)
    assert document["spec"]["template"]["spec"]["containers"][0]["args"] == [f"--run={RUN.run_id}", "--region=eu"]
    assert document["spec"]["podFailurePolicy"]["rules"][1]["onExitCodes"]["containerName"] == "load"


@pytest.mark.parametrize("said", ["--region=us", "--region"])
def test_a_region_that_the_template_names_stands(said: str) -> None:
    words = ["worker", said]
    told = {"spec": {"containers": [{"name": "worker", "image": "x:1", "args": words}]}}
    document = replace(FORM, template=checked_template(told)).document(RUN)
    assert document["spec"]["template"]["spec"]["containers"][0]["args"] == [*words, f"--run={RUN.run_id}"]


def test_a_job_is_ours_by_all_of_its_labels() -> None:
    document = FORM.document(RUN)
    assert FORM.is_ours(document, RUN.run_id)
    assert not FORM.is_ours(document, "another")
    assert not replace(FORM, agent="agent-us").is_ours(document, RUN.run_id)
    assert not FORM.is_ours({"metadata": {"name": document["metadata"]["name"]}}, RUN.run_id)


def test_the_selector_finds_what_it_has_made() -> None:
    wanted = dict(each.split("=") for each in FORM.selector.split(","))
    assert wanted.items() <= FORM.document(RUN)["metadata"]["labels"].items()
    assert FORM.selector != replace(FORM, agent="agent-us").selector


def test_a_run_s_name_is_seen_in_its_job_s() -> None:
    run_id = new_run_id()
    assert replace(FORM, region="").name(run_id) == f"apibench-{run_id}"
    assert replace(FORM, region="eu-west-1").name(run_id) == f"apibench-{run_id}-eu-west-1"


NAMES = st.one_of(st.text(max_size=80), st.from_regex(r"[a-zA-Z0-9._-]{1,60}", fullmatch=True), st.builds(new_run_id))


@given(st.lists(NAMES, min_size=2, max_size=10, unique=True), st.sampled_from(["", "eu", "eu-west-1", "Süd", "x" * 70]))
def test_names_of_jobs_are_dns_labels_and_every_run_has_its_own(run_ids: list[str], region: str) -> None:
    form = replace(FORM, region=region)
    names = [form.name(run_id) for run_id in run_ids]
    assert len(set(names)) == len(run_ids)
    for name in names:
        assert re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", name), name
        assert len(name) <= MAX_NAME


@given(NAMES, NAMES, st.sampled_from(["", "eu", "eu-west-1"]), st.sampled_from(["us", "us-east-1", "Süd"]))
def test_the_same_run_in_two_regions_has_two_jobs(first: str, second: str, one: str, other: str) -> None:
    assert replace(FORM, region=one).name(first) != replace(FORM, region=other).name(second)


@given(NAMES, NAMES)
def test_labels_hold_any_name_and_other_ones_for_others(first: str, second: str) -> None:
    assert LABEL.fullmatch(label_value(first)), label_value(first)
    assert (label_value(first) == label_value(second)) == (first == second)
