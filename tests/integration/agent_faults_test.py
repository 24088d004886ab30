"""An agent whose runtime, sessions, limits or clients fail: it says so, and goes on."""

import contextlib
import os
import pathlib
import resource
import signal
import socket
import time

import pytest
from agent import API, EVERYTHING, TOKEN, Agent
from bed import Containerd
from bed.deadline import wait_until
from conftest import BUILD_DIR
from exec_stream import CLOSE, Refused, Stream

GONE_SECONDS = 30
EXEC = f"{API}/namespaces/shop/pods/web/exec"
READY = "echo ready; exec sleep 1000"


@contextlib.contextmanager
def running_agent(bed: Containerd, environment: dict | None = None, **config):
    """An agent with the given sections of its configuration; no rate limit is in the way."""
    config["server"] = {"requestsPerSecond": 10000, "requestBurst": 10000,
                        **config.get("server", {})}
    with Agent(BUILD_DIR, bed.endpoint, config,
               [{"token": TOKEN, "user": "admin", "rules": EVERYTHING}],
               environment=environment) as one:
        yield one


def works(agent: Agent) -> bool:
    """Whether a command runs now."""
    return agent.exec("shop/web", ["true"]).status == 200


# --- the runtime


def test_goes_on_when_the_runtime_comes_back(bed):
    with running_agent(bed) as agent, Stream(agent, ["sh", "-c", "echo ready; cat"]) as stream:
        stream.wait_for(b"ready")
        bed.kill_runtime()
        try:
            answer = agent.exec("shop/web", ["true"])
            assert answer.status == 503 and answer.message()
            status, text = agent.health("/readyz")
            assert status == 503 and "container runtime" in text
            assert agent.health("/healthz")[0] == 200
            # kubelet shows nobody what the probe was answered.
            assert agent.health("/readyz")[0] == 503
            assert agent.log().count('event="not ready" missing="container runtime: ') == 1
        finally:
            bed.restart()
        wait_until(lambda: works(agent), GONE_SECONDS, "exec works again")
        wait_until(lambda: agent.health("/readyz")[0] == 200, GONE_SECONDS, "it is ready again")
        assert agent.log().rstrip().endswith("event=ready")
        stream.send(0, b"still here")
        stream.wait_for(b"still here")


def test_does_not_wait_for_a_runtime_that_hangs(bed):
    with running_agent(bed, runtime={"callTimeout": "2s"}) as agent:
        assert works(agent)
        os.kill(bed.pid, signal.SIGSTOP)
        try:
            start = time.monotonic()
            answer = agent.exec("shop/web", ["true"])
            assert answer.status == 504 and time.monotonic() - start < 10, answer
            assert agent.call("GET", f"{API}/sessions").status == 200
            assert agent.health("/readyz")[0] == 503
        finally:
            os.kill(bed.pid, signal.SIGCONT)
        wait_until(lambda: works(agent), GONE_SECONDS, "exec works again")


# --- the session


@pytest.mark.parametrize("view", ["toolbox", "container"])
def test_tells_that_the_target_has_gone(bed, view):
    pod = bed.run_pod("shop", "short")
    try:
        container = bed.run_container(pod, "app", image="busybox")
        with running_agent(bed) as agent, Stream(agent, ["sh", "-c", READY, view], view=view,
                                                 pod="shop/short") as stream:
            stream.wait_for(b"ready")
            os.kill(container.pid, signal.SIGKILL)
            status = stream.finish().status()
            assert status["status"] == "Failure" and "container has ended" in status["message"]
            assert not stream.processes()
            assert agent.closed(view)["cause"] == "target gone"
    finally:
        bed.remove_pod(pod)


def ns_enters(agent: Agent) -> list[int]:
    """Pids of the ns-enter processes that are the agent's children."""
    children = pathlib.Path(f"/proc/{agent.process.pid}/task").glob("*/children")
    return [int(pid) for path in children for pid in path.read_text().split()]


def test_tells_that_a_session_was_lost(bed):
    with running_agent(bed) as agent, Stream(agent, ["sh", "-c", READY, "word"]) as stream:
        stream.wait_for(b"ready")
        pid, = ns_enters(agent)
        os.kill(pid, signal.SIGKILL)
        status = stream.finish().status()
        assert status["reason"] == "InternalError" and "lost" in status["message"]
        wait_until(lambda: not stream.processes() and not agent.cgroups(), GONE_SECONDS,
                   "nothing is left")
        assert agent.closed("word")["cause"] == "lost"
        assert works(agent)
        wait_until(lambda: not ns_enters(agent), GONE_SECONDS, "the last ns-enter is reaped")


def test_a_session_that_does_not_end_holds_nobody_else(bed):
    with running_agent(bed, server={"threads": 1}) as agent, \
            Stream(agent, ["sh", "-c", READY, "stuck"]) as stream:
        stream.wait_for(b"ready")
        pid, = ns_enters(agent)
        os.kill(pid, signal.SIGSTOP)
        stream.close()
        longest = 0.0

        def has_ended() -> bool:
            nonlocal longest
            start = time.monotonic()
            assert agent.call("GET", f"{API}/sessions").status == 200
            longest = max(longest, time.monotonic() - start)
            return not ns_enters(agent)

        wait_until(has_ended, GONE_SECONDS, "it was killed")
        assert longest < 5, longest
        wait_until(lambda: not stream.processes() and not agent.cgroups(), GONE_SECONDS,
                   "nothing is left")
        assert agent.closed("stuck")["cause"] == "client gone"


# --- limits of the system


def test_recovers_when_descriptors_run_out(bed):
    with running_agent(bed) as agent, contextlib.ExitStack() as stack:
        assert works(agent)
        limit = resource.prlimit(agent.process.pid, resource.RLIMIT_NOFILE)
        used = len(os.listdir(f"/proc/{agent.process.pid}/fd"))
        resource.prlimit(agent.process.pid, resource.RLIMIT_NOFILE, (used + 24, limit[1]))
        refused = 0
        for _ in range(24):
            try:
                stack.enter_context(Stream(agent, ["sleep", "1000"]))
            except Refused as error:
                assert error.answer.status in (429, 503), error
                refused += 1
                break
            except OSError:  # not accepted, or dropped
                refused += 1
                break
        assert refused
        stack.close()
        wait_until(lambda: not agent.cgroups(), 2 * GONE_SECONDS, "the sessions have ended")
        assert works(agent)
        assert agent.process.poll() is None


def test_goes_on_when_the_clock_jumps(bed, tmp_path):
    """Times are counted by a clock that does not jump; the one that does only dates things."""
    clock = tmp_path / "clock"
    set_clock(clock, 0)
    with running_agent(bed, faked_clock(clock)) as agent, \
            Stream(agent, ["sh", "-c", "echo ready; cat", "across"]) as stream:
        stream.wait_for(b"ready")
        year, = {line["time"][:4] for line in agent.audit()}
        for days in (400, -400):
            set_clock(clock, days)
            jumped = agent.exec("shop/web", ["date", f"{days}"])
            assert jumped.status == 200 and jumped.json()["durationMs"] < 60_000
            assert agent.closed(f"{days}")["time"][:4] != year  # it has seen the jump
        stream.send(0, b"still here")
        stream.wait_for(b"still here")
        set_clock(clock, 400)  # beyond the end of its certificate
        status, text = agent.health("/readyz")
        assert status == 503 and "certificate: it has expired" in text
        set_clock(clock, 0)
        wait_until(lambda: agent.health("/readyz")[0] == 200, GONE_SECONDS, "it is ready again")
        stream.send_frame(CLOSE)
        assert agent.closed("across")["durationMs"] < 60_000


def faked_clock(path: pathlib.Path) -> dict:
    """Environment of a program whose clock is as many days wrong as set_clock() says. One with
    AddressSanitizer wants to be first among its libraries, but works as the second too."""
    library = next(iter(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")))
    return {"LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(path),
            "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "ASAN_OPTIONS": "verify_asan_link_order=0"}


def set_clock(path: pathlib.Path, days: int) -> None:
    """As a file that is there at every moment."""
    new = path.with_suffix(".new")
    new.write_text(f"{days:+}d\n")
    new.rename(path)


# --- clients that waste the agent's time


def test_many_silent_clients_do_not_stop_others(bed):
    """2,000 connections: without a word, with half a handshake, with half a header."""
    limits = {"requestTimeout": "3s", "idleTimeout": "3s"}
    raise_own_limit()
    with running_agent(bed, server=limits) as agent, contextlib.ExitStack() as stack:
        silent = []
        for number in range(2000):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", agent.port), 60))
            if number % 20 == 1:
                one = stack.enter_context(agent.tls().wrap_socket(one, server_hostname="localhost"))
                one.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
            elif number % 2:
                one.sendall(b"\x16\x03\x01")
            silent.append(one)
        assert works(agent)
        for one in silent:
            with contextlib.suppress(ConnectionError):
                while one.recv(4096):
                    pass
        wait_until(lambda: len(os.listdir(f"/proc/{agent.process.pid}/fd")) < 100, GONE_SECONDS,
                   "their descriptors are free")


def raise_own_limit() -> None:
    """The test itself needs a descriptor for each connection."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 4096:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))


@pytest.mark.parametrize("head, data, told", [
    (f"POST {EXEC} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
     b"10000\r\n" + b"x" * 65536 + b"\r\n", b" 413 "),
    ("GET / HTTP/1.1\r\n", b"X-More: " + b"x" * 1000 + b"\r\n", b" 431 ")])
def test_ends_what_has_no_end(bed, head, data, told):
    with running_agent(bed) as agent:
        before = agent.memory()
        with socket.create_connection(("127.0.0.1", agent.port), timeout=30) as raw, \
                agent.tls().wrap_socket(raw, server_hostname="localhost") as connection:
            connection.sendall(head.encode())
            with contextlib.suppress(OSError):
                for _ in range(10_000):
                    connection.sendall(data)
                    if answer_waits(connection):
                        break
            assert told in connection.recv(4096).partition(b"\r\n")[0]
        assert agent.memory() - before < 32 << 20 and works(agent)


def answer_waits(connection: socket.socket) -> bool:
    """Whether there is something to read."""
    connection.setblocking(False)
    try:
        return bool(socket.socket.recv(connection, 1, socket.MSG_PEEK))
    except BlockingIOError:
        return False
    finally:
        connection.settimeout(30)


def test_a_body_that_does_not_come_ends_the_connection(bed):
    with running_agent(bed, server={"requestTimeout": "2s"}) as agent:
        with socket.create_connection(("127.0.0.1", agent.port), timeout=30) as raw, \
                agent.tls().wrap_socket(raw, server_hostname="localhost") as connection:
            connection.sendall(f"POST {EXEC} HTTP/1.1\r\nHost: localhost\r\n"
                               "Content-Length: 100\r\n\r\nhalf".encode())
            with contextlib.suppress(ConnectionError):
                while connection.recv(4096):
                    pass
        assert works(agent)
