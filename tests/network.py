"""
A network among containers: each has an address, and finds the others by names.

It has no link to any other network of this machine. Names are answered by a server of the network: as with an engine of
containers by those that have joined under a name, or as whoever has made it says (`call`).
"""

import contextlib
import ctypes
import itertools
import os
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

NET = "10.213"
HUB = f"{NET}.0.1"
"""Where this machine's own processes are that belong to it: those with the hub's network."""
_A, _IN = 1, 1
_NO_SUCH_NAME = 3


class Network:
    """Made of namespaces; `close` takes them all away."""

    def __init__(self, folder: Path, kind: str) -> None:
        """`folder` is for what they read of it; `kind` tells its namespaces from those of other tests."""
        self._prefix = f"apibench-{kind}-{os.getpid()}-"
        self._addresses: dict[str, Sequence[str]] = {}
        self._made: list[str] = []
        self._numbers = itertools.count(2)
        self.resolver = folder / "resolv.conf"
        """What /etc/resolv.conf is there."""
        self.resolver.write_text(f"nameserver {HUB}\n")
        hub = self._make("hub")
        # With an address of its own: else it takes one of those that join, another time and again.
        _ip("-n", hub, "link", "add", "hub", "address", "02:00:00:00:00:01", "type", "bridge")
        _ip("-n", hub, "address", "add", f"{HUB}/16", "dev", "hub")
        _ip("-n", hub, "link", "set", "hub", "up")
        with self.seen_from("hub"):
            self._names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._names.bind((HUB, 53))
        threading.Thread(target=self._answer, daemon=True).start()

    def join(self, name: str, service: str = "") -> str:
        """One more, by a name of its own and that of its service, if it has one; its address."""
        number = next(self._numbers)
        of, plug, address = self._make(name), f"c{number}", f"{NET}.{number // 250}.{number % 250 + 2}"
        _ip("-n", self._prefix + "hub", "link", "add", plug, "type", "veth", "peer", "name", "eth0", "netns", of)
        _ip("-n", self._prefix + "hub", "link", "set", plug, "master", "hub", "up")
        _ip("-n", of, "address", "add", f"{address}/16", "dev", "eth0")
        _ip("-n", of, "link", "set", "eth0", "up")
        if service:
            self._addresses[service] = [*self._addresses.get(service, ()), address]
        return address

    def leave(self, name: str) -> None:
        """One less: no process may be in it any more."""
        made = self._prefix + name
        _ip("netns", "delete", made)
        self._made.remove(made)

    def call(self, service: str, addresses: Sequence[str]) -> None:
        """Whom a name leads to from now on. It is known also while that is nobody."""
        self._addresses[service] = addresses

    def connect(self, service: str, port: int, timeout_s: float | None = None) -> socket.socket:
        """A connection from the hub with whom a name leads to. Raises OSError."""
        found = self._addresses.get(service)
        if not found:
            raise ConnectionRefusedError(f"{service} leads to nobody")
        with self.seen_from("hub"):
            return socket.create_connection((found[0], port), timeout_s)

    def entered(self, name: str) -> list[str]:
        """What a command stands behind to run there, with names answered as on this machine."""
        return ["ip", "netns", "exec", self._prefix + name]

    def within(self, name: str) -> list[str]:
        """What a command stands behind to run there."""
        script = 'mount --bind "$0" /etc/resolv.conf; exec "$@"'
        return [*self.entered(name), "sh", "-ec", script, str(self.resolver)]

    @contextlib.contextmanager
    def seen_from(self, name: str) -> Iterator[None]:
        """Sockets that this thread makes meanwhile are of that one's network."""
        libc = ctypes.CDLL(None, use_errno=True)
        with (
            Path("/proc/thread-self/ns/net").open("rb") as before,
            Path("/run/netns", self._prefix + name).open("rb") as there,
        ):
            if libc.setns(there.fileno(), 0):
                raise OSError(ctypes.get_errno(), f"can't enter the network of {name}")
            try:
                yield
            finally:
                libc.setns(before.fileno(), 0)

    def close(self) -> None:
        """No process may be in it any more."""
        for name in self._made:
            _ip("netns", "delete", name)
        self._names.close()

    def _make(self, name: str) -> str:
        made = self._prefix + name
        _ip("netns", "add", made)
        self._made.append(made)
        _ip("-n", made, "link", "set", "lo", "up")
        return made

    def _answer(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                query, asker = self._names.recvfrom(4_096)
                self._names.sendto(self._answer_to(query), asker)

    def _answer_to(self, query: bytes) -> bytes:
        """As RFC 1035 has it: the question again, and an address record for each container."""
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode())
            at += 1 + query[at]
        kind = struct.unpack_from(">H", query, at + 1)[0]
        name = ".".join(labels).lower()
        found = self._addresses.get(name, ()) if kind == _A else ()
        flags = 0x8580 | (0 if name in self._addresses else _NO_SUCH_NAME)
        records = [struct.pack(">HHHIH4s", 0xC00C, _A, _IN, 0, 4, socket.inet_aton(each)) for each in found]
        return query[:2] + struct.pack(">5H", flags, 1, len(found), 0, 0) + query[12 : at + 5] + b"".join(records)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
