"""Commands of curl become the requests that curl would send."""

import shlex

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.unit.authoring.importing.conftest import Import, Load, check_nodes
from tests.unit.authoring.importing.plans import all_steps

from apibench.authoring.importing.importer import import_source
from apibench.authoring.importing.shell_words import shell_commands
from apibench.model.errors import SourceUnreadable, UsageError

URL = "http://127.0.0.1/a"
TYPE = "[Content-Type: application/x-www-form-urlencoded]"
COMMANDS = [
    ("curl http://127.0.0.1", "GET /"),
    (f"curl {URL}?b=c%20d#top", "GET /a?b=c%20d"),
    (f"curl '{URL}?q=a b'", "GET /a?q=a%20b"),
    (f"curl -X PUT {URL}", "PUT /a"),
    (f"curl -XDELETE {URL}", "DELETE /a"),
    (f"curl --request=PATCH --url {URL}", "PATCH /a"),
    (f"curl -I {URL}", "HEAD /a"),
    (f"curl -sSfo /dev/null -w '%{{http_code}}' {URL}", "GET /a"),
    (f"curl -d a=b -d 'c=d e' {URL}", f"POST /a {TYPE} a=b&c=d e"),
    (f"curl --data-raw '@x' {URL}", f"POST /a {TYPE} @x"),
    (f"curl --data-urlencode 'q=a b&c' {URL}", f"POST /a {TYPE} q=a%20b%26c"),
    (f"curl -G -d a=b --data-urlencode 'q=a b' {URL}", "GET /a?a=b&q=a%20b"),
    (f"curl -G --data-urlencode 'q=a b&c' {URL}", "GET /a?q=a%20b%26c"),
    (f"curl -G --data-urlencode 'q=1' '{URL}?x=2'", "GET /a?x=2&q=1"),
    (f"curl --url-query 'q=a b' {URL}", "GET /a?q=a%20b"),
    (f"curl -H 'X-A: b' -H 'X-None:' -H 'X-Empty;' {URL}", "GET /a [X-A: b] [X-Empty: ]"),
    (f"curl -A me -e http://127.0.0.1/ {URL}", "GET /a [User-Agent: me] [Referer: http://127.0.0.1/]"),
    (f"curl -u ann:geheim {URL}", "GET /a [Authorization: Basic ${secret:PASSWORD|basic:ann}]"),
    ("curl http://ann:geheim@127.0.0.1/a", "GET /a [Authorization: Basic ${secret:PASSWORD|basic:ann}]"),
    (f'curl -u "ann:$PASS" {URL}', "GET /a [Authorization: Basic ${secret:PASS|basic:ann}]"),
    (f"curl --oauth2-bearer abc {URL}", "GET /a [Authorization: Bearer ${secret:TOKEN}]"),
    (f'curl -H "Authorization: Bearer $SHOP" {URL}', "GET /a [Authorization: Bearer ${secret:SHOP}]"),
    (f"curl -b 'a=b; c=d' {URL}", "GET /a [Cookie: ${secret:COOKIE}]"),
    (f"curl -d 'user=a&password=b' {URL}", f"POST /a {TYPE} user=a&password=${{secret:PASSWORD|url}}"),
    (
        f"""curl --json '{{"a": 1, "b": [1.5, null]}}' {URL}""",
        'POST /a [Accept: application/json] [Content-Type: application/json] {"a": 1, "b": [1.5, null]}',
    ),
    (
        f"""curl -H 'content-type: application/json' -d '{{"password": "x", "n": 1}}' {URL}""",
        'POST /a [Content-Type: application/json] {"password": "${secret:PASSWORD|json}", "n": 1}',
    ),
    (
        f"""curl -H 'content-type: application/json' -d '{{"a": "${{x}}"}}' {URL}""",
        'POST /a [Content-Type: application/json] {"a": "\\u0024{x}"}',
    ),
    ("curl $'http://127.0.0.1/\\x61' -d $'it\\'s\\n'", f"POST /a {TYPE} it's\n"),
    (f'curl "{URL}/$ID?a=b"', "GET /a/APIBENCH_VARIABLE_ID?a=b"),
    (f"$ curl {URL} \\\n  -X \\\n PUT # why", "PUT /a"),
]


@pytest.mark.parametrize(("command", "told"), COMMANDS)
def test_a_command_becomes_the_request_that_it_would_send(
    command: str, told: str, imported: Import, load: Load
) -> None:
    found = imported("curl", command)
    assert all_steps(load(found)) == [told]
    assert found.left == ()


def test_several_commands_and_pauses_are_one_journey(imported: Import, load: Load) -> None:
    script = f"""#!/bin/bash
    curl -X POST {URL}/login && sleep 1.5
    curl {URL}/items | jq '.[]' > items.json; curl {URL}/items/1 2>/dev/null
    """
    found = imported("curl", script)
    assert all_steps(load(found)) == ["POST /a/login", "think 1.5", "GET /a/items", "GET /a/items/1"]
    assert found.left == ()


def test_a_command_is_a_word_of_the_command_line_too(load: Load) -> None:
    assert all_steps(load(import_source("curl", f"curl {URL} --next {URL}/b -d 1"))) == [
        "GET /a",
        f"POST /a/b {TYPE} 1",
    ]


def test_a_file_that_a_command_before_has_kept_its_cookies_in_is_what_users_keep(imported: Import, load: Load) -> None:
    found = imported("curl", f"curl -c jar {URL}\ncurl -b jar -c jar {URL}/b")
    assert all_steps(load(found)) == ["GET /a", "GET /a/b"]
    assert found.left == ()


def test_each_host_has_a_scenario(imported: Import, load: Load) -> None:
    plan = load(imported("curl", f"curl {URL}\ncurl http://[::1]:81/b\ncurl {URL}/c"))
    assert [all_steps(plan, at) for at in (0, 1)] == [["GET /a", "GET /a/c"], ["GET /b"]]
    assert [host["base_url"] for host in plan["hosts"].values()] == ["http://127.0.0.1", "http://[::1]:81"]


LEFT = [
    (f"curl -k {URL}", "line 1: -k: certificates are checked"),
    (f"curl -L {URL}", "line 1: -L: redirects are not followed: write a request for where they lead"),
    (f"curl --compressed {URL}", "line 1: --compressed: answers are read only where they are not compressed"),
    (f"curl -x http://p:1 {URL}", 'line 1: the flag "-x" was left out'),
    (f"curl --frobnicate {URL}", 'line 1: the flag "--frobnicate" was left out'),
    (f"curl -d @body.json {URL}", "line 1: data of a file were left out: write them into the scenario"),
    (f"curl -F f=@x.png {URL}", "line 1: a field of its form is a file, and was left out"),
    (f"curl -c other.txt {URL}\ncurl -b jar.txt {URL}", "line 2: cookies of a file were left out"),
    (f"curl -b jar.txt {URL}", "line 1: cookies of a file were left out"),
    (f"curl {URL}\nmake coffee", 'line 2: the command "make" is none of curl'),
    (f"curl {URL}\n\ncurl -d $(cat x) {URL}", "line 3: what another command prints was left out"),
    (f"curl {URL}\ncurl $HOST/a", "line 2: a request was left out: its address has no host that is known"),
    (f"curl {URL}\ncurl -X GET", "line 2: a command without a URL was left out"),
    (
        f"curl -H 'Accept-Encoding: gzip' {URL}",
        "Accept-Encoding was left out: answers are read only where they are not compressed",
    ),
    (
        f"curl -H 'X: ${{secret:MINE}}' {URL}",
        'line 1: the header "X" was left out: its value has ${, which stands for something else here',
    ),
    (
        f"curl -d 'a ${{secret:MINE}}' {URL}",
        "line 1: its body was left out: it has ${, which stands for something else here",
    ),
    (f"curl -X 'A B' {URL}\ncurl {URL}", 'line 1: a request of the method "A B" was left out'),
]


@pytest.mark.parametrize(("script", "told"), LEFT)
def test_what_is_not_converted_is_told_with_its_place(script: str, told: str, imported: Import, load: Load) -> None:
    found = imported("curl", script)
    assert told in [str(left) for left in found.left]
    assert load(found)["scenarios"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty. Check the name"),
        ("  \n", "is empty. Check the name"),
        ("make coffee", "has no command of curl with a URL. Give a file of them"),
        ("curl", "has no command of curl with a URL"),
        ("curl -X 'A B' http://127.0.0.1", "has no request that can be sent: line 1: a request of the method"),
    ],
)
def test_an_input_without_requests_is_refused(text: str, told: str, imported: Import) -> None:
    with pytest.raises(SourceUnreadable, match=told):
        imported("curl", text)


def test_a_second_source_is_refused() -> None:
    with pytest.raises(UsageError, match="curl is imported from one source, not two"):
        import_source("curl", f"curl {URL}", "b")


WORDS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    [
        '"',
        "'",
        "\\",
        '")\nimport os\nos.system("x")#',
        "{__import__('os')}",
        "${secret:X}",
        "\ue000",
        "\u202e",
        "a=b",
        "@x",
    ]
)
FLAGS = st.sampled_from(
    [
        "-X",
        "-H",
        "-d",
        "--json",
        "-F",
        "-u",
        "-b",
        "-A",
        "-G",
        "--data-urlencode",
        "--url",
        "-k",
        "--next",
        "--odd",
        "-",
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(FLAGS | WORDS, max_size=8), path=WORDS)
@example(words=["-H", "X: a\nimport os"], path="b")
@example(words=["--json", '{"a\\"]})#": {"b": "${x}"}}'], path="?a={b}")
def test_no_command_puts_words_into_a_file_and_every_file_is_loaded(words: list[str], path: str, load: Load) -> None:
    command = shlex.join(["curl", f"http://127.0.0.1/{path}", *words])
    try:
        found = import_source("curl", command)
    except SourceUnreadable:
        return
    check_nodes(found.text)
    assert load(found)["scenarios"]


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\x00\ue002\ue003"), min_size=0, max_size=12), min_size=1, max_size=5
    )
)
def test_words_are_split_as_shells_do(words: list[str]) -> None:
    words = ["curl", *words]
    (command,) = shell_commands(shlex.join(words))
    assert command.words == words
