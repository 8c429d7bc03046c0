"""What is found about this machine's processors, and how many of them the self-test uses."""

from pathlib import Path

import pytest

from apibench.assembly import doctor, host
from apibench.authoring.load_words import LoadWords
from apibench.engine.rust import RustPreparedLoad
from apibench.engine.seam import EngineOptions
from apibench.model.errors import EngineFailed
from apibench.worker.processor_times import ProcessorTimes, processor_times


@pytest.mark.parametrize(
    ("allowed", "quota", "level"), [(4, None, "ok"), (1, None, "note"), (4, 2.0, "warning"), (4, 4.0, "note")]
)
def test_a_quota_is_a_warning_only_where_it_can_stop_us(
    monkeypatch: pytest.MonkeyPatch, allowed: int, quota: float | None, level: str
) -> None:
    monkeypatch.setattr(host, "processors", lambda: tuple(range(allowed)))
    monkeypatch.setattr(host, "quota", lambda: quota)
    assert doctor._processors().level == level


@pytest.mark.parametrize(("allowed", "quota", "threads"), [(8, None, 4), (8, 4.0, 2), (8, 0.5, 1), (4, 16.0, 2)])
def test_the_self_test_takes_half_of_what_the_quota_allows(
    monkeypatch: pytest.MonkeyPatch, allowed: int, quota: float | None, threads: int
) -> None:
    monkeypatch.setattr(host, "processors", lambda: tuple(range(allowed)))
    monkeypatch.setattr(host, "quota", lambda: quota)
    asked: list[EngineOptions] = []

    def start(_: RustPreparedLoad, options: EngineOptions) -> None:
        asked.append(options)
        raise EngineFailed("enough seen", "")

    monkeypatch.setattr(RustPreparedLoad, "start", start)
    with pytest.raises(EngineFailed, match="enough seen"):
        doctor._measured("http://127.0.0.1:1/", LoadWords())
    assert asked[0].threads == threads


def looked_at(proc: Path, *, user: int, idle: int, steal: int) -> ProcessorTimes:
    """Two processors of a machine, of which the first is ours."""
    proc.mkdir(exist_ok=True)
    mine = f"cpu0 {user} 0 0 {idle} 0 0 0 {steal} 0 0\n"
    (proc / "stat").write_text(f"cpu  9 9 9 9 9 9 9 9000 9 9\n{mine}cpu1 9 9 9 9 9 9 9 9000 9 9\nintr 5\n")
    return processor_times((0,), proc)


@pytest.mark.parametrize(
    ("steal_before", "steal_now", "level", "says"),
    [
        (0, 0, "ok", "0 % since boot, 0 % while"),
        (20, 20, "ok", "1.96 % since boot"),
        # In the test the processor was wanted for 200 hundredths: 10 of 210 are less than a twentieth, 12 are more.
        (0, 10, "ok", "4.76 % while"),
        (0, 12, "warning", "5.66 % while"),
        (200, 200, "warning", "16.67 % since boot, 0 % while"),
    ],
)
def test_steal_is_told_by_what_the_processors_were_wanted_for(
    tmp_path: Path, steal_before: int, steal_now: int, level: str, says: str
) -> None:
    before = looked_at(tmp_path, user=1_000, idle=1_000_000, steal=steal_before)
    after = looked_at(tmp_path, user=1_200, idle=1_000_100, steal=steal_now)
    symptom = doctor._steal(before, after)
    assert (symptom.name, symptom.level) == ("steal", level)
    assert says in symptom.found
    assert bool(symptom.advice) is (level == "warning")


@pytest.mark.parametrize(
    ("quota", "before", "after", "levels"),
    [
        (None, (0, 0), (0, 0), []),
        (2.0, (0, 0), (0, 0), ["ok"]),
        (2.0, (3, 90_000_000), (3, 90_000_000), ["note"]),
        (2.0, (3, 90_000_000), (5, 150_000_000), ["warning"]),
        # A group above ours may have one that is not seen from here.
        (None, (0, 0), (1, 30_000_000), ["warning"]),
    ],
)
def test_a_quota_is_told_by_whom_it_has_stopped(
    monkeypatch: pytest.MonkeyPatch,
    quota: float | None,
    before: tuple[int, int],
    after: tuple[int, int],
    levels: list[str],
) -> None:
    monkeypatch.setattr(host, "quota", lambda: quota)
    assert [symptom.level for symptom in doctor._throttling(before, after)] == levels


@pytest.mark.parametrize(("most", "levels"), [(0, []), (8_192, ["warning"]), (262_144, ["ok"])])
def test_the_table_of_connections_is_told_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, most: int, levels: list[str]
) -> None:
    monkeypatch.setattr(host, "tracked_connections", lambda: (most, 17))
    assert [symptom.level for symptom in doctor._tracked()] == levels
