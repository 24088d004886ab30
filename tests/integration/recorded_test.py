"""ns-enter on CRI-O and cri-dockerd, as far as their recorded answers go; the processes are real ones,
in cgroups of the recorded form."""

import contextlib
import json
import os
import pathlib
import re
import subprocess
import tempfile
import time

import pytest
from fake_cri import FakeCri

RECORDINGS = ["crio-no-infra", "crio-infra", "cri-dockerd"]
NAMESPACE = "crns"  # of the recorded pods
PIDS = pathlib.Path("/sys/fs/cgroup/pids")


@contextlib.contextmanager
def process_in_cgroup(leaf: str, parent: str):
    """A process in namespaces of its own, in PARENT/LEAF of the pids hierarchy; yields its pid."""
    directory = PIDS / parent / leaf
    directory.mkdir(parents=True)
    process = subprocess.Popen(
        ["unshare", "-n", "-u", "-i", "-m", "-p", "-f", "--kill-child", "sh", "-c",
         "echo ready; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"ready\n"
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as file:
            pid = int(file.read().split()[0])
        (directory / "cgroup.procs").write_text(str(pid), encoding="ascii")
        yield pid
    finally:
        process.stdin.close()
        process.wait(20)
        end = time.monotonic() + 5
        while True:
            try:
                for folder in [directory, *directory.parents]:
                    if folder == PIDS:
                        break
                    folder.rmdir()
                break
            except OSError:
                assert time.monotonic() < end, f"{directory} cannot be removed"


@pytest.fixture(params=RECORDINGS)
def fake(request):
    if not PIDS.is_dir():
        pytest.skip("needs the cgroup v1 pids hierarchy")
    with tempfile.TemporaryDirectory() as folder, FakeCri(request.param, folder) as server:
        server.name = request.param
        yield server


@pytest.fixture
def enter(ns_enter, fake):
    def run(*words):
        return subprocess.run([ns_enter, "--runtime-endpoint", fake.endpoint, *words],
                              capture_output=True, text=True, timeout=60, check=False)
    return run


def refuse(result, pattern: str) -> None:
    assert result.returncode == 1, result
    assert re.fullmatch(f"ns-enter: {pattern}\n", result.stderr), result.stderr


def leaf_of(fake, name: str) -> str:
    """The recorded last component(s) of the container's cgroup, below the pod's."""
    text = fake.proc[name]["proc"][0]["cgroup"]
    path = re.search(r"^\d+:pids:(.*)$", text, re.MULTILINE).group(1)
    return path.split("/pod", 1)[1].split("/", 1)[1]


def container_id(fake, pod: str, container: str) -> str:
    return fake.ids[pod]["containers"][container]


@contextlib.contextmanager
def running(fake, pod: str, container: str):
    with process_in_cgroup(leaf_of(fake, f"{pod}/{container}"), f"nsdbg-test-{os.getpid()}") as pid:
        fake.processes[container_id(fake, pod, container)] = pid
        yield pid


@pytest.mark.parametrize("container", ["app", "side", "debugger"])
def test_enters_a_container_by_name(fake, enter, container):
    with running(fake, "web", container) as pid:
        result = enter("--pod", f"{NAMESPACE}/web", "-c", container, "-n", "--",
                       "readlink", "/proc/self/ns/net")
        assert result.stdout.strip() == os.readlink(f"/proc/{pid}/ns/net"), result.stderr


def test_chooses_the_container_that_was_made_first(fake, enter):
    with running(fake, "web", "app"):
        result = enter("--pod", f"{NAMESPACE}/web", "-n", "--", "true")
        assert result.returncode == 0, result.stderr
        assert result.stderr == ('ns-enter: defaulted container "app" out of: app, side, debugger, '
                                 "never\n")


@pytest.mark.parametrize("pod, container", [("host", "app"), ("shared", "one"), ("shared", "two"),
                                            ("fork", "app"), ("userns", "app")])
def test_finds_containers_of_every_kind_of_pod(fake, enter, pod, container):
    with running(fake, pod, container) as pid:
        result = enter("--pod", f"{NAMESPACE}/{pod}", "-c", container, "-n", "--explain", "-o",
                       "json", "--", "true")
        assert json.loads(result.stdout)["target"]["pid"] == pid, result.stderr


def test_of_two_attempts_the_running_one_is_meant(fake, enter):
    with running(fake, "done", "again1") as pid:
        result = enter("--pod", f"{NAMESPACE}/done", "-c", "again", "-n", "--explain", "-o", "json",
                       "--", "true")
        assert json.loads(result.stdout)["target"]["pid"] == pid, result.stderr


def test_the_pid_of_an_exited_container_is_not_believed(fake, enter):
    # CRI-O still tells it; here it even is a process again, of somebody else.
    fake.processes[container_id(fake, "done", "three")] = os.getpid()
    refuse(enter("--pod", f"{NAMESPACE}/done", "-c", "three", "-n", "--", "true"),
           f"container {NAMESPACE}/done/three is not running: it exited with code 3 .*")


def test_a_reused_pid_of_a_running_container_is_refused(fake, enter):
    fake.processes[container_id(fake, "web", "app")] = os.getpid()
    refuse(enter("--pod", f"{NAMESPACE}/web", "-c", "app", "-n", "--", "true"),
           f"container {NAMESPACE}/web/app: process {os.getpid()} is not in the cgroup of container "
           ".*: its pid was reused, or it runs outside the container")


def test_a_created_container_is_not_its_waiting_runc(fake, enter):
    refuse(enter("--pod", f"{NAMESPACE}/web", "-c", "never", "-n", "--", "true"),
           f"container {NAMESPACE}/web/never is not running: it was created but never started .*")


def test_enters_the_sandbox(fake, enter):
    sandbox = fake.ids["web"]["sandbox"]
    leaf = {"crio-no-infra": f"crio-{sandbox}", "crio-infra": f"crio-{sandbox}",
            "cri-dockerd": sandbox}[fake.name]
    with process_in_cgroup(leaf, f"nsdbg-test-{os.getpid()}") as pid:
        fake.processes[sandbox] = fake.namespaces[sandbox] = pid
        # The process that stands for the sandbox has all rights of the test itself.
        result = enter("--pod", f"{NAMESPACE}/web", "--sandbox", "--toolbox", "/", "--",
                       "readlink", "/proc/self/ns/net", "/proc/self/ns/uts")
        assert result.stdout.split() == [os.readlink(f"/proc/{pid}/ns/{kind}")
                                         for kind in ("net", "uts")], result.stderr
        explained = json.loads(enter("--pod", f"{NAMESPACE}/web", "--sandbox", "-n", "--explain",
                                     "-o", "json").stdout)
        assert ("pid" in explained["target"]) == (fake.name != "crio-no-infra")


def test_a_prefix_is_told_unknown_from_ambiguous(fake, enter):
    ids = [c for pod in fake.ids.values() for c in pod.get("containers", {}).values()]
    digits = [i[0] for i in ids]
    shared = next(d for d in digits if digits.count(d) > 1)
    refuse(enter("--container", shared, "-n", "--", "true"),
           f"container id {shared} is ambiguous: .* containers start with it, among them .*")
    refuse(enter("--container", "f" * 64, "-n", "--", "true"),
           f"no container with id {'f' * 64} on this node")


def test_a_container_that_vanishes_meanwhile_is_said(fake, enter):
    # Listed, but the status call answers that there is none: NOT_FOUND, or UNKNOWN of cri-dockerd.
    del fake._answers[("ContainerStatus", container_id(fake, "web", "app"))]
    refuse(enter("--pod", f"{NAMESPACE}/web", "-c", "app", "-n", "--", "true"),
           f"container {NAMESPACE}/web/app: ContainerStatus on .*")
    assert fake.calls.count("ContainerStatus") == 2  # looked again, once


def test_garbage_is_no_pid(fake, enter):
    fake.garbage = True
    refuse(enter("--pod", f"{NAMESPACE}/web", "-c", "app", "-n", "--", "true"),
           f"status of container {NAMESPACE}/web/app: the runtime's verbose info cannot be read: .*")


def test_a_hanging_runtime_is_given_up(fake, enter):
    fake.hang()
    refuse(enter("--pod", f"{NAMESPACE}/web", "-n", "--", "true"),
           "ListPodSandbox on .*: no answer within 10000 ms; is the runtime hanging\\?")


def test_a_stopped_pod_is_said(fake, enter):
    refuse(enter("--pod", f"{NAMESPACE}/stopped", "-n", "--", "true"),
           f"pod {NAMESPACE}/stopped is not running: its sandbox on this node stopped")
