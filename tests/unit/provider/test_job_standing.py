"""What becomes of what Kubernetes says: numbers and words."""

from typing import Any

import pytest

from apibench.model.provision import Provision
from apibench.provider.job_standing import Puzzle, heard_of, puzzle, standing

RUN = Provision("06kq3v5abc", 3, 900)
INDEX = "batch.kubernetes.io/job-completion-index"


def job(**status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "j", "uid": "u"}, "spec": {"parallelism": 3}, "status": status}


def condition(kind: str, reason: str = "Because", message: str = "", status: str = "True") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def pod(index: int, phase: str, state: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    stands = [{"name": "worker", "image": "registry/x:1", "state": state}] if state else []
    return {
        "metadata": {"name": f"j-{index}", "annotations": {INDEX: str(index)}},
        "status": {"phase": phase, "containerStatuses": stands, **status},
    }


def ended(code: int, reason: str = "Error", message: str = "") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason, "message": message}}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


RUNNING: dict[str, Any] = {"running": {}}


def said(*pods: dict[str, Any], **status: Any) -> str:
    return standing(RUN, job(**status), pods).reason


def test_a_new_job_stands_at_nothing_and_says_nothing() -> None:
    found = standing(RUN, {"metadata": {"name": "j"}}, [])
    assert (found.started, found.reason, found.failed) == (0, "", False)


def test_only_a_worker_that_runs_has_started() -> None:
    beside = pod(2, "Running", ended(1))
    beside["status"]["containerStatuses"].insert(0, {"name": "proxy", "state": RUNNING})
    found = standing(RUN, job(), [pod(0, "Running", RUNNING), pod(1, "Pending", waiting("ContainerCreating")), beside])
    assert found.started == 1


def test_a_worker_of_another_name_is_the_first_container() -> None:
    other = pod(0, "Running", RUNNING)
    other["status"]["containerStatuses"][0]["name"] = "load"
    assert standing(RUN, job(), [other]).started == 1


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (waiting("ErrImagePull"), "1 pod: image registry/x:1 cannot be pulled (ErrImagePull)"),
        (waiting("InvalidImageName", "bad"), "1 pod: image registry/x:1 cannot be pulled (InvalidImageName): bad"),
        (
            waiting("CreateContainerConfigError", 'secret "t" not found'),
            '1 pod: secret "t" not found (CreateContainerConfigError)',
        ),
        (waiting("RunContainerError"), "1 pod: RunContainerError"),
        (waiting("ContainerCreating"), ""),
        (waiting("PodInitializing"), ""),
    ],
)
def test_what_a_container_waits_for_is_said_unless_all_do(state: dict[str, Any], words: str) -> None:
    assert said(pod(0, "Pending", state)) == words


def test_what_a_container_waits_for_that_comes_before_the_worker_is_said_too() -> None:
    before = [{"name": "init", "image": "registry/init:1", "state": waiting("ImagePullBackOff")}]
    told = said(pod(0, "Pending", waiting("PodInitializing"), initContainerStatuses=before))
    assert told == "1 pod: image registry/init:1 cannot be pulled (ImagePullBackOff)"


@pytest.mark.parametrize(
    ("fallen", "words"),
    [
        (pod(0, "Failed", ended(2, message="a\nusage: --run\n\n")), "1 worker has ended with 2: usage: --run"),
        (pod(0, "Failed", ended(137, "OOMKilled")), "1 worker has ended with 137 (OOMKilled)"),
        (pod(0, "Failed", reason="Evicted", message="out of disk"), "1 pod has failed: Evicted: out of disk"),
        (pod(0, "Failed"), "1 pod has failed: no more is said"),
        (
            pod(
                0, "Failed", ended(143), conditions=[condition("DisruptionTarget", "EvictionByEvictionAPI", "drained")]
            ),
            "1 pod was taken away: drained",
        ),
    ],
)
def test_how_a_pod_has_failed_is_said(fallen: dict[str, Any], words: str) -> None:
    assert said(fallen) == words


def test_who_was_replaced_is_not_told_of() -> None:
    assert said(pod(0, "Failed", ended(1)), pod(0, "Running", RUNNING)) == ""
    assert said(pod(0, "Failed", ended(1)), pod(0, "Pending")) == ""
    assert said(pod(0, "Failed", ended(1)), pod(1, "Running", RUNNING)) == "1 worker has ended with 1"


def test_nothing_is_in_the_way_of_those_that_all_run() -> None:
    pods = [pod(number, "Running", RUNNING) for number in range(3)]
    found = standing(RUN, job(), [*pods, pod(4, "Failed", ended(1))], "something of before")
    assert (found.started, found.reason, found.failed) == (3, "", False)


def test_what_is_the_same_is_counted_and_what_is_left_over_is_too() -> None:
    pods = [pod(number, "Failed", ended(1)) for number in range(4)]
    others = [pod(number, "Failed", ended(number)) for number in range(10, 17)]
    parts = said(*pods, *others).split("; ")
    assert parts[0] == "4 workers have ended with 1"
    assert parts[-1] == "and 3 more for other reasons"
    assert len(parts) == 6


def test_words_of_others_are_cut() -> None:
    assert len(said(pod(0, "Failed", ended(1, message="x" * 10_000)))) < 600
    assert len(said(conditions=[condition("Failed", message="x" * 10_000)])) < 600


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (
            {"conditions": [condition("Failed", "FailedIndexes", "it has")]},
            "its Job has failed: it has (FailedIndexes)",
        ),
        ({"conditions": [condition("FailureTarget", "PodFailurePolicy")]}, "its Job has failed: no more is said (Pod"),
        ({"conditions": [condition("Complete")]}, "its workers have ended"),
        ({"conditions": [condition("SuccessCriteriaMet")]}, "its workers have ended"),
        ({"failedIndexes": "0,2-3"}, "one of its workers has ended"),
        ({"completedIndexes": "1"}, "one of its workers has ended"),
    ],
)
def test_when_no_more_will_come_it_has_failed(status: dict[str, Any], words: str) -> None:
    found = standing(RUN, job(**status), [])
    assert found.failed
    assert found.reason.startswith(words)


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"conditions": [condition("Failed", status="False")]},
        {"conditions": [condition("Suspended", message="no quota")]},
        {"completedIndexes": "", "failedIndexes": ""},
        {"conditions": None},
    ],
)
def test_while_more_may_come_it_has_not_failed(status: dict[str, Any]) -> None:
    assert not standing(RUN, job(**status), []).failed


def test_a_job_that_is_suspended_says_so() -> None:
    assert said(conditions=[condition("Suspended", message="no quota")]) == "its Job is suspended: no quota"


def test_a_job_that_is_being_deleted_has_no_more_to_give() -> None:
    going = job()
    going["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:05Z"
    found = standing(RUN, going, [pod(0, "Running", RUNNING)])
    assert (found.started, found.reason, found.failed) == (1, "its Job is being deleted", True)


def test_it_is_asked_about_a_job_with_pods_missing_and_about_a_pod_that_is_not_started() -> None:
    missing = [pod(0, "Running", RUNNING), pod(1, "Pending")]
    assert puzzle(job(), missing) == Puzzle("Job", "j", "u")
    assert puzzle(job(), [*missing, pod(2, "Pending", waiting("ContainerCreating"))]) == Puzzle("Pod", "j-2", "")
    assert puzzle(job(), [*missing, pod(2, "Pending", waiting("ErrImagePull"))]) is None
    assert puzzle(job(conditions=[condition("Failed")]), missing) is None
    assert puzzle(job(conditions=[condition("Suspended")]), missing) is None


def test_of_events_the_last_warning_counts() -> None:
    events: list[dict[str, Any]] = [
        {"type": "Warning", "message": "first", "lastTimestamp": "2026-01-02T03:04:05Z"},
        {"type": "Warning", "message": "last", "eventTime": "2026-01-02T03:04:07.000000Z"},
        {"type": "Warning", "message": "between", "metadata": {"creationTimestamp": "2026-01-02T03:04:06Z"}},
        {"type": "Normal", "message": "never", "lastTimestamp": "2026-01-02T03:04:09Z"},
    ]
    assert heard_of(Puzzle("Job", "j", "u"), events) == "not all of its pods are made: last"
    assert heard_of(Puzzle("Pod", "j-0", "u"), events[:1]) == "a pod is not started: first"
    assert heard_of(Puzzle("Pod", "j-0", "u"), events[3:]) == ""
