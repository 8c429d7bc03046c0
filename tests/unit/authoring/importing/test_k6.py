"""Scripts of k6 become scenarios: parsed as far as they are of the usual kind, and told by line beyond."""

import ast
import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.authoring.importing.conftest import Import, Load
from tests.unit.authoring.importing.plans import all_steps

from apibench.authoring.importing.javascript import parse_script
from apibench.authoring.importing.javascript_tokens import NoJavaScript, unescaped
from apibench.model.errors import SourceUnreadable

HEAD = """\
import http from 'k6/http';
import { check, sleep, group } from "k6";
const BASE = 'http://127.0.0.1'; const LIST = ['a', 'b'];
"""
JSON = "[Content-Type: application/json]"
FORM = "[Content-Type: application/x-www-form-urlencoded]"


def script(body: str, options: str = "{ vus: 1, iterations: 1 }") -> str:
    return f"{HEAD}export const options = {options};\nexport default function () {{\n{body}\n}}\n"


BODIES = [
    ("http.get('http://127.0.0.1/a')", ["GET /a"]),
    ("http.get(`${BASE}/a?b=c d`);", ["GET /a?b=c%20d"]),
    ("http.get(BASE + '/a', { headers: { X: 'y' }, tags: { name: 'it' } });", ["GET /a [X: y]"]),
    (
        "http.post(`${BASE}/a`, JSON.stringify({ a: [1, 2.5, null, true], 'b': {} }));",
        [f'POST /a {JSON} {{"a": [1, 2.5, null, true], "b": {{}}}}'],
    ),
    (
        (
            "const p = JSON.stringify({ a: 1 });\n"
            "http.put(`${BASE}/a`, p, { headers: { 'content-type': 'application/json' } });"
        ),
        [f'PUT /a {JSON} {{"a": 1}}'],
    ),
    ("http.patch(`${BASE}/a`, { a: 'b c', n: 1 });", [f"PATCH /a {FORM} a=b%20c&n=1"]),
    ("http.del(`${BASE}/a`);", ["DELETE /a"]),
    ("http.request('PUT', `${BASE}/a`, 'text');", ["PUT /a text"]),
    ("http.post(`${BASE}/a`, null);", ["POST /a"]),
    (
        "const r = http.get(`${BASE}/a`);\nhttp.get(`${BASE}/b/${r.json('items.0.id')}`);",
        ["GET /a", "extract ['items', 0, 'id'] to id", "GET /b/{id}"],
    ),
    (
        "const r = http.get(`${BASE}/a`)\nhttp.get(`${BASE}/b/${r.json().id}`)",
        ["GET /a", "extract ['id'] to id", "GET /b/{id}"],
    ),
    ("const { id } = 3;\nhttp.get(`${BASE}/a`)", None),
    (
        "const d = JSON.parse(http.get(`${BASE}/a`).body);\nhttp.get(`${BASE}/b/${d['id']}`);",
        ["GET /a", "extract ['id'] to id", "GET /b/{id}"],
    ),
    (
        "const r = http.get(`${BASE}/a`);\nhttp.get(`${BASE}/b`, { headers: { X: r.headers['X-Id'] } });",
        ["GET /a", "extract X-Id to x_id", "GET /b [X: {x_id}]"],
    ),
    ("http.get(`${BASE}/${randomIntBetween(1, 6)}`);", ["set number = random_integer(1, 6)", "GET /{number}"]),
    (
        "http.get(`${BASE}/${Math.floor(Math.random() * 6) + 1}`);",
        ["set number = random_integer(1, 6)", "GET /{number}"],
    ),
    (
        "http.get(`${BASE}/${LIST[Math.floor(Math.random() * LIST.length)]}`);",
        ["set choice = random_choice(a, b)", "GET /{choice}"],
    ),
    ("const u = uuidv4(); http.get(`${BASE}/${u}/${u}`);", ["set uuid = random_uuid()", "GET /{uuid}/{uuid}"]),
    ("sleep(1.5); http.get(`${BASE}/a`);", ["think 1.5", "GET /a"]),
    ("http.get(`${BASE}/a`); sleep(Math.random() * 2 + 1);", ["GET /a", "think 1 to 3"]),
    ("http.get(`${BASE}/a`); sleep(randomIntBetween(1, 3));", ["GET /a", "think 1 to 3"]),
    ("for (let i = 0; i < 3; i++) { http.get(`${BASE}/a`); }", ["repeat 3: GET /a"]),
    ("for (let i = 0; i < 2; i++) http.get(`${BASE}/${i}`);", ["GET /0", "GET /1"]),
    ("for (const x of LIST) { http.get(`${BASE}/${x}`); }", ["GET /a", "GET /b"]),
    ("group('g', () => { http.get(`${BASE}/a`); sleep(1); });", ["group g: GET /a; think 1"]),
    (
        "let r; group('g', () => { r = http.get(`${BASE}/a`); });\nhttp.get(`${BASE}/b/${r.json('id')}`);",
        ["group g: GET /a; extract ['id'] to id", "GET /b/{id}"],
    ),
    ("group('out', () => { group('in', () => { http.get(`${BASE}/a`); }); });", ["group out: group in: GET /a"]),
    ("group('empty', () => { console.log('x'); }); http.get(`${BASE}/a`);", ["GET /a"]),
    (
        (
            "const r = http.get(`${BASE}/a`);\n"
            "if (r.status === 503 && r.json('n') > 1) { http.get(`${BASE}/b`); } else http.get(`${BASE}/c`);"
        ),
        [
            "GET /a",
            "extract status to status",
            "extract ['n'] to n",
            "when and(equal({status}, 503), greater({n}, 1)): GET /b else: GET /c",
        ],
    ),
    (
        (
            "const r = http.get(`${BASE}/a`);\ncheck(r, { 'is 200': (r) => r.status === 200, "
            "'has': r => r.body.includes('x'), 'id': (r) => r.json('id') !== undefined });"
        ),
        [
            "GET /a",
            "extract status to status",
            "extract body to body",
            "extract ['id'] to id",
            "check is 200: equal({status}, 200)",
            "check has: contains({body}, x)",
            "check id: not(is_null({id}))",
        ],
    ),
    ("const one = (x) => { http.get(`${BASE}/${x}`); };\none('a'); one('b');", None),
    (
        "const r = http.get(`${BASE}/a`);\nif (r.status === 404) { return; }\nhttp.get(`${BASE}/b`);",
        ["GET /a", "extract status to status", "when equal({status}, 404): end", "GET /b"],
    ),
    ("LIST.forEach((x) => { http.get(`${BASE}/${x}`); });", ["GET /a", "GET /b"]),
    ("console.log('hello'); /* no */ http.get(`${BASE}/a`); // end", ["GET /a"]),
    ("http.get(`${BASE}/${encodeURIComponent('a b')}`);", ["GET /a%20b"]),
]


@pytest.mark.parametrize(("body", "told"), BODIES)
def test_a_function_becomes_steps(body: str, told: list[str] | None, imported: Import, load: Load) -> None:
    if told is None:
        with_more = imported("k6", script(f"http.get(`${{BASE}}/z`);\n{body}"))
        assert with_more.left
        return
    found = imported("k6", script(body))
    assert all_steps(load(found)) == told
    assert found.left == ()


LOOPS = [
    "for (const item of r.json('items')) { if (item.left === 0) { break; } http.get(`${BASE}/b/${item.id}`); }",
    "r.json('items').forEach((item) => { http.get(`${BASE}/b/${item.id}`); });",
]


@pytest.mark.parametrize("loop", LOOPS)
def test_a_loop_over_the_items_of_an_answer_goes_through_them(loop: str, imported: Import, load: Load) -> None:
    found = imported("k6", script(f"const r = http.get(`${{BASE}}/a`);\n{loop}"))
    assert 'for item in each(a.json["items"]):' in found.text
    assert ("leave_loop()" in found.text) is ("break" in loop)
    assert load(found)["scenarios"]
    assert found.left == ()


def test_cookies_last_as_long_as_the_script_says(imported: Import, load: Load) -> None:
    for options, kept in (("{ iterations: 1 }", "iteration"), ("{ iterations: 1, noCookiesReset: true }", "keep")):
        plan = load(imported("k6", script("http.get(`${BASE}/a`);", options)))
        assert plan["scenarios"][0]["defaults"]["cookies"] == kept


def test_files_of_data_are_told_with_the_words_for_them(imported: Import) -> None:
    text = "const users = new SharedArray('users', function () { return JSON.parse(open('./users.json')); });\n"
    found = imported("k6", script("http.get(`${BASE}/a`);\nhttp.get(`${BASE}/${users[0].name}`);") + text)
    assert str(found.left[0]).endswith(
        "what is read from a file was left out: csv(…).next() and jsonl(…).next() are its rows"
    )


def test_functions_are_read_where_they_are_called(imported: Import, load: Load) -> None:
    text = script("const token = login('ann');\nhttp.get(`${BASE}/a`, { headers: { X: token } });") + (
        "function login(user) { const r = http.post(`${BASE}/login`, { user }); return r.json('token'); }"
    )
    found = imported("k6", text)
    assert all_steps(load(found)) == [
        f"POST /login {FORM} user=ann",
        "extract ['token'] to token",
        "GET /a [X: {token}]",
    ]
    assert found.left == ()


LOADS = [
    ("{ vus: 3, duration: '2s' }", ("3 vus", "2s", None)),
    ("{ vus: 3, iterations: 9 }", ("3 vus", "", 9)),
    (
        "{ scenarios: { a: { executor: 'constant-arrival-rate', rate: 5, timeUnit: '10s', duration: '1m' } } }",
        ("5/10s", "1m", None),
    ),
    ("{ scenarios: { a: { executor: 'per-vu-iterations', vus: 3, iterations: 2 } } }", ("3 vus", "", 6)),
]


@pytest.mark.parametrize(("options", "told"), LOADS)
def test_options_are_loads(options: str, told: tuple[str, str, int | None], imported: Import, load: Load) -> None:
    found = imported("k6", script("http.get(`${BASE}/a`);", options))
    level, duration, iterations = told
    assert f'load="{level}"' in found.text
    assert (f'duration="{duration}"' in found.text) is bool(duration)
    assert (f"iterations={iterations}" in found.text) is (iterations is not None)
    assert load(found)["scenarios"]
    assert found.left == ()


def test_stages_and_scenarios_with_their_functions(imported: Import, load: Load) -> None:
    options = """{
      scenarios: {
        first: {
          executor: 'ramping-vus', startVUs: 5,
          stages: [{ duration: '10s', target: 5 }, { duration: '1m30s', target: 0 }],
        },
        second: {
          executor: 'ramping-arrival-rate', exec: 'other', startTime: '5s',
          stages: [{ duration: '10s', target: 50 }],
        },
      },
    }"""
    text = script("http.get(`${BASE}/a`);", options) + "export function other() { http.get(`${BASE}/b`); }"
    found = imported("k6", text)
    plan = load(found)
    assert [all_steps(plan, at) for at in (0, 1)] == [["GET /a"], ["GET /b"]]
    assert 'load=[ramp("5 vus", over="0s"), hold("10s"), ramp("0 vus", over="1m30s")]' in found.text
    assert 'load=[ramp("50/s", over="10s")]' in found.text
    assert [str(each) for each in found.left] == ["options.scenarios.second: startTime was left out"]


def test_thresholds_are_ours_or_told(imported: Import, load: Load) -> None:
    options = """{ vus: 1, iterations: 1, thresholds: {
      http_req_duration: ['p(95)<500', 'avg < 200.5', 'med<1'], 'http_req_duration{name:it}': ['max<900'],
      http_req_failed: [{ threshold: 'rate<0.01', abortOnFail: true }], checks: ['rate>=0.955'],
      iteration_duration: 'p(99.9)<2000',
      http_reqs: ['count>3'], 'http_req_duration{status:200}': ['p(95)<1'],
    } }"""
    found = imported(
        "k6", script("check(http.get(`${BASE}/a`, { tags: { name: 'it' } }), { ok: (r) => r.status == 200 });", options)
    )
    assert load(found)["thresholds"] == [
        *("service.p95 < 500ms", "service.mean < 200ms500us", "service.p50 < 1ms", "service.max of 'it' < 900ms"),
        *("errors < 1% abort", "checks >= 95.5%", "iteration.p99.9 < 2s"),
    ]
    assert [str(each) for each in found.left] == [
        "options.thresholds: 'http_reqs: count>3' was left out",
        "options.thresholds: 'http_req_duration{status:200}: p(95)<1' was left out",
    ]


def test_thresholds_on_groups_are_ours_where_the_group_is(imported: Import, load: Load) -> None:
    options = """{ vus: 1, iterations: 1, thresholds: {
      'group_duration{group:::out}': ['p(95)<500'], 'group_duration{group:::out::in}': ['max<1000'],
      'group_duration{group:::gone}': ['max<1'], group_duration: ['max<1'], 'http_req_duration{group:::out}': ['max<1'],
    } }"""
    body = "group('out', () => { group('in', () => { http.get(`${BASE}/a`); }); });"
    found = imported("k6", script(body, options))
    assert load(found)["thresholds"] == ["p95 of 'out' < 500ms", "max of 'in' < 1s"]
    assert [str(each) for each in found.left] == [
        "options.thresholds: 'group_duration: max<1' was left out",
        "options.thresholds: 'http_req_duration{group:::out}: max<1' was left out",
        "shop: the threshold max of 'gone' < 1ms was left out: nothing here is called that",
    ]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("group('GET /a', () => { http.get(`${BASE}/a`); });", '"GET /a" was left out, and its steps are there: req'),
        (
            "group('it', () => { http.get(`${BASE}/a`, { tags: { name: 'it' } }); });",
            '"it" was left out, and its steps are there: requests are called so',
        ),
        (
            "group('g', () => { group('g', () => { http.get(`${BASE}/a`); }); });",
            '"g" was left out, and its steps are there: it stands within one of the same name',
        ),
        (
            "".join(f"group('{at}', () => {{ " for at in range(9)) + "http.get(`${BASE}/a`);" + " });" * 9,
            '"8" was left out, and its steps are there: it is more than 8 deep',
        ),
    ],
)
def test_a_group_that_no_plan_can_have_gives_way_to_its_steps(
    body: str, why: str, imported: Import, load: Load
) -> None:
    found = imported("k6", script(body))
    assert any(why in str(each) for each in found.left)
    assert all_steps(load(found))[0].endswith("GET /a")


LEFT = [
    (
        "switch (1) { case 1: break; }\nhttp.get(`${BASE}/a`);",
        "line 6: there are no words for this: a statement that is not read",
    ),
    (
        "while (true) { http.get(`${BASE}/a`); }\nhttp.get(`${BASE}/b`);",
        "line 6: there are no words for this: http.get(…)",
    ),
    (
        "http.get('http://other/a');\nhttp.get(`${BASE}/b`);\nhttp.get(`${BASE}/b`);",
        "line 6: there are no words for this: http.get(…)",
    ),
    ("http.get(`${BASE}/a`, { timeout: '3s' });", "line 6: 'timeout' of its parameters was left out"),
    ("http.post(`${BASE}/a`, open('x'));", "line 6: its body was left out: there are no words for it"),
    (
        "http.batch([['GET', `${BASE}/a`], { method: 'PUT', url: `${BASE}/b` }, `${BASE}/c`]);",
        "line 6: the requests of a batch are sent one behind the other",
    ),
    (
        "check(http.get(`${BASE}/a`), { fast: (r) => r.timings.duration < 9 });",
        "line 6: a check of this kind was left out: 'fast'",
    ),
    ("http.get(`${__ENV.HOST}/a`);", "the host is a variable of the environment: http://127.0.0.1 stands for it"),
    (
        "http.get(`${__ENV.HOST || 'http://127.0.0.1'}/a`);",
        "line 6: what stands for a variable of the environment that is missing stands for it always",
    ),
    ("let n = 0; n += 1;\nhttp.get(`${BASE}/a`);", "line 6: there are no words for this: an assignment with a sign"),
]


@pytest.mark.parametrize(("body", "told"), LEFT)
def test_what_is_not_converted_is_told_with_its_line(body: str, told: str, imported: Import, load: Load) -> None:
    found = imported("k6", script(body))
    assert told in [str(each) for each in found.left]
    assert load(found)["scenarios"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = 1", "exports no function by default"),
        ("export default function () {}", "has no request that can be sent"),
        ("export default 'a", "shop.txt:1: no JavaScript: a quotation mark is not closed"),
        ("export default `a ${b", "no JavaScript: a template is not closed"),
        ("\\", "no JavaScript: '\\\\' means nothing here"),
        ("(" * 50_000, "exports no function by default"),
        ("`${" * 50 + "1" + "}`" * 50, "no JavaScript"),
    ],
)
def test_what_is_no_script_is_refused(text: str, told: str, imported: Import) -> None:
    with pytest.raises(SourceUnreadable) as refused:
        imported("k6", text)
    assert told in str(refused.value)


TEXT = st.text(st.characters(), max_size=10) | st.sampled_from(
    ['")\nimport os#', "{x}", "${x}", "${secret:X}", "\ue000", "\ud800", "/a", "http://127.0.0.1/", "`", "\\"]
)


def javascript(text: str) -> str:
    """A text as JavaScript writes it."""
    return "'" + "".join(f"\\u{{{ord(each):x}}}" for each in text) + "'"


@given(st.text(max_size=20))
def test_texts_are_what_they_stand_for(text: str) -> None:
    assert unescaped(javascript(text)[1:-1]) == text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(texts=st.lists(TEXT, min_size=6, max_size=6))
def test_no_script_puts_words_into_a_file_and_every_file_is_loaded(
    texts: list[str], imported: Import, load: Load
) -> None:
    path, key, value, called, header, word = (javascript(each) for each in texts)
    body = f"""
http.get('http://127.0.0.1/ok');
const r = http.get('http://127.0.0.1' + {path}, {{ headers: {{ {header}: {value} }}, tags: {{ name: {called} }} }});
http.post('http://127.0.0.1/' + r.json()[{key}], JSON.stringify({{ {key}: r.body, {value}: [{word}] }}));
http.put(`http://127.0.0.1/${{r.headers[{header}]}}`, {{ {key}: {word}, n: r.json({key}) }});
check(r, {{ {called}: (r) => r.json()[{key}] === {value} }});
group({called}, () => {{ if (r.body.includes({word})) {{ http.del('http://127.0.0.1/' + {path}); }} }});
"""
    options = f"{{ thresholds: {{ {key}: [{value}] }}, scenarios: {{ {called}: {{ executor: {word} }} }} }}"
    found = imported("k6", script(body, options))
    assert load(found)["scenarios"]


PIECES = st.sampled_from(
    [*"(){}[];,.=>+-*/!&|?:'`\"$ax1 \n", "if", "for", "const ", "function ", "return ", "=>", "${"]
)


@given(st.lists(PIECES).map("".join))
def test_whatever_a_script_holds_it_is_read_or_refused_in_words(text: str) -> None:
    with contextlib.suppress(NoJavaScript):
        assert isinstance(parse_script(text), ast.Module)
