"""ns-enter on another kind of node: the newest kernel, pure cgroup v2, AppArmor, pods with user
namespaces, runc and crun. The node is a virtual machine; the programs are those built here.
"""

import json
import re
import shlex

import pytest
from conftest import BUILD_DIR
from vm import Node, Unavailable, Vm
from vm.node import HOST_IDS, ID_COUNT

NS_ENTER = "/host/bin/ns-enter"
# A minute on an idle machine, more where others compile.
GUEST_TESTS_SECONDS = 600
PROFILE = "cri-containerd.apparmor.d (enforce)"
# The runtime of each pod by the pod's name; those that say so have a user namespace of their own
# (hostUsers: false).
PODS = {"runc": "runc", "crun": "crun", "users-runc": "runc", "users-crun": "crun"}
USERS = [name for name in PODS if name.startswith("users")]


@pytest.fixture(scope="module")
def vm(ns_enter):
    try:
        with Vm(BUILD_DIR) as machine:
            yield machine
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def node(vm):
    node = Node(vm)
    yield node
    node.close()


@pytest.fixture(scope="module")
def pods(node):
    """The container `app` of each of the pods shop/NAME."""
    made = {}
    for name, handler in PODS.items():
        pod = node.run_pod("shop", name, handler, user_namespace=name in USERS)
        made[name] = node.run_container(pod, "app", image="busybox")
    return made


def enter(vm, *words: str, code: int = 0) -> str:
    """What ns-enter's command prints in the guest."""
    result = vm.run(shlex.join([NS_ENTER, "-q", *words]))
    assert result.code == code, result
    return result.stdout


# Those of the guest's tests that need no pod run in it, as they do elsewhere.


@pytest.mark.parametrize("words, at_least", [
    pytest.param("namespace_id_test.py", 15, id="namespace ids"),
    pytest.param("cgroup_v2_test.py", 25, id="cgroup v2"),
    pytest.param("differential_test.py -k '2.42 and (combination or caller)'", 60,
                 id="differential"),
    pytest.param("profile_test.py", 15, id="profiles"),
    pytest.param("escape_test.py -k 'not netadmin'", 35, id="escapes"),
    pytest.param("lifetime_test.py", 100, id="lifetime"),
    # Of each way to leave something behind, the end that is the hardest.
    pytest.param("cleanup_test.py -k 'toolbox and SIGKILL'", 15, id="cleanup"),
])
def test_the_tests_of_a_node_pass_on_this_one(vm, words, at_least):
    result = vm.run(f"/host/guest/run-tests {words}", GUEST_TESTS_SECONDS)
    assert result.code == 0, result.stdout + result.stderr
    passed = re.search(r"(\d+) passed", result.stdout)
    assert passed and int(passed[1]) >= at_least and "skipped" not in result.stdout, result.stdout


# Pods of its container runtime, found where a runtime is by default.


@pytest.mark.parametrize("name", PODS)
def test_a_pod_is_found_by_name_and_a_container_by_id(vm, pods, name):
    container = pods[name]
    expected = vm.check(f"readlink /proc/{container.pid}/ns/net").strip()
    for words in (["--pod", f"shop/{name}"], ["--container", container.id[:16]]):
        assert enter(vm, *words, "--", "readlink", "/proc/self/ns/net").strip() == expected


@pytest.mark.parametrize("name", PODS)
def test_the_toolbox_shows_the_pods_processes_and_files(vm, pods, name):
    told = enter(vm, "--pod", f"shop/{name}", "--", "sh", "-c",
                 "ps -eo pid,args; cat /target/etc/passwd; hostname; python3 -c 'print(6 * 7)'")
    assert re.search(r"^ +1 /bin/sleep 1000000$", told, re.MULTILINE), told
    assert "app:x:1000:1000:app:/home/app:/bin/sh" in told
    # A program that the container does not have.
    assert told.splitlines()[-2:] == [name, "42"]


@pytest.mark.parametrize("name", PODS)
def test_the_container_view_is_what_the_runtimes_exec_gives(vm, node, pods, name):
    script = ("cat /proc/self/attr/current /proc/self/cgroup /proc/self/uid_map; "
              "grep -E '^(Uid|Gid|Groups|Cap...|NoNewPrivs|Seccomp):' /proc/self/status; "
              "readlink /proc/self/ns/*; pwd; env | sort")
    theirs = node.exec_sync(pods[name], "sh", "-c", script)
    ours = enter(vm, "--pod", f"shop/{name}", "--view", "container", "--", "sh", "-c", script)
    assert _comparable(ours) == _comparable(theirs)
    assert ours.splitlines()[0] == PROFILE


def _comparable(told: str) -> list[str]:
    # Each runtime sets a variable or two of its own choice for a shell.
    return [line for line in told.splitlines() if not line.startswith(("SHLVL=", "HOME=", "TERM="))]


@pytest.mark.parametrize("name", PODS)
def test_a_toolbox_session_is_not_confined_by_the_containers_profile(vm, pods, name):
    label = enter(vm, "--pod", f"shop/{name}", "--", "cat", "/proc/self/attr/current")
    assert label.strip() == "unconfined"
    assert vm.check(f"cat /proc/{pods[name].pid}/attr/current").strip() == PROFILE


@pytest.mark.parametrize("name", PODS)
def test_a_toolbox_session_is_in_a_cgroup_of_its_own(vm, pods, name):
    script = "echo $$; cat /proc/self/cgroup"
    told = enter(vm, "--pod", f"shop/{name}", "--", "sh", "-c", script)
    own = r"^0::/.*/ns-debug/\d+-\d+-\d+-[0-9a-f]{8}/command$"
    assert re.search(own, told, re.MULTILINE), told
    assert vm.check("ls /sys/fs/cgroup/ns-debug | grep -c -- - || true").strip() == "0"


@pytest.mark.parametrize("view", ["toolbox", "container"])
@pytest.mark.parametrize("name", PODS)
def test_from_a_cgroup_namespace_like_that_of_an_agents_pod(vm, pods, name, view):
    words = [NS_ENTER, "-q", "--pod", f"shop/{name}", "--view", view, "--",
             "cat", "/proc/self/cgroup"]
    own = f"/sys/fs/cgroup/agents/{name}-{view}"
    told = vm.check(f"mkdir -p {own}; (echo 0 >{own}/cgroup.procs; exec unshare --cgroup "
                    f"{shlex.join(words)}); code=$?; rmdir {own}; exit $code")
    # As from the node.
    assert _session_name(told) == _session_name(vm.check(shlex.join(words)))


def _session_name(told: str) -> str:
    return re.sub(r"\d+-\d+-\d+-[0-9a-f]{8}", "NAME", told)


@pytest.mark.parametrize("view", ["toolbox", "container"])
@pytest.mark.parametrize("name", USERS)
def test_a_user_namespace_is_entered_with_the_pod(vm, pods, name, view):
    script = "cat /proc/self/uid_map /proc/self/gid_map; id -u; id -g; readlink /proc/self/ns/user"
    told = enter(vm, "--pod", f"shop/{name}", "--view", view, "--", "sh", "-c", script)
    mapping = ["0", str(HOST_IDS), str(ID_COUNT)]
    lines = told.splitlines()
    assert [line.split() for line in lines[:2]] == [mapping, mapping]
    assert lines[2:4] == ["0", "0"]
    assert lines[4] == vm.check(f"readlink /proc/{pods[name].pid}/ns/user").strip()


@pytest.mark.parametrize("name", USERS)
def test_root_of_a_user_namespace_is_nobody_on_the_node(vm, pods, name):
    root = f"/proc/{pods[name].pid}/root"
    vm.check(f"umask 077; echo secret > {root}/root/secret")
    script = "touch /target/tmp/ours && stat -c %u /target/tmp/ours; cat /target/root/secret"
    result = vm.run(shlex.join([NS_ENTER, "--pod", f"shop/{name}", "--", "sh", "-c", script]))
    # In the pod it is root; the file of the node's root, whom the pod does not know, stays shut.
    assert result.stdout == "0\n", result
    assert "Permission denied" in result.stderr
    assert vm.check(f"stat -c %u {root}/tmp/ours").strip() == str(HOST_IDS)


@pytest.mark.parametrize("view, label", [
    ("toolbox", "unconfined"), ("container", PROFILE.split()[0])])
@pytest.mark.parametrize("name", PODS)
def test_explain_names_process_and_label(vm, pods, name, view, label):
    words = ["--pod", f"shop/{name}", "--view", view, "--explain", "-o", "json"]
    told = json.loads(enter(vm, *words))
    assert (told["target"]["pid"], told["label"]) == (pods[name].pid, label)
