"""What a session sees: the target, its tools, and nothing else."""

import os
import pathlib
import subprocess
import tempfile

import pytest
import session
from bed import Containerd, Unavailable


@pytest.fixture(scope="module")
def pid():
    with session.target() as found:
        yield found


@pytest.fixture
def toolbox(ns_enter, pid):
    def run(script: str, *options: str, target=None) -> str:
        result = session.run(ns_enter, target or pid, "--view", "toolbox", *options, "--", "sh",
                             "-c", script)
        assert result.returncode == 0, result.stderr
        return result.stdout
    return run


@pytest.fixture(scope="module")
def bed():
    try:
        with Containerd(version="2.1") as running:
            yield running
    except Unavailable as error:
        pytest.skip(str(error))


def test_shows_the_targets_processes_and_no_others(toolbox):
    lines = toolbox("exec ps -eo pid,args").splitlines()[1:]
    assert [line.split(None, 1)[1] for line in lines] == [
        "cat", "ns-enter: init of a debug session", "ps -eo pid,args"]


def test_what_is_written_goes_with_the_session(toolbox):
    assert toolbox("echo x > /etc/new; echo x > /tmp/new; cat /etc/new /tmp/new") == "x\nx\n"
    assert toolbox("ls /etc/new /tmp/new 2>&1 | grep -c 'No such file'") == "2\n"
    assert not os.path.exists("/etc/new")


def test_dev_is_its_own_and_cannot_be_added_to(toolbox):
    assert toolbox("ls /dev").split() == [
        "fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty",
        "urandom", "zero"]
    assert "Read-only" in toolbox("touch /dev/new 2>&1 || true")
    assert toolbox("ls /dev/pts") == "ptmx\n"
    assert toolbox("echo x > /dev/null; head -c 3 /dev/zero | wc -c") == "3\n"


def test_sys_shows_the_targets_network_and_is_read_only(toolbox):
    assert toolbox("ls /sys/class/net") == "lo\n"
    assert toolbox("grep ' /sys ' /proc/mounts").split()[3].startswith("ro,nosuid,nodev,noexec")


def test_network_settings_are_writable_for_those_who_may(toolbox):
    write = "echo 1 > /proc/sys/net/ipv4/ip_forward && cat /proc/sys/net/ipv4/ip_forward"
    assert "Read-only" in toolbox(f"({write}) 2>&1 || true")
    assert toolbox(write, "--profile", "netadmin") == "1\n"
    assert "Read-only" in toolbox("(echo 1 > /proc/sys/kernel/core_pattern) 2>&1 || true", "--profile",
                                  "netadmin")


def test_nothing_mounted_in_our_own_root_shows_through(ns_enter, pid):
    """Service-account tokens, keys and sockets are mounts in an agent's pod."""
    with tempfile.TemporaryDirectory() as folder:
        script = (f"mount -t tmpfs none {folder}; echo TOKEN > {folder}/token; "
                  "mount --bind /proc/self/ns /mnt; "
                  f"{ns_enter} -t {pid} --view toolbox -- sh -c "
                  f"'ls -A {folder} /mnt; cut -d\" \" -f2 /proc/mounts'")
        result = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True,
                                text=True, check=True, timeout=30, stdin=subprocess.DEVNULL)
        assert "token" not in result.stdout
        mounts = [line for line in result.stdout.splitlines()
                  if line.startswith("/") and not line.endswith(":")]
        assert {mount.split("/")[1] for mount in mounts if mount != "/"} - {""} <= {
            "target", "proc", "dev", "sys", "tmp", "run"}, mounts


def test_works_where_the_tools_root_is_an_overlay_itself(ns_enter, pid):
    """As in a container: the root is an overlay, /proc and /sys are mounts in it."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        script = (f"mount -t tmpfs none {folder} && cd {folder} && mkdir upper work root && "
                  "mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root && "
                  "for d in proc sys dev; do mount --rbind /$d root/$d; done && cd root && "
                  "mkdir -p old && pivot_root . old && umount -l /old && "
                  f"{ns_enter} -t {pid} --view toolbox -- sh -c 'touch /x; ls /old; ss -V'")
        result = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True,
                                text=True, check=False, timeout=30, stdin=subprocess.DEVNULL)
        assert "iproute2" in result.stdout, result.stderr


def test_falls_back_to_read_only_tools_and_says_so(ns_enter, pid):
    """overlayfs takes no proc file system as a layer; here it is refused by the system call."""
    inject = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=mount", "-e",
              "inject=mount:error=ENODEV:when=3"]
    command = [ns_enter, "-t", str(pid), "--view", "toolbox", "--"]
    traced = subprocess.run([*inject, *command, "sh", "-c", "touch /x; echo y > /tmp/y; cat /tmp/y"],
                            capture_output=True, text=True, check=False, timeout=60)
    if "Read-only file system" not in traced.stderr:
        # The count of mounts before it depends on how ns-enter is protected: find the overlay's.
        inject[-1] = "inject=mount:error=ENODEV:when=4"
        traced = subprocess.run([*inject, *command, "sh", "-c",
                                 "touch /x; echo y > /tmp/y; cat /tmp/y"],
                                capture_output=True, text=True, check=False, timeout=60)
    assert "Read-only file system" in traced.stderr
    assert traced.stdout == "y\n"


def test_works_where_pivot_root_is_refused(ns_enter, pid):
    """The runtimes' default seccomp profile does. Beneath the view then lies the bare root alone."""
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=pivot_root", "-e",
               "inject=pivot_root:error=EPERM", ns_enter, "-t", str(pid), "--view", "toolbox"]
    seen = subprocess.run([*command, "--", "sh", "-c", "ls /target/usr | head -1; "
                           "cut -d' ' -f2 /proc/mounts | grep -v ^/target | sort -u"],
                          capture_output=True, text=True, check=False, timeout=60)
    assert seen.returncode == 0, seen.stderr
    beneath = subprocess.run([*command, "--profile", "sysadmin", "--", "sh", "-c",
                              "umount -l / 2>&1; umount -R /target /dev /sys /run /tmp; "
                              "cut -d' ' -f2 /proc/self/mounts | sort -u"],
                             capture_output=True, text=True, check=False, timeout=60)
    assert set(beneath.stdout.split()) - {"/proc"} <= {"/"}, beneath


def test_a_user_namespace_target(ns_enter, toolbox):
    with session.target("-U", "-r") as nested:
        script = "id -u; ss -Htln; readlink /proc/self/ns/user; grep CapEff /proc/self/status"
        out = toolbox(script, target=nested).split("\n")
        assert out[0] == "0"
        assert os.readlink(f"/proc/{nested}/ns/user") in out
        result = session.run(ns_enter, nested, "--view", "container", "--", "id", "-u")
        assert result.stdout == "0\n", result.stderr


def test_the_pods_files(bed, ns_enter):
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for name, text in (("resolv.conf", "nameserver 10.96.0.10\n"), ("hosts", "10.1.2.3 db\n")):
            files[name] = pathlib.Path(folder, name)
            files[name].write_text(text, encoding="ascii")
        pod = bed.run_pod("shop", "files")
        container = bed.run_container(
            pod, "app", image="distroless",
            mounts={f"/etc/{name}": str(path) for name, path in files.items()})
        out = session.run(ns_enter, container.pid, "--view", "toolbox", "--", "sh", "-c",
                          "cat /etc/resolv.conf /etc/hosts; hostname; ls /target; ls /proc/1/root")
        assert out.stdout.startswith("nameserver 10.96.0.10\n10.1.2.3 db\nfiles\n"), out
        assert out.stdout.count("server\n") == 2


CONTAINERS = {
    "root": {},
    "user with groups": {"user": 1000, "group": 2000, "supplemental_groups": [3000, 4000]},
    "more rights": {"add_capabilities": ["NET_ADMIN"], "no_new_privs": True},
    "elsewhere": {"working_dir": "/tmp", "env": {"COLOR": "blue", "PATH": "/bin"}},
}
PROBE = "cat /proc/self/status; echo ==; env | sort; echo ==; pwd; echo ==; cat /proc/self/cgroup; " \
        "echo ==; for n in net ipc uts pid mnt cgroup user; do readlink /proc/self/ns/$n; done"
VARIES = ("Pid", "PPid", "NSpid", "NStgid", "Tgid", "NSpgid", "NSsid", "SigQ", "VmPeak", "VmHWM",
          "VmRSS", "VmSize", "VmData", "VmStk", "VmPTE", "RssAnon", "RssFile", "RssShmem",
          "voluntary_ctxt_switches", "nonvoluntary_ctxt_switches", "Ngid", "TracerPid",
          "FDSize", "VmLck", "VmExe", "VmLib", "Cpus_allowed", "Cpus_allowed_list",
          "Mems_allowed", "Mems_allowed_list", "SigBlk", "ShdPnd", "SigPnd", "SigIgn", "SigCgt")


def comparable(text: str) -> str:
    return "\n".join(line for line in text.splitlines()
                     if not line.startswith(tuple(f"{name}:" for name in VARIES)))


@pytest.mark.parametrize("kind", CONTAINERS)
def test_the_container_view_is_what_the_runtimes_exec_gives(bed, ns_enter, kind):
    pod = bed.run_pod("shop", f"exec-{kind.replace(' ', '-')}")
    container = bed.run_container(pod, "app", image="busybox", **CONTAINERS[kind])
    theirs = bed.exec_sync(container, ["sh", "-c", PROBE]).stdout.decode()
    ours = subprocess.run([ns_enter, "--runtime-endpoint", bed.endpoint, "--container", container.id,
                           "--view", "container", "--", "sh", "-c", PROBE], capture_output=True,
                          text=True, check=True, timeout=30, stdin=subprocess.DEVNULL).stdout
    assert comparable(ours) == comparable(theirs)


def test_a_missing_program_names_the_view_that_has_it(bed, ns_enter):
    pod = bed.run_pod("shop", "bare")
    container = bed.run_container(pod, "app", image="distroless")
    result = session.run(ns_enter, container.pid, "--view", "container", "--", "ss")
    assert result.returncode == 127
    assert result.stderr == ("ns-enter: execute ss: no such file or directory in the container (the "
                             "tools are in the toolbox view: --view toolbox)\n")
