"""What other tools mean by a flag is refused with a hint, and what is not built by its name."""

import pytest

from apibench.cli.foreign import completed, split


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-d", '{"a": 1}'], "--data"),
        (["-d", "@body.json"], "--data"),
        (["-d", "30"], "30s if you mean seconds"),
        (["-H", "http://localhost"], "give the URL as the target"),
        (["-t", "4"], "--threads 4"),
        (["-t", "20s"], "-d 20s"),
        (["-q", "100"], "--rate 100/s"),
        (["-q"], "--summary none"),
        (["-s", "30s:100"], "--stage 30s:100"),
        (["-s", "script.lua"], "not built"),
        (["-D", "file"], "--data @file"),
        (["-i", "10k"], "-n 10k"),
        (["-f", "locustfile.py"], "as the target"),
        (["-c", "config.yaml"], "as the target"),
        (["-p", "4"], "Pipelining"),
    ],
)
def test_another_tools_meaning_is_refused_with_a_hint(arguments: list[str], says: str) -> None:
    kept, faults = split(["http://127.0.0.1/", *arguments])
    assert kept[0] == "http://127.0.0.1/"
    assert says in str(faults[0])


@pytest.mark.parametrize("flag", ["--once", "--trace", "--controller", "--web", "-x", "--proxy=http://a"])
def test_what_is_not_built_is_refused_by_name(flag: str) -> None:
    kept, faults = split(["http://127.0.0.1/", flag])
    assert kept == ["http://127.0.0.1/"]
    assert [fault.code for fault in faults] == ["usage.not_built"]
    assert "not built yet" in str(faults[0])


def test_all_of_them_are_told_at_once_and_taken_out_with_their_values() -> None:
    kept, faults = split(["-t", "4", "http://127.0.0.1/", "-q", "100", "--trace", "-n", "5"])
    assert kept == ["http://127.0.0.1/", "-n", "5"]
    assert [fault.place for fault in faults] == ["-t 4", "-q 100", "--trace"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["-d", "30s", "-c", "50", "-H", "Accept: */*", "--data", '{"a": 1}'],
        ["-n", "10k", "-r", "500/s", "--stage", "30s:@200", "-L", "3", "-k", "-4"],
    ],
)
def test_our_own_words_pass(arguments: list[str]) -> None:
    assert split(["http://127.0.0.1/", *arguments]) == (["http://127.0.0.1/", *arguments], [])


def test_following_redirects_without_a_number_is_ten_of_them() -> None:
    assert completed(["-L", "http://a/"]) == ["-L", "10", "http://a/"]
    assert completed(["http://a/", "--location"]) == ["http://a/", "--location", "10"]
    assert completed(["-L", "3", "http://a/"]) == ["-L", "3", "http://a/"]
