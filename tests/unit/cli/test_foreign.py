"""What other tools mean by a flag is refused with a hint, and what is not built by its name."""

import pytest

from apibench.cli.foreign import completed, refuse
from apibench.model.errors import NotBuilt, UsageError


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
    with pytest.raises(UsageError) as refused:
        refuse(["http://127.0.0.1/", *arguments])
    assert says in str(refused.value)


@pytest.mark.parametrize("flag", ["-F", "--form=a=b", "--max-catchup", "--once", "--trace", "--controller", "-x"])
def test_what_is_not_built_is_refused_by_name(flag: str) -> None:
    with pytest.raises(NotBuilt, match="not built yet"):
        refuse(["http://127.0.0.1/", flag])


def test_all_of_them_are_told_at_once() -> None:
    with pytest.raises(UsageError) as refused:
        refuse(["http://127.0.0.1/", "-t", "4", "-q", "100", "--trace"])
    assert all(word in str(refused.value) for word in ("3 words", "--threads 4", "--rate 100/s", "--trace"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["-d", "30s", "-c", "50", "-H", "Accept: */*", "--data", '{"a": 1}'],
        ["-n", "10k", "-r", "500/s", "--stage", "30s:@200", "-L", "3", "-k", "-4"],
    ],
)
def test_our_own_words_pass(arguments: list[str]) -> None:
    refuse(["http://127.0.0.1/", *arguments])


def test_following_redirects_without_a_number_is_ten_of_them() -> None:
    assert completed(["run", "-L", "http://a/"]) == ["run", "-L", "10", "http://a/"]
    assert completed(["run", "http://a/", "--location"]) == ["run", "http://a/", "--location", "10"]
    assert completed(["run", "-L", "3", "http://a/"]) == ["run", "-L", "3", "http://a/"]
