"""The test bed itself: what it runs is real, and nothing of it stays."""

import os
import pathlib
import re
import signal
import subprocess
import sys

import pytest

from bed import Containerd, Unavailable, check_clean, fetch, sweep
from bed.deadline import wait_until

TESTS = pathlib.Path(__file__).resolve().parent.parent
VERSIONS = ["1.6", "1.7", "2.1"]


@pytest.fixture(name="start")
def start_fixture():
    """Starts beds; at the end each is removed and proven to be gone."""
    started = []

    def start(version="1.6", **options):
        bed = Containerd(version, **options)
        try:
            started.append(bed.__enter__())
        except Unavailable as error:
            pytest.skip(str(error))
        return bed

    yield start
    for bed in reversed(started):
        bed.__exit__(None, None, None)
        assert bed.check_clean() == []


def spawn_up(*arguments):
    """`python3 -m bed up` as a child, and the line it printed when its pod runs."""
    child = subprocess.Popen(
        [sys.executable, "-m", "bed", "up", "--pod", "shop/web", *arguments],
        cwd=TESTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    line = child.stdout.readline()
    if not line and "bed: " in (told := child.stderr.read()):
        pytest.skip(told.strip())
    return child, re.search(r"nsdbg-[0-9-]+", line)[0]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("turn", ["first", "again"])
def test_runs_pods_and_leaves_nothing(start, version, turn):
    bed = start(version)
    pod = bed.run_pod("shop", f"web-{turn}")
    app = bed.run_container(pod, "app", image="distroless")
    box = bed.run_container(pod, "box", image="busybox", user="app", env={"GREETING": "hi"})

    result = bed.exec_sync(
        box, ["sh", "-c", "id -u; echo $GREETING; wget -qO- 127.0.0.1:8080; echo no >&2; exit 3"]
    )
    assert (result.exit_code, result.stdout, result.stderr) == (3, b"1000\nhi\nhello\n", b"no\n")
    assert os.listdir(f"/proc/{app.pid}/root").count("bin") == 0
    assert app.id in pathlib.Path(f"/proc/{app.pid}/cgroup").read_text()
    assert os.readlink(f"/proc/{app.pid}/ns/net") == os.readlink(f"/proc/{pod.pid}/ns/net")
    assert pod.ip.startswith("10.250.0.")
    # What is up must also be seen, or an empty list at the end would prove nothing.
    seen = "\n".join(bed.check_clean())
    for kind in ("process", "mount", "cgroup", "network namespace", "folder", "CNI result"):
        assert re.search(f"^{kind} ", seen, re.MULTILINE), f"{kind} not seen in:\n{seen}"


def test_runs_the_version_it_was_asked_for(start):
    bed = start("2.1")
    assert pathlib.Path(f"/proc/{bed.pid}/exe").resolve().parent == fetch.containerd("2.1")


def test_container_options_reach_the_container(start):
    bed = start()
    pod = bed.run_pod("shop", "web", share_pid=True, annotations={"example.com/a": "b"})
    box = bed.run_container(
        pod, "box", image="busybox", user=1234, group=5678, readonly_rootfs=True,
        drop_capabilities=["ALL"], no_new_privs=True, runtime_seccomp=True,
        memory_limit=64 << 20, mounts={"/data": str(bed.folder)},
    )
    status = pathlib.Path(f"/proc/{box.pid}/status").read_text()
    assert re.search(r"^Uid:\t1234\t", status, re.MULTILINE)
    assert re.search(r"^Gid:\t5678\t", status, re.MULTILINE)
    assert re.search(r"^CapBnd:\t0+$", status, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\t1$", status, re.MULTILINE)
    assert re.search(r"^Seccomp:\t2$", status, re.MULTILINE)
    assert os.readlink(f"/proc/{box.pid}/ns/pid") == os.readlink(f"/proc/{pod.pid}/ns/pid")
    assert bed.exec_sync(box, ["touch", "/x"]).exit_code == 1
    assert bed.exec_sync(box, ["test", "-d", "/data"]).exit_code == 0


def test_host_namespaces_are_those_of_the_bed_and_of_the_node(start):
    bed = start()
    pod = bed.run_pod("kube-system", "agent", host_network=True, host_pid=True, privileged=True)
    box = bed.run_container(pod, "box", image="busybox", privileged=True)
    network = os.stat(f"/run/netns/{bed.netns}")
    assert os.stat(f"/proc/{box.pid}/ns/net").st_ino == network.st_ino
    assert os.readlink(f"/proc/{box.pid}/ns/pid") == os.readlink("/proc/self/ns/pid")


def test_containers_survive_a_restart_of_the_runtime(start):
    bed = start()
    pod = bed.run_pod("shop", "web")
    app = bed.run_container(pod, "app", image="distroless")
    before = bed.pid
    bed.restart()
    assert bed.pid != before
    assert bed.container_info(app.id)["pid"] == app.pid
    bed.stop_container(app)
    status = bed.container_status(app.id)
    assert (status.state, status.exit_code) == (2, 0)  # CONTAINER_EXITED, by its own handler
    assert bed.container_info(app.id)["pid"] == 0


def test_a_bed_can_have_its_files_where_a_node_has_them(start):
    bed = start("2.1", node_files=True)
    box = bed.run_container(bed.run_pod("shop", "web"), "box", image="busybox")
    told = subprocess.run(bed.command("ls", "/run/containerd", "/var/lib/cni"),
                          capture_output=True, text=True, check=True).stdout
    assert "containerd.sock\n" in told and "results\n" in told
    assert "CNI result" not in "\n".join(bed.check_clean())
    # The runtime comes back to the same mounts.
    bed.restart()
    assert bed.exec_sync(box, ["true"]).exit_code == 0


def test_two_beds_run_side_by_side(start):
    one, two = start("1.6"), start("1.6")
    pods = [bed.run_pod("shop", "web") for bed in (one, two)]
    apps = [bed.run_container(pod, "app") for bed, pod in zip((one, two), pods)]
    assert not {one.name, two.name} & set(sweep())
    assert all(os.path.exists(f"/proc/{app.pid}") for app in apps)


def is_clean_after(kill_and_sweep, name):
    """Whether a bed that was there is gone; beds of tests beside this one may sweep it as well."""
    seen = "\n".join(check_clean(name))
    assert "process" in seen and "mount" in seen
    kill_and_sweep()
    return wait_until(lambda: check_clean(name) == [], 10, f"{name} gone")


def kill(child):
    child.kill()
    child.communicate()


def test_a_killed_bed_is_swept_by_the_next(start):
    child, name = spawn_up()
    assert is_clean_after(lambda: (kill(child), start()), name)


def test_an_exception_in_the_block_removes_the_bed():
    bed = Containerd()
    with pytest.raises(ZeroDivisionError):
        try:
            with bed:
                bed.run_container(bed.run_pod("shop", "web"), "app")
                raise ZeroDivisionError
        except Unavailable as error:
            pytest.skip(str(error))
    assert bed.check_clean() == []


@pytest.mark.parametrize("end", ["stdin", "SIGTERM", "SIGINT", "SIGHUP", "SIGTERM twice"])
def test_up_removes_everything_when_told_to_end(end):
    child, name = spawn_up()
    assert check_clean(name) != []
    if end == "stdin":
        child.stdin.close()
    else:
        for _ in range(2 if end.endswith("twice") else 1):
            child.send_signal(getattr(signal, end.split()[0]))
    status = child.wait(timeout=20)
    assert status == (0 if end == "stdin" else 128 + getattr(signal, end.split()[0])), (
        child.stderr.read()
    )
    assert check_clean(name) == []


def test_runs_a_gvisor_container(start):
    bed = start("1.6", gvisor=True)
    pod = bed.run_pod("shop", "sandboxed", runtime_handler="runsc")
    box = bed.run_container(pod, "box", image="busybox")
    assert b"gVisor" in bed.exec_sync(box, ["dmesg"]).stdout
    # The task is runsc's sandbox, whose cgroup is not the container's: how it is told from runc.
    assert box.id not in pathlib.Path(f"/proc/{box.pid}/cgroup").read_text()


def test_a_killed_gvisor_bed_is_swept_too():
    child, name = spawn_up("--runtime-handler", "runsc", "--image", "busybox")
    assert is_clean_after(lambda: (kill(child), sweep()), name)


def test_fetches_a_current_nsenter():
    try:
        command = fetch.nsenter_242()
    except Unavailable as error:
        pytest.skip(str(error))
    told = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert "util-linux 2.42" in told.stdout


def test_an_unreachable_suite_is_unavailable_and_leaves_no_half_download(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(fetch, "_mirror", lambda: "http://127.0.0.1:9/debian")
    with pytest.raises(Unavailable, match="lists of suite trixie: E: "):
        fetch.containerd("1.7")
    assert [path.name for path in (tmp_path / "ns-debug").iterdir()] == ["lock"]


def test_an_unknown_version_is_unavailable():
    with pytest.raises(Unavailable, match="containerd 9.9: not one of 1.6, 1.7, 2.1"):
        fetch.containerd("9.9")


def test_sweep_removes_no_file_named_in_a_foreign_folder(monkeypatch, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("giving a folder to another user needs root")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    victim = tmp_path / "victim"
    victim.touch()
    # An owner that cannot be alive: no process has this start time.
    trap = tmp_path / "nsdbg-1-99999999999-0"
    bundle = trap / "state/io.containerd.runtime.v2.task/k8s.io/x"
    bundle.mkdir(parents=True)
    (bundle / "address").write_text(f"unix://{victim}")
    os.chown(trap, 65534, 65534)
    sweep()
    assert victim.exists() and not trap.exists()
