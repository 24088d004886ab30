"""What ns-enter has beyond nsenter: --new, --explain, --node, and --join-cgroup on every kind of
host."""

import contextlib
import json
import os
import pathlib
import re

import pytest
import reference
import targets
from reference import run

pytestmark = targets.NEEDS_ROOT
NOBODY = targets.as_user(targets.CALLER)


@pytest.fixture(scope="module")
def pool():
    started = targets.Pool()
    yield started
    started.close()


def probe(ns_enter, *arguments, prefix=(), **options):
    result = run([*prefix, ns_enter, *arguments, *reference.PROBE], **options)
    assert (result.code, result.stderr) == (0, "")
    return reference.findings(result)


def own(kind):
    return os.readlink(f"/proc/self/ns/{kind}")


# --new


@pytest.mark.parametrize("kind", targets.KINDS)
def test_new_namespace_is_new_and_the_only_one(ns_enter, kind):
    found = probe(ns_enter, "--new", kind)
    for other in targets.KINDS:
        assert (found["links"][other] == own(other)) == (other != kind), other
    # The first process of a PID or time namespace is a child.
    assert found["forked"] == (kind in ("pid", "time"))


def test_new_namespaces_of_all_kinds(ns_enter):
    found = probe(ns_enter, "--new", ",".join(targets.KINDS))
    assert not [kind for kind in targets.KINDS if found["links"][kind] == own(kind)]
    assert found["Uid"].split() == ["0"] * 4


def test_new_list_may_be_given_in_parts_and_call_mnt_mount(ns_enter):
    found = probe(ns_enter, "--new", "uts", "--new=mount,net")
    fresh = {kind for kind in targets.KINDS if found["links"][kind] != own(kind)}
    assert fresh == {"uts", "mnt", "net"}


def test_new_pid_and_mount_namespace_show_own_processes_only(ns_enter):
    script = "echo $$; echo /proc/[0-9]*; grep -c . /proc/net/dev; hostname inside; hostname"
    result = run([ns_enter, "--new", "net,uts,pid,mnt", "sh", "-c", script])
    # Two lines of heading and the loopback device.
    assert result.stdout.splitlines()[:3] == ["1", "/proc/1", "3"], result
    assert result.stdout.splitlines()[3] == "inside" != os.uname().nodename


def test_new_mount_namespace_keeps_its_mounts(ns_enter, tmp_path):
    script = f"mount -t tmpfs none {tmp_path} && touch {tmp_path}/inside && ls {tmp_path}"
    assert run([ns_enter, "--new", "mnt", "sh", "-c", script]).stdout == "inside\n"
    assert not list(tmp_path.iterdir())
    assert str(tmp_path) not in pathlib.Path("/proc/self/mountinfo").read_text()


def test_new_user_namespace_of_an_unprivileged_caller(ns_enter):
    program = reference.public_copy(ns_enter)
    found = probe(program, "--new", "user,net,uts,pid,mnt", prefix=NOBODY)
    assert found["Uid"].split() == found["Gid"].split() == ["0"] * 4
    assert int(found["CapEff"], 16) == int(found["CapBnd"], 16) > 0
    maps = ["sh", "-c", "cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups"]
    result = run([*NOBODY, program, "--new", "user", *maps])
    assert result.stdout.split() == ["0", "1000", "1", "0", "1000", "1", "deny"]


def test_new_and_joined_namespaces_together(ns_enter, pool):
    target = pool["plain"]
    found = probe(ns_enter, "-t", str(target.pid), "-n", "-p", "--new", "uts,mnt")
    links = found["links"]
    assert links["net"] == target.namespace("net") and links["pid"] == target.namespace("pid")
    assert links["uts"] not in (own("uts"), target.namespace("uts"))
    assert links["ipc"] == own("ipc")


def test_new_mount_namespace_shows_the_processes_of_the_joined_pid_namespace(ns_enter, pool):
    words = ["-t", str(pool["plain"].pid), "-p", "--new", "mnt", "ls", "/proc"]
    numbers = [int(word) for word in run([ns_enter, *words]).stdout.split() if word.isdigit()]
    assert len(numbers) == 2 and min(numbers) == 1  # the target and ls
    before = pathlib.Path("/proc/self/mountinfo").read_text()
    assert before.count(" /proc ") == 1, "the node's /proc was mounted over"


@pytest.mark.parametrize("code", [0, 7])
def test_exit_code_of_the_first_process_of_a_new_pid_namespace(ns_enter, code):
    assert run([ns_enter, "--new", "pid", "sh", "-c", f"exit {code}"]).code == code


# --explain


def explained(ns_enter, *arguments, **options):
    result = run([ns_enter, *arguments, "--explain", "-o", "json", "touch", "x y"], **options)
    assert (result.code, result.stderr) == (0, "")
    return json.loads(result.stdout)


def rows(facts):
    return {row["type"]: row for row in facts["namespaces"]}


def test_explain_does_nothing(ns_enter, pool, tmp_path):
    words = ["-t", str(pool["plain"].pid), "-a", "--explain", "touch", str(tmp_path / "made")]
    for more in ([], ["-o", "json"], ["--output=text"], ["--new", "uts"]):
        result = run([ns_enter, *more, *words])
        assert result.code == 0 and result.stdout
    assert not list(tmp_path.iterdir())


def test_explain_names_the_inodes(ns_enter, pool):
    target = pool["plain"]
    facts = explained(ns_enter, "-t", str(target.pid), "-a")
    assert facts["target"] == {"description": f"pid {target.pid}", "pid": target.pid}
    table = rows(facts)
    assert list(table) == list(targets.KINDS)
    for kind, row in table.items():
        if kind == "user":
            assert row == {"type": "user", "action": "kept", "sameAsCaller": True,
                           "inode": os.stat("/proc/self/ns/user").st_ino}
        else:
            assert row == {"type": kind, "action": "joined", "sameAsCaller": False,
                           "inode": target.inode(kind), "of": f"pid {target.pid}"}
    assert facts["forks"] is True and facts["command"] == ["touch", "x y"]


@pytest.mark.parametrize("arguments, expected", [
    ("-u", {"user": "unchanged", "group": "unchanged", "supplementaryGroups": "unchanged",
            "environment": "unchanged", "root": "of the mount namespace", "forks": False,
            "cgroup": "ns-enter's own"}),
    ("-u -S 5", {"user": "5", "group": "5", "supplementaryGroups": "dropped"}),
    ("-u -S 5 --preserve-credentials", {"user": "5", "group": "unchanged",
                                        "supplementaryGroups": "unchanged"}),
    ("-u -G follow", {"user": "unchanged", "group": "the target's",
                      "supplementaryGroups": "dropped"}),
    ("-p", {"forks": True}),
    ("-p -F", {"forks": False}),
    ("-u --new pid", {"forks": True}),
    ("-u -e -r", {"environment": "the target's", "root": "changed"}),
])
def test_explain_says_what_becomes_of_the_command(ns_enter, pool, arguments, expected):
    facts = explained(ns_enter, "-t", str(pool["plain"].pid), *arguments.split())
    assert {key: facts[key] for key in expected} == expected


def test_explain_of_user_namespace_files_and_new_ones(ns_enter, pool):
    target, other = pool["with_user"], pool["plain"]
    path = f"/proc/{other.pid}/ns/net"
    facts = explained(ns_enter, "-t", str(target.pid), "-U", f"-n{path}", "-i/proc/self/ns/ipc",
                      "--new", "uts")
    table = rows(facts)
    assert (facts["user"], facts["group"]) == ("0", "0")
    assert table["user"]["inode"] == target.inode("user")
    assert table["net"] == {"type": "net", "action": "joined", "inode": other.inode("net"),
                            "sameAsCaller": False, "of": path}
    assert table["ipc"]["sameAsCaller"] is True
    assert table["uts"] == {"type": "uts", "action": "created"}


def test_explain_counts_the_capabilities_that_are_left(ns_enter):
    full = explained(ns_enter, "--new", "net")["capabilityBoundingSet"]
    prefix = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", ns_enter]
    less = explained(prefix[0], *prefix[1:], "--new", "net")["capabilityBoundingSet"]
    assert set(full) - set(less) == {"cap_net_admin"}


def test_explain_as_text(ns_enter, pool):
    target = pool["plain"]
    words = ["-t", str(target.pid), "-n", "-u/proc/self/ns/uts", "--explain", "echo", "\x1b[31m"]
    lines = run([ns_enter, *words]).stdout.splitlines()
    assert lines[:2] == [f"target: pid {target.pid}", "namespaces:"]
    assert any(re.fullmatch(rf"  net +joined +{target.inode('net')} +of pid {target.pid}", line)
               for line in lines)
    assert any(line.startswith("  uts") and line.endswith("(ours already)") for line in lines)
    assert "forks: no" in lines and lines[-1] == "command: echo \\x1b[31m"
    assert run([ns_enter, *words[:4], "--explain"]).stdout.endswith("command: the shell\n")


# --node


# Whatever process 1 of this machine is, in a PID namespace of our own it is a shell that may be
# entered. It prints its namespaces, and those found by --node from others.
_NODE = """
cd /proc/1/ns && readlink $KINDS
unshare -m -u -n -i -C "$@" sh -c 'cd /proc/self/ns && readlink $KINDS'
exit $?
"""


@pytest.mark.parametrize("arguments, back", [
    ("--node", targets.KINDS), ("--node -n", ("net",)), ("--node -a", targets.KINDS),
    ("--node -m --uts", ("mnt", "uts"))])
def test_node_leads_back_to_process_1(ns_enter, arguments, back):
    result = run(["unshare", "-p", "-m", "--fork", "--kill-child", "--mount-proc", "sh", "-c",
                  _NODE, "sh", ns_enter, *arguments.split()],
                 env={**os.environ, "KINDS": " ".join(targets.KINDS)})
    lines = result.stdout.split()
    assert (result.code, len(lines)) == (0, 2 * len(targets.KINDS)), result
    pairs = zip(targets.KINDS, lines[:len(targets.KINDS)], lines[len(targets.KINDS):])
    left = {"mnt", "uts", "net", "ipc", "cgroup"} - set(back)
    assert {kind for kind, first, found in pairs if first != found} == left


# --join-cgroup


def cgroup_mounts():
    """(controllers as in /proc/PID/cgroup, mount point) of each hierarchy mounted here."""
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        front, _, back = line.partition(" - ")
        kind, _, options = back.split()[:3]
        if kind == "cgroup2":
            yield "", front.split()[4]
        elif kind == "cgroup":
            yield ",".join(o for o in options.split(",") if o not in ("rw", "xattr")), \
                front.split()[4]


def cgroups_of(pid):
    lines = pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    return {line.split(":", 2)[1]: line.split(":", 2)[2] for line in lines}


@contextlib.contextmanager
def in_own_cgroups(target):
    """Moves the target to a cgroup of its own in each hierarchy that takes it; how many."""
    here, home, made = cgroups_of("self"), cgroups_of(target.pid), []
    try:
        for controllers, mount in cgroup_mounts():
            # A new v1 cpuset takes no process before it is given CPUs and memory nodes.
            if "cpuset" in controllers.split(","):
                continue
            parent = pathlib.Path(mount + here[controllers])
            folder = parent / f"ns-enter-test-{os.getpid()}"
            folder.mkdir()
            made.append((folder, pathlib.Path(mount + home[controllers])))
            (folder / "cgroup.procs").write_text(str(target.pid))
        yield len(made)
    finally:
        for folder, old in made:
            with contextlib.suppress(OSError):
                (old / "cgroup.procs").write_text(str(target.pid))
            targets.wait_until(lambda: not (folder / "cgroup.procs").read_text(), f"{folder} empty")
            folder.rmdir()


@pytest.mark.parametrize("arguments", ["-u -c", "-p --join-cgroup", "-a -c", "-p -F -c"])
def test_join_cgroup_in_every_hierarchy(ns_enter, arguments):
    with targets.other_user() as target, in_own_cgroups(target) as count:
        if count == 0:
            pytest.skip("no cgroup hierarchy is mounted here")
        words = [ns_enter, "-t", str(target.pid), *arguments.split()]
        result = run([*words, "cat", "/proc/self/cgroup"])
        assert result.stdout == pathlib.Path(f"/proc/{target.pid}/cgroup").read_text(), result
        assert result.stdout.count("ns-enter-test-") == count
        shown = explained(*words)["cgroup"]
        assert shown.count(f"ns-enter-test-{os.getpid()}") == count
        without = run([ns_enter, "-t", str(target.pid), "-u", "cat", "/proc/self/cgroup"])
        assert without.stdout == pathlib.Path("/proc/self/cgroup").read_text()


# nsenter knows -c only where there is nothing but cgroup v2: in a mount namespace made like that.
_ONLY_V2 = ["unshare", "-m", "sh", "-c", "umount -R -l /sys/fs/cgroup; "
            "mount -t cgroup2 none /sys/fs/cgroup && exec \"$@\"", "sh"]


def test_join_cgroup_as_nsenter_does_on_v2(ns_enter):
    with targets.other_user() as target, in_own_cgroups(target):
        words = ["-t", str(target.pid), "-n", "-c", "cat", "/proc/self/cgroup"]
        theirs = run([*_ONLY_V2, *reference.nsenter(reference.NEWEST), *words])
        ours = run([*_ONLY_V2, ns_enter, *words])
        if theirs.code != 0:
            pytest.skip(f"nsenter does not join a cgroup on this hybrid host: {theirs.stderr}")
        assert (ours.code, ours.stdout) == (0, theirs.stdout)
        v2 = [line for line in ours.stdout.splitlines() if line.startswith("0::")]
        assert v2 == [f"0::{cgroups_of(target.pid)['']}"]


# The two smallest programs there are: a namespace by its file, and a new one.


def test_net_by_a_bind_mounted_file(ns_enter, pool, tmp_path):
    target, file = pool["plain"], tmp_path / "blue"
    file.touch()
    # The mount is in a mount namespace that ends with the test.
    script = f"mount --bind /proc/{target.pid}/ns/net {file} && exec \"$@\""
    result = run(["unshare", "-m", "sh", "-c", script, "sh", ns_enter, f"--net={file}",
                  "readlink", "/proc/self/ns/net"])
    assert result.stdout.strip() == target.namespace("net")


def test_new_uts_namespace_has_a_copy_of_the_host_name(ns_enter):
    assert run([ns_enter, "--new", "uts", "--", "hostname"]).stdout.strip() == os.uname().nodename
