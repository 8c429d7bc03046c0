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
        (["-t4"], "--threads 4"),
        (["-t20s"], "-d 20s"),
        (["-q10"], "--rate 10/s"),
        (["-d", "a=b"], "a body is --data"),
        (["-d", "hello"], "a body is --data"),
        (["-dhello"], "a body is --data"),
        (["--requests", "100"], "-n 100"),
        (["--requests=100"], "-n 100"),
        (["--concurrency", "5"], "-c 5"),
        (["--latency"], "always shown"),
        (["-l"], "always shown"),
        (["--json"], "-o json=run.json"),
        (["--json", '{"a": 1}'], "--json-body"),
        (["--run-time", "30s"], "-d 30s"),
        (["--request", "POST"], "-X POST"),
        (["-W", "5"], "--warmup 5s"),
        (["-w", "5"], "--threads"),
        (["-e", "A=b"], "-H 'Name: value'"),
        (["-T", "text/html"], "-H 'Content-Type: text/html'"),
        (["-A", "text/html"], "-H 'Accept: …'"),
        (["--insecure-skip-tls-verify"], "is -k"),
    ],
)
def test_another_tools_meaning_is_refused_with_a_hint(arguments: list[str], says: str) -> None:
    kept, faults = split([*arguments, "http://127.0.0.1/"])
    assert kept[-1] == "http://127.0.0.1/"
    assert says in str(faults[0])


@pytest.mark.parametrize("flag", ["--tui", "--web", "-x", "--proxy=http://a"])
def test_what_is_not_built_is_refused_by_name(flag: str) -> None:
    kept, faults = split(["http://127.0.0.1/", flag])
    assert kept == ["http://127.0.0.1/"]
    assert [fault.code for fault in faults] == ["usage.not_built"]
    assert "not built yet" in str(faults[0])


def test_all_of_them_are_told_at_once_and_taken_out_with_their_values() -> None:
    kept, faults = split(["-t", "4", "http://127.0.0.1/", "-q", "100", "--web", "-n", "5"])
    assert kept == ["http://127.0.0.1/", "-n", "5"]
    assert [fault.place for fault in faults] == ["-t 4", "-q 100", "--web"]


def test_the_address_of_a_proxy_is_no_second_target() -> None:
    for words in (["http://a/", "-x", "http://proxy"], ["-x", "http://proxy", "http://a/"], ["http://a/", "-x"]):
        kept, faults = split(words)
        assert (kept, len(faults)) == (["http://a/"], 1)
    assert split(["-x", "http://a/"])[0] == ["http://a/"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["-d30s", "-c100", "-n10k", "-kL", "-d", "http://a/"],
        ["-d", "10m"],
        ["-d1.5m"],
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
