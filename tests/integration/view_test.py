"""What a session sees: the target, its tools, and nothing else."""

import json
import os
import pathlib
import socket
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


def test_sessions_at_the_same_time_do_not_see_each_others_files(ns_enter, pid, toolbox):
    writer = session.Session(ns_enter, pid, "for f in /x /tmp/x /run/x /dev/shm/x; do echo > $f;"
                             " done; echo up; exec sleep 1000")
    try:
        writer.wait_for_line(b"up")
        assert toolbox("ls /x /tmp/x /run/x /dev/shm/x 2>&1 | grep -c 'No such file'") == "4\n"
    finally:
        writer.close()


def test_the_targets_files_come_without_devices_and_set_user_ids(toolbox):
    mounts = [line.split() for line in toolbox("cat /proc/mounts").splitlines()]
    copied = [mount for mount in mounts if mount[1] == "/target" or
              mount[1].startswith("/target/")]
    assert len(copied) > 1, "the mounts below the target's root are missing"
    assert all({"nosuid", "nodev"} <= set(mount[3].split(",")) for mount in copied), copied
    assert {mount[1]: mount[2] for mount in mounts if mount[1] in ("/tmp", "/run")} == {
        "/tmp": "tmpfs", "/run": "tmpfs"}


def test_what_is_written_below_target_is_the_targets(toolbox, pid):
    """Not a copy of its files: a repair is a repair."""
    name = f"var/tmp/nsdbg-repair-{os.getpid()}"
    written = pathlib.Path(f"/proc/{pid}/root/{name}")
    try:
        toolbox(f"echo repaired > /target/{name}")
        assert written.read_text(encoding="ascii") == "repaired\n"
    finally:
        written.unlink(missing_ok=True)


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
    assert "Read-only" in toolbox("(echo > /proc/sys/kernel/core_pattern) 2>&1 || true",
                                  "--profile", "netadmin")


def in_a_private_mount_namespace(script: str) -> subprocess.CompletedProcess:
    return subprocess.run(["unshare", "-m", "sh", "-ec", script], capture_output=True, text=True,
                          check=False, timeout=60, stdin=subprocess.DEVNULL)


def test_nothing_mounted_in_our_own_root_shows_through(ns_enter, pid):
    """Service-account tokens, keys and sockets are mounts in an agent's pod."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder, socket.socket(
            socket.AF_UNIX) as runtime:
        pathlib.Path(folder, "secrets").mkdir()
        pathlib.Path(folder, "containerd.sock").touch()
        runtime.bind(f"{folder}/real.sock")
        result = in_a_private_mount_namespace(
            f"mount -t tmpfs none {folder}/secrets; echo TOKEN > {folder}/secrets/token; "
            f"mount --bind {folder}/real.sock {folder}/containerd.sock; "
            "mount --bind /proc/self/ns /mnt; "
            f"{ns_enter} -t {pid} --view toolbox -- sh -c 'ls -A {folder}/secrets /mnt; "
            f"test -S {folder}/containerd.sock && echo SOCKET; cut -d\" \" -f2 /proc/mounts'")
        assert result.returncode == 0, result.stderr
        assert "token" not in result.stdout and "SOCKET" not in result.stdout
        mounts = [line for line in result.stdout.splitlines()
                  if line.startswith("/") and not line.endswith(":")]
        assert {mount.split("/")[1] for mount in mounts} - {""} == {
            "target", "proc", "dev", "sys", "tmp", "run"}, mounts


# Makes the overlay of "/" that a container's root is, with what is mounted in it, and goes in.
OVERLAY = ("mkdir {0} && mount -t tmpfs none {0} && cd {0} && mkdir upper work root && "
           "mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root && "
           "for d in proc sys dev; do mount --rbind /$d root/$d; done && cd root && "
           "mkdir -p old && pivot_root . old && umount -l /old && ")


def test_works_where_the_tools_root_is_an_overlay_itself(ns_enter, pid):
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        result = in_a_private_mount_namespace(
            OVERLAY.format(f"{folder}/a") +
            f"{ns_enter} -t {pid} --view toolbox -- sh -c 'touch /x; ls /old; ss -V'")
        assert "iproute2" in result.stdout, result.stderr


def test_tools_that_cannot_be_a_layer_are_read_only(ns_enter, pid):
    """overlayfs takes two layers of itself and no third. The pod's files are right all the same."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        result = in_a_private_mount_namespace(
            OVERLAY.format(f"{folder}/a") + OVERLAY.format("/var/tmp/b") +
            f"{ns_enter} -t {pid} --view toolbox -- sh -c "
            "'touch /x; echo y > /tmp/y; cat /tmp/y; cat /etc/hosts; ls /proc/1/root/etc/hosts'")
    assert "Read-only file system" in result.stderr, result
    hosts = pathlib.Path("/etc/hosts").read_text(encoding="utf-8")
    assert result.stdout == f"y\n{hosts}/proc/1/root/etc/hosts\n"


def test_the_tools_may_come_from_a_directory(ns_enter, pid):
    with tempfile.TemporaryDirectory(prefix="nsdbg,tools:", dir="/var/tmp") as folder:
        for name in ("bin", "etc"):
            pathlib.Path(folder, name).mkdir()
        busybox = pathlib.Path(folder, "bin", "busybox")
        busybox.write_bytes(pathlib.Path("/bin/busybox").read_bytes())
        busybox.chmod(0o755)
        # A link that would lead out of the view: the pod's file takes its place.
        os.symlink("/etc/shadow", pathlib.Path(folder, "etc", "resolv.conf"))
        result = session.run(ns_enter, pid, "--view", "toolbox", "--toolbox", folder, "--",
                             "busybox", "sh", "-c", "busybox ls /; busybox cat /etc/resolv.conf")
        own = pathlib.Path("/etc/resolv.conf").read_text(encoding="utf-8")
        assert result.stdout == "bin\ndev\netc\nproc\nrun\nsys\ntarget\ntmp\n" + own, result
        assert sorted(os.listdir(folder)) == ["bin", "etc"]
        missing = session.run(ns_enter, pid, "--view", "toolbox", "--toolbox",
                              f"{folder}/none", "--", "true")
        assert missing.returncode == 1
        assert f"{folder}/none" in missing.stderr


def test_works_where_pivot_root_is_refused(ns_enter, pid):
    """As by the runtimes' default seccomp profile. Beneath the view then lies the bare root."""
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


KINDS = {
    "read-only root": ({}, {"readonly_rootfs": True}),
    "user that is not root": ({}, {"user": 1000}),
    "network of the node": ({"host_network": True}, {}),
    "processes of the node": ({"host_pid": True}, {}),
    "processes of the pod": ({"share_pid": True}, {}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_toolbox_shows_any_kind_of_container(bed, ns_enter, kind):
    of_pod, of_container = KINDS[kind]
    pod = bed.run_pod("shop", kind.replace(" ", "-"), **of_pod)
    container = bed.run_container(pod, "app", image="distroless", **of_container)
    result = session.run(ns_enter, container.pid, "--view", "toolbox", "--", "sh", "-c",
                         "id -u; ls /sys/class/net | tr '\\n' ' '; echo; "
                         "readlink /proc/self/ns/net; ls /target/server; ps -eo args; "
                         "(echo > /target/new) 2>&1 || true")
    assert result.returncode == 0, result.stderr
    user, interfaces, network, server, _, first, *processes = result.stdout.splitlines()
    assert (user, server) == ("0", "/target/server")
    assert network == os.readlink(f"/proc/{container.pid}/ns/net")
    # The bed is a node of its own, with a bridge for its pods.
    assert ("nsdbg0" in interfaces.split()) == (kind == "network of the node")
    own_init = pathlib.Path("/proc/1/cmdline").read_bytes().split(b"\0")[0].decode()
    assert first.split()[0] == {"processes of the node": own_init,
                                "processes of the pod": "/pause"}.get(kind, "/server")
    assert first == "/server" or "/server" in processes
    assert ("Read-only" in result.stdout) == (kind == "read-only root")


def test_without_a_pid_namespace_to_join_a_toolbox_has_a_new_one(ns_enter, pid):
    """Its /proc would else be that of the node, whose processes its command could signal."""
    result = session.run(ns_enter, pid, "-n", "--view", "toolbox", "--toolbox", "/", "--", "sh",
                         "-c", f"ls /proc | grep -c '^[0-9]*$'; kill -0 {os.getpid()}; exit 3")
    assert result.returncode == 3, result.stderr
    assert int(result.stdout) <= 5
    assert "No such process" in result.stderr
    explained = session.run(ns_enter, pid, "-n", "--view", "toolbox", "--toolbox", "/", "--explain",
                            "-o", "json")
    rows = {row["type"]: row["action"] for row in json.loads(explained.stdout)["namespaces"]}
    assert (rows["pid"], rows["net"], rows["ipc"]) == ("created", "joined", "kept")


def test_the_host_view_has_the_nodes_files_and_the_targets_network(ns_enter, pid):
    result = session.run(ns_enter, pid, "--view", "host", "--", "sh", "-c",
                         "readlink /proc/self/ns/mnt /proc/self/ns/net; ls -A /dev | wc -l; "
                         "grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status")
    assert result.stdout.splitlines() == [
        os.readlink("/proc/self/ns/mnt"), os.readlink(f"/proc/{pid}/ns/net"),
        str(len(os.listdir("/dev"))), "NoNewPrivs:\t1", "Seccomp:\t2"], result.stderr


CONTAINERS = {
    "root": {},
    "user with groups": {"user": 1000, "group": 2000, "supplemental_groups": [3000, 4000]},
    "more rights": {"add_capabilities": ["NET_ADMIN"], "no_new_privs": True},
    "fewer rights": {"drop_capabilities": ["ALL"], "user": 1000, "no_new_privs": True},
    "privileged": {"privileged": True},
    "confined": {"runtime_seccomp": True},
    "confined user": {"runtime_seccomp": True, "user": 1000, "no_new_privs": True},
    "limited": {},
    "limited user": {"user": 1000},
    "elsewhere": {"working_dir": "/tmp", "env": {"COLOR": "blue", "PATH": "/bin"}},
}
PROBE = "cat /proc/self/status; echo ==; env | sort; echo ==; pwd; echo ==; " \
        "cat /proc/self/cgroup; echo ==; for n in net ipc uts pid mnt cgroup user; do " \
        "readlink /proc/self/ns/$n; done; " \
        "echo ==; umask; cat /proc/self/limits /proc/self/oom_score_adj; readlink /proc/self/fd/0"
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
    handler = "limited" if kind.startswith("limited") else ""
    pod = bed.run_pod("shop", f"exec-{kind.replace(' ', '-')}", privileged=kind == "privileged",
                      runtime_handler=handler)
    container = bed.run_container(pod, "app", image="busybox", **CONTAINERS[kind])
    theirs = bed.exec_sync(container, ["sh", "-c", PROBE]).stdout.decode()
    if handler:
        # crun's exec and every first process have the specification's umask, runc's exec has not.
        theirs = theirs.replace("Umask:\t0022", "Umask:\t0027").replace("\n0022\n", "\n0027\n")
    # The caller's own umask is not the command's.
    ours = subprocess.run(["sh", "-c", 'umask 077; exec "$@"', "sh", ns_enter,
                           "--runtime-endpoint", bed.endpoint, "--container", container.id,
                           "--view", "container", "--", "sh", "-c", PROBE],
                          capture_output=True, text=True, check=True, timeout=30,
                          stdin=subprocess.DEVNULL).stdout
    assert comparable(ours) == comparable(theirs)
    assert ("Seccomp:\t2" in ours) == kind.startswith("confined")
    if handler:
        assert "Max open files            101                  202" in ours


def test_limits_and_umask_come_from_the_process_where_no_runtime_tells_them(ns_enter):
    limits = ["sh", "-c", 'umask 027; ulimit -Sn 101; ulimit -Hn 202; ulimit -c 0; exec "$@"', "sh"]
    probe = "umask; cat /proc/self/limits"
    with session.target(rights=[*session.CONTAINER_RIGHTS, *limits]) as pid:
        of_target = pathlib.Path(f"/proc/{pid}/limits").read_text(encoding="ascii")
        result = session.run(ns_enter, pid, "--view", "container", "--", "sh", "-c", probe)
        assert result.stdout == "0027\n" + of_target, result.stderr
        # Where the target may do more than we, as much as we may.
        lowered = subprocess.run(
            ["setpriv", "--bounding-set", "-sys_resource", "sh", "-c",
             'ulimit -n 150; exec "$@"', "sh", ns_enter, "-t", str(pid), "--view", "container",
             "--", "sh", "-c", "ulimit -Sn; ulimit -Hn"],
            capture_output=True, text=True, check=False, timeout=30, stdin=subprocess.DEVNULL)
        assert lowered.stdout == "101\n150\n", lowered.stderr


def test_a_missing_program_names_the_view_that_has_it(bed, ns_enter):
    pod = bed.run_pod("shop", "bare")
    container = bed.run_container(pod, "app", image="distroless")
    result = session.run(ns_enter, container.pid, "--view", "container", "--", "ss")
    assert result.returncode == 127
    assert result.stderr == ("ns-enter: execute ss: no such file or directory in the container "
                             "(the tools are in the toolbox view: --view toolbox)\n")
