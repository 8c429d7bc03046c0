"""What becomes of a command line whose verb, or whose words for a verb, can't be."""

import pytest

from apibench.cli.app import run_command
from apibench.cli.later import LATER_VERBS


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("frobnicate",), "frobnicate: is no command. See apibench --help."),
        (("shwo", "last"), "shwo: is no command. Did you mean apibench show?"),
        (("http://127.0.0.1/",), "http://127.0.0.1/: is no command. Did you mean apibench run http://127.0.0.1/ ?"),
        (("runs", "--foo"), "--foo: there is no such flag. See apibench runs --help."),
        (("runs", "--limt", "3"), "--limt: there is no such flag. Did you mean --limit?"),
        (("runs", "--limit", "many"), "--limit: 'many' is no whole number. Write digits only."),
        (("runs", "--limit", "2.5"), "--limit: '2.5' is no whole number. Write digits only."),
        (("runs", "--limit", "-1"), "--limit: -1 is too low. The least is 1."),
        (("runs", "--limit"), "--limit: has no value behind it. See apibench runs --help."),
        (("show",), "RUN: is missing. "),
        (("show", "a", "b"), "b: is one word too many. See apibench show --help."),
        (("echo", "--threads", "0"), "--threads: 0 is too low. The least is 1."),
        (("echo", "--serve", "abc"), "--serve: 'abc' is no duration. "),
        (("echo", "--freeze", "10s"), "--freeze: '10s' is no EVERY:FOR. "),
        (("echo", "--freeze", "10s:x"), "--freeze: 'x' is no duration. "),
        (("echo", "--knobs", "dealy=2ms"), "--knobs: there is no knob `dealy`. Did you mean `delay`?"),
        (
            ("echo", "--http", "127.0.0.1:99999"),
            "cannot listen on 127.0.0.1:99999: invalid port value. Write HOST:PORT",
        ),
        (("doctor", "--self-test", "abc"), "--self-test: 'abc' is no duration. "),
        (("doctor", "--self-test", "1ms"), "--self-test: 1ms is too short to measure anything. Use 100ms or more."),
        (("aggregator", "--keep", "36h"), "--keep: 36h is no whole number of days. Write it like 90d, up to 36500d."),
        (("aggregator", "--keep", "0d"), "--keep: 0d is no whole number of days. "),
        (("serve", "--keep", "90"), "--keep: '90' is no duration. "),
        (("serve", "--keep", "99999d"), "--keep: 99999d is no whole number of days. "),
        (("demo", "--duration", "abc"), "--duration: 'abc' is no duration. "),
    ],
)
def test_every_refusal_is_one_line_of_ours_with_a_remedy(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], says: str
) -> None:
    assert run_command(words) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"apibench: {says}")
    assert told.err.count("\n") == 1
    assert ".." not in told.err


@pytest.mark.parametrize("verb", LATER_VERBS)
def test_a_verb_that_is_not_built_is_refused_by_name(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    assert run_command([verb, "x", "--flag"]) == 2
    assert f"apibench {verb} is not built yet. Until then: " in capsys.readouterr().err


def test_the_help_of_the_target_names_its_knobs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["echo", "--help"]) == 0
    assert "delay=2ms:90,200ms:10  status=503:1" in capsys.readouterr().out
