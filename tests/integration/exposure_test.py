"""Who of the target can look into the root of the tools, and which sessions are refused for it."""

import json
import subprocess

import pytest
import session
from bed import Containerd, Unavailable

EXPLAIN = ("--explain", "--output", "json")

TRACER = [session.CONTAINER_RIGHTS[0], session.CONTAINER_RIGHTS[1] + ",+sys_ptrace"]
NETADMIN = [session.CONTAINER_RIGHTS[0], session.CONTAINER_RIGHTS[1] + ",+net_admin"]
# Has every capability in a user namespace of its own, and has given them up.
NESTED = [*session.CONTAINER_RIGHTS, "unshare", "-U", "-r", "setpriv", "--bounding-set", "-all"]
TARGETS = {"default": session.CONTAINER_RIGHTS, "net_admin": NETADMIN, "tracer": TRACER}

WHAT_TO_DO = ("and could read the node's files through it: give --toolbox a directory with nothing "
              "secret in it, or --toolbox / to accept this")
SAME_RIGHTS = (f"ns-enter: the target has every capability of the command {WHAT_TO_DO}, or a "
               "--profile with a capability that the target lacks\n")
MAY_TRACE = f"ns-enter: the target has SYS_PTRACE {WHAT_TO_DO}\n"
OWN_NAMESPACE = f"ns-enter: the target made a user namespace of its own {WHAT_TO_DO}\n"


@pytest.fixture(scope="module")
def bed():
    try:
        with Containerd(version="2.1") as running:
            yield running
    except Unavailable as reason:
        pytest.skip(str(reason))


PROFILES = [["--profile", "general"], ["--profile", "baseline"], ["--profile", "netadmin"],
            ["--profile", "restricted"], ["--profile", "sysadmin"],
            ["--profile", "general", "-S", "1000"],
            ["--profile", "general", "--cap-drop", "SYS_PTRACE"],
            ["--profile", "baseline", "--cap-add", "SYS_TIME"]]


def looks_in(ns_enter: str, pid: int, rights: list[str], options: list[str]) -> bool:
    """Whether a process with these rights, and the command's user, reads the command's root."""
    running = session.Session(ns_enter, pid, "echo $(id -u) $$; exec sleep 1000", "--toolbox", "/",
                              *options)
    try:
        user, command = running.process.stdout.readline().decode().split()
        look = subprocess.run(
            ["nsenter", "-t", str(pid), "-m", "-p", "setpriv", *rights, "--reuid", user, "--regid",
             user, "--clear-groups", "readlink", f"/proc/{command}/root"],
            capture_output=True, text=True, check=False, timeout=20)
        assert look.stdout in ("/\n", ""), look
        return look.stdout == "/\n"
    finally:
        running.close()


@pytest.fixture(scope="module", params=TARGETS)
def target(request):
    with session.target(rights=TARGETS[request.param]) as pid:
        yield request.param, pid


@pytest.mark.parametrize("options", PROFILES, ids=" ".join)
def test_a_session_is_refused_when_the_kernel_would_let_the_target_in(ns_enter, target, options):
    rights, pid = target
    result = session.run(ns_enter, pid, *options, "--", "true")
    told = json.loads(session.run(ns_enter, pid, *options, *EXPLAIN).stdout)
    seen = looks_in(ns_enter, pid, TARGETS[rights], options)
    assert told["targetCanReadTools"] == seen
    assert result.returncode == int(seen)
    assert result.stderr == ("" if not seen else MAY_TRACE if rights == "tracer" else SAME_RIGHTS)
    assert told.get("refused", "") == result.stderr.removeprefix("ns-enter: ").rstrip("\n")


def test_a_target_that_made_its_user_namespace_is_not_believed(ns_enter):
    with session.target(rights=NESTED) as pid:
        result = session.run(ns_enter, pid, "--view", "toolbox", "--", "true")
        assert (result.returncode, result.stderr) == (1, OWN_NAMESPACE)


def test_a_user_namespace_by_the_runtime_changes_nothing(ns_enter):
    with session.target("-U", "-r") as pid:
        assert session.run(ns_enter, pid, "--view", "toolbox", "--", "true").returncode == 0
        result = session.run(ns_enter, pid, "--profile", "baseline", "--", "true")
        assert (result.returncode, result.stderr) == (1, SAME_RIGHTS)


def test_who_names_the_tools_is_not_refused(ns_enter, tmp_path):
    with session.target(rights=TRACER) as pid:
        assert session.run(ns_enter, pid, "--toolbox", "/", "--", "true").returncode == 0
        told = json.loads(session.run(ns_enter, pid, "--toolbox", "/", *EXPLAIN).stdout)
        assert told["targetCanReadTools"] and "refused" not in told
        empty = session.run(ns_enter, pid, "--toolbox", str(tmp_path), "--", "true")
        assert empty.returncode == 127, empty.stderr


def test_a_refused_session_starts_nothing(ns_enter):
    with session.target() as pid:
        running = session.Session(ns_enter, pid, "echo ran", "--profile", "baseline")
        try:
            assert running.process.wait(20) == 1
            assert running.process.stdout.read() == b""
            assert not running.leftovers()
        finally:
            running.close()


PODS = {
    "default": ({}, {}, ["general", "netadmin", "sysadmin"]),
    "that may trace": ({}, {"add_capabilities": ["SYS_PTRACE"]}, []),
    "with no rights": ({}, {"drop_capabilities": ["ALL"], "user": 1000},
                       ["general", "baseline", "netadmin", "sysadmin"]),
    "privileged": ({"privileged": True}, {"privileged": True}, []),
}


@pytest.mark.parametrize("kind", PODS)
def test_pods(bed, ns_enter, kind):
    of_pod, of_container, admitted = PODS[kind]
    pod = bed.run_pod("shop", f"tools-{kind.replace(' ', '-')}", **of_pod)
    bed.run_container(pod, "app", **of_container)
    for profile in ["general", "baseline", "netadmin", "sysadmin", "restricted"]:
        command = [ns_enter, "--runtime-endpoint", bed.endpoint, "--pod", f"shop/{pod.spec.name}",
                   "--profile", profile, "--", "true"]
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        assert result.returncode == int(profile not in admitted), (profile, result.stderr)
        assert ("--toolbox" in result.stderr) == (profile not in admitted)
        command[1:1] = ["--toolbox", "/"]
        subprocess.run(command, check=True, timeout=30)
