"""Loads by functions of time, and scenarios one behind the other."""

from pathlib import Path
from typing import Any

import pytest

from apibench.authoring.any_plan import read_any_plan
from apibench.model.errors import NotTraceable
from apibench.model.units import NS_PER_S

HEAD = "import math\nfrom apibench import hold, ramp, scenario, shape\n"
SCENARIO = '@scenario(base_url="http://127.0.0.1:1", {words})\ndef {name}(u):\n    u.get("/")\n'


def planned(folder: Path, *scenarios: tuple[str, str]) -> list[dict[str, Any]]:
    path = folder / "shop.py"
    path.write_text(HEAD + "".join(SCENARIO.format(name=name, words=words) for name, words in scenarios))
    found: list[dict[str, Any]] = read_any_plan(str(path)).document()["scenarios"]
    return found


def test_a_function_is_asked_at_moments_between_which_the_load_moves_linearly(tmp_path: Path) -> None:
    (one,) = planned(tmp_path, ("one", 'load=shape(lambda t: 10 * t, over="5s", every="2s")'))
    load = one["load"]
    per_s = [stage["rate"]["count"] * NS_PER_S / stage["rate"]["per_ns"] for stage in load["stages"]]
    assert (load["model"], load["rate"]["count"], per_s) == ("open", 0, [20, 40, 50])
    assert [stage["duration_ns"] / NS_PER_S for stage in load["stages"]] == [2, 2, 1]


def test_virtual_users_follow_one_too(tmp_path: Path) -> None:
    (one,) = planned(tmp_path, ("one", 'load=shape(lambda t: 5.4 + t, over="3s", of="vus")'))
    load = one["load"]
    assert (load["model"], load["vus"], [stage["vus"] for stage in load["stages"]]) == ("closed", 5, [6, 7, 8])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ('load=shape(lambda t: -1, over="5s")', "would be -1"),
        ('load=shape(lambda t: math.log(t), over="5s")', "ValueError when the load was asked for 0 s"),
        ("load=shape(lambda t: t, over=5)", "5 is no duration"),
        ('load=shape(lambda t: t, over="1h", every="1s")', "at most 500"),
        ('load=shape(lambda t: t, over="5s", of="users")', "not of 'users'"),
        ('load="1/s", duration="1s", start="x"', "x"),
        ('load="1/s", duration="1s", after=None, start=5', "5 is no duration"),
    ],
)
def test_what_is_no_load_is_refused_at_its_line(words: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(NotTraceable) as caught:
        planned(tmp_path, ("one", words))
    assert says in str(caught.value)
    assert caught.value.line == 3


def test_one_scenario_begins_behind_another(tmp_path: Path) -> None:
    scenarios = planned(
        tmp_path,
        ("one", 'load=[ramp("5/s", over="2s"), hold("3s")], start="1s"'),
        ("other", 'load="1 vu", duration="2s", after=one'),
        ("last", 'load="1 vu", duration="2s", after=other, start="500ms"'),
    )
    assert [each["start_ns"] / NS_PER_S for each in scenarios] == [1, 6, 8.5]


def test_behind_what_has_no_end_nobody_begins(tmp_path: Path) -> None:
    with pytest.raises(NotTraceable) as caught:
        planned(tmp_path, ("one", 'load="1 vu", iterations=5'), ("other", 'load="1 vu", iterations=5, after=one'))
    assert "nobody knows beforehand when 'one' ends" in str(caught.value)
