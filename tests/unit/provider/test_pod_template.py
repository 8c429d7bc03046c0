"""What an installation may say of its workers' pods, and how it hears of what it may not."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.provider.following import TEMPLATE

from apibench.model.errors import UsageError
from apibench.provider.pod_template import MAX_BYTES, checked_template, read_pod_template

GOOD = """\
metadata:
  labels: {team: shop}
spec:
  terminationGracePeriodSeconds: 120
  containers:
    - name: worker
      image: registry/x:1
      args: [worker, --controller=c:8089]
      resources: {limits: {cpu: 2, memory: 1Gi}}
"""


def worker(template: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = template["spec"]["containers"][1]
    return found


def put(key: str, value: Any, within: Callable[[dict[str, Any]], dict[str, Any]] = lambda it: it) -> Any:
    def spoil(template: dict[str, Any]) -> None:
        within(template)[key] = value

    return spoil


def spec(template: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = template["spec"]
    return found


def metadata(template: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = template["metadata"]
    return found


WRONG = {
    "kind": (put("kind", "Pod"), "kind is no key of a pod template"),
    "no spec": (lambda it: it.pop("spec"), "spec is missing"),
    "spec": (put("spec", []), "spec is no mapping"),
    "metadata": (put("metadata", "x"), "metadata is no mapping"),
    "a name": (put("name", "x", metadata), "metadata.name can't be given"),
    "a label that is a number": (put("labels", {"v": 1}, metadata), "metadata.labels.v is no text"),
    "an annotation": (put("annotations", {"v": True}, metadata), "metadata.annotations.v is no text"),
    "our label": (
        put("labels", {"apibench/run": "x"}, metadata),
        "metadata.labels.apibench/run is a label that the agent writes",
    ),
    "another name": (
        put("labels", {"app.kubernetes.io/name": "x"}, metadata),
        "metadata.labels.app.kubernetes.io/name is a label that the agent writes",
    ),
    "restarts": (put("restartPolicy", "OnFailure", spec), "spec.restartPolicy is not Never"),
    "no containers": (put("containers", [], spec), "spec.containers is no list with a container in it"),
    "containers": (put("containers", {}, spec), "spec.containers is no list with a container in it"),
    "a container": (put("containers", ["x"], spec), "spec.containers[0] is no mapping"),
    "no image": (lambda it: worker(it).pop("image"), "spec.containers[1].image is missing, or no text"),
    "no name": (lambda it: worker(it).pop("name"), "spec.containers[1].name is missing, or no text"),
    "args": (put("args", "worker", worker), "spec.containers[1].args is no list of texts"),
    "a number in args": (put("args", [1], worker), "spec.containers[1].args is no list of texts"),
    "command": (put("command", {}, worker), "spec.containers[1].command is no list of texts"),
    "no args": (lambda it: worker(it).pop("args"), "spec.containers[1].args is missing"),
    "a run": (put("args", ["worker", "--run=x"], worker), "spec.containers[1].args names a run"),
    "a run apart": (put("args", ["worker", "--run", "x"], worker), "spec.containers[1].args names a run"),
    "bytes": (put("hostname", b"x", spec), "spec.hostname is neither text nor number"),
    "a key": (put("nodeSelector", {1: "x"}, spec), "spec.nodeSelector.1 is a key that is no text"),
}


@pytest.mark.parametrize(("spoil", "words"), WRONG.values(), ids=WRONG)
def test_what_can_t_be_is_refused_by_its_key(spoil: Callable[[dict[str, Any]], object], words: str) -> None:
    template = copy.deepcopy(TEMPLATE)
    spoil(template)
    with pytest.raises(UsageError) as caught:
        checked_template(template)
    assert caught.value.message == f"the pod template can't be used: {words}"
    assert caught.value.hint


def test_labels_that_we_would_write_ourselves_may_be_there() -> None:
    template = copy.deepcopy(TEMPLATE)
    put("labels", {"app.kubernetes.io/name": "api-benchmark"}, metadata)(template)
    assert checked_template(template) == template


@pytest.mark.parametrize("document", [None, [], "text", 3])
def test_what_is_no_mapping_is_refused(document: object) -> None:
    with pytest.raises(UsageError, match="it is no mapping"):
        checked_template(document)


def test_metadata_may_be_missing_or_empty() -> None:
    for empty in ({}, {"metadata": None}, {"metadata": {"labels": None}}):
        assert checked_template({**empty, "spec": TEMPLATE["spec"]})


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "pod.yaml"
    path.write_text(GOOD)
    template = read_pod_template(path)
    assert template["spec"]["containers"][0]["resources"] == {"limits": {"cpu": 2, "memory": "1Gi"}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "is no YAML, line 1"),
        ("a: 1\na: 2\n", "is no YAML, line 2"),
        ("a: 1\n---\nb: 2\n", "is no YAML"),
        ("\x00", "is no YAML"),
        ("", "it is no mapping"),
        (GOOD + "  hostname: 2026-01-02\n", "spec.hostname is neither text nor number"),
        ("#" * (MAX_BYTES + 1), "is larger than 1,048,576 bytes"),
    ],
)
def test_a_file_that_is_no_template_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "pod.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_pod_template(path)
    assert words in caught.value.message


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: no such file"):
        read_pod_template(tmp_path / "none.yaml")
    (tmp_path / "pod.yaml").write_bytes(b"\xff\xfe\xff\xff")
    with pytest.raises(UsageError, match="is no YAML"):
        read_pod_template(tmp_path / "pod.yaml")
