"""A port that leads to another one, in another network than its own."""

import contextlib
import socket
import threading


def relay(listening: socket.socket, port: int) -> None:
    """Have whoever connects there be connected with a port of this machine's loopback, until it is shut down."""
    threading.Thread(target=_accept, args=(listening, port), daemon=True).start()


def _accept(server: socket.socket, port: int) -> None:
    with contextlib.suppress(OSError), server:  # until it is shut down
        while True:
            near, _ = server.accept()
            threading.Thread(target=_connect, args=(near, port), daemon=True).start()


def _connect(near: socket.socket, port: int) -> None:
    with near, socket.create_connection(("127.0.0.1", port)) as far:
        back = threading.Thread(target=_pass_on, args=(far, near), daemon=True)
        back.start()
        _pass_on(near, far)
        back.join()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := one.recv(65_536):
            other.sendall(piece)
    with contextlib.suppress(OSError):
        other.shutdown(socket.SHUT_WR)
