"""Workers that wait, on Kubernetes itself: members of a StatefulSet, each with a disk that outlives its pods."""

from pathlib import Path

import pytest
from tests.distributed.processes import open_plan
from tests.integration.pages import ROOT
from tests.kubernetes.api import Object
from tests.kubernetes.disks import VOLUMES
from tests.kubernetes.installation import NAMESPACE, Installation
from tests.kubernetes.pod import Pod

WITH = f"helm upgrade {NAMESPACE} deploy/helm/api-benchmark --reuse-values --wait --timeout 2m --set worker.replicas="
DELETE_DISKS = f"kubectl delete pvc --selector app.kubernetes.io/instance={NAMESPACE}"
assert f"`{DELETE_DISKS}`" in (ROOT / "docs" / "kubernetes.md").read_text()
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def pool(here: Installation) -> Installation:
    """With two workers that wait, until the last test ends them."""
    here.shell.type(f"{WITH}2")
    here.until_idle(2)
    return here


def members(pool: Installation) -> list[Pod]:
    return sorted(pool.cluster.kubelet.of({"apibench/pool": "standing"}), key=lambda each: each.name)


def names(pool: Installation) -> set[str]:
    """Of the workers that are there, as they call themselves."""
    return {each["id"] for each in pool.ask("GET", "/v1/workers")["workers"] if each["state"] != "silent"}


def disks(pool: Installation) -> dict[str, Path]:
    """By their claims."""

    def claim(disk: Object) -> str:
        return f"{disk['spec']['claimRef']['namespace']}/{disk['spec']['claimRef']['name']}"

    return {claim(each): Path(each["spec"]["hostPath"]["path"]) for each in pool.cluster.api.items(VOLUMES)}


def test_a_member_that_is_deleted_in_the_middle_hands_over_and_comes_back_by_its_name(pool: Installation) -> None:
    before = names(pool)
    deleted, other = members(pool)
    with pool.target() as echo:
        run_id = pool.run(plan=open_plan(echo.address, 200, 12), workers=2, workers_from="pool")
        pool.until("its load begins", lambda: echo.counts()["requests"] > 0)
        pool.shell.type(f"kubectl delete pod {deleted.name}")
        document = pool.result(run_id)
        counted = echo.counts()["requests"]
    happened = pool.events(run_id)
    load, ok = document["load"], document["requests"]["ok"]
    # Nothing is lost, unless this machine is so busy that the others do not hear in time what is theirs now.
    assert load["offered"] == 2_400 == ok + load["lost"], f"{load}\n{happened}"
    assert ok == counted
    assert deleted.exit_code == 0
    pool.until_idle(2)
    back, stayed = members(pool)
    assert (back.name, stayed) == (deleted.name, other)
    assert back is not deleted
    assert names(pool) == before
    # Where it is back before the end it has a part in the run again.
    parts = [each["worker"] for each in document["run"]["workers"]]
    assert (len(parts), set(parts)) == (2 + happened.count("is taken as a spare"), before)


def test_a_pool_of_none_leaves_nothing_but_its_disks_until_they_are_deleted_too(pool: Installation) -> None:
    ended = members(pool)
    before = names(pool)
    pool.shell.type(f"{WITH}0")
    pool.until("its pods are gone", lambda: not members(pool))
    assert not pool.shell.type("kubectl get statefulsets --output name")
    assert [each.exit_code for each in ended] == [0, 0]
    kept = disks(pool)
    assert kept.keys() == {f"{NAMESPACE}/folder-{each.name}" for each in ended}
    folders = [each / "worker" for each in kept.values()]
    assert {(each / "name").read_text().strip() for each in folders} == before
    assert not [each for folder in folders for each in (folder / "spool").rglob("*") if each.is_file()]
    pool.shell.type(DELETE_DISKS)
    pool.until("no disk is left", lambda: not disks(pool))
