"""What the agent costs, in one run: a one-shot exec on a warm connection against bare nsenter and
the runtime's own ExecSync, the throughput of a stream against OpenSSL piping the same bytes, and
memory with many sessions open.

Prints medians and their ratios; never passes or fails. Run by Debian's python3 as root, in a PID
namespace of its own: tests/integration/in_pid_namespace tests/bench/agent_bench.py
[BUILD_DIR] [ROUNDS] [SESSIONS]
"""

import asyncio
import contextlib
import os
import pathlib
import statistics
import subprocess
import sys
import time

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "integration")]

import websockets  # noqa: E402
from agent import API, NODE, TOKEN, Agent, ask  # noqa: E402
from bed import Containerd  # noqa: E402
from bed.deadline import wait_until  # noqa: E402
from read_only import read_only  # noqa: E402

EXEC = f"{API}/namespaces/shop/pods/web/exec"
STREAM_MIB = 512
BUSY = 200
BUSY_LINES = 200_000
# Longer than the kernel's RCU grace periods, which then serve one action alone.
_PAUSE_SECONDS = 0.05
# The agent hands free memory back to the system every ten seconds.
GIVES_BACK_SECONDS = 15


def medians(rounds: int, *actions) -> list[float]:
    """Median milliseconds of each action, with pauses between; in turns, as a machine is faster in
    one minute than in the next."""
    times = [[] for _ in actions]
    for _ in range(rounds):
        for action, own in zip(actions, times):
            time.sleep(_PAUSE_SECONDS)
            start = time.perf_counter()
            action()
            own.append((time.perf_counter() - start) * 1000)
    return [statistics.median(own) for own in times]


def median(action, rounds: int) -> float:
    """Median milliseconds of one action."""
    return medians(rounds, action)[0]


def latency(agent: Agent, bed: Containerd, container, rounds: int) -> None:
    """One-shot exec and explain on a kept connection, nsenter, and ExecSync."""
    connection = agent.connect()

    def one_shot() -> None:
        answer = ask(connection, "POST", EXEC, {"command": ["/bin/true"], "view": "container"})
        assert answer.json()["exitCode"] == 0, answer

    def explain() -> None:
        assert ask(connection, "GET", f"{API}/namespaces/shop/pods/web").status == 200

    enter = ["nsenter", "-t", str(container.pid), "-m", "-u", "-i", "-n", "-p", "/bin/true"]
    agent_ms, nsenter_ms = medians(rounds, one_shot, lambda: subprocess.run(enter, check=True))
    sync_ms = median(lambda: bed.exec_sync(container, ["/bin/true"]), max(rounds // 5, 5))
    print(f"one-shot exec {agent_ms:.2f} ms: {agent_ms / nsenter_ms:.2f} of nsenter "
          f"({nsenter_ms:.2f} ms), {agent_ms / sync_ms:.2f} of ExecSync ({sync_ms:.1f} ms)")
    explain_ms = median(explain, rounds)
    print(f"explain {explain_ms:.2f} ms, {1000 / explain_ms:.0f} requests a second on one connection")
    connection.close()


def uri(agent: Agent, *command: str) -> str:
    """Of a streamed exec in the container view."""
    query = "&".join(f"command={word}" for word in command)
    return (f"wss://localhost:{agent.port}{EXEC}?{query}&view=container&stdin=true&stdout=true"
            "&stderr=true")


def connect(agent: Agent, *command: str):
    """A WebSocket of a session; it never waits for pings."""
    return websockets.connect(uri(agent, *command), ssl=agent.tls(), max_size=None,
                              subprotocols=["v5.channel.k8s.io"], ping_interval=None,
                              compression=None,
                              extra_headers={"Authorization": f"Bearer {TOKEN}"})


def throughput(agent: Agent) -> None:
    """Bytes a second of one session's stdout, read by curl-like C code: openssl s_client."""
    ours = drain(agent.port, agent.ca, request(agent), STREAM_MIB)
    with served(agent) as port:
        reference = drain(port, agent.ca, b"", STREAM_MIB)
    print(f"stdout {ours:.0f} MB/s: {ours / reference:.2f} of openssl s_server ({reference:.0f} MB/s)")


def request(agent: Agent) -> bytes:
    """An upgrade that starts a command which writes the bytes."""
    path = uri(agent, "dd", "if=/dev/zero", "bs=65536", f"count={STREAM_MIB * 16}").split(
        str(agent.port), 1)[1].replace("stderr=true", "stderr=false")
    return (f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n"
            f"Authorization: Bearer {TOKEN}\r\n\r\n").encode()


def drain(port: int, ca: pathlib.Path, send: bytes, mebibytes: int) -> float:
    """MB/s of what comes after `send`, until all of it is there."""
    client = subprocess.Popen(
        ["openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{port}", "-CAfile", str(ca)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    start = time.perf_counter()
    client.stdin.write(send)
    client.stdin.flush()
    left = mebibytes << 20
    while left > 0:
        data = os.read(client.stdout.fileno(), 1 << 20)
        assert data, f"{left} bytes are missing"
        left -= len(data)
    elapsed = time.perf_counter() - start
    client.kill()
    client.communicate()
    return mebibytes * 1.048576 / elapsed


@contextlib.contextmanager
def served(agent: Agent):
    """A TLS server of OpenSSL that sends the bytes to whoever connects."""
    port = agent.port + 1
    source = subprocess.Popen(["dd", "if=/dev/zero", "bs=65536", f"count={STREAM_MIB * 16}"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    server = subprocess.Popen(
        ["openssl", "s_server", "-quiet", "-accept", str(port), "-cert", str(agent.ca),
         "-key", str(agent.path / "tls.key")], stdin=source.stdout, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    try:
        while subprocess.run(["ss", "-Hltn", f"sport = :{port}"], capture_output=True,
                             check=True).stdout == b"":
            time.sleep(0.01)
        yield port
    finally:
        for process in (server, source):
            process.kill()
            process.wait()


def memory(agent: Agent) -> int:
    """KiB resident of the agent."""
    text = pathlib.Path(f"/proc/{agent.process.pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0])


async def many(agent: Agent, idle: int) -> None:
    """Memory and latency with idle and with busy sessions open."""
    connection = agent.connect()

    def ping() -> None:
        assert ask(connection, "GET", "/api").status == 200

    quiet = median(ping, 50)
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(idle):
            await stack.enter_async_context(connect(agent, "cat"))
        threads = len(os.listdir(f"/proc/{agent.process.pid}/task"))
        print(f"{idle} idle sessions: {memory(agent) / 1024:.0f} MiB resident, {threads} threads, "
              f"requests {median(ping, 50) / quiet:.2f} of the idle agent's {quiet:.2f} ms")
    wait_until(lambda: not agent.cgroups(), 300, "the sessions have ended")
    await asyncio.sleep(GIVES_BACK_SECONDS)
    print(f"after them: {memory(agent) / 1024:.0f} MiB resident")
    async with contextlib.AsyncExitStack() as stack:
        busy = [await stack.enter_async_context(connect(agent, "seq", "1", str(BUSY_LINES)))
                for _ in range(BUSY)]
        totals = await asyncio.gather(*(read_all(one) for one in busy))
        whole = sum(len(f"{line}\n") for line in range(1, BUSY_LINES + 1))
        print(f"{BUSY} busy sessions: {memory(agent) / 1024:.0f} MiB resident, "
              f"{sum(total != whole for total in totals)} of them without all of their output")
    connection.close()


async def read_all(stream) -> int:
    """Bytes of stdout until the server closes."""
    total = 0
    async for message in stream:
        if message[0] == 1:
            total += len(message) - 1
    return total


@contextlib.contextmanager
def collector():
    """What reads an agent's standard output, as a pod's is read."""
    reader = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        yield reader.stdin
    finally:
        reader.stdin.close()
        reader.wait()


def main() -> None:
    arguments = sys.argv[1:] + [None] * 3
    build = pathlib.Path(arguments[0] or "build/release").resolve()
    rounds, sessions = (int(arguments[i] or default) for i, default in ((1, 200), (2, 1000)))
    limits = {"session": {"maxSessions": 5000, "maxSessionsPerUser": 5000},
              "server": {"requestsPerSecond": 100000, "requestBurst": 100000},
              "audit": {"path": "-"}}
    with Containerd(version="2.1") as bed, collector() as log:
        pod = bed.run_pod("shop", "web")
        container = bed.run_container(pod, "app", image="busybox")
        # Where ns-enter can be written, it executes itself once more.
        with read_only(build) as programs, Agent(
                programs, bed.endpoint, limits, stdout=log) as agent:
            print(f"idle agent on {NODE}: {memory(agent) / 1024:.1f} MiB resident")
            latency(agent, bed, container, rounds)
            throughput(agent)
            asyncio.run(many(agent, sessions))


if __name__ == "__main__":
    main()
