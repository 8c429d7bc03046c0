"""Plans as tests compare them: what each step does, without where it was written."""

from typing import Any


def text_of(value: Any) -> str:
    """A text of a plan, late parts in braces."""
    if not isinstance(value, dict):
        return str(value)
    match value["type"]:
        case "constant":
            return str(value["value"])
        case "variable":
            return f"{{{value['name']}}}"
        case _:
            inside = [text_of(each) for each in value["arguments"]]
            return "".join(inside) if value["function"] == "concat" else f"{value['function']}({', '.join(inside)})"


def told(step: dict[str, Any]) -> str:
    """A step in a line."""
    match step["type"]:
        case "request":
            body = "" if step["body"] is None else f" {text_of(step['body']['text'])}"
            headers = "".join(f" [{name}: {text_of(value)}]" for name, value in step["headers"])
            return f"{step['method']} {text_of(step['path'])}{headers}{body}"
        case "think":
            pause = step["uniform"] or {"min_ns": step["constant_ns"], "max_ns": step["constant_ns"]}
            low, high = pause["min_ns"] / 1e9, pause["max_ns"] / 1e9
            return f"think {low:g}" if low == high else f"think {low:g} to {high:g}"
        case "extract":
            of = step["of"]
            return f"extract {of.get('path', of.get('name', of['type']))} to {step['to']}"
        case "set":
            return f"set {step['to']} = {text_of(step['value'])}"
        case "check":
            return f"check {step['name']}: {text_of(step['condition'])}"
        case "pace":
            return f"pace {step['period_ns'] / 1e9:g}"
        case "pick":
            return "pick " + " | ".join(
                f"{case['weight']}: {'; '.join(steps(case['steps']))}" for case in step["cases"]
            )
        case "leave" | "end":
            return str(step["type"])
        case "repeat":
            return f"repeat {text_of(step['times'])}: {'; '.join(steps(step['steps']))}"
        case "group":
            return f"group {step['name']}: {'; '.join(steps(step['steps']))}"
        case _:
            other = f" else: {'; '.join(steps(step['otherwise']))}" if step["otherwise"] else ""
            return f"when {text_of(step['condition'])}: {'; '.join(steps(step['steps']))}{other}"


def steps(found: list[dict[str, Any]]) -> list[str]:
    """Steps in lines."""
    return [told(step) for step in found]


def all_steps(plan: dict[str, Any], scenario: int = 0, part: str = "steps") -> list[str]:
    """The steps of a scenario, or of another part of it, in lines."""
    return steps(plan["scenarios"][scenario][part])
