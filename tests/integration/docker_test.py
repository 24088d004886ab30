"""ns-enter --docker against a real Docker Engine and a real Podman service."""

import collections
import os
import pathlib
import select
import subprocess
import sys

import pytest

# By its own folder: "docker" as a package would be another one where python3-docker is installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "docker"))

import engine_bed  # noqa: E402

KINDS = ("net", "ipc", "uts", "pid")
FOREVER = ["/bin/sleep", "100000"]


@pytest.fixture(scope="module", params=["docker", "podman"])
def bed(request):
    """An engine with containers in every state that matters."""
    reason = engine_bed.missing(request.param)
    if reason:
        pytest.skip(reason)
    with engine_bed.EngineBed(request.param) as started:
        started.create("web", FOREVER)
        started.start("web")
        started.create("ended", ["/bin/sh", "-c", "exit 3"])
        started.start("ended")
        started.wait_for_state("ended", "exited")
        started.create("fresh", FOREVER)
        yield started
    assert started.left() == []


@pytest.fixture
def enter(bed, request):
    """Runs ns-enter on a container of the bed; returns the finished process."""
    program = os.environ.get("NS_ENTER") or request.getfixturevalue("ns_enter")

    def run(name, *arguments, docker_host=None, environment=None):
        host = f"unix://{bed.socket}" if docker_host is None else docker_host
        option = ["--docker-host", host] if host else []
        return subprocess.run([program, "--docker", name, *option, *arguments],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                              env={**os.environ, **(environment or {})}, check=False)

    return run


def namespaces_of(pid, kinds):
    return [os.readlink(f"/proc/{pid}/ns/{kind}") for kind in kinds]


def assert_entered(finished, pid, kinds=KINDS):
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.split() == namespaces_of(pid, kinds)


def assert_refused(finished, message):
    assert finished.returncode == 1, finished
    assert message in finished.stderr
    assert len(finished.stderr.splitlines()) == 1
    assert finished.stdout == ""


def readlinks(kinds):
    """A command that prints its own namespaces, on the node as in the containers."""
    script = 'for kind in "$@"; do readlink /proc/self/ns/$kind; done'
    return ["/bin/sh", "-c", script, "sh", *kinds]


def test_enters_by_name(bed, enter):
    pid = bed.inspect("web")["State"]["Pid"]
    assert namespaces_of(pid, ["net"]) != namespaces_of("self", ["net"])
    assert_entered(enter("web", "-n", "-i", "-u", "-p", "--", *readlinks(KINDS)), pid)
    assert_entered(enter("/web", "-n", "-i", "-u", "-p", "--", *readlinks(KINDS)), pid)


def test_enters_the_mount_namespace_with_the_containers_own_tools(bed, enter):
    kinds = (*KINDS, "mnt")
    pid = bed.inspect("web")["State"]["Pid"]
    assert_entered(enter("web", "-a", "--", *readlinks(kinds)), pid, kinds)


def test_enters_by_id_and_by_unique_prefix(bed, enter):
    description = bed.inspect("web")
    for digits in (64, 12):
        finished = enter(description["Id"][:digits], "-n", "--", *readlinks(["net"]))
        assert_entered(finished, description["State"]["Pid"], ["net"])


def test_takes_the_engine_from_docker_host(bed, enter):
    finished = enter("web", "-n", "--", *readlinks(["net"]), docker_host="",
                     environment={"DOCKER_HOST": f"unix://{bed.socket}"})
    assert_entered(finished, bed.inspect("web")["State"]["Pid"], ["net"])


def test_enters_a_paused_container(bed, enter):
    bed.create("still", FOREVER)
    pid = bed.start("still")
    bed.request("POST", "/containers/still/pause")
    try:
        assert_entered(enter("still", "-n", "--", *readlinks(["net"])), pid, ["net"])
    finally:
        bed.request("POST", "/containers/still/unpause")


def test_enters_the_new_process_after_a_restart(bed, enter):
    bed.create("again", FOREVER)
    first = bed.start("again")
    bed.request("POST", "/containers/again/restart?t=0")
    second = bed.inspect("again")["State"]["Pid"]
    assert second not in (0, first)
    assert_entered(enter("again", "-n", "--", *readlinks(["net"])), second, ["net"])


def test_refuses_a_container_that_has_exited(bed, enter):
    assert_refused(enter("ended", "-n", "--", "true"),
                   f"container ended has exited with code 3: {bed.kind} start ended")


def test_refuses_a_container_that_was_never_started(bed, enter):
    assert_refused(enter("fresh", "-n", "--", "true"),
                   f"container fresh was created but never started: {bed.kind} start fresh")


def test_refuses_an_unknown_name(bed, enter):
    assert_refused(enter("nobody", "-n", "--", "true"),
                   f"container nobody not found: the engine at {bed.socket} says: ")


def test_refuses_an_ambiguous_prefix(bed, enter):
    # Of 17 hexadecimal ids two begin alike.
    for number in range(17):
        bed.create(f"many-{number}", FOREVER)
    firsts = collections.Counter(
        container["Id"][0] for container in bed.request("GET", "/containers/json?all=1"))
    prefix = firsts.most_common(1)[0][0]
    assert_refused(enter(prefix, "-n", "--", "true"),
                   f"container {prefix} is ambiguous: more than one id of the engine at "
                   f"{bed.socket} starts with it")


def test_refuses_a_sandboxed_runtime(bed, enter):
    bed.create_sandboxed("boxed", FOREVER)
    assert bed.start("boxed") > 0
    assert_refused(enter("boxed", "-n", "--", "true"),
                   "container boxed runs in a sandbox with its own kernel (runtime runsc)")


def test_refuses_an_impossible_name(enter):
    assert_refused(enter("../images/json", "-n", "--", "true"),
                   'container name "../images/json": it must start with a letter or digit')


def test_names_the_socket_that_is_missing(bed, enter):
    missing = f"{bed.folder}/none.sock"
    assert_refused(enter("web", "-n", "--", "true", docker_host=missing),
                   f"connect to the engine at {missing}: no such file or directory")


def test_refuses_a_remote_engine(enter):
    assert_refused(enter("web", "-n", "--", "true", docker_host="tcp://127.0.0.1:2375"),
                   "docker host of scheme tcp: only an engine on this node can be used")


@pytest.mark.parametrize("kind", ["docker", "podman"])
def test_a_killed_engine_leaves_nothing(kind):
    """The bed itself: its containers and their monitors outlive the engine, and still go."""
    reason = engine_bed.missing(kind)
    if reason:
        pytest.skip(reason)
    named = set(os.listdir("/run/netns")) if os.path.isdir("/run/netns") else set()
    with engine_bed.EngineBed(kind) as bed:
        bed.create("orphan", FOREVER)
        pid = bed.start("orphan")
        orphan = os.pidfd_open(pid)
        network = os.readlink(f"/proc/{bed.daemon.pid}/ns/net")
        bed.daemon.kill()
        bed.daemon.wait(30)
        assert select.select([orphan], [], [], 0)[0] == []
        assert any(str(pid) in line for line in bed.left())
    assert bed.left() == []
    # Readable means ended: its number may stay for a while, until its new parent has looked.
    assert select.select([orphan], [], [], 0)[0] == [orphan]
    os.close(orphan)
    assert network not in network_namespaces()
    after = set(os.listdir("/run/netns")) if os.path.isdir("/run/netns") else set()
    assert not {name for name in after - named if bed.name in name}


def network_namespaces():
    found = set()
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            found.add(os.readlink(f"/proc/{entry}/ns/net"))
        except OSError:
            continue  # it has ended, or it has capabilities that we lack: not of the bed
    return found
