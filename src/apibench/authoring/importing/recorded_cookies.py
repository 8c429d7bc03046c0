"""Cookies of a recording: those that an answer in it has set are kept by the virtual user, as by the browser."""

from apibench.authoring.importing.journey import Journey
from apibench.authoring.importing.recording import Exchange


class RecordedCookies:
    """What answers have set so far, by the hosts that have set it: each host has virtual users of its own."""

    def __init__(self, journey: Journey) -> None:
        self._journey = journey
        self._set: dict[str, set[str]] = {}

    def header(self, exchange: Exchange) -> str:
        """
        The header that a request needs beside what its user keeps; empty if none.

        A request with a header of its own is sent without what its user keeps, so that it is one or the other.
        """
        sent = [pair for name, value in exchange.headers if name.lower() == "cookie" for pair in _pairs(value)]
        kept = self._set.get(exchange.origin, set())
        others = [pair for pair in sent if _name(pair) not in kept]
        if len(others) == len(sent):
            return "; ".join(sent)
        if others:
            names = ", ".join(sorted({_name(pair) for pair in others}))
            self._journey.leave("log.entries", f"cookies that no answer sets were left out beside others: {names}")
        return ""

    def answered(self, exchange: Exchange) -> None:
        """What an answer sets is kept from there on."""
        for name, value in exchange.answer_headers:
            if name.lower() == "set-cookie":
                # Some browsers write all of them into one header, a line each.
                self._set.setdefault(exchange.origin, set()).update(_name(line) for line in value.split("\n"))


def _pairs(header: str) -> list[str]:
    return [pair.strip() for pair in header.split(";") if pair.strip()]


def _name(pair: str) -> str:
    return pair.partition("=")[0].strip()
