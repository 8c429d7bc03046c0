"""What is found about this machine's processors, and how many of them the self-test uses."""

import pytest

from apibench.assembly import doctor, host
from apibench.authoring.load_words import LoadWords
from apibench.engine.rust import RustPreparedLoad
from apibench.engine.seam import EngineOptions
from apibench.model.errors import EngineFailed


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
