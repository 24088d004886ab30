"""A real ns-debug-agent for tests: standalone, or with a real API server, over a bed's runtime."""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import tempfile
from typing import NamedTuple

import yaml
from bed.deadline import wait_until
from cluster import Certificate, Network
from session import CGROUP_ROOTS

API = "/apis/ns-debug.io/v1alpha1"
TOKEN = "an administrator's token of a test".replace(" ", "-").replace("'", "")
EVERYTHING = [{"verbs": ["*"], "resources": ["*"]}]
NODE = "node-1"
_ENDS = (0, -signal.SIGKILL)
_START_SECONDS = 30
_STOP_SECONDS = 20
_CALL_SECONDS = 60


class Answer(NamedTuple):
    """What the agent answered to one request."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> dict:
        """The body of an answer that must be JSON."""
        assert self.headers["Content-Type"] == "application/json", self
        return json.loads(self.body)

    def message(self) -> str:
        """The message of a metav1.Status that tells the answer's own code."""
        status = self.json()
        assert (status["kind"], status["code"]) == ("Status", self.status), status
        return status["message"]


def _is_in_use(pid: int) -> bool:
    """Whether an ns-enter has a guard, or is nothing but a status that nobody has taken."""
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        return state == "Z" or bool(
            pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().strip())
    except (FileNotFoundError, ProcessLookupError):
        return False


class Agent:
    """One agent; `with` starts it and stops it. `config` is laid over what a test needs anyway.

    With `network` it runs in that network namespace, where a ControlPlane's API server is.
    `environment` is added to its own, and `stdout` is where its standard output goes.
    """

    def __init__(self, build_dir: pathlib.Path, endpoint: str, config: dict | None = None,
                 tokens: list[dict] | None = None, network: Network | None = None,
                 environment: dict | None = None, stdout=None):
        self._environment = {**os.environ, **(environment or {})}
        self._stdout = stdout
        # Another build's, as scripts/sanitize has it: the agent alone has threads and lives long.
        self._program = pathlib.Path(os.environ.get("NS_DEBUG_AGENT",
                                                    build_dir / "bin" / "ns-debug-agent"))
        self._folder = contextlib.ExitStack()
        self.path = pathlib.Path(self._folder.enter_context(
            tempfile.TemporaryDirectory(prefix="ns-debug-agent-")))
        self.port, self.health_port = _free_ports(2)
        self.audit_path = self.path / "audit.log"
        # Its own, so that whatever is below it is of this agent's sessions.
        self.cgroup_parent = f"/{self.path.name}"
        self.ca = self.path / "tls.crt"
        self._tokens = tokens
        self._network = network
        self._config = _merge({
            "nodeName": NODE,
            "standalone": True,
            "server": {"port": self.port, "certificateFile": str(self.ca),
                       "keyFile": str(self.path / "tls.key")},
            "health": {"address": "127.0.0.1", "port": self.health_port},
            "runtime": {"endpoint": endpoint},
            "auth": {"staticTokensFile": str(self.path / "tokens.json")},
            "session": {"nsEnter": str(build_dir / "bin" / "ns-enter"),
                        "cgroupParent": self.cgroup_parent},
            "audit": {"path": str(self.audit_path)},
        }, config or {})
        self.process: subprocess.Popen | None = None

    def __enter__(self) -> "Agent":
        try:
            make_certificate(self.ca, self.path / "tls.key")
            self.write_tokens(self._tokens or [
                {"token": TOKEN, "user": "admin", "groups": ["ops"], "rules": EVERYTHING}])
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind, value, trace) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        code = 0 if self.process is None else self.process.returncode
        told = f"the agent ended with {code}: {self.log()[-2000:]}" if code not in _ENDS else ""
        try:
            # The kernel ends what the agent leaves, a moment after the agent.
            wait_until(lambda: not self.cgroups(), _STOP_SECONDS, "the sessions' cgroups are gone")
        finally:
            for path in self.cgroup_parents():
                with contextlib.suppress(OSError):
                    path.rmdir()
            self._folder.close()
        # By itself: the tests only kill it or tell it to stop.
        if told and value is None:
            raise AssertionError(told)
        if told:
            value.add_note(told)

    def write_tokens(self, tokens: list[dict]) -> None:
        """Replaces the tokens that a standalone agent knows."""
        path = self.path / "tokens.json"
        path.write_text(json.dumps(tokens))
        path.chmod(0o600)

    def start(self) -> None:
        """Starts it and waits until it listens."""
        path = self.path / "agent.yaml"
        path.write_text(yaml.safe_dump(self._config))
        command = [str(self._program), "--config", str(path)]
        if self._network is not None:
            command = self._network.command(*command)
        with open(self.path / "log", "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=self._stdout or log, stderr=log,
                env=self._environment, start_new_session=True)
        wait_until(self._listens, _START_SECONDS, "the agent listens")

    def stop(self) -> int:
        """Tells it to stop; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_STOP_SECONDS)

    def ns_enters(self, with_session: bool = True) -> list[int]:
        """Pids of its ns-enter processes with a session or not yet reaped; or of the spare one, which
        has no process of its own."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/children")
        pids = [int(pid) for path in children for pid in path.read_text().split()]
        return [pid for pid in pids if _is_in_use(pid) == with_session]

    def log(self) -> str:
        """What it has said so far."""
        return (self.path / "log").read_text(errors="replace")

    def audit(self) -> list[dict]:
        """The lines of the audit log."""
        return [json.loads(line) for line in self.audit_path.read_text().splitlines()]

    def closed(self, word: str) -> dict:
        """The audit line of the end of the session whose command's last argument is `word`."""
        def line() -> dict | None:
            return next((one for one in self.audit()
                         if one["event"] == "closed" and one["command"][-1] == word), None)

        return wait_until(line, _STOP_SECONDS, f"the session {word} has ended")

    def cgroups(self) -> list[pathlib.Path]:
        """Those of its sessions."""
        return [path for parent in self.cgroup_parents() for path in parent.iterdir()
                if path.is_dir()]

    def memory(self) -> int:
        """Bytes that it has in memory."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) << 10

    def tls(self, certificate: Certificate | None = None) -> ssl.SSLContext:
        """A client's TLS that trusts the agent's certificate, and has one of its own."""
        context = ssl.create_default_context(cafile=str(self.ca))
        if certificate is not None:
            context.load_cert_chain(certificate.certificate, certificate.key)
        return context

    def connect(self, certificate: Certificate | None = None) -> http.client.HTTPSConnection:
        """A connection to the API; close it."""
        tls = self.tls(certificate)
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=tls,
                                                 timeout=_CALL_SECONDS)
        if self._network is not None:
            with self._socket(self.port) as plain:
                connection.sock = tls.wrap_socket(plain, server_hostname="127.0.0.1")
        return connection

    def call(self, method: str, path: str, body: dict | bytes | None = None,
             token: str | None = TOKEN, headers: dict | None = None,
             certificate: Certificate | None = None) -> Answer:
        """One request over a connection of its own."""
        connection = self.connect(certificate)
        try:
            return ask(connection, method, path, body, token, headers)
        finally:
            connection.close()

    def exec(self, pod: str, command: list[str], **fields) -> Answer:
        """A one-shot exec into NAMESPACE/NAME."""
        namespace, name = pod.split("/")
        return self.call("POST", f"{API}/namespaces/{namespace}/pods/{name}/exec",
                         {"command": command, **fields})

    def health(self, path: str) -> tuple[int, str]:
        """One request to the plain listener."""
        connection = http.client.HTTPConnection("127.0.0.1", self.health_port,
                                                timeout=_CALL_SECONDS)
        if self._network is not None:
            connection.sock = self._socket(self.health_port)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def _socket(self, port: int) -> socket.socket:
        return self._network.connect("127.0.0.1", port, _CALL_SECONDS)

    def cgroup_parents(self) -> list[pathlib.Path]:
        """Where those are, in each hierarchy."""
        paths = (root.parent / self.path.name for root in CGROUP_ROOTS)
        return [path for path in paths if path.is_dir()]

    def _listens(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"the agent ended: {self.log()}")
        with contextlib.suppress(OSError):
            return self.health("/healthz")[0] == 200
        return False


def ask(connection: http.client.HTTPSConnection, method: str, path: str,
        body: dict | bytes | None = None, token: str | None = TOKEN,
        headers: dict | None = None) -> Answer:
    """One request over a connection that may be kept."""
    headers = dict(headers or {})
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    if isinstance(body, dict):
        body = json.dumps(body).encode()
        headers.setdefault("Content-Type", "application/json")
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    return Answer(answer.status, answer.headers, answer.read())


def make_certificate(certificate: pathlib.Path, key: pathlib.Path) -> None:
    """A certificate for this machine's loopback that signs itself."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=ns-debug-agent", "-keyout", str(key),
         "-out", str(certificate), "-addext",
         "subjectAltName=DNS:localhost,DNS:ns-debug-agent,IP:127.0.0.1"],
        check=True, stdin=subprocess.DEVNULL, capture_output=True)
    os.chmod(key, 0o600)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _merge(base: dict, over: dict) -> dict:
    merged = dict(base)
    for key, value in over.items():
        inner = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _merge(base[key], value) if inner else value
    return merged
