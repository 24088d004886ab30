"""What breaks while a session is open: nothing of it stays on the node, the client does not take it
for the command's own end, and the next session works."""

import contextlib
import os
import signal
import subprocess

import pods
import pytest
from bed import leftovers
from bed.deadline import wait_until
from deployment import NAMESPACE

# Nobody knows how the command ended; the agent has said that it goes away.
LOST, AGENT_GONE = 240, 243
NOT_STARTED = 244
SECONDS = 120
# Three processes that nobody else has, one of them out of the session's reach for signals.
SCRIPT = "setsid sleep 987654 & sleep 987653 & echo started; exec sleep 987652"


@pytest.fixture(name="session")
def session_fixture(alice, deployment):
    """An open session of alice's; nothing of it is on the node at the end."""
    with alice.start("-n", pods.SHOP, "web", "--", "sh", "-c", SCRIPT) as running:
        try:
            assert running.stdout.readline() == b"started\n"
            wait_until(lambda: len(deployment.processes("9876")) == 3, SECONDS, "it has started")
            yield running
        finally:
            running.kill()
    deployment.wait_until_no_session()
    assert deployment.processes("9876") == []


def assert_lost(session: subprocess.Popen, *codes: int) -> None:
    """Its client has ended with one of `codes`, and has said why."""
    _, told = session.communicate(timeout=SECONDS)
    assert session.returncode in codes, (session.returncode, told)
    assert told.startswith(b"error: "), told


def works_again(alice) -> None:
    last = []

    def works() -> bool:
        last[:] = [alice.run("-n", pods.SHOP, "web", "--", "true")]
        return last[0].returncode == 0

    try:
        wait_until(works, SECONDS, "a session works again")
    except Exception as error:
        raise AssertionError(f"{error}: {last}") from None


@contextlib.contextmanager
def processes_left(node_cgroup: str, count: int):
    """The node's pods, agents and sessions may have so many processes more than they have."""
    folder, = {path.parent for root in leftovers.cgroup_roots()
               for path in (root / node_cgroup).glob("pids.max")}
    before = (folder / "pids.max").read_text()
    current = int((folder / "pids.current").read_text())
    (folder / "pids.max").write_text(str(current + count))
    try:
        yield
    finally:
        (folder / "pids.max").write_text(before)


def test_the_node_is_out_of_pids(session, alice, deployment, cluster):
    """However far a session comes before there is no process left for it."""
    before = deployment.sessions()
    codes = []
    for count in [*range(8), 100]:
        with processes_left(cluster.node.cgroup, count):
            done = alice.run("-n", pods.SHOP, "web", "--", "true")
        codes.append(done.returncode)
        assert codes[-1] in (0, NOT_STARTED), done
        if codes[-1] != 0:
            assert b"resource temporarily unavailable" in done.stderr.lower(), done
        wait_until(lambda: set(deployment.sessions()) == set(before), SECONDS,
                   "nothing of it is left")
    assert codes[0] == NOT_STARTED and codes[-1] == 0, codes
    assert session.poll() is None


def test_the_agents_pod_is_deleted(session, alice, deployment, cluster):
    pod = deployment.agent_pod()
    cluster.delete({"apiVersion": "v1", "kind": "Pod", "metadata": {
        "namespace": NAMESPACE, "name": pod["metadata"]["name"]}})
    assert_lost(session, LOST, AGENT_GONE)
    deployment.wait_until_ready(not_uid=pod["metadata"]["uid"])
    works_again(alice)


def test_the_agent_is_killed(session, alice, deployment):
    os.kill(min(deployment.agent_processes()), signal.SIGKILL)
    assert_lost(session, LOST)
    deployment.wait_until_ready()
    works_again(alice)


def test_the_api_server_is_restarted(session, alice, cluster):
    cluster.control_plane.stop_apiserver()
    try:
        assert_lost(session, LOST)
    finally:
        cluster.control_plane.start_apiserver()
    works_again(alice)


def test_the_kubelet_is_restarted(session, alice, cluster):
    cluster.node.restart_kubelet()
    assert_lost(session, LOST)
    works_again(alice)


def test_the_runtime_is_restarted(session, alice, cluster):
    cluster.node.restart_runtime()
    assert_lost(session, LOST)
    works_again(alice)


def test_the_pod_is_deleted(alice, deployment, cluster):
    cluster.apply(pods.web(name="brief"))
    cluster.wait_for_pod(pods.SHOP, "brief")
    with alice.start("-n", pods.SHOP, "brief", "--", "sh", "-c", SCRIPT) as running:
        assert running.stdout.readline() == b"started\n"
        cluster.delete(pods.web(name="brief"))
        _, told = running.communicate(timeout=SECONDS)
    assert (running.returncode, told.startswith(b"error: ")) == (242, True), told
    deployment.wait_until_no_session()
    assert deployment.processes("9876") == []
