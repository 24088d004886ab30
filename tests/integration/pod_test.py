"""Pods and containers of real container runtimes, entered by name."""

import contextlib
import os
import pathlib
import re
import socket
import subprocess
import tempfile

import pytest
from bed import Containerd, Unavailable
from bed.deadline import wait_until

VERSIONS = ["1.6", "1.7", "2.1"]
CONTAINER_EXITED = 2  # of the CRI's ContainerState


@contextlib.contextmanager
def start(version: str, **options):
    """A bed, or a skip where its version cannot be had."""
    with contextlib.ExitStack() as stack:
        try:
            bed = stack.enter_context(Containerd(version=version, **options))
        except Unavailable as error:
            pytest.skip(str(error))
        yield bed


@pytest.fixture(scope="module", params=VERSIONS)
def bed(request):
    with start(request.param) as running:
        yield running


@pytest.fixture(scope="module")
def shop(bed):
    """Pod shop/web with a container that carries no tools, and one beside it."""
    pod = bed.run_pod("shop", "web")
    app = bed.run_container(pod, "app", image="distroless")
    side = bed.run_container(pod, "side", image="busybox")
    return {"pod": pod, "app": app, "side": side}


@pytest.fixture
def enter(ns_enter, bed):
    def run(*words, env=None):
        return subprocess.run(
            [ns_enter, "--runtime-endpoint", bed.endpoint, *words], capture_output=True, text=True,
            timeout=60, check=False, env={**os.environ, **(env or {})})
    return run


def refuse(result, pattern: str) -> None:
    """One line that says why, and exit code 1."""
    assert result.returncode == 1, result
    assert result.stdout == ""
    assert re.fullmatch(f"ns-enter: {pattern}\n", result.stderr), result.stderr


def test_shows_who_listens_in_a_container_without_tools(enter, shop):
    result = enter("--pod", "shop/web", "-c", "app", "--", "ss", "-Htlnp")
    assert result.returncode == 0, result.stderr
    assert re.search(r'LISTEN .* 0\.0\.0\.0:8080 .*users:\(\("server",pid=1,fd=\d+\)\)',
                     result.stdout)
    assert len(result.stdout.splitlines()) == 1
    assert result.stderr == ""


def test_says_which_container_it_chose_and_is_silenced(enter, shop):
    loud = enter("--pod", "shop/web", "--", "true")
    assert (loud.returncode, loud.stderr) == (
        0, 'ns-enter: defaulted container "app" out of: app, side\n')
    assert enter("-q", "--pod", "shop/web", "--", "true").stderr == ""


def test_follows_the_default_container_annotation(enter, bed):
    pod = bed.run_pod("shop", "annotated",
                      annotations={"kubectl.kubernetes.io/default-container": "second"})
    bed.run_container(pod, "first", image="busybox")
    second = bed.run_container(pod, "second", image="busybox")
    result = enter("--pod", "shop/annotated", "--view", "container", "--",
                   "readlink", "/proc/self/ns/mnt")
    assert result.stdout.strip() == os.readlink(f"/proc/{second.pid}/ns/mnt")
    assert result.stderr == ""


@pytest.mark.parametrize("kind", ["net", "ipc", "uts", "pid", "mnt", "cgroup"])
def test_container_view_is_in_the_containers_namespaces(enter, shop, kind):
    result = enter("--pod", "shop/web", "-c", "side", "--view", "container", "--",
                   "readlink", f"/proc/self/ns/{kind}")
    assert result.stdout.strip() == os.readlink(f"/proc/{shop['side'].pid}/ns/{kind}")


def test_named_namespaces_make_a_plain_join(enter, shop):
    result = enter("-q", "--pod", "shop/web", "-n", "--", "readlink", "/proc/self/ns/net",
                   "/proc/self/ns/pid", "/proc/self/ns/mnt")
    assert result.stdout.split() == [os.readlink(f"/proc/{shop['app'].pid}/ns/net"),
                                     os.readlink("/proc/self/ns/pid"),
                                     os.readlink("/proc/self/ns/mnt")]


@pytest.mark.parametrize("form", ["{id}", "{short}", "containerd://{id}"])
def test_finds_a_container_by_id_prefix_and_uri(enter, shop, form):
    full = shop["app"].id
    name = form.format(id=full, short=full[:20])
    result = enter("--container", name, "--", "ss", "-Htln")
    assert ":8080" in result.stdout, result.stderr


def test_refuses_an_ambiguous_prefix(enter, bed):
    pod = bed.run_pod("shop", "many")
    by_digit: dict[str, int] = {}
    while max(by_digit.values(), default=0) < 2:
        container = bed.run_container(pod, f"c{sum(by_digit.values())}", image="busybox")
        by_digit[container.id[0]] = by_digit.get(container.id[0], 0) + 1
    digit = max(by_digit, key=by_digit.get)
    refuse(enter("--container", digit, "--", "true"),
           f"container id {digit} is ambiguous: \\d+ containers start with it, among them .*")


def test_sandbox_enters_a_pod_whose_container_fails(enter, bed):
    pod = bed.run_pod("shop", "crash")
    container = bed.run_container(pod, "app", image="busybox", command=["sh", "-c", "exit 3"])
    wait_until(lambda: bed.container_status(container.id).state == CONTAINER_EXITED, 10,
               "the container has exited")
    refuse(enter("--pod", "shop/crash", "--", "true"),
           r"container shop/crash/app is not running: it exited with code 3 \(Error\) "
           r"\(--sandbox enters the pod's own namespaces\)")
    result = enter("--pod", "shop/crash", "--sandbox", "--", "readlink", "/proc/self/ns/net")
    assert result.stdout.strip() == os.readlink(f"/proc/{pod.pid}/ns/net"), result.stderr


def test_tells_a_created_container_from_a_running_one(enter, bed):
    pod = bed.run_pod("shop", "waiting")
    bed.create_container(pod, "app", image="busybox")
    refuse(enter("--pod", "shop/waiting", "--", "true"),
           r"container shop/waiting/app is not running: it was created but never started .*")


def test_names_what_there_is_instead(enter, shop):
    refuse(enter("--pod", "shop/none", "--", "true"), "no pod shop/none on this node")
    refuse(enter("--pod", "bank/web", "--", "true"), "no pod bank/web on this node")
    refuse(enter("--pod", "shop/web", "-c", "db", "--", "true"),
           "pod shop/web has no container db: it has app, side")
    refuse(enter("--container", "0" * 64, "--", "true"),
           f"no container with id {'0' * 64} on this node")
    refuse(enter("--container", "../x", "--", "true"), r"'\.\./x' is not a container id")


def test_a_stopped_pod_is_told_from_an_unknown_one(enter, bed):
    pod = bed.run_pod("shop", "gone")
    bed.stop_pod(pod)
    refuse(enter("--pod", "shop/gone", "--", "true"),
           "pod shop/gone is not running: its sandbox on this node stopped")


def test_the_endpoint_may_come_from_the_environment(ns_enter, bed, shop):
    result = subprocess.run(
        [ns_enter, "-q", "--pod", "shop/web", "--", "hostname"], capture_output=True, text=True,
        check=False, env={**os.environ, "CONTAINER_RUNTIME_ENDPOINT": bed.endpoint})
    assert result.stdout == "web\n", result.stderr


def test_works_again_after_the_runtime_restarted(enter, bed, shop):
    bed.restart()
    assert enter("-q", "--pod", "shop/web", "--", "hostname").stdout == "web\n"


def test_explain_names_the_container_and_enters_nothing(enter, shop):
    result = enter("--pod", "shop/web", "-c", "app", "--explain", "--", "touch", "/explained")
    assert f"container shop/web/app (containerd {shop['app'].id[:12]}, pid {shop['app'].pid})" in (
        result.stdout)
    assert not pathlib.Path("/explained").exists()


def test_recognises_a_gvisor_container(ns_enter):
    with start("2.1", gvisor=True) as gvisor:
        pod = gvisor.run_pod("shop", "sandboxed", runtime_handler="runsc")
        gvisor.run_container(pod, "app", image="busybox")
        result = subprocess.run(
            [ns_enter, "--runtime-endpoint", gvisor.endpoint, "--pod", "shop/sandboxed", "--",
             "true"], capture_output=True, text=True, check=False, timeout=60)
        refuse(result, "container shop/sandboxed/app runs under gVisor: not supported, its "
                       "processes live behind a kernel of their own")


def run_with_endpoint(ns_enter: str, endpoint: str):
    return subprocess.run([ns_enter, "--runtime-endpoint", endpoint, "--pod", "a/b", "--", "true"],
                          capture_output=True, text=True, check=False, timeout=60)


def test_a_missing_socket_is_said(ns_enter):
    refuse(run_with_endpoint(ns_enter, "unix:///nonexistent.sock"), ".*/nonexistent.sock.*")


def test_a_socket_nobody_serves_and_a_silent_one_are_told_apart(ns_enter):
    with tempfile.TemporaryDirectory() as folder:
        dead = socket.socket(socket.AF_UNIX)
        dead.bind(f"{folder}/dead.sock")
        refuse(run_with_endpoint(ns_enter, f"{folder}/dead.sock"), ".*dead.sock.*")
        dead.close()
        with socket.socket(socket.AF_UNIX) as silent:
            silent.bind(f"{folder}/silent.sock")
            silent.listen(8)
            refuse(run_with_endpoint(ns_enter, f"{folder}/silent.sock"),
                   ".*silent.sock: no answer within 10000 ms; is the runtime hanging\\?")


@pytest.mark.parametrize("endpoint, why", [
    ("tcp://127.0.0.1:1", "is not a Unix socket: write unix:///PATH"),
    ("relative.sock", "is not a Unix socket: write unix:///PATH"),
    ("unix:///" + "x" * 200, r"is longer than a socket's path can be \(107 bytes\)"),
])
def test_an_impossible_endpoint_is_refused(ns_enter, endpoint, why):
    refuse(run_with_endpoint(ns_enter, endpoint), f"runtime endpoint '.*' {why}")
