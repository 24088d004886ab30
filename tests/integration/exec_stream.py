"""A WebSocket client of the agent's exec that can do everything wrong: each frame is its own."""

import base64
import json
import os
import socket
import struct
import urllib.parse
import uuid
from typing import NamedTuple

from agent import API, TOKEN, Agent, Answer
from session import processes_with

V5 = "v5.channel.k8s.io"
V4 = "v4.channel.k8s.io"
V4_BASE64 = "v4.base64.channel.k8s.io"

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
STDIN, STDOUT, STDERR, STATUS, RESIZE = range(5)
END_OF_STDIN = b"\xff\x00"
_SECONDS = 60
_MASK = b"\x12\x34\x56\x78"


class Refused(Exception):
    """The upgrade was not accepted; `answer` says why."""

    def __init__(self, answer: Answer):
        super().__init__(f"{answer.status}: {answer.body!r}")
        self.answer = answer


class Frame(NamedTuple):
    """One frame as it came."""

    opcode: int
    payload: bytes


class Outcome:
    """What a session said until its end."""

    def __init__(self):
        self.messages: list[tuple[int, bytes]] = []  # channel and data, in their order
        self.close_code: int | None = None  # None: the connection ended without a Close

    def of(self, channel: int) -> bytes:
        """All bytes of a channel."""
        return b"".join(data for of, data in self.messages if of == channel)

    @property
    def stdout(self) -> bytes:
        """What the command wrote."""
        return self.of(STDOUT)

    def status(self) -> dict:
        """The one metav1.Status, which must be the last message before Close 1000."""
        assert [of for of, _data in self.messages].count(STATUS) == 1, self.messages[-3:]
        assert self.messages[-1][0] == STATUS, self.messages[-3:]
        assert self.close_code == 1000
        return json.loads(self.messages[-1][1])

    def exit_code(self) -> int:
        """The command's exit code, as kubectl reads it."""
        status = self.status()
        if status["status"] == "Success":
            return 0
        assert status["reason"] == "NonZeroExitCode", status
        return int(status["details"]["causes"][0]["message"])


def exec_path(command: list[str], pod: str = "shop/web", **query) -> str:
    """The path of a streamed exec."""
    namespace, name = pod.split("/")
    fields = [("command", word) for word in command]
    fields += [(key, value) for key, values in query.items()
               for value in (values if isinstance(values, list) else [values])]
    return f"{API}/namespaces/{namespace}/pods/{name}/exec?{urllib.parse.urlencode(fields)}"


class Stream:
    """One streamed exec. `marker` is in the environment of all of the session's processes."""

    def __init__(self, agent: Agent, command: list[str], protocol: str = V5, token: str = TOKEN,
                 tty: bool = False, **query):
        self.marker = f"NS_DEBUG_TEST={uuid.uuid4().hex}"
        self.protocol = protocol
        environment = [self.marker, *query.pop("env", [])]
        fields = {"stdin": "true", "stdout": "true", "env": environment, **query}
        fields["tty" if tty else "stderr"] = "true"
        self.socket = self._connect(agent)
        self._file = self.socket.makefile("rb")
        try:
            self._upgrade(exec_path(command, **fields), token)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, kind, value, trace) -> None:
        self.close()

    def _connect(self, agent: Agent) -> socket.socket:
        raw = socket.create_connection(("127.0.0.1", agent.port), timeout=_SECONDS)
        return agent.tls().wrap_socket(raw, server_hostname="localhost")

    def close(self) -> None:
        """Goes away without a word."""
        self._file.close()
        self.socket.close()

    def reset(self) -> None:
        """Goes away as a client whose machine says that it knows of no such connection."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def send_bytes(self, data: bytes) -> None:
        """Bytes that need not be a frame."""
        self.socket.sendall(data)

    def send_frame(self, opcode: int, payload: bytes = b"", fin: bool = True, reserved: int = 0,
                   masked: bool = True) -> None:
        """One frame, which need not be allowed."""
        self.send_bytes(make_frame(opcode, payload, fin, reserved, masked))

    def send(self, channel: int, data: bytes) -> None:
        """One message of a channel."""
        if self.protocol == V4_BASE64:
            self.send_frame(TEXT, b"%d" % channel + base64.b64encode(data))
        else:
            self.send_frame(BINARY, bytes([channel]) + data)

    def receive(self) -> Frame | None:
        """The next frame; None at the end of the connection."""
        try:
            head = self._file.read(2)
            if len(head) < 2:
                return None
            assert head[0] & 0x70 == 0 and head[1] & 0x80 == 0, head
            assert head[0] & 0x80, "kubectl takes each frame for a message"
            length = head[1]
            if length == 126:
                length, = struct.unpack(">H", self._file.read(2))
            elif length == 127:
                length, = struct.unpack(">Q", self._file.read(8))
            payload = self._file.read(length)
        except ConnectionError:
            return None
        return Frame(head[0] & 0xf, payload) if len(payload) == length else None

    def receive_message(self) -> tuple[int, bytes] | None:
        """The next message, which is not empty, as channel and data; None: closed."""
        while (frame := self.receive()) is not None and frame.opcode != CLOSE:
            if frame.opcode in (TEXT, BINARY) and len(frame.payload) > 1:
                return self._split(frame)
        return None

    def wait_for(self, text: bytes) -> bytes:
        """Reads stdout until the text has come."""
        seen = b""
        while text not in seen:
            message = self.receive_message()
            assert message is not None and message[0] == STDOUT, (seen, message)
            seen += message[1]
        return seen

    def finish(self) -> Outcome:
        """Reads to the end."""
        outcome = Outcome()
        while (frame := self.receive()) is not None:
            if frame.opcode == CLOSE:
                outcome.close_code = struct.unpack(">H", frame.payload[:2])[0]
                self.send_frame(CLOSE, frame.payload)
                assert self.receive() is None
            elif frame.opcode == PING:
                self.send_frame(PONG, frame.payload)
            elif frame.opcode in (TEXT, BINARY):
                channel, data = self._split(frame)
                if data:
                    outcome.messages.append((channel, data))
        return outcome

    def processes(self) -> list[str]:
        """Pids of what runs of the session; one is missed while it executes a program."""
        return processes_with(self.marker)

    def _split(self, frame: Frame) -> tuple[int, bytes]:
        if self.protocol == V4_BASE64:
            assert frame.opcode == TEXT
            return int(frame.payload[:1]), base64.b64decode(frame.payload[1:], validate=True)
        assert frame.opcode == BINARY, "kubectl takes no text"
        return frame.payload[0], frame.payload[1:]

    def _upgrade(self, path: str, token: str) -> None:
        head = [f"GET {path} HTTP/1.1", "Host: localhost", "Upgrade: websocket",
                "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
                f"Sec-WebSocket-Protocol: {self.protocol}", f"Authorization: Bearer {token}"]
        self.send_bytes("\r\n".join([*head, "", ""]).encode())
        code = int(self._file.readline().split()[1])
        headers = {}
        while line := self._file.readline().strip():
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        if code != 101:
            body = self._file.read(int(headers.get("content-length", 0)))
            raise Refused(Answer(code, {"Content-Type": headers.get("content-type"), **headers},
                                 body))
        assert headers["sec-websocket-protocol"] == self.protocol
        assert "sec-websocket-extensions" not in headers


def make_frame(opcode: int, payload: bytes, fin: bool = True, reserved: int = 0,
               masked: bool = True) -> bytes:
    """The bytes of a frame."""
    head = bytes([fin << 7 | reserved << 4 | opcode])
    mask_bit = masked << 7
    if len(payload) < 126:
        head += bytes([mask_bit | len(payload)])
    elif len(payload) < 1 << 16:
        head += bytes([mask_bit | 126]) + struct.pack(">H", len(payload))
    else:
        head += bytes([mask_bit | 127]) + struct.pack(">Q", len(payload))
    return head + _MASK + _masked(payload) if masked else head + payload


def _masked(payload: bytes) -> bytes:
    repeated = (_MASK * (len(payload) // 4 + 1))[:len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(
        len(payload), "big")
