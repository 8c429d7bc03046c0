"""What a host does to a process, from files as the kernel writes them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from apibench.worker.control_group import ControlGroup
from apibench.worker.host_sampler import HostSampler

TICK_NS = 10_000_000


class Host:
    """A `/proc` and a control group that a test writes."""

    def __init__(self, folder: Path) -> None:
        self.proc, self.root = folder / "proc", folder / "cgroup"
        (self.proc / "self" / "task").mkdir(parents=True)
        (self.proc / "self" / "cgroup").write_text("1:cpu:/\n")
        (self.root / "cpu").mkdir(parents=True)

    def throttled(self, taken_ns: int) -> None:
        (self.root / "cpu" / "cpu.stat").write_text(f"nr_throttled 1\nthrottled_time {taken_ns}\n")

    def processors(self, *lines: str) -> None:
        """Lines of `stat`: a name, and the ticks of user, system, idle and steal."""
        told = []
        for line in lines:
            name, user, system, idle, steal = line.split()
            told.append(f"{name} {user} 0 {system} {idle} 0 7 7 {steal} 0 0\n")
        (self.proc / "stat").write_text("".join(told) + "intr 1 2 3\nctxt 9\n")

    def threads(self, **names: tuple[str, int, int]) -> None:
        """By id: name, and for how long each ran and waited."""
        tasks = self.proc / "self" / "task"
        for folder in tasks.iterdir():
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()
        for number, (name, ran_ns, waited_ns) in names.items():
            folder = tasks / number
            folder.mkdir()
            (folder / "comm").write_text(f"{name}\n")
            (folder / "schedstat").write_text(f"{ran_ns} {waited_ns} 5\n")

    def sampler(self, *allowed: int) -> HostSampler:
        return HostSampler(self.proc, ControlGroup(self.proc, self.root), allowed)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_a_sample_is_what_has_happened_since_the_last(host: Host) -> None:
    host.throttled(100)
    host.processors("cpu 9 9 9 8", "cpu0 9 9 9 8")
    host.threads(t7=("apibench-0", 1_000, 500))
    sampler = host.sampler(0)
    host.throttled(350)
    host.processors("cpu 99 9 9 10", "cpu0 99 9 9 10")
    host.threads(t7=("apibench-0", 1_000 + 90 * TICK_NS, 800))
    taken = sampler.sample()
    assert (taken.throttled_ns, taken.steal_ns, taken.waited_ns, taken.threads) == (250, 2 * TICK_NS, 300, 1)
    assert sampler.sample().throttled_ns == 0
    assert (sampler.totals.steal_ns, sampler.totals.threads, sampler.seconds) == (2 * TICK_NS, 1, 2)


def test_only_processors_on_which_the_load_may_run_are_looked_at(host: Host) -> None:
    host.processors("cpu 0 0 0 0", "cpu0 0 0 0 0", "cpu1 0 0 0 0", "cpu10 0 0 0 0")
    sampler = host.sampler(1)
    host.processors("cpu 90 0 0 700", "cpu0 0 0 0 500", "cpu1 90 0 0 10", "cpu10 0 0 0 200")
    assert sampler.sample().steal_ns == 10 * TICK_NS


def test_a_container_that_numbers_processors_anew_is_judged_by_all_that_it_shows(host: Host) -> None:
    host.processors("cpu 0 0 0 0", "cpu0 0 0 0 0")
    sampler = host.sampler(5, 6)
    host.processors("cpu 90 0 0 10", "cpu0 90 0 0 10")
    assert sampler.sample().steal_ns == 10 * TICK_NS


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        # A thread has a processor of 64 to itself, and those that rest have nothing that could be taken.
        (0, 12),
        # As many ticks were others': half of what was taken was theirs.
        (88, 6),
        # Sixty others run beside it.
        (60 * 88, 12 / 61),
    ],
)
def test_of_what_is_taken_so_much_is_ours_as_of_the_processors_time_was(
    host: Host, others: int, expected: float
) -> None:
    host.processors("cpu 0 0 0 0", "cpu0 0 0 0 0", "cpu1 0 0 0 0")
    host.threads(t7=("apibench-0", 0, 0))
    sampler = host.sampler(0, 1)
    host.processors("cpu 0 0 0 0", "cpu0 80 8 0 12", f"cpu1 {others} 0 900 0")
    host.threads(t7=("apibench-0", 88 * TICK_NS, 0))
    assert sampler.sample().steal_ns == pytest.approx(expected * TICK_NS, rel=1e-6)


def test_threads_that_make_no_load_wait_as_they_like(host: Host) -> None:
    host.processors("cpu 0 0 0 0", "cpu0 0 0 0 0")
    sampler = host.sampler(0)
    host.processors("cpu 100 0 0 10", "cpu0 100 0 0 10")
    host.threads(
        t1=("apibench", 25 * TICK_NS, 90), t2=("apibench-look-u", 25 * TICK_NS, 90), t3=("apibench-12", 50 * TICK_NS, 7)
    )
    taken = sampler.sample()
    assert (taken.steal_ns, taken.waited_ns, taken.threads) == (5 * TICK_NS, 7, 1)


def test_the_last_second_in_which_the_threads_have_ended_is_shared_out_as_the_one_before(host: Host) -> None:
    host.processors("cpu 0 0 0 0", "cpu0 0 0 0 0")
    host.threads(t7=("apibench-0", 0, 0))
    sampler = host.sampler(0)
    host.processors("cpu 90 0 0 10", "cpu0 90 0 0 10")
    host.threads(t7=("apibench-0", 45 * TICK_NS, 40))
    assert sampler.sample().steal_ns == 5 * TICK_NS
    host.processors("cpu 180 0 0 30", "cpu0 180 0 0 30")
    host.threads()
    last = sampler.sample()
    assert (last.steal_ns, last.waited_ns, last.threads) == (10 * TICK_NS, 0, 0)
    assert sampler.totals.threads == 1


def test_a_count_that_goes_back_is_nothing(host: Host) -> None:
    host.processors("cpu 50 0 0 30", "cpu0 50 0 0 30")
    sampler = host.sampler(0)
    host.processors("cpu 60 0 0 20", "cpu0 60 0 0 20")
    assert sampler.sample().steal_ns == 0


@pytest.mark.parametrize("files", [{}, {"stat": ""}, {"stat": "cpu 1 2 3 4\ncpu0 1 2 3 4\n"}])
def test_a_kernel_that_tells_no_steal_has_none(tmp_path: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    sampler = HostSampler(tmp_path, ControlGroup(tmp_path, tmp_path), (0,))
    taken = sampler.sample()
    assert (taken.throttled_ns, taken.steal_ns, taken.waited_ns, taken.threads) == (0, 0, 0, 0)
