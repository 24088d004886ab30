"""The ns-enter that an agent has ready before it is asked for a session."""

import contextlib
import os
import pathlib
import signal

import pytest
from agent import EVERYTHING, TOKEN, Agent
from bed import Containerd
from bed.deadline import wait_until
from conftest import BUILD_DIR
from exec_stream import Stream

READY_SECONDS = 20
READY = "echo ready; exec sleep 1000"


@pytest.fixture(scope="module")
def bed():
    with Containerd("2.1") as one:
        one.run_container(one.run_pod("shop", "web"), "app", image="busybox")
        yield one


@pytest.fixture
def agent(bed):
    with Agent(BUILD_DIR, bed.endpoint,
               tokens=[{"token": TOKEN, "user": "admin", "rules": EVERYTHING}]) as one:
        yield one


def spare(agent: Agent, other_than: int = 0) -> int:
    """Waits for the one that is ready; its pid."""
    wait_until(lambda: agent.ns_enters(with_session=False) not in ([], [other_than]),
               READY_SECONDS, "an ns-enter waits for its plan")
    pid, = agent.ns_enters(with_session=False)
    return pid


def test_a_session_takes_it_and_the_next_is_made(agent):
    pid = spare(agent)
    with Stream(agent, ["sh", "-c", READY, "first"]) as stream:
        stream.wait_for(b"ready")
        assert agent.ns_enters() == [pid]
        assert spare(agent) != pid


def test_sessions_start_without_it_too(agent):
    with Stream(agent, ["sh", "-c", READY, "one"]) as one, \
            Stream(agent, ["sh", "-c", READY, "two"]) as two, \
            Stream(agent, ["sh", "-c", READY, "three"]) as three:
        for stream in (one, two, three):
            stream.wait_for(b"ready")
        assert len(agent.ns_enters()) == 3


def test_is_nobody_elses_and_holds_nothing_of_the_agent(agent):
    folder = pathlib.Path(f"/proc/{spare(agent)}")

    def opened() -> dict[int, str]:
        """What is open, by its number; of a socket that it is one."""
        found = {}
        for path in (folder / "fd").iterdir():
            # One may be closed again meanwhile.
            with contextlib.suppress(FileNotFoundError):
                found[int(path.name)] = os.readlink(path).split(":")[0]
        return found

    # Before it waits it reads files of the node.
    wait_until(lambda: opened() == {0: "/dev/null", 1: "/dev/null", 2: "/dev/null", 3: "socket"},
               READY_SECONDS, "it has its socket and nothing else")
    assert (folder / "environ").read_bytes() == b""


def test_one_that_was_killed_costs_no_session(agent):
    pid = spare(agent)
    os.kill(pid, signal.SIGKILL)
    answer = agent.exec("shop/web", ["echo", "well"])
    assert answer.status == 200 and answer.json()["stdout"] == "well\n"
    assert spare(agent, other_than=pid) != pid
    wait_until(lambda: not agent.ns_enters(), READY_SECONDS, "both are reaped")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_ends_with_the_agent(agent, how):
    pid = spare(agent)
    agent.process.send_signal(how)
    agent.process.wait(READY_SECONDS)
    wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), READY_SECONDS, "it has ended")
