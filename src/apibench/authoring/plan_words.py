"""
From the words of a plan file to the plan's one document form.

People write `duration: 30s`, `rate: 500/s`, `users: 50` and `headers: {Accept: text/html}`; the document
has `duration_ns`, `{count, per_ns}`, `vus` and pairs. Which word may stand where is read off the models
(`model.shape`), so a new field needs nothing here. What can't be read is a fault like any other, and the
place of every fault is given in the words of the file, not in those of the document.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin

from apibench.authoring.expression_words import has_late_parts, parse_expression, parse_template
from apibench.authoring.json_path import extraction_of
from apibench.model import shape
from apibench.model.errors import UnitInvalid
from apibench.model.expression import KINDS
from apibench.model.extraction import KINDS as EXTRACTIONS
from apibench.model.fault import Fault, Place, place_text
from apibench.model.feeder import Feeder
from apibench.model.host import Connections, Host
from apibench.model.load import Closed, Ends, Open, Rate
from apibench.model.part import Part
from apibench.model.plan import Plan
from apibench.model.step import Body, StatusRange
from apibench.model.suggestion import did_you_mean
from apibench.model.units import parse_count, parse_duration, parse_rate

ALIASES = {"users": "vus", "max_users": "max_vus", "slo": "thresholds", "url": "base_url"}
"""Words of other tools, and what we call the same thing."""
_EXTRACTED = ("status", "body", "header", "cookie", "json", "regex", "left", "css")
_SPELLED = {"header": "name", "cookie": "name", "regex": "pattern", "css": "selector"}
"""Short forms of extractions, and what the word behind them is called."""
_LIKE = "Write it like status, $.items[0].id or {header: X-Id}."
_BESIDE = {"regex": ("group",), "css": ("attribute",), "left": ("right",), "right": ("left",)}
"""What else may stand beside such a word."""


@dataclass
class PlanWords:
    """A document in the plan's own form, and what happened on the way there."""

    document: Any = None
    faults: list[Fault] = field(default_factory=list)
    refused: set[Place] = field(default_factory=set)
    """Places whose text could not be read: their faults are told, so validation need not repeat them."""
    written: dict[Place, Place] = field(default_factory=dict)
    """Where a place of the document stands in the file, for those that differ."""

    def as_written(self, path: Place) -> Place:
        """A place of the document as a place in the file."""
        for length in range(len(path), 0, -1):
            start = self.written.get(path[:length])
            if start is not None:
                return start + path[length:]
        return path

    def tells(self, path: Place) -> bool:
        """Whether a fault at this place, or around it, is already among `faults`."""
        return any(path[:length] in self.refused for length in range(1, len(path) + 1))


def read_words(document: Any) -> PlanWords:
    """Translate a whole document. It is not validated: `model.validation` does that."""
    words = PlanWords()
    words.document = _read(document, Plan, (), (), words)
    return words


def _read(value: Any, annotation: Any, path: Place, written: Place, words: PlanWords) -> Any:
    if path != written:
        words.written[path] = written
    value = _spelled_out(value, annotation, path, written, words)
    if shape.parts(annotation)[-len(KINDS) :] == KINDS and not isinstance(value, dict | list):
        return _read_late(value, annotation, path, written, words)
    if isinstance(value, dict):
        model = shape.choose(annotation, value)
        if model is not None:
            return _read_part(value, model, path, written, words)
        inner = shape.value(annotation)
        if inner is not None:
            return {key: _read(each, inner, (*path, key), (*written, key), words) for key, each in value.items()}
        return value
    if isinstance(value, list) and shape.item(annotation) is not None:
        places = [((*path, at), words.written.get((*path, at), (*written, at))) for at in range(len(value))]
        return [
            _read(each, shape.item(annotation, at), *place, words)
            for at, (each, place) in enumerate(zip(value, places, strict=True))
        ]
    return _read_scalar(value, annotation, path, written, words)


def _read_part(value: dict[Any, Any], model: type[Part], path: Place, written: Place, words: PlanWords) -> Any:
    said: dict[Any, Any] = {}
    for key, each in value.items():
        target = _target(key, model)
        here, there = (*path, target), words.written.get((*path, key), (*written, key))
        if target in said:
            message = f"`{key}` says the same as a word before it"
            words.faults.append(_fault("twice", there, message, "Keep one of them."))
            continue
        if target != key and str(target).endswith("_ns"):
            words.written[here] = there
            said[target] = _attempt(parse_duration, each, here, there, words)
        elif target in model.model_fields:
            said[target] = _read(each, model.model_fields[target].annotation, here, there, words)
        else:
            said[target] = each  # validation refuses it by name
    return said


def _target(key: Any, model: type[Part]) -> Any:
    if key in model.model_fields or not isinstance(key, str):
        return key
    for target in (f"{key}_ns", ALIASES.get(key)):
        if target in model.model_fields:
            return target
    return key


def _read_late(value: Any, annotation: Any, path: Place, written: Place, words: PlanWords) -> Any:
    """`/items/${id}` where text may be late; `status == 409` or `3` where only an expression stands."""
    text_stands = shape.holds(annotation, str)
    if isinstance(value, str) and (has_late_parts(value) or not text_stands):
        template = has_late_parts(value)
        return _attempt(parse_template if template else parse_expression, value, path, written, words)
    if not text_stands and isinstance(value, bool | int):
        return {"type": "constant", "value": value}
    return str(value) if text_stands and isinstance(value, int) and not isinstance(value, bool) else value


def _read_scalar(value: Any, annotation: Any, path: Place, written: Place, words: PlanWords) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if shape.holds(annotation, Rate) and (number or isinstance(value, str)):
        rate = _attempt(parse_rate, value, path, written, words)
        return rate if rate is value else {"count": rate.count, "per_ns": rate.per_ns}
    if number and _only_words(annotation):
        return str(value)  # YAML reads `http: 1.1` and `family: 4` as numbers
    counts = shape.holds(annotation, int) and not shape.holds(annotation, str)
    if isinstance(value, str) and counts and not str(path[-1]).endswith("_ns"):
        return _attempt(parse_count, value, path, written, words)
    return value


def _only_words(annotation: Any) -> bool:
    literals = [option for option in shape.options(annotation) if get_origin(option) is Literal]
    choices = [each for option in literals for each in get_args(option)]
    return bool(choices) and all(isinstance(each, str) for each in choices)


def _attempt(parse: Callable[[str], Any], value: Any, path: Place, written: Place, words: PlanWords) -> Any:
    """The parsed text, or the value itself with a fault on record."""
    if value is None or isinstance(value, bool | dict | list):
        return value
    try:
        return parse(str(value))
    except UnitInvalid as error:
        words.faults.append(_fault("unit", written, error.message, error.hint))
        words.refused.add(path)
        return value


def _spelled_out(value: Any, annotation: Any, path: Place, written: Place, words: PlanWords) -> Any:
    """Short forms: `hosts: {api: http://...}`, `body: text`, `status: 2xx`, `load: {rate: 500/s, duration: 30s}`."""
    models = shape.parts(annotation)
    if models == EXTRACTIONS:
        return _spelled_extraction(value, path, written, words)
    if isinstance(value, str) and models in ((Host,), (Body,)):
        word = "base_url" if models == (Host,) else "text"
        words.written[(*path, word)] = written
        return {word: value}
    if isinstance(value, dict) and models == (Connections,) and len(value) == 1 and "type" not in value:
        kind = next(iter(value))
        if kind in ("per_vu", "shared"):
            words.written.update({(*path, "type"): written, (*path, "count"): (*written, kind)})
            return {"type": kind, "count": value[kind]}
    if isinstance(value, dict) and models == (Closed, Open):
        return _spelled_load(value, path, written, words)
    if models == (Feeder,):
        return _spelled_feeder(value, path, written, words)
    if models == (Plan,) and isinstance(value, dict):
        return _with_hosts(value)
    if models == (StatusRange,):
        return _attempt(parse_status_range, value, path, written, words)
    return _spelled_list(value, annotation, path, written, words)


def _spelled_feeder(value: Any, path: Place, written: Place, words: PlanWords) -> Any:
    """`users.csv` by itself, `csv: users.csv`, `jsonl: users.jsonl`."""
    if isinstance(value, str):
        words.written[(*path, "path")] = written
        return {"path": value}
    kinds = [kind for kind in ("csv", "jsonl") if isinstance(value, dict) and kind in value]
    if len(kinds) != 1 or "path" in value or "format" in value:
        return value
    words.written[(*path, "path")] = (*written, kinds[0])
    return {"format": kinds[0], "path": value[kinds[0]]} | {key: value[key] for key in value if key != kinds[0]}


def _spelled_extraction(value: Any, path: Place, written: Place, words: PlanWords) -> Any:
    """
    `status`, `body`, `header: X-Id`, `cookie: id`, `json: items.0.id`, or `$.items[0].id` by itself; `regex: id=(.*)`,
    `css: input`, each with what else it has; `left: <a>` and `right: </a>`.
    """
    if value in ("status", "body"):
        words.written[(*path, "type")] = written
        return {"type": value}
    if isinstance(value, str) and value.startswith("$"):
        value = {"json": value}
    if isinstance(value, dict) and "type" in value:
        return value
    known = (*_SPELLED, "json", "xpath", "left", "right")
    kind = next((each for each in known if isinstance(value, dict) and each in value), None)
    if kind is None:
        words.faults.append(_nothing_to_take(value, written))
        words.refused.add(path)
        return value
    _refuse_others(value, (kind, *_BESIDE.get(kind, ())), path, written, words)
    if kind in ("left", "right"):
        words.written[(*path, "type")] = written
        return {"type": "boundary", **value}
    spot, told, rest = (*written, kind), value[kind], {key: value[key] for key in value if key != kind}
    words.written[(*path, "type")] = spot
    if kind == "xpath":
        words.faults.append(
            _fault("not_built", spot, "`xpath` is not built", "Use `css`, `regex`, or `left` and `right`.")
        )
        words.refused.add(path)
        return value
    words.written[(*path, _SPELLED.get(kind, "path"))] = spot
    if kind == "json":
        of = _attempt(extraction_of, told, path, spot, words)
        return {**of, **rest} if isinstance(of, dict) and of is not told else value
    return {"type": kind, _SPELLED[kind]: told, **rest}


def _nothing_to_take(value: Any, written: Place) -> Fault:
    word = next((each for each in value if isinstance(each, str)), None) if isinstance(value, dict) else value
    if not isinstance(word, str):
        return _fault("choice", written, "this is nothing that can be taken out of a response", _LIKE)
    spot = (*written, word) if isinstance(value, dict) else written
    message = f"`{word[:60]}` is nothing that can be taken out of a response"
    return _fault("choice", spot, message, did_you_mean(word, _EXTRACTED))


def _refuse_others(
    value: dict[Any, Any], known: tuple[str, ...], path: Place, written: Place, words: PlanWords
) -> None:
    """Here, for the document's own words, which `validation` would name, stand in no file."""
    for word in (str(each) for each in value if each not in known):
        message = f"`{word}` is no word beside `{known[0]}`"
        words.faults.append(_fault("unknown", (*written, word), message, did_you_mean(word, known)))
        words.refused.add((*path, word))


def _spelled_list(value: Any, annotation: Any, path: Place, written: Place, words: PlanWords) -> Any:
    inner = shape.item(annotation)
    if inner is None or isinstance(value, list):
        return value
    if isinstance(value, Mapping) and path and path[-1] == "headers":
        for at, name in enumerate(value):
            spot = (*written, name)
            words.written.update({(*path, at): spot, (*path, at, 0): spot, (*path, at, 1): spot})
        return [[name, text] for name, text in value.items()]
    one = (shape.parts(inner) == (StatusRange,) and isinstance(value, int | str)) or (
        isinstance(value, str) and path[-1:] == ("thresholds",)
    )
    if one:
        words.written[(*path, 0)] = written
        return [value]
    return value


def _spelled_load(value: dict[Any, Any], path: Place, written: Place, words: PlanWords) -> dict[Any, Any]:
    load = dict(value)
    if "model" not in load and not ("rate" in load and ("vus" in load or "users" in load)):
        model = "open" if "rate" in load else "closed" if "vus" in load or "users" in load else None
        if model is not None:
            load["model"] = model
    lifted = [key for key in load if key in ("duration", *Ends.model_fields)]
    if lifted and isinstance(load.get("ends", {}), dict):
        ends = dict(load.get("ends", {}))
        for key in lifted:
            if key in ends:
                continue  # left where it is, it is refused as unknown there
            ends[key] = load.pop(key)
            words.written[(*path, "ends", key)] = (*written, key)
        load["ends"] = ends
    return load


def _with_hosts(plan: dict[Any, Any]) -> dict[Any, Any]:
    """Where there is one host, requests need not name it."""
    hosts = plan.get("hosts")
    if not isinstance(hosts, dict) or len(hosts) != 1 or not isinstance(plan.get("scenarios"), list):
        return plan
    only = next(iter(hosts))

    def named(step: Any) -> Any:
        if not isinstance(step, dict):
            return step
        step = dict(step)
        if step.get("type") in ("request", "python_user"):
            step.setdefault("host", only)
        if isinstance(step.get("cases"), list):
            step["cases"] = [each | steps_named(each) if isinstance(each, dict) else each for each in step["cases"]]
        return step | steps_named(step)

    def steps_named(holder: dict[Any, Any]) -> dict[Any, Any]:
        lists = {word: holder[word] for word in _LISTS if isinstance(holder.get(word), list)}
        return {word: [named(step) for step in steps] for word, steps in lists.items()}

    scenarios = [each | steps_named(each) if isinstance(each, dict) else each for each in plan["scenarios"]]
    errands = {word: plan[word] for word in ("setup", "teardown") if isinstance(plan.get(word), dict)}
    return {**plan, "scenarios": scenarios, **{word: each | steps_named(each) for word, each in errands.items()}}


_LISTS = ("on_start", "steps", "otherwise", "on_stop")


def parse_status_range(text: str) -> dict[str, int]:
    """`200`, `2xx` or `200-204` as a range."""
    if re.fullmatch(r"[1-5][xX]{2}", text):
        return {"first": int(text[0]) * 100, "last": int(text[0]) * 100 + 99}
    match = re.fullmatch(r"([0-9]{3})(?:-([0-9]{3}))?", text)
    if match is None:
        raise UnitInvalid(f"'{text}' is no status", "Write it like 200, 2xx or 200-204.")
    return {"first": int(match[1]), "last": int(match[2] or match[1])}


def _fault(code: str, path: Place, message: str, remedy: str) -> Fault:
    return Fault(code=code, place=place_text(path), message=message, remedy=remedy, path=path)
