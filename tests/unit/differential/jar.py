"""Cookies as RFC 6265 has them, written from it: of one host, in the order in which they were set."""

import re
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

MAX_COOKIES = 50


@dataclass(frozen=True)
class Cookie:
    """What is kept of one."""

    name: str
    value: str
    path: str


@dataclass
class Jar:
    """Of a virtual user. The host is an address on loopback, where `Secure` ones are sent too."""

    host: str
    kept: list[Cookie] = field(default_factory=list)

    def take(self, line: str, path: str) -> None:
        """What a `Set-Cookie` of an answer to a request for that path says (§5.2, §5.3)."""
        pair, *attributes = line.split(";")
        name, sign, value = pair.partition("=")
        if not sign or not name.strip():
            return
        told: dict[str, str] = {}
        for attribute in attributes:
            key, _, said = attribute.partition("=")
            key, said = key.strip().lower(), said.strip()
            if key == "max-age" and re.fullmatch(r"-?[0-9]+", said) is None:
                continue
            if key == "expires" and _moment(said) is None:
                continue
            if key == "domain" and not said:
                continue
            told[key] = said
        domain = told.get("domain", self.host).removeprefix(".").lower()
        if domain != self.host:
            return
        folder = told.get("path", "")
        if not folder.startswith("/"):
            folder = path[: path.rindex("/")] or "/"
        new = Cookie(name.strip(), value.strip(), folder)
        places = [at for at, old in enumerate(self.kept) if (old.name, old.path) == (new.name, new.path)]
        if _is_over(told):
            for at in places:
                del self.kept[at]
        elif places:
            self.kept[places[0]] = new
        else:
            self.kept = [*self.kept[-MAX_COOKIES + 1 :], new]

    def header(self, path: str) -> str:
        """What goes with a request for that path (§5.4)."""
        going = [each for each in self.kept if _is_below(path, each.path)]
        going.sort(key=lambda each: -len(each.path))
        return "; ".join(f"{each.name}={each.value}" for each in going)


def _is_over(told: dict[str, str]) -> bool:
    if "max-age" in told:
        return int(told["max-age"]) <= 0
    moment = _moment(told["expires"]) if "expires" in told else None
    return moment is not None and moment <= time.time()


def _moment(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None


def _is_below(path: str, folder: str) -> bool:
    return path == folder or (path.startswith(folder) and (folder.endswith("/") or path[len(folder)] == "/"))
