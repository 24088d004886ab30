"""A second node of another kind joins the cluster, and the chart's agent comes with it: an emulated
machine with nothing but cgroup v2, with AppArmor, user namespaces and the newest kernel.

The other tests know one node, so it leaves again at the end.
"""

import json
import os

import pods
import pytest
from bed import Unavailable
from bed.deadline import wait_until
from cluster import kubectl
from deployment import NAMESPACE
from faults_test import AGENT_GONE, LOST, SCRIPT, SECONDS, assert_lost

# Of the runtime on a node with AppArmor, for every container that asks for no other.
PROFILE = "cri-containerd.apparmor.d"
# The chart's limits of a session, as cgroup v2 has them.
LIMITS = {"memory.max": f"{512 << 20}\n", "pids.max": "256\n", "cpu.max": "100000 100000\n"}
# The machine is emulated.
POD_SECONDS = 600
ANSWER_SECONDS = 100


@pytest.fixture(scope="module", name="node")
def node_fixture(machine, cluster, deployment, alice, sre):
    """The node, with an agent and two pods of the shop; a third one is on the first node."""
    assert alice and sre  # Before there is anything that their commands could also run on.
    if isinstance(machine, Unavailable):
        pytest.skip(str(machine))
    machine.join()
    first = {"kubernetes.io/hostname": cluster.node.name}
    confined = {"appArmorProfile": {"type": "RuntimeDefault"}}
    made = [pods.anywhere("near", first),
            pods.anywhere("mapped", machine.selector, hostUsers=False),
            pods.anywhere("confined", machine.selector, securityContext=confined)]
    cluster.apply(made)
    deployment.wait_until_ready(node=machine.name)
    for pod in made:
        try:
            cluster.wait_for_pod(pods.SHOP, pod["metadata"]["name"], POD_SECONDS)
        except Exception as error:
            raise AssertionError(f"{error}\n{machine.log_tail()}") from None
    yield machine
    machine.leave()
    cluster.delete(made[0])


@pytest.fixture(scope="module", name="alice")
def alice_fixture(alice):
    """The same, with patience: the machine is emulated."""
    return alice.with_options("--request-timeout", f"{ANSWER_SECONDS}s")


@pytest.fixture(scope="module", name="sre")
def sre_fixture(sre):
    """And she as well."""
    return sre.with_options("--request-timeout", f"{ANSWER_SECONDS}s")


@pytest.fixture(name="session")
def session_fixture(node, alice, deployment):
    """An open session of alice's on it, and the cgroup that it has there; nothing of it is left at
    the end."""
    parent = f"/sys/fs/cgroup{deployment.cgroup_parent}"
    with alice.start("-n", pods.SHOP, "confined", "--", "sh", "-c", SCRIPT) as running:
        try:
            started = running.stdout.readline()
            assert started == b"started\n", running.stderr.read()
            # That of the command before it may be there for a moment.
            cgroup, = wait_until(lambda: only_one(node.check(f"ls -d {parent}/*/").split()),
                                 SECONDS, "its cgroup alone")
            yield running, cgroup
        finally:
            running.kill()
    wait_until(lambda: what_is_left(node, parent) == "", SECONDS, "nothing of it left")


def only_one(found: list[str]) -> list[str]:
    return found if len(found) == 1 else []


def what_is_left(node, parent: str) -> str:
    """Processes and cgroups of sessions on the node, a line each. One ns-enter waits for the next
    session."""
    return node.check("pgrep -af 'sleep [9]876|ns-ente[r]: '; "
                      "pgrep -f -- '--plan-f[d]' | tail -n +2; "
                      f"find {parent} -mindepth 1 -type d")


def runtimes_exec(cluster, pod: str, *command: str) -> str:
    """What kubectl exec gives."""
    return kubectl(cluster, "-n", pods.SHOP, "exec", pod, "--", *command).stdout


def test_both_nodes_are_listed(sre, cluster, node):
    told = json.loads(sre.output("-n", pods.SHOP, "ls", "-o", "json"))
    assert {agent["node"]: agent["ready"] for agent in told["agents"]} == {
        cluster.node.name: True, node.name: True}
    where = {pod["name"]: pod["node"] for pod in told["pods"]}
    assert {name: where[name] for name in ("near", "mapped", "confined")} == {
        "near": cluster.node.name, "mapped": node.name, "confined": node.name}


def test_a_command_on_all_nodes(sre, cluster, node):
    told = sre.output("node", "--all", "-o", "json", "--", "uname", "-r")
    kernels = {one["node"]: one["stdout"] for one in map(json.loads, told.splitlines())}
    assert kernels == {cluster.node.name: f"{os.uname().release}\n",
                       node.name: node.check("uname -r")}


@pytest.mark.usefixtures("node")
def test_a_command_in_pods_on_both_nodes(alice):
    told = alice.output("-n", pods.SHOP, "-l", "tier=anywhere", "-o", "json", "--", "hostname")
    names = [(one["pod"], one["exitCode"], one["stdout"])
             for one in map(json.loads, told.splitlines())]
    assert sorted(names) == [(name, 0, f"{name}\n") for name in ("confined", "mapped", "near")]


@pytest.mark.parametrize("view", ["toolbox", "container"])
def test_a_pod_with_users_of_its_own(alice, cluster, node, view):
    script = "cat /proc/self/uid_map; id -u; ps -o pid,args -A 2>/dev/null || ps -o pid,args"
    told = alice.output("-n", pods.SHOP, "mapped", "--view", view, "--", "sh", "-c", script)
    mapping, user, _, *processes = told.splitlines()
    theirs = runtimes_exec(cluster, "mapped", "cat", "/proc/self/uid_map")
    assert mapping.split() == theirs.split()
    assert int(mapping.split()[1]) > 0 and user == "0", told
    # And no others than the pod's.
    assert processes[0].split(maxsplit=1) == ["1", "sleep 1000000"], told
    assert "kubelet" not in told
    assert node.check("pgrep -x kubelet")


def test_its_root_is_nobody_on_the_node(alice, node):
    alice.output("-n", pods.SHOP, "mapped", "--", "touch", "/target/tmp/ours")
    found = node.check("stat -c %u /proc/[0-9]*/root/tmp/ours 2>/dev/null | sort -u").split()
    assert len(found) == 1 and int(found[0]) > 0


def test_a_container_view_has_the_containers_apparmor_profile(alice, cluster, node):
    show = ["cat", "/proc/self/attr/current"]
    ours = alice.output("-n", pods.SHOP, "confined", "--view", "container", "--", *show)
    assert ours == runtimes_exec(cluster, "confined", *show) == f"{PROFILE} (enforce)\n"


def test_explain_names_the_profile(sre, node):
    """The plugin's tells what the target has; that of the agent's image, for the node's root, what
    the command would get."""
    told = json.loads(sre.output("-n", pods.SHOP, "explain", "confined", "-o", "json"))
    container, = told["containers"]
    assert container["securityLabel"] == PROFILE
    told = sre.output(f"node/{node.name}", "--profile", "sysadmin", "--", "ns-enter", "--target",
                      str(container["pid"]), "--view", "container", "--explain", "-o", "json")
    assert json.loads(told)["label"] == PROFILE


def test_a_session_is_contained_by_cgroup_v2(session, node):
    _, cgroup = session
    for name, limit in LIMITS.items():
        assert node.check(f"cat {cgroup}{name}") == limit
    # exec comes after what says that it has started.
    commands = ["", *(f"sleep {number} " for number in (987652, 987653, 987654))]
    show = (f"for pid in $(cat {cgroup}command/cgroup.procs); do "
            "tr '\\0' ' ' </proc/$pid/cmdline; echo; done")
    wait_until(lambda: sorted(node.check(show).split("\n")) == commands, SECONDS, "it in there")


def test_the_agents_pod_is_deleted(session, alice, deployment, cluster, node):
    running, _ = session
    pod = deployment.agent_pod(node.name)
    cluster.delete({"apiVersion": "v1", "kind": "Pod", "metadata": {
        "namespace": NAMESPACE, "name": pod["metadata"]["name"]}})
    assert_lost(running, LOST, AGENT_GONE)
    deployment.wait_until_ready(not_uid=pod["metadata"]["uid"], node=node.name)
    # By the new one.
    wait_until(lambda: alice.run("-n", pods.SHOP, "confined", "--", "true").returncode == 0,
               SECONDS, "a session works again")
