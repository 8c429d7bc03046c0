"""The flags of curl: which take a value, which of them say what is sent, and which are of no matter to it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LONG = {
    **dict.fromkeys(("-X", "--request"), "request"),
    **dict.fromkeys(("-H", "--header"), "header"),
    **dict.fromkeys(("-d", "--data", "--data-ascii"), "data"),
    "--data-raw": "data-raw",
    "--data-binary": "data-binary",
    "--data-urlencode": "data-urlencode",
    "--json": "json",
    **dict.fromkeys(("-F", "--form"), "form"),
    "--form-string": "form-string",
    **dict.fromkeys(("-u", "--user"), "user"),
    "--oauth2-bearer": "bearer",
    **dict.fromkeys(("-b", "--cookie"), "cookie"),
    **dict.fromkeys(("-c", "--cookie-jar"), "cookie-jar"),
    **dict.fromkeys(("-A", "--user-agent"), "agent"),
    **dict.fromkeys(("-e", "--referer"), "referer"),
    **dict.fromkeys(("-G", "--get"), "get"),
    **dict.fromkeys(("-I", "--head"), "head"),
    "--url": "url",
    "--url-query": "url-query",
    **dict.fromkeys(("-:", "--next"), "next"),
}
"""What is converted."""
SWITCHES = frozenset(("get", "head", "next"))
QUIET_SWITCHES = frozenset(
    (
        *(
            "-s",
            "--silent",
            "-S",
            "--show-error",
            "-v",
            "--verbose",
            "-i",
            "--include",
            "--show-headers",
            "-f",
            "--fail",
        ),
        *("--fail-with-body", "-O", "--remote-name", "-J", "--remote-header-name", "-#", "--progress-bar", "-N"),
        *("--no-buffer", "--no-progress-meter", "-g", "--globoff", "--create-dirs", "-R", "--remote-time", "-q"),
        *("--http1.1", "--basic", "--tcp-nodelay", "--no-keepalive", "-Z", "--parallel", "--styled-output"),
    )
)
"""Of no matter to what is sent."""
QUIET_VALUES = frozenset(
    (
        *("-o", "--output", "-D", "--dump-header", "-w", "--write-out", "--trace", "--trace-ascii", "--stderr"),
        *("--output-dir", "--trace-config"),
    )
)
TOLD = {
    "--compressed": "answers are read only where they are not compressed",
    "-k": "certificates are checked",
    "--insecure": "certificates are checked",
    "-L": "redirects are not followed: write a request for where they lead",
    "--location": "redirects are not followed: write a request for where they lead",
    "--location-trusted": "redirects are not followed: write a request for where they lead",
    "--http2": "requests go over HTTP/1.1",
    "--http3": "requests go over HTTP/1.1",
    "--digest": "of authentications there is Basic",
    "--ntlm": "of authentications there is Basic",
    "--negotiate": "of authentications there is Basic",
    "-n": "no .netrc is read",
    "--netrc": "no .netrc is read",
    "-4": "",
    "-6": "",
    "--ipv4": "",
    "--ipv6": "",
}
"""Switches that mean something we do not do, and what we do."""
TOLD_VALUES = frozenset(
    (
        *("-x", "--proxy", "-U", "--proxy-user", "-T", "--upload-file", "-K", "--config", "-m", "--max-time", "-E"),
        *(
            "--connect-timeout",
            "--retry",
            "--retry-delay",
            "--retry-max-time",
            "--cert",
            "--key",
            "--cacert",
            "--capath",
        ),
        *("-r", "--range", "-z", "--time-cond", "-C", "--continue-at", "-y", "-Y", "--limit-rate", "--resolve", "-t"),
        *("--connect-to", "--interface", "--max-redirs", "--aws-sigv4", "--proto", "--tls-max", "--ciphers", "--pass"),
        *("--unix-socket", "--max-filesize", "--noproxy", "--dns-servers", "--socks5", "--socks5-hostname", "-Q", "-P"),
        *("--rate", "--variable", "--cert-type", "--key-type", "--keepalive-time", "--local-port", "--netrc-file"),
    )
)
"""Flags with a value that are not converted."""
_SHORT_WITH_VALUE = frozenset(
    flag[1]
    for flag in (*(each for each, word in LONG.items() if word not in SWITCHES), *QUIET_VALUES, *TOLD_VALUES)
    if len(flag) == 2
)


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag as it was written, with its value; `-` stands for a word that is none."""

    written: str
    value: str = ""


def flags(words: Sequence[str]) -> Iterator[Flag]:
    """The flags of a command, each by itself: `-sXPOST` is `-s` and `-X POST`."""
    given = list(words)
    while given:
        word = given.pop(0)
        if word == "--":
            yield from (Flag("-", each) for each in given)
            return
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            if LONG.get(name, "next") not in SWITCHES or name in QUIET_VALUES or name in TOLD_VALUES:
                value = value if equals else given.pop(0) if given else ""
            yield Flag(name, value)
        elif word.startswith("-") and len(word) > 1:
            yield from _short(word, given)
        else:
            yield Flag("-", word)


def _short(word: str, given: list[str]) -> Iterator[Flag]:
    for at, letter in enumerate(word[1:], 1):
        if letter not in _SHORT_WITH_VALUE:
            yield Flag(f"-{letter}")
            continue
        rest = word[at + 1 :]
        yield Flag(f"-{letter}", rest or (given.pop(0) if given else ""))
        return
