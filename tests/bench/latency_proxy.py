"""Latency for a connection on one machine, where the kernel has no netem: a TCP proxy that holds
every byte back by half a round trip, in each direction."""

import collections
import contextlib
import socket
import threading
import time

_PIECE = 256 << 10


class LatencyProxy:
    """Listens on the loopback address inside a `with`, and leads to a port there.

    TCP's own handshake a proxy cannot delay: the first bytes of a client wait for its round trip
    instead, which comes to the same for whoever connects in order to send.
    """

    def __init__(self, target_port: int, round_trip_seconds: float):
        self._target_port = target_port
        self._round_trip = round_trip_seconds
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def __enter__(self) -> "LatencyProxy":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind, value, trace) -> None:
        # accept() does not return for a close alone.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                target = socket.create_connection(("127.0.0.1", self._target_port))
                for one in (client, target):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                _Direction(client, target, self._round_trip / 2, self._round_trip).start()
                _Direction(target, client, self._round_trip / 2, 0).start()


class _Direction:
    """What is read from one socket, and written to the other when its time has come."""

    def __init__(self, source: socket.socket, sink: socket.socket, delay: float, first: float):
        self._source, self._sink, self._delay = source, sink, delay
        # Until then nothing is due: behind the handshake.
        self._earliest = time.monotonic() + first + delay
        self._pieces: collections.deque[tuple[float, bytes]] = collections.deque()
        self._changed = threading.Condition()

    def start(self) -> None:
        """Until the source ends."""
        for work in (self._read, self._write):
            threading.Thread(target=work, daemon=True).start()

    def _read(self) -> None:
        data = b"first"
        while data:
            try:
                data = self._source.recv(_PIECE)
            except OSError:
                data = b""
            due = max(time.monotonic() + self._delay, self._earliest)
            with self._changed:
                self._pieces.append((due, data))
                self._changed.notify()

    def _write(self) -> None:
        data = b"first"
        while data:
            with self._changed:
                self._changed.wait_for(lambda: self._pieces)
                due, data = self._pieces.popleft()
            time.sleep(max(0.0, due - time.monotonic()))
            with contextlib.suppress(OSError):
                if data:
                    self._sink.sendall(data)
                else:
                    self._sink.shutdown(socket.SHUT_WR)
