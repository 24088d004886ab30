"""The whole way through an API server to an agent: what it costs in round trips, in small clusters
and in large ones, and how it is found in a pod."""

import json
import re
import subprocess

import pytest
from agent import TOKEN
from api_stand_in import AGENTS as AGENTS_OF_ONE
from api_stand_in import agent_table, answer
from conftest import BUILD_DIR
from route import kubeconfig, way_to_an_agent

PROGRAM = str(BUILD_DIR / "bin" / "kubectl-ns_debug")
AGENTS = "/api/v1/namespaces/ns-debug/pods?"
MAX_ROUND_TRIPS = 6
SECONDS = 60


@pytest.fixture(scope="module", name="folder")
def folder_fixture(tmp_path_factory):
    return tmp_path_factory.mktemp("route")


@pytest.fixture(scope="module", name="way")
def way_fixture(folder):
    with way_to_an_agent(BUILD_DIR, folder) as api:
        yield api


@pytest.fixture(name="api")
def api_fixture(way):
    before = dict(way.answers)
    way.requests.clear()
    yield way
    way.answers = before


def run(api, folder, target: str) -> tuple[subprocess.CompletedProcess, list[str]]:
    """The plugin's end, and what had to wait for the other side, one after the other."""
    done = subprocess.run(
        [PROGRAM, "--kubeconfig", str(kubeconfig(api, folder)), "-v=6", target, "--", "echo",
         "done"], stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin"}, check=False)
    told = re.search(rb'"Round trips" sequential=(\d+) were="(.*)"', done.stderr)
    assert told, done.stderr
    trips = told[2].decode().split(", ")
    assert int(told[1]) == len(trips)
    return done, trips


@pytest.mark.parametrize("nodes", [1, 300])
def test_at_most_six_round_trips_whatever_the_number_of_nodes(api, folder, nodes):
    table = agent_table(nodes)
    table["rows"].reverse()
    api.answers[AGENTS] = lambda headers: answer(200, table)
    done, trips = run(api, folder, "pod/web")
    assert (done.returncode, done.stdout) == (0, b"done\n"), done.stderr
    assert len(trips) <= MAX_ROUND_TRIPS, trips
    # The pod, the agents, their authority, and the port-forward.
    assert len(api.requests) == 4, api.requests


def test_a_node_costs_no_more(api, folder):
    done, trips = run(api, folder, "node/n1")
    assert (done.returncode, done.stdout) == (0, b"done\n"), done.stderr
    assert len(trips) <= MAX_ROUND_TRIPS, trips


def test_no_agent_is_asked_for_whole_but_the_one_of_the_node(api, folder):
    """A pod has several KiB, and a cluster may have thousands of agents."""
    asked = []

    def agents(headers):
        asked.append(headers["accept"])
        return answer(200, agent_table(1))

    api.answers[AGENTS] = agents
    done, _ = run(api, folder, "pod/web")
    assert done.returncode == 0, done.stderr
    assert len(asked) == 1 and "as=Table" in asked[0]
    path = next(one for one in api.requests if one.startswith(AGENTS))
    assert "limit=500" in path and "includeObject=None" in path


@pytest.mark.parametrize("verb", ["ls", "sessions", "version"])
def test_verbs_for_all_nodes_hold_few_connections_open(api, folder, verb):
    """Whatever the number of nodes: descriptors are few, and agents close what is idle."""
    nodes = 25
    items = [{**AGENTS_OF_ONE["items"][0], "spec": {"nodeName": f"n{number}"}}
             for number in range(1, nodes + 1)]
    api.answers[AGENTS] = lambda headers: answer(200, {"kind": "PodList", "items": items})
    api.most_open = 0
    done = subprocess.run(
        [PROGRAM, "--kubeconfig", str(kubeconfig(api, folder)), "-o", "json", verb],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin"}, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    if verb != "sessions":
        assert [one["node"] for one in told["agents"]] == sorted(
            f"n{number}" for number in range(1, nodes + 1))
    # Some are being closed while the next are opened.
    assert api.most_open < nodes


def test_an_agent_of_another_authority_is_told_from_a_lost_connection(api, folder):
    other = {"kind": "ConfigMap", "data": {"ca.crt": api.certificate.read_text()}}
    api.answers["/api/v1/namespaces/ns-debug/configmaps/"] = lambda headers: answer(200, other)
    done, _ = run(api, folder, "pod/web")
    assert (done.returncode, done.stdout) == (245, b"")
    assert b"hint: nothing was sent: see that ConfigMap ns-debug-ca" in done.stderr


def test_in_a_pod_it_is_the_service_account(api, folder):
    """No kubeconfig and no HOME: what the kubelet gives every pod, where it gives it."""
    account = folder / "serviceaccount"
    account.mkdir()
    (account / "token").write_text(TOKEN)
    (account / "namespace").write_text("shop")
    (account / "ca.crt").write_bytes(api.certificate.read_bytes())
    script = ("mount -t tmpfs none /run && mkdir -p /run/secrets/kubernetes.io &&"
              f" cp -r {account} /run/secrets/kubernetes.io/serviceaccount && exec \"$@\"")
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", PROGRAM, "web", "--", "sh", "-c",
         "cat; exit 7"], stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS,
        env={"PATH": "/usr/bin:/bin", "KUBERNETES_SERVICE_HOST": "127.0.0.1",
             "KUBERNETES_SERVICE_PORT": str(api.port)}, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (7, b"", b"")
    assert api.count("/api/v1/namespaces/shop/pods/web") == 1
