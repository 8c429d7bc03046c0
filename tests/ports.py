"""Ports for servers that are told theirs."""

import random
import socket

FIRST, LAST = 20_000, 29_999
"""
Below what the kernel takes for connections and for servers that ask for any port (from 32,768 on): a connection of
another test can't take a port between its choice and the server's start.
"""
_CHOICE = random.SystemRandom()


def free_port() -> int:
    """A port of loopback that nobody listens on at the moment."""
    while True:
        port = _CHOICE.randint(FIRST, LAST)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
