"""An agent whose runtime, sessions, limits or clients fail: it says so, and goes on."""

import concurrent.futures
import contextlib
import http.client
import os
import pathlib
import resource
import signal
import socket
import time

import pytest
from agent import API, EVERYTHING, TOKEN, Agent, Answer, ask
from api_stand_in import ApiStandIn, answer
from bed import Containerd
from bed.deadline import wait_until
from conftest import BUILD_DIR
from exec_stream import CLOSE, Refused, Stream

GONE_SECONDS = 30
# How long it may take until a pod is not known any more.
KNOWN_SECONDS = 10
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


def first_failure(agent: Agent) -> Answer:
    """The answer when the agent has to ask the runtime, which does not take it long to give up: for a
    second it knows a pod."""
    answers = []

    def fails() -> bool:
        start = time.monotonic()
        answers.append(agent.exec("shop/web", ["true"]))
        assert time.monotonic() - start < 10, answers[-1]
        return answers[-1].status != 200

    wait_until(fails, KNOWN_SECONDS, "the agent asks the runtime")
    return answers[-1]


# --- the runtime


def test_goes_on_when_the_runtime_comes_back(bed):
    with running_agent(bed) as agent, Stream(agent, ["sh", "-c", "echo ready; cat"]) as stream:
        stream.wait_for(b"ready")
        bed.kill_runtime()
        try:
            answer = first_failure(agent)
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
            answer = first_failure(agent)
            assert answer.status == 504, answer
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


def test_tells_that_a_session_was_lost(bed):
    with running_agent(bed) as agent, Stream(agent, ["sh", "-c", READY, "word"]) as stream:
        stream.wait_for(b"ready")
        pid, = agent.ns_enters()
        os.kill(pid, signal.SIGKILL)
        status = stream.finish().status()
        assert status["reason"] == "InternalError" and "lost" in status["message"]
        wait_until(lambda: not stream.processes() and not agent.cgroups(), GONE_SECONDS,
                   "nothing is left")
        assert agent.closed("word")["cause"] == "lost"
        assert works(agent)
        wait_until(lambda: not agent.ns_enters(), GONE_SECONDS, "the last ns-enter is reaped")


def test_a_session_that_does_not_end_holds_nobody_else(bed):
    with running_agent(bed, server={"threads": 1}) as agent, \
            Stream(agent, ["sh", "-c", READY, "stuck"]) as stream:
        stream.wait_for(b"ready")
        pid, = agent.ns_enters()
        os.kill(pid, signal.SIGSTOP)
        stream.close()
        longest = 0.0

        def has_ended() -> bool:
            nonlocal longest
            start = time.monotonic()
            assert agent.call("GET", f"{API}/sessions").status == 200
            longest = max(longest, time.monotonic() - start)
            return not agent.ns_enters()

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
    (f"POST {EXEC} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
     "Transfer-Encoding: chunked\r\n\r\n",
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
                               f"Authorization: Bearer {TOKEN}\r\nContent-Length: 100\r\n\r\nhalf".encode())
            with contextlib.suppress(ConnectionError):
                while connection.recv(4096):
                    pass
        assert works(agent)


def test_no_body_of_a_stranger_is_waited_for(bed):
    with running_agent(bed, server={"requestTimeout": "60s"}) as agent, \
            socket.create_connection(("127.0.0.1", agent.port), timeout=30) as raw, \
            agent.tls().wrap_socket(raw, server_hostname="localhost") as connection:
        connection.sendall(f"POST {EXEC} HTTP/1.1\r\nHost: localhost\r\n"
                           "Content-Length: 1000000\r\n\r\n".encode())
        assert b" 401 " in connection.recv(4096).partition(b"\r\n")[0]


def test_a_first_request_is_not_waited_for_as_long_as_the_next(bed):
    with running_agent(bed, server={"requestTimeout": "1s", "idleTimeout": "10m"}) as agent, \
            socket.create_connection(("127.0.0.1", agent.port), timeout=30) as raw, \
            agent.tls().wrap_socket(raw, server_hostname="localhost") as connection:
        with contextlib.suppress(ConnectionError):
            assert not connection.recv(4096)


def test_takes_no_more_connections_than_it_may(bed):
    with running_agent(bed, server={"maxConnections": 3}) as agent, \
            contextlib.ExitStack() as stack:
        kept = [stack.enter_context(contextlib.closing(agent.connect())) for _ in range(3)]
        for one in kept:
            assert ask(one, "GET", f"{API}/sessions").status == 200
        with pytest.raises(OSError):
            agent.call("GET", f"{API}/sessions")
        assert ask(kept[0], "GET", f"{API}/sessions").status == 200
        kept[0].close()

        def has_room() -> bool:
            with contextlib.suppress(OSError):
                return agent.call("GET", f"{API}/sessions").status == 200
            return False

        wait_until(has_room, GONE_SECONDS, "the place of the one that went is free")


def test_a_crowd_does_not_keep_probes_away(bed):
    with running_agent(bed) as agent, contextlib.ExitStack() as stack:
        for _ in range(200):
            crowd = stack.enter_context(
                socket.create_connection(("127.0.0.1", agent.health_port), 30))
            with contextlib.suppress(ConnectionError):
                crowd.sendall(b"GET /healthz HTTP/1.1\r\n")
        for _ in range(3):
            assert agent.health("/healthz") == (200, "ok\n")


def test_a_probes_connection_has_one_answer(bed):
    with running_agent(bed) as agent, \
            socket.create_connection(("127.0.0.1", agent.health_port), 30) as probe:
        probe.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        seen = b""
        while data := probe.recv(4096):
            seen += data
        assert seen.startswith(b"HTTP/1.1 200 OK") and b"Connection: close" in seen


def test_readiness_is_told_to_many_at_once(bed):
    with running_agent(bed) as agent, concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert set(pool.map(agent.health, ["/readyz"] * 32)) == {(200, "ok\n")}


# --- files


def test_tells_strangers_nothing_of_its_files(bed):
    with running_agent(bed) as agent:
        tokens = agent.path / "tokens.json"
        tokens.chmod(0o644)
        wait_until(lambda: agent.call("GET", f"{API}/sessions").status == 503, GONE_SECONDS,
                   "the file is refused")
        answer = agent.call("GET", f"{API}/sessions")
        assert str(agent.path) not in answer.message() and "0644" not in answer.message()
        assert str(tokens) in agent.log() and "0644" in agent.audit()[-1]["reason"]


# --- its end


def test_answers_what_it_was_asked_before_it_stops(bed):
    with running_agent(bed, runtime={"callTimeout": "4s"}) as agent, \
            contextlib.closing(agent.connect()) as kept, \
            contextlib.closing(agent.connect()) as busy:
        assert ask(kept, "GET", f"{API}/sessions").status == 200
        os.kill(bed.pid, signal.SIGSTOP)
        try:
            busy.request("GET", f"{API}/pods", headers={"Authorization": f"Bearer {TOKEN}"})
            for _ in range(3):  # by then that one is under way
                assert ask(kept, "GET", f"{API}/sessions").status == 200
            agent.process.terminate()
            wait_until(lambda: ask(kept, "GET", f"{API}/sessions").status == 503, GONE_SECONDS,
                       "new requests are refused")
            assert busy.getresponse().status == 504
        finally:
            os.kill(bed.pid, signal.SIGCONT)
        assert agent.process.wait(GONE_SECONDS) == 0
        assert agent.log().rstrip().endswith("in_time=true")


def test_sweeps_what_a_killed_agent_left(bed):
    with running_agent(bed) as agent:
        assert works(agent)
        agent.process.kill()
        agent.process.wait()
        # Its name says which process has made it; that one is no more.
        namespace = os.stat("/proc/self/ns/pid").st_ino
        left = f"{namespace}-{agent.process.pid}-1-00000000"
        parents = agent.cgroup_parents()
        assert parents
        for parent in parents:
            (parent / left).mkdir()
        agent.start()
        assert not [parent for parent in parents if (parent / left).exists()]
        assert works(agent)


# --- an API server that hangs


@contextlib.contextmanager
def asking_agent(bed: Containerd, folder: pathlib.Path, call_timeout: str):
    """An agent and the stand-in that it asks, which knows one token and then hangs."""
    def review(headers: dict[str, str]) -> bytes:
        return answer(201, {"kind": "TokenReview", "status": {
            "authenticated": True, "user": {"username": "alice"}}})

    with ApiStandIn(folder) as api:
        own = folder / "own.token"
        own.write_text("the-agents-own")
        api.answers["/"] = api.hang
        api.answers["/apis/authentication.k8s.io/"] = review
        config = {"standalone": False, "server": {"stopGrace": "1s"}, "auth": {
            "staticTokensFile": "", "apiServer": {
                "url": f"https://127.0.0.1:{api.port}", "caFile": str(api.certificate),
                "tokenFile": str(own), "callTimeout": call_timeout}}}
        with Agent(BUILD_DIR, bed.endpoint, config) as agent:
            assert agent.call("GET", "/version").status == 200
            api.answers["/apis/authentication.k8s.io/"] = api.hang
            yield agent, api


def ask_as_strangers(agent: Agent, api: ApiStandIn, count: int, stack: contextlib.ExitStack):
    """Requests with a token each, that wait for the API server: more than it is asked at once."""
    asked = api.count("/apis/authentication.k8s.io/")
    for number in range(count):
        one = stack.enter_context(contextlib.closing(agent.connect()))
        one.request("GET", "/version", headers={"Authorization": f"Bearer stranger-{number}"})
    wait_until(lambda: api.count("/apis/authentication.k8s.io/") > asked, GONE_SECONDS,
               "the API server is asked")


def test_strangers_do_not_hold_up_those_who_are_known(bed, tmp_path):
    with asking_agent(bed, tmp_path, "60s") as (agent, api), contextlib.ExitStack() as stack:
        ask_as_strangers(agent, api, 24, stack)
        start = time.monotonic()
        assert agent.call("GET", "/version").status == 200
        assert time.monotonic() - start < 20


def test_stops_although_the_api_server_hangs(bed, tmp_path):
    with asking_agent(bed, tmp_path, "5s") as (agent, api), contextlib.ExitStack() as stack:
        ask_as_strangers(agent, api, 24, stack)
        start = time.monotonic()
        assert agent.stop() == 0 and time.monotonic() - start < 15
    with asking_agent(bed, tmp_path, "5s") as (agent, api), \
            concurrent.futures.ThreadPoolExecutor(1) as pool:
        # Nobody waits for this one but the health port.
        probe = pool.submit(agent.health, "/readyz")
        wait_until(lambda: api.count("/version"), GONE_SECONDS, "readiness is asked for")
        assert agent.stop() == 0
        with contextlib.suppress(OSError, http.client.HTTPException):
            probe.result()
