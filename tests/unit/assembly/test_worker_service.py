"""What a worker looks at before it says that it can carry its share out."""

import logging
from collections.abc import Sequence
from typing import Any, cast

import pytest

from apibench.assembly import host
from apibench.assembly.worker_service import choose
from apibench.engine.seam import EngineOptions, Finding, HostFacts, PreparedLoad
from apibench.model.control import Prepare
from apibench.model.errors import UsageError
from apibench.model.plan import Plan
from apibench.model.share import WHOLE, Share


class Looked:
    """A prepared load whose one host was found on another machine, and answers."""

    hosts = (HostFacts("api", ("192.0.2.1:80",), 0),)

    def preflight(self, _: EngineOptions | None = None) -> Sequence[Finding]:
        return ()


def chosen(plan: Plan, share: Share) -> EngineOptions:
    asked = Prepare("r1", 3, plan.canonical().decode(), plan.sha256(), "", share, threads=1)
    return choose(asked, plan, cast("PreparedLoad", Looked()))


def plan_of(document: dict[str, Any], vus: int, **words: Any) -> Plan:
    document["hosts"]["api"] |= words
    document["scenarios"][0]["load"]["vus"] = vus
    return Plan.model_validate(document)


@pytest.fixture(autouse=True)
def _small_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host with a thousand descriptors and six hundred ports, whose waiting ports are not used again."""
    monkeypatch.setattr(host, "raise_descriptor_limit", lambda: 1_000)
    monkeypatch.setattr(host, "local_ports", lambda: 600)
    monkeypatch.setattr(host, "reuses_waiting_ports", lambda: False)


def test_a_share_is_held_against_the_limits_and_not_the_whole_plan(document: dict[str, Any]) -> None:
    plan = plan_of(document, 1_000)
    half, rest = WHOLE.split([1, 1])
    assert chosen(plan, half).segment == 3
    assert chosen(plan, rest).threads == 1
    for whole in (WHOLE, Share()):  # a spare has nothing yet, and may get all
        with pytest.raises(UsageError, match="1,000 connections need about"):
            chosen(plan, whole)
    larger, _ = WHOLE.split([7, 3])
    with pytest.raises(UsageError, match=r"700 connections to 192\.0\.2\.1:80 need as many local ports"):
        chosen(plan, larger)


def test_too_few_ports_for_a_connection_each_request_are_told_in_the_log_with_the_run(
    document: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        chosen(plan_of(document, 5), WHOLE)
        assert caplog.records == []
        chosen(plan_of(document, 5, keepalive=False), WHOLE)
    (record,) = caplog.records
    assert "600 local ports" in record.getMessage()
    assert (vars(record)["run_id"], vars(record)["segment"]) == ("r1", 3)
