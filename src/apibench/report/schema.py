"""
The published JSON Schema (draft 2020-12) of the result document.

It says what must be there and what it looks like, and forbids nothing beside: changes are additive, so a reader of
this release validates a document of a later one.
"""

from typing import Any

from apibench.model.histogram import QUANTILES
from apibench.model.tally import DRY
from apibench.report.blocks import DROP_REASONS, GENERATOR_TIMES, PHASES, REQUEST_TIMES
from apibench.report.result import SCHEMA
from apibench.report.slow_row import PARTS

SCHEMA_ID = "urn:apibench:result:1"

_Schema = dict[str, Any]


def result_schema() -> _Schema:
    """The schema of `apibench.result/1`. A new object each time: the caller may change it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "API Benchmark result, version 1",
        "description": "One run. Times are nanoseconds, rates events per second inside the planned window.",
        **_may_have(
            _object(
                schema={"const": SCHEMA},
                run=_run(),
                verdict=_verdict(),
                load=_load(),
                iterations=_with_rates("iterations"),
                requests=_may_have(_with_rates("requests"), at_least=_AT_LEAST),
                **_all(REQUEST_TIMES, _ref("times")),
                intended_from={"enum": ["arrival", "ready", "mixed"]},
                phases=_object(**_all(PHASES, _ref("times"))),
                generator=_object(
                    **_all(GENERATOR_TIMES, _ref("times")),
                    cpu_s=_RATE,
                    connections_opened=_COUNT,
                    connections_reused=_COUNT,
                ),
                bytes=_ref("bytes"),
                warmup=_may_have(
                    _object(
                        iterations=_ref("iterations"),
                        requests=_ref("requests"),
                        **_all(REQUEST_TIMES, _ref("times")),
                        bytes=_ref("bytes"),
                    ),
                    load=_object(**_load_counts()),
                ),
                thresholds=_list(_threshold()),
                scenarios=_list(
                    _may_have(
                        _object(name=_TEXT, load=_OBJECT, iterations=_of_scenario(), steps=_list(_step())),
                        groups={**_list(_group()), "description": "groups of its steps, timed without pauses"},
                    )
                ),
                intervals=_list(_interval()),
            ),
            checks={
                **_list(_object(scenario=_TEXT, name=_TEXT, passed=_COUNT, failed=_COUNT)),
                "description": "those that were looked at; a check never changes a request",
            },
            python={**_maybe(_python()), "description": "functions of Python that were called; null without any"},
            slowest={**_list(_slow()), "description": "the 50 slowest, the slowest first; none of a warm-up"},
        ),
        "$defs": _definitions(),
    }


_COUNT: _Schema = {"type": "integer", "minimum": 0}
_RATE: _Schema = {"type": "number", "minimum": 0}
_TEXT: _Schema = {"type": "string"}
_FLAG: _Schema = {"type": "boolean"}
_OBJECT: _Schema = {"type": "object"}
_AT_LEAST: _Schema = {
    "type": "boolean",
    "description": "the generator's processors were busy: of a closed run, the rates are at least what they say",
}
_COUNTS_BY_NAME: _Schema = {"type": "object", "additionalProperties": _COUNT}
_NS_TEXT: _Schema = {"type": "string", "pattern": "^[0-9]+$", "description": "nanoseconds; text, as it may pass 2^53"}


def _definitions() -> _Schema:
    brief = {
        "count": _COUNT,
        "sum_ns": _NS_TEXT,
        "min_ns": _COUNT,
        "max_ns": _COUNT,
        "clamped": {**_COUNT, "description": "values beyond the highest that a cell holds, counted there"},
        "censored": {**_COUNT, "description": "values of which only a lower bound is known"},
        "censored_min_ns": _COUNT,
        "quantiles": {
            "type": "object",
            "description": "highest equivalent values, at most the maximum; empty where nothing was recorded",
            "properties": {f"{quantile:g}": _COUNT for quantile in QUANTILES},
            "additionalProperties": _COUNT,
        },
    }
    at_least = {**_list(_TEXT), "description": "those of `quantiles` that are lower bounds by more than 1 %"}
    iterations = {"offered": _COUNT, **_all(("started", "ok", "failed", "unfinished"), _COUNT), "dropped": _dropped()}
    lost = {**_COUNT, "description": "their worker died, or none had them; 0 where it is left out"}
    requests = {
        **_all(("started", "ok", "failed", "unfinished", "attempts", "stale_retries"), _COUNT),
        "by_status": _COUNTS_BY_NAME,
        "by_error": {**_COUNTS_BY_NAME, "description": "adds up to `failed`"},
    }
    hdr = {"type": "string", "pattern": "^HISTF", "description": "HdrHistogram V2, deflated, base64"}
    events = {
        "offered": _COUNT,
        "dropped": _dropped(),
        **_all(("iterations_started", "iterations_ok", "iterations_failed", "iterations_unfinished"), _COUNT),
        **requests,
        "sent_bytes": _COUNT,
        "received_bytes": _COUNT,
        "response": _maybe(_ref("brief_times")),
        "service": _maybe(_ref("brief_times")),
        "response_hdr": _maybe(hdr),
        "service_hdr": _maybe(hdr),
    }
    return {
        "brief_times": _may_have(_object(**brief), at_least=at_least),
        "times": _may_have(_object(**brief, hdr=hdr), at_least=at_least),
        "iterations": _may_have(_object(**iterations, time=_ref("times")), lost=lost),
        "requests": _object(**requests),
        "bytes": _object(sent=_COUNT, received=_COUNT),
        "events": _may_have(_object(**events), lost=lost),
    }


def _run() -> _Schema:
    run = _object(
        id=_TEXT,
        name=_TEXT,
        started_at={"type": "string", "format": "date-time"},
        ended_at={"type": "string", "format": "date-time"},
        ended={"enum": ["complete", "interrupted", "aborted", "crashed", "unreachable"]},
        planned_s=_maybe(_RATE),
        actual_s=_RATE,
        plan_sha256={"type": "string", "pattern": "^[0-9a-f]{64}$"},
        plan=_OBJECT,
        seed=_COUNT,
        engine=_object(version=_TEXT, driver=_TEXT, threads=_COUNT),
        host=_may_have(
            _object(
                cpus=_COUNT,
                quota=_maybe(_RATE),
                kernel=_TEXT,
                clock=_TEXT,
                spin=_FLAG,
                co_located=_FLAG,
                pace=_object(p50_ns=_COUNT, p99_ns=_COUNT),
            ),
            **_limits_and_taken(),
        ),
        barrier_ns=_maybe(_COUNT),
        addresses=_list(_object(address=_TEXT, connections=_COUNT)),
        tags={"type": "object", "additionalProperties": _TEXT},
    )
    worker = _may_have(
        _object(
            worker=_TEXT,
            segment=_COUNT,
            region=_TEXT,
            fate={"enum": ["live", "finished", "lost"]},
            clock_error_ns=_COUNT,
            share={**_RATE, "description": "of the plan, at first"},
            batches=_COUNT,
            reported_s=_RATE,
            complete={**_FLAG, "description": "whether all that it measured is in this result"},
            lost=_COUNT,
        ),
        minutes_lacking={
            **_COUNT,
            "description": "in how many minutes its own figures lack something that counts in all others",
        },
        cpus=_COUNT,
        **_limits_and_taken(),
    )
    revision = _object(
        revision=_COUNT,
        name=_TEXT,
        effective_s=_RATE,
        from_s=_RATE,
        to_s=_RATE,
        iterations=_with_rates("iterations"),
        requests=_with_rates("requests"),
        offered_per_s=_maybe(_RATE),
        **_all(REQUEST_TIMES, _ref("times")),
    )
    errand = _object(
        state={"enum": ["ok", "failed", "timeout", "interrupted", "unknown"]},
        requests={**_COUNT, "description": "in no other figure"},
        took_s=_RATE,
        fault={**_TEXT, "description": "what went wrong, in words"},
        worker=_TEXT,
    )
    return _may_have(
        run,
        setup={**_maybe(errand), "description": "what was done once before the load"},
        teardown={**_maybe(errand), "description": "what was done once behind it"},
        window_s={**_RATE, "description": "rates are of so much of the run, from the end of the warm-up on"},
        workers={**_list(worker), "description": "a row for each segment; none for a run on one machine"},
        revisions={
            **_list(revision),
            "description": "the parts between changes of the rate, cut at whole seconds; none where it never changed",
        },
    )


def _limits_and_taken() -> dict[str, _Schema]:
    return {
        "descriptors": {
            **_maybe(_COUNT),
            "description": "that it may have open; null where it is not told, or of several machines together",
        },
        "local_ports": {
            **_maybe(_COUNT),
            "description": "to one address; null where it is not told, or of several machines together",
        },
        "throttled_ns": {**_COUNT, "description": "for which a quota stopped the generator"},
        "steal_ns": {**_COUNT, "description": "that its threads wanted and a hypervisor gave to other machines"},
        "waited_ns": {**_COUNT, "description": "for which its threads were ready and had no processor"},
    }


def _verdict() -> _Schema:
    return _object(
        status={"enum": ["passed", "failed", "invalid"]},
        exit_code=_COUNT,
        generator={"enum": ["valid", "limited"]},
        reasons=_list(_TEXT),
        findings=_list(_object(code=_TEXT, message=_TEXT, remedy=_TEXT)),
    )


def _load() -> _Schema:
    return _object(
        model={"enum": ["open", "closed", "mixed"]},
        **_load_counts(),
        offered_per_s=_maybe(_RATE),
    )


def _load_counts() -> dict[str, _Schema]:
    return {"offered": _COUNT, "started": _COUNT, "dropped": _dropped(), "lost": _COUNT}


def _of_scenario() -> _Schema:
    rates = dict.fromkeys(("offered_per_s", "started_per_s", "ok_per_s"), _maybe(_RATE))
    return {"allOf": [_ref("iterations")], "type": "object", "properties": rates}


def _threshold() -> _Schema:
    row = _object(
        expression=_TEXT,
        of=_maybe(_TEXT),
        window_s=_maybe(_COUNT),
        value={**_maybe(_RATE), "description": "in `unit`; null where there was no data"},
        limit=_RATE,
        unit={"enum": ["ns", "per_s", "share"]},
        passed=_FLAG,
        no_data=_FLAG,
        censored={**_FLAG, "description": "the value may be higher than it says"},
        failed_at_s={**_maybe(_RATE), "description": "the end of the first window that failed, or of the run by it"},
    )
    return _may_have(row, ended_the_run={**_FLAG, "description": "it aborts, and it was the one that did"})


def _step() -> _Schema:
    return _object(
        name=_TEXT,
        requests=_with_rates("requests"),
        **_all(REQUEST_TIMES, _ref("times")),
        phases=_object(**_all(PHASES, _ref("times"))),
        generator=_object(**_all(GENERATOR_TIMES, _ref("times"))),
        bytes=_ref("bytes"),
    )


def _group() -> _Schema:
    return _object(
        name=_TEXT,
        **_all(("passes", "ok", "failed", "unfinished"), _COUNT),
        ok_per_s=_maybe(_RATE),
        time=_ref("times"),
    )


def _python() -> _Schema:
    return _object(
        calls=_COUNT,
        failed=_COUNT,
        wait={**_ref("times"), "description": "what was waited for them, without the time that they took"},
        time={**_ref("times"), "description": "how long they took, in their processes"},
        functions=_list(_object(function=_TEXT, calls=_COUNT, failed=_COUNT, time_ns=_maybe(_COUNT))),
        failures=_list(_object(function=_TEXT, reason=_TEXT, count=_COUNT)),
        processes={**_maybe(_COUNT), "description": "null on an installation, as is `time_ns`"},
        replaced={**_COUNTS_BY_NAME, "description": "processes that were started anew, by why"},
    )


def _slow() -> _Schema:
    return _object(
        scenario=_TEXT,
        step=_TEXT,
        at_s={**_RATE, "description": "when it ended"},
        response_ns={**_COUNT, "description": "a lower bound if it timed out or was cut off"},
        service_ns=_maybe(_COUNT),
        phases={**_COUNTS_BY_NAME, "properties": {f"{part}_ns": _COUNT for part in PARTS}},
        status=_maybe(_COUNT),
        error=_maybe(_TEXT),
        unfinished=_FLAG,
        address=_maybe(_TEXT),
    )


def _interval() -> _Schema:
    levels = _all(("waiting", "opening", "in_flight"), {**_COUNT, "description": "at the end of the interval"})
    row = _and(
        _ref("events"),
        start_s=_RATE,
        length_s=_RATE,
        phase={"enum": ["warmup", "main", "drain"]},
        segments_expected=_COUNT,
        segments_present=_COUNT,
        **levels,
        generator=_COUNTS_BY_NAME,
        scenarios=_list(_object(scenario=_COUNT, phase={"enum": ["warmup", "main"]}, waiting=_COUNT)),
        steps=_list(_object(scenario=_COUNT, step=_TEXT, phase={"enum": ["warmup", "main"]}, started=_COUNT)),
    )
    of_group = _object(
        scenario=_COUNT,
        group=_TEXT,
        phase={"enum": ["warmup", "main"]},
        **_all(("passes", "ok", "failed", "unfinished"), _COUNT),
        pending={**_COUNT, "description": "that go on at the end of the interval"},
        time=_maybe(_ref("brief_times")),
    )
    row["properties"]["groups"] = _list(of_group)
    row["properties"]["state"] = {"enum": ["provisional", "sealed", "revised"]}
    row["properties"]["warmup"] = {**_ref("events"), "description": "the warm-up's part; not in the counts beside it"}
    return row


def _object(**properties: _Schema) -> _Schema:
    return {"type": "object", "required": list(properties), "properties": properties}


def _may_have(schema: _Schema, **properties: _Schema) -> _Schema:
    """What earlier releases did not write."""
    return {**schema, "properties": {**schema["properties"], **properties}}


def _with_rates(name: str) -> _Schema:
    return _and(_ref(name), started_per_s=_maybe(_RATE), ok_per_s=_maybe(_RATE))


def _and(base: _Schema, **properties: _Schema) -> _Schema:
    return {"allOf": [base], **_object(**properties)}


def _all(names: tuple[str, ...], schema: _Schema) -> dict[str, _Schema]:
    return dict.fromkeys(names, schema)


def _dropped() -> _Schema:
    always = tuple(reason for reason in DROP_REASONS if reason != DRY)
    return _may_have(_object(**_all(always, _COUNT)), **{DRY: _COUNT})


def _list(items: _Schema) -> _Schema:
    return {"type": "array", "items": items}


def _maybe(schema: _Schema) -> _Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _ref(name: str) -> _Schema:
    return {"$ref": f"#/$defs/{name}"}
