#!/usr/bin/python3
"""Runs in the guest: does what the host says on one virtio port, and on another one carries the
host's connection to the container runtime.

A request and its answer are one line of JSON each, so output of any form keeps its frame.
"""

import base64
import json
import os
import select
import signal
import socket
import subprocess
import tempfile
import threading

_RUNTIME_SOCKET = "/run/containerd/containerd.sock"
_POLL_SECONDS = 0.05
_CHUNK = 64 * 1024
# More is a test gone wrong; the host would have to hold it all.
_MAX_OUTPUT = 4 * 1024 * 1024
_TIMED_OUT = 124  # as timeout(1)


def _open_port(name: str) -> int:
    """The device of a virtio port; nothing here makes links by their names."""
    folder = "/sys/class/virtio-ports"
    for entry in os.listdir(folder):
        with open(f"{folder}/{entry}/name", encoding="ascii") as file:
            if file.read().strip() == name:
                return os.open(f"/dev/{entry}", os.O_RDWR | os.O_CLOEXEC)
    raise FileNotFoundError(f"virtio port {name}")


def _run(request: dict) -> dict:
    # Files, not pipes: a daemon that a test leaves behind would hold a pipe open.
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        process = subprocess.Popen(
            ["/bin/sh", "-c", request["command"]], stdin=subprocess.DEVNULL, stdout=stdout,
            stderr=stderr, cwd="/root", start_new_session=True,
        )
        try:
            code = process.wait(request["timeout"])
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            code = _TIMED_OUT
        return {"code": code, "stdout": _content(stdout), "stderr": _content(stderr)}


def _content(file) -> str:
    file.seek(0)
    return base64.b64encode(file.read(_MAX_OUTPUT)).decode()


def _serve_commands(port: int) -> None:
    """Until the host is gone."""
    with os.fdopen(port, "r+b", buffering=0) as channel:
        pending = b""
        while data := channel.read(_CHUNK):
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                _write_all(port, json.dumps(_run(json.loads(line))).encode() + b"\n")


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data):]


def _wait_for_host(port: int) -> None:
    # Without a host every read gives an end of file at once, and no event tells of its coming.
    poller = select.poll()
    poller.register(port, select.POLLIN)
    while any(event & select.POLLHUP for _, event in poller.poll(0)):
        select.select([], [], [], _POLL_SECONDS)


def _connect_runtime() -> socket.socket:
    while True:
        client = socket.socket(socket.AF_UNIX)
        if client.connect_ex(_RUNTIME_SOCKET) == 0:
            return client
        client.close()
        select.select([], [], [], _POLL_SECONDS)


def _carry_runtime(port: int) -> None:
    """One connection of the host's after the other."""
    while True:
        _wait_for_host(port)
        with _connect_runtime() as client:
            answers = threading.Thread(target=_copy, args=(client.fileno(), port))
            answers.start()
            _copy(port, client.fileno())
            client.shutdown(socket.SHUT_RDWR)
            answers.join()


def _copy(source: int, sink: int) -> None:
    while data := os.read(source, _CHUNK):
        _write_all(sink, data)


def main() -> None:
    # The shell that started us in its background has them ignored, and commands would inherit it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    runtime = _open_port("ns-debug.runtime")
    threading.Thread(target=_carry_runtime, args=(runtime,), daemon=True).start()
    _serve_commands(_open_port("ns-debug.commands"))


if __name__ == "__main__":
    main()
