"""Streamed exec, frame by frame: the protocol, its order, backpressure, and clients that break it.

What a client library hides is here on purpose; those that people use are in agent_clients_test.py.
"""

import asyncio
import base64
import contextlib
import hashlib
import json
import pathlib
import socket
import subprocess
import time

import pytest
import websockets
from agent import TOKEN, Agent, Answer
from bed.deadline import wait_until
from conftest import BUILD_DIR
from exec_stream import (BINARY, CLOSE, CONTINUATION, END_OF_STDIN, PING, PONG, RESIZE, STATUS,
                         STDERR, STDIN, STDOUT, TEXT, V4, V4_BASE64, V5, Refused, Stream,
                         exec_path, make_frame)

GONE_SECONDS = 45
# Beyond every buffer on the way: pipes, the agent's, those of two sockets.
MUCH = 64 << 20


@pytest.fixture(scope="module")
def agent(bed):
    with Agent(BUILD_DIR, bed.endpoint) as one:
        yield one


def run(agent: Agent, *command: str, **options):
    """One session to its end."""
    with Stream(agent, list(command), **options) as stream:
        return stream.finish()


def wait_until_gone(agent: Agent, stream: Stream) -> None:
    """Nothing of the session is left on the machine."""
    wait_until(lambda: not stream.processes(), GONE_SECONDS, "the command is gone")
    wait_until(lambda: not agent.cgroups(), GONE_SECONDS, "the cgroup is gone")


def wait_until_stable(value, seconds: float = 1):
    """What `value()` gives once it has not changed for a second."""
    last = [None, 0.0]

    def stable() -> bool:
        now = value()
        if now != last[0]:
            last[:] = [now, time.monotonic()]
        return time.monotonic() - last[1] > seconds

    wait_until(stable, GONE_SECONDS, "the value stays")
    return last[0]


def bytes_moved(stream: Stream, kind: str) -> int:
    """What the session's processes have written (wchar) or read (rchar), all together."""
    total = 0
    for pid in stream.processes():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            total += int(pathlib.Path(f"/proc/{pid}/io").read_text().partition(
                f"{kind}:")[2].split()[0])
    return total


def connect(agent: Agent, command: list[str], protocols: list[str], **query):
    """A session of a library that minds the protocol."""
    path = exec_path(command, stdin="true", stdout="true", stderr="true", **query)
    return websockets.connect(f"wss://localhost:{agent.port}{path}", ssl=agent.tls(),
                              subprotocols=protocols, compression=None,
                              extra_headers={"Authorization": f"Bearer {TOKEN}"})


# --- the protocols


@pytest.mark.parametrize("protocol", [V5, V4, V4_BASE64])
def test_speaks_a_protocol_with_a_strict_library(agent, protocol):
    """Input as text and as binary, output in the protocol's only kind, status, Close 1000."""
    is_text = protocol == V4_BASE64

    async def talk() -> tuple[list, int]:
        async with connect(agent, ["sh", "-c", "echo two >&2; head -n 2; exit 3"],
                           [protocol]) as one:
            assert one.subprotocol == protocol
            for line in ("text\n", "binary\n"):
                message = "0" + base64.b64encode(line.encode()).decode() if is_text else "\0" + line
                await one.send(message if line == "text\n" else message.encode())
            return [message async for message in one], one.close_code

    messages, close_code = asyncio.run(talk())
    assert all(isinstance(message, str if is_text else bytes) for message in messages)
    seen = [(int(one[0]), base64.b64decode(one[1:])) if is_text else (one[0], one[1:])
            for one in messages]
    assert seen[0] == (STDOUT, b""), "the stream stands"
    assert b"".join(data for of, data in seen if of == STDOUT) == b"text\nbinary\n"
    assert b"".join(data for of, data in seen if of == STDERR) == b"two\n"
    assert seen[-1][0] == STATUS and [of for of, _data in seen].count(STATUS) == 1
    assert json.loads(seen[-1][1])["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]
    assert close_code == 1000


@pytest.mark.parametrize("offered, chosen", [
    ([V4, V5], V4), (["channel.k8s.io", V5], V5), ([V4_BASE64, V4], V4_BASE64)])
def test_takes_the_first_protocol_that_both_speak(agent, offered, chosen):
    async def talk() -> str:
        async with connect(agent, ["true"], offered) as one:
            return one.subprotocol

    assert asyncio.run(talk()) == chosen


@pytest.mark.parametrize("protocol", ["channel.k8s.io", "base64.channel.k8s.io",
                                      "v3.channel.k8s.io"])
def test_refuses_protocols_without_an_exit_code(agent, protocol):
    with pytest.raises(Refused) as refused:
        Stream(agent, ["true"], protocol=protocol)
    answer: Answer = refused.value.answer
    assert answer.status == 400 and V5 in answer.message()


def test_refuses_an_exec_that_is_no_upgrade(agent):
    answer = agent.call("GET", exec_path(["true"], stdout="true"))
    assert answer.status == 400 and "WebSocket" in answer.message()


@pytest.mark.parametrize("token, code", [("nobody's", 401), (TOKEN + "x", 401)])
def test_refuses_strangers_before_the_upgrade(agent, token, code):
    with pytest.raises(Refused) as refused:
        Stream(agent, ["true"], token=token)
    assert refused.value.answer.status == code


def test_takes_a_token_that_a_browser_offers_as_a_protocol(agent):
    hidden = base64.urlsafe_b64encode(TOKEN.encode()).decode().rstrip("=")

    async def talk() -> str:
        path = exec_path(["true"], stdout="true")
        async with websockets.connect(
                f"wss://localhost:{agent.port}{path}", ssl=agent.tls(), compression=None,
                subprotocols=[f"base64url.bearer.authorization.k8s.io.{hidden}", V5]) as one:
            return one.subprotocol

    assert asyncio.run(talk()) == V5


# --- input


def test_ends_stdin_with_the_close_signal(agent):
    with Stream(agent, ["sha256sum"]) as stream:
        for _ in range(64):
            stream.send(STDIN, b"x" * 16384)
        stream.send_frame(BINARY, END_OF_STDIN)
        stream.send(STDIN, b"behind the end")
        outcome = stream.finish()
    assert outcome.stdout.split()[0].decode() == hashlib.sha256(b"x" * (1 << 20)).hexdigest()
    assert outcome.exit_code() == 0


def test_takes_a_message_in_pieces_and_of_any_size(agent):
    big = bytes(range(256)) * 8192
    with Stream(agent, ["sha256sum"]) as stream:
        stream.send_frame(BINARY, b"\0one ", fin=False)
        stream.send_frame(PING, b"between")
        stream.send_frame(CONTINUATION, b"", fin=False)
        stream.send_frame(CONTINUATION, b"two")
        stream.send_frame(BINARY)
        stream.send(STDIN, big)
        stream.send(7, b"of a channel that nobody knows")
        stream.send_frame(BINARY, END_OF_STDIN)
        outcome = stream.finish()
    assert outcome.stdout.split()[0].decode() == hashlib.sha256(b"one two" + big).hexdigest()


def test_knows_no_close_signal_before_v5(agent):
    with Stream(agent, ["sh", "-c", "head -n 1; echo read"], protocol=V4) as stream:
        stream.send_frame(BINARY, END_OF_STDIN)
        stream.send(STDIN, b"line\n")
        assert stream.finish().stdout == b"line\nread\n"


def test_a_command_may_close_its_input(agent):
    with Stream(agent, ["sh", "-c", "exec <&-; echo closed; read -r line <&1 || exit 5"]) as stream:
        stream.wait_for(b"closed")
        for _ in range(32):
            stream.send(STDIN, b"x" * 16384)
        assert stream.finish().exit_code() == 5


def test_resizes_the_terminal(agent):
    with Stream(agent, ["sh", "-c", "read -r line; stty size; read -r line; stty size"],
                tty=True) as stream:
        stream.send(RESIZE, b'{"Width":101,"Height":33}\n')
        stream.send(STDIN, b"\n")
        stream.wait_for(b"33 101")
        stream.send(RESIZE, b'{"Width":0,"Height":0}{"width":64')
        stream.send(RESIZE, b',"height":12}')
        stream.send(STDIN, b"\n")
        outcome = stream.finish()
    assert b"12 64" in outcome.stdout and not outcome.of(STDERR)
    assert outcome.exit_code() == 0


def test_answers_pings(agent):
    with Stream(agent, ["cat"]) as stream:
        stream.send_frame(PING, b"are you there")
        while (frame := stream.receive()).opcode != PONG:
            pass
        assert frame.payload == b"are you there"


def test_sends_pongs_while_the_command_takes_no_input(agent):
    """Its pings wait behind the input, and kubectl goes away when it hears nothing for a minute."""
    with Stream(agent, ["sleep", "1000"]) as stream:
        for _ in range(32):
            stream.send(STDIN, b"x" * 16384)
        stream.send_frame(PING, b"behind the input")
        pongs = []
        while len(pongs) < 2:
            frame = stream.receive()
            assert frame is not None
            if frame.opcode == PONG:
                pongs.append(frame.payload)
        assert pongs == [b"", b""]


# --- output and status


@pytest.mark.parametrize("script, code", [
    ("exit 0", 0), ("exit 1", 1), ("exit 7", 7), ("exit 126", 126), ("exit 127", 127),
    ("exit 255", 255), ("kill -KILL $$", 137), ("kill -TERM $$", 143)])
def test_tells_exit_codes(agent, script, code):
    assert run(agent, "sh", "-c", script).exit_code() == code


@pytest.mark.parametrize("program, code", [("no-such-program", 127), ("/etc/passwd", 126)])
@pytest.mark.parametrize("tty", [False, True])
def test_tells_why_a_command_cannot_run(agent, program, code, tty):
    outcome = run(agent, program, tty=tty)
    assert outcome.exit_code() == code
    assert program.encode() in outcome.of(STDOUT if tty else STDERR)


def test_all_output_comes_before_the_status(agent):
    """The command writes more than every buffer holds and is gone at once: fifty times equal."""
    expected = "".join(f"{number}\n" for number in range(1, 150_001)).encode()
    for _ in range(50):
        outcome = run(agent, "seq", "150000")
        assert outcome.exit_code() == 0
        assert hashlib.sha256(outcome.stdout).digest() == hashlib.sha256(expected).digest()


def test_output_that_outlives_the_command_is_not_waited_for(agent):
    """Somebody else may hold the pipe open; the session's own processes end with the command."""
    outcome = run(agent, "sh", "-c", "sleep 1000 & echo done")
    assert outcome.stdout == b"done\n" and outcome.exit_code() == 0
    wait_until(lambda: not agent.cgroups(), GONE_SECONDS, "the cgroup is gone")


# --- clients that are slow


def test_slow_clients_do_not_hold_up_others(agent):
    """Half a frame, and no reading, more of them than the agent has threads."""
    with contextlib.ExitStack() as stack:
        for _ in range(6):
            half = stack.enter_context(Stream(agent, ["cat"]))
            half.send_bytes(make_frame(BINARY, b"\0" + b"x" * 1000)[:5])
            stack.enter_context(Stream(agent, ["yes"]))
        start = time.monotonic()
        assert run(agent, "echo", "hello").stdout == b"hello\n"
        assert time.monotonic() - start < 10
    wait_until(lambda: not agent.cgroups(), GONE_SECONDS, "the cgroups are gone")


def test_a_client_that_does_not_read_holds_back_its_command(agent):
    before = agent.memory()
    with Stream(agent, ["cat", "/dev/zero"]) as stream:
        wait_until(lambda: bytes_moved(stream, "wchar"), GONE_SECONDS, "it writes")
        written = wait_until_stable(lambda: bytes_moved(stream, "wchar"))
        assert written < MUCH and agent.memory() - before < 8 << 20
        read = 0
        while read < 2 * written:
            read += len(stream.receive().payload)
        assert bytes_moved(stream, "wchar") > written
    wait_until_gone(agent, stream)


def test_a_command_that_does_not_read_holds_back_its_client(agent):
    before = agent.memory()
    with Stream(agent, ["sh", "-c", "sleep 1000"]) as stream:
        stream.socket.settimeout(3)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 2 * MUCH:
                stream.send(STDIN, b"x" * 32768)
                sent += 32768
        assert sent < MUCH and agent.memory() - before < 8 << 20
    wait_until_gone(agent, stream)


class OpensslStream(Stream):
    """A client that is `openssl s_client`, which asks for new keys when it is told to."""

    def _connect(self, agent: Agent) -> socket.socket:
        ours, its = socket.socketpair()
        with its:
            self.process = subprocess.Popen(
                ["openssl", "s_client", "-brief", "-connect", f"127.0.0.1:{agent.port}",
                 "-CAfile", str(agent.ca)], stdin=its, stdout=its, stderr=subprocess.PIPE)
        ours.settimeout(GONE_SECONDS)
        return ours

    def close(self) -> None:
        super().close()
        self.process.kill()
        self.process.communicate()


def test_a_client_may_change_keys_while_its_output_waits(agent):
    # More than what the first messages take, each of 64 KiB at most.
    expected = "".join(f"{number}\n" for number in range(1, 1_000_001)).encode()
    with OpensslStream(agent, ["seq", "1000000"]) as stream:
        output = b""
        for _ in range(20):
            stream.send_bytes(b"K\n")
            output += b"".join(stream.receive_message()[1] for _ in range(3))
        outcome = stream.finish()
        told = stream.process.stderr.read()
    assert outcome.exit_code() == 0 and output + outcome.stdout == expected
    assert told.count(b"KEYUPDATE") > 3, told


# --- clients that break the protocol, or go


VIOLATIONS = {
    "a continuation of nothing": [make_frame(CONTINUATION, b"\0x")],
    "a message inside another": [make_frame(BINARY, b"\0x", fin=False), make_frame(BINARY, b"\0x")],
    "text that is no UTF-8": [make_frame(TEXT, b"\0\xff\xfe")],
    "text that ends in a character": [make_frame(TEXT, b"\0\xc3")],
    "no mask": [make_frame(BINARY, b"\0x", masked=False)],
    "reserved bits": [make_frame(BINARY, b"\0x", reserved=4)],
    "an unknown opcode": [make_frame(3, b"\0x")],
    "an unknown control opcode": [make_frame(11, b"")],
    "a long ping": [make_frame(PING, b"x" * 126)],
    "a ping in pieces": [make_frame(PING, b"x", fin=False)],
    "a length of more bytes than it needs": [b"\x82\xfe\x00\x02" + b"\0" * 4 + b"\0x"],
    "a Close of one byte": [make_frame(CLOSE, b"x")],
    "a Close with a reserved code": [make_frame(CLOSE, b"\x03\xed")],
    "a close signal without channel": [make_frame(BINARY, b"\xff")],
    "a long close signal": [make_frame(BINARY, b"\xff\0\0")],
    "a close signal of no channel": [make_frame(BINARY, b"\xff\x09")],
    "garbage": [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 8],
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_ends_a_session_that_breaks_the_protocol(agent, name):
    with Stream(agent, ["sh", "-c", "echo ready; exec sleep 1000", name]) as stream:
        stream.wait_for(b"ready")
        wait_until(stream.processes, GONE_SECONDS, "the command is seen")
        for data in VIOLATIONS[name]:
            stream.send_bytes(data)
        frames = list(iter(stream.receive, None))
        assert all(frame.opcode == CLOSE for frame in frames), frames
        wait_until_gone(agent, stream)
    assert agent.closed(name)["cause"] == "client gone"
    assert run(agent, "echo", "alive").stdout == b"alive\n"


def test_base64_that_is_none_ends_the_session(agent):
    with Stream(agent, ["sleep", "1000"], protocol=V4_BASE64) as stream:
        stream.send_frame(TEXT, b"0****")
        assert all(frame.opcode in (CLOSE, TEXT) for frame in iter(stream.receive, None))
        wait_until_gone(agent, stream)


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("script", [
    "trap '' HUP TERM INT; sleep 1000; sleep 1000",  # silent, and hard to end
    "exec yes",  # in the middle of its output
    "sleep 1000 & setsid sleep 1000 & wait"])  # with a process in a session of its own
@pytest.mark.parametrize("tty", [False, True])
def test_nothing_stays_when_the_client_goes(agent, how, script, tty):
    with Stream(agent, ["sh", "-c", f"echo ready; {script}"], tty=tty) as stream:
        stream.wait_for(b"ready")
        wait_until(lambda: stream.processes() and agent.cgroups(), GONE_SECONDS, "it is seen")
        getattr(stream, how)()
        wait_until_gone(agent, stream)


def test_nothing_stays_when_a_client_goes_whose_input_nobody_reads(agent):
    with Stream(agent, ["sleep", "1000"]) as stream:
        for _ in range(32):
            stream.send(STDIN, b"x" * 16384)
        wait_until(stream.processes, GONE_SECONDS, "the command runs")
        stream.reset()
        wait_until_gone(agent, stream)


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("tty", [False, True])
def test_the_client_may_go_just_as_the_command_ends(agent, how, tty):
    for number in range(25):
        with Stream(agent, ["sh", "-c", "echo ready; exec setsid true"], tty=tty) as stream:
            if number % 2:
                stream.wait_for(b"ready")
            if number % 3:
                stream.send(STDIN, b"x")
            getattr(stream, how)()
    wait_until(lambda: not agent.cgroups(), GONE_SECONDS, "the cgroups are gone")
    assert agent.process.poll() is None
    assert run(agent, "echo", "alive").stdout == b"alive\n"


def test_a_close_of_the_client_is_answered(agent):
    with Stream(agent, ["sleep", "1000"]) as stream:
        stream.send_frame(CLOSE, b"\x03\xe8")
        frames = [frame for frame in iter(stream.receive, None) if frame.payload != b"\x01"]
        assert frames == [(CLOSE, b"\x03\xe8")]
        wait_until_gone(agent, stream)
