"""A stand-in for an API server, for what a real one cannot be made to do: it hangs, drops
connections and answers nonsense where a test says so."""

import base64
import contextlib
import hashlib
import json
import io
import pathlib
import socket
import ssl
import threading
from collections.abc import Callable

import port_forward
from agent import make_certificate

_SECONDS = 60
_WEBSOCKET = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Drop(Exception):
    """Raised by an answer: the connection is closed instead."""


def answer(status: int, body: dict, **headers: str) -> bytes:
    """An HTTP answer of JSON; `Retry_After` is the header Retry-After."""
    data = json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Whatever", "Content-Type: application/json",
             f"Content-Length: {len(data)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + data


def status(code: int, message: str, **headers: str) -> bytes:
    """An answer that is an error, as Kubernetes has them."""
    return answer(code, {"kind": "Status", "apiVersion": "v1", "status": "Failure",
                         "message": message, "code": code}, **headers)


def upgrade(headers: dict[str, str], *messages: bytes) -> bytes:
    """The answer to a port-forward, and messages after it."""
    key = headers["sec-websocket-key"].encode()
    accept = base64.b64encode(hashlib.sha1(key + _WEBSOCKET).digest()).decode()
    head = ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n")
    return head.encode() + b"".join(port_forward.frame(one) for one in messages)


POD = {"kind": "Pod", "metadata": {"namespace": "default", "name": "web"},
       "spec": {"nodeName": "n1", "containers": [{"name": "app"}]},
       "status": {"phase": "Running", "containerStatuses": [
           {"name": "app", "state": {"running": {}}}]}}
AGENTS = {"kind": "PodList", "items": [{
    "metadata": {"namespace": "ns-debug", "name": "agent-1"}, "spec": {"nodeName": "n1"},
    "status": {"conditions": [{"type": "Ready", "status": "True"}]}}]}


def agent_table(nodes: int) -> dict:
    """The agents of n1 to nN, as a Table."""
    columns = ("Name", "Ready", "Status", "Restarts", "Age", "IP", "Node")
    return {"kind": "Table", "columnDefinitions": [{"name": name} for name in columns], "rows": [
        {"cells": [f"agent-{number}", "1/1", "Running", 0, "5d", "10.0.0.1", f"n{number}"]}
        for number in range(1, nodes + 1)]}


class ApiStandIn:
    """Listens on the loopback address inside a `with`. `answers` are functions by the start of a
    path, which take the request's headers; `requests` are the paths that were asked for. With
    `agent_port` the port-forward leads there; `most_open` is how many connections there were at a
    time."""

    def __init__(self, folder: pathlib.Path, has_tls: bool = True):
        self.certificate = folder / "api.crt"
        make_certificate(self.certificate, folder / "api.key")
        self._context = None
        if has_tls:
            self.show(self.certificate, folder / "api.key")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.requests: list[str] = []
        self.over = threading.Event()
        self.agent_port = 0
        self.most_open = 0
        self._open = 0
        self._lock = threading.Lock()
        ca = {"kind": "ConfigMap", "data": {"ca.crt": self.certificate.read_text()}}
        self.answers: dict[str, Callable[[dict[str, str]], bytes]] = {
            "/api/v1/namespaces/default/pods/web": lambda headers: answer(200, POD),
            "/api/v1/namespaces/ns-debug/pods?": lambda headers: answer(
                200, agent_table(1) if "as=Table" in headers["accept"] else AGENTS),
            "/api/v1/namespaces/ns-debug/configmaps/": lambda headers: answer(200, ca),
            "/api/v1/namespaces/ns-debug/pods/agent-1/portforward":
                lambda headers: status(403, "no port-forward for you"),
        }

    def __enter__(self) -> "ApiStandIn":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind, value, trace) -> None:
        self.over.set()
        self._listener.close()

    def show(self, certificate: pathlib.Path, key: pathlib.Path) -> None:
        """From now on."""
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)

    def count(self, path: str) -> int:
        """How often a path that begins so was asked for."""
        return sum(one.startswith(path) for one in self.requests)

    def hang(self, headers: dict[str, str]) -> bytes:
        """An answer that does not come before the test is over."""
        self.over.wait(_SECONDS)
        raise Drop

    def _accept(self) -> None:
        while not self.over.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    @contextlib.contextmanager
    def _counted(self):
        with self._lock:
            self._open += 1
            self.most_open = max(self.most_open, self._open)
        try:
            yield
        finally:
            with self._lock:
                self._open -= 1

    def _serve(self, client: socket.socket) -> None:
        try:
            with client, self._counted():
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._context is None:
                    self.hang({})
                with self._context.wrap_socket(client, server_side=True) as stream:
                    reader = stream.makefile("rb")
                    while True:
                        self._serve_one(stream, reader)
        except (OSError, Drop):
            pass

    def _serve_one(self, stream: ssl.SSLSocket, reader: io.BufferedReader) -> None:
        lines = []
        while not lines or lines[-1]:
            line = reader.readline()
            if not line:
                raise Drop
            lines.append(line.decode().rstrip("\r\n"))
        path = lines[0].split(" ")[1]
        headers = {name.lower(): value.strip()
                   for name, _, value in (line.partition(":") for line in lines[1:])}
        self.requests.append(path)
        if self.agent_port and "/portforward?" in path:
            stream.sendall(upgrade(headers, *port_forward.FIRST))
            port_forward.carry(stream, self.agent_port)
            raise Drop
        best = max((one for one in self.answers if path.startswith(one)), key=len)
        told = self.answers[best](headers)
        stream.sendall(told)
        if told.startswith(b"HTTP/1.1 101 "):
            while reader.read1():
                pass
            raise Drop
