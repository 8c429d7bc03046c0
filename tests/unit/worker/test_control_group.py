"""Quotas and throttling, from files as both versions of control groups write them."""

from pathlib import Path

import pytest

from apibench.worker.control_group import ControlGroup


def made(tmp_path: Path, memberships: str, files: dict[str, str]) -> ControlGroup:
    proc = tmp_path / "proc"
    (proc / "self").mkdir(parents=True)
    (proc / "self" / "cgroup").write_text(memberships)
    for name, text in files.items():
        path = tmp_path / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return ControlGroup(proc, tmp_path / "cgroup")


def test_version_2_and_the_tightest_of_the_groups_above(tmp_path: Path) -> None:
    files = {
        "cgroup.controllers": "cpu memory\n",
        "outer/cpu.max": "150000 100000\n",
        "outer/inner/cpu.max": "max 100000\n",
        "outer/inner/cpu.stat": "usage_usec 9\nnr_throttled 3\nthrottled_usec 1234\n",
    }
    group = made(tmp_path, "0::/outer/inner\n", files)
    assert group.quota() == pytest.approx(1.5)
    assert group.throttled_ns() == 1_234_000
    assert group.throttled_periods() == 3


def test_version_1(tmp_path: Path) -> None:
    files = {
        "cpu/mine/cpu.cfs_quota_us": "20000\n",
        "cpu/mine/cpu.cfs_period_us": "100000\n",
        "cpu/mine/cpu.stat": "nr_periods 1\nnr_throttled 1\nthrottled_time 77\n",
        "cpu/cpu.cfs_quota_us": "-1\n",
        "cpu/cpu.cfs_period_us": "100000\n",
    }
    group = made(tmp_path, "4:memory:/x\n1:cpu,cpuacct:/mine\n0::/\n", files)
    assert group.quota() == pytest.approx(0.2)
    assert group.throttled_ns() == 77
    assert group.throttled_periods() == 1


def test_no_group_grants_everything(tmp_path: Path) -> None:
    group = made(tmp_path, "", {})
    assert group.quota() is None
    assert group.throttled_ns() == group.throttled_periods() == 0
