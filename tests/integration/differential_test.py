"""ns-enter does what util-linux nsenter does: both are run with the same options on the same
target, and their commands find the same namespaces, user, capabilities, directories and
descriptors. What is meant to differ is tested as such at the end.
"""

import os
import subprocess

import pytest
import reference
import targets
from reference import INSTALLED, NEWEST, same

pytestmark = targets.NEEDS_ROOT
BOTH = (INSTALLED, NEWEST)


@pytest.fixture(scope="module")
def pool():
    started = targets.Pool()
    yield started
    started.close()


def fill(arguments, target: targets.Target) -> list[str]:
    """The words of `arguments` with {pid}, {inode} and {root} of the target."""
    words = arguments.split() if isinstance(arguments, str) else arguments
    return [word.format(pid=target.pid, inode=target.pidfd_inode(), root=target.root)
            for word in words]


def cases(*rows):
    """(target, arguments[, versions]) to pytest parameters, one for each version."""
    return [pytest.param(name, arguments, version, id=f"{name}: {arguments} [{version}]")
            for name, arguments, *versions in rows for version in (versions or BOTH)]


KIND_OPTIONS = {"mnt": "-m --mount", "uts": "-u --uts", "ipc": "-i --ipc", "net": "-n --net",
                "pid": "-p --pid", "cgroup": "-C --cgroup", "time": "-T --time"}


@pytest.mark.parametrize("version", BOTH)
@pytest.mark.parametrize("kind", KIND_OPTIONS)
def test_every_kind_in_every_spelling(ns_enter, pool, kind, version):
    target = pool["plain"]
    path = f"/proc/{target.pid}/ns/{kind}"
    short, long = KIND_OPTIONS[kind].split()
    entered = []
    spellings = [[short, "-t", str(target.pid)], ["-t", str(target.pid), long],
                 [f"{short}{path}"], [f"{long}={path}"]]
    if version == NEWEST:
        spellings.append([f"{short}={path}"])
    for arguments in spellings:
        found = same(ns_enter, version, arguments)
        entered.append(found["links"][kind])
    assert entered == [target.namespace(kind)] * len(entered)


COMBINATIONS = cases(
    ("plain", "-t {pid} -a"),
    ("plain", "--all -t {pid}"),
    ("plain", "-at{pid} --"),
    ("plain", "-t {pid} -m -u -i -n -p -C -T"),
    ("plain", "-m -u -i -n -p -F -t {pid}"),
    ("plain", "-t {pid} -p --no-fork"),
    ("plain", "-t {pid} -p --no-f"),
    ("plain", "--targ {pid} --mou --ut --ip"),
    ("plain", "-t {pid} -a --net=/proc/self/ns/net"),
    ("plain", "-t {pid} -u -n/proc/self/ns/net"),
    ("plain", "-t {pid} -u -e", NEWEST),
    ("plain", "-t {pid} -a --env", NEWEST),
    ("plain", "-t {pid} -u -Z"),
    ("plain", "-t {pid} -m -r"),
    ("plain", "-t {pid} -m --root"),
    ("plain", "-t {pid} -m -w"),
    ("plain", "-t {pid} -a -r -w"),
    ("plain", "-t {pid} -a --wd=/etc"),
    ("plain", "-t {pid} -a -w=/etc", NEWEST),
    ("plain", "-t {pid} -a -w/etc"),
    ("plain", "-t {pid} -a --wdns=/etc"),
    ("plain", "-t {pid} -a -W/etc"),
    ("plain", "-t {pid} -a -W=/etc", NEWEST),
    ("plain", "-t {pid} -u -S 1000 -G 1000"),
    ("plain", "-t {pid} -a --setuid 1000 --setgid 2000"),
    ("plain", "-t {pid} -u -G 1000"),
    ("plain", "-t {pid} -u -S 1000 -G 1000 --keep-caps", NEWEST),
    ("plain", "-t {pid} -u --preserve-credentials -G 5"),
    ("plain", "-t {pid}:{inode} -a", NEWEST),
    ("contained", "-t {pid} -a"),
    ("contained", "-t {pid} -p"),
    ("contained", "-t {pid} -m -p"),
    ("contained", "-t {pid} -a -r -w -e", NEWEST),
    ("with_user", "-t {pid} -a"),
    ("with_user", "-t {pid} -U"),
    ("with_user", "-t {pid} --user -n"),
    ("with_user", "-t {pid} -m -u -i -n -p"),
    ("with_user", "-U/proc/{pid}/ns/user"),
    ("with_user", "-t {pid} -U -G 7 -S 8"),
    ("with_user", "-t {pid} -U -G 7"),
    ("with_user", "-t {pid} -a --preserve-credentials"),
    ("with_user", "-t {pid} -U --preserve"),
    ("with_user", "-t {pid} -a -S follow -G follow", NEWEST),
    ("with_user", "-t {pid} -U -n --keep-caps", NEWEST),
    ("with_user", "-t {pid} -a --keep-caps -S 5 -G 6", NEWEST),
    ("nested", "-t {pid} -a"),
    ("nested", "-t {pid} -U"),
    ("nested", "-t {pid} -U -S 0 -G 0"),
    ("nested", "-t {pid} -a --preserve-credentials"),
    ("nested", "-t {pid} -n -U -F"),
    ("nested", "-t {pid} --user-parent", NEWEST),
    ("nested", "-t {pid} -a --user-parent", NEWEST),
    ("nested", "-t {pid} -U/proc/{pid}/ns/user --user-parent", NEWEST),
    ("other_user", "-t {pid} -u -n -S follow -G follow", NEWEST),
    ("other_user", "-t {pid} -u -G follow", NEWEST),
    ("other_user", "-t {pid} -a"),
    ("other_user", "-t {pid} -a -S 1234 -G 2345"),
    ("socket_holder", "-t {pid} -n"),
    ("socket_holder", f"-t {{pid}} -N {targets.SOCKET_FD}", NEWEST),
    ("socket_holder", f"-t {{pid}} --net-socket={targets.SOCKET_FD} -u", NEWEST),
    ("chrooted", "-t {pid} -a -r"),
    ("chrooted", "-t {pid} -a -r -w"),
    ("chrooted", "-t {pid} -a --root -W/home"),
    ("chrooted", "-t {pid} -a -r -w/proc/{pid}/root/bin"),
    ("chrooted", "-t {pid} -a -r/proc/{pid}/root -w=/proc/{pid}/root/home", NEWEST),
    ("chrooted", "-t {pid} -a --root=/proc/{pid}/root --wdns=bin"),
    ("chrooted", "-t {pid} -u -w"),
    ("chrooted", "-t {pid} -a -w"),
    ("chrooted", "-t {pid} -a -r -w -e -S 5 -G 6", NEWEST),
)


@pytest.mark.parametrize("name, arguments, version", COMBINATIONS)
def test_combination(ns_enter, pool, name, arguments, version):
    found = same(ns_enter, version, fill(arguments, pool[name]))
    assert found["code"] == 0
    # The probe did see something: equal nothings would prove nothing.
    assert "net" in found["links"] and found["stdin"] == ["word"]


@pytest.mark.parametrize("name, arguments, version", cases(
    ("owned_by_caller", "-t {pid} -a"),
    ("owned_by_caller", "-t {pid} -U"),
    ("owned_by_caller", "-t {pid} -U -n -u --preserve-credentials"),
    ("owned_by_caller", "-t {pid} -p -m -U --preserve-credentials -F"),
    ("owned_by_caller", "-t {pid} -U --preserve-credentials"),
    ("owned_by_caller", "-t {pid} -a --preserve-credentials"),
    ("owned_by_caller", "-t {pid} -U -n --keep-caps --preserve-credentials", NEWEST),
    ("owned_by_caller", "-t {pid} -a -w -e --preserve-credentials", NEWEST),
    ("owned_by_caller", "-t {pid} -U -m -r --preserve-credentials"),
    ("owned_by_caller", "-t {pid} -n"),
    ("owned_by_caller", "-t {pid} -m -p"),
    ("plain", "-t {pid} -n"),
    ("plain", "-t {pid} -a"),
    ("with_user", "-t {pid} -U"),
))
def test_unprivileged_caller(ns_enter, pool, name, arguments, version):
    found = same(ns_enter, version, fill(arguments, pool[name]),
                 prefix=targets.as_user(targets.CALLER))
    # Only the user namespace gives the right to the rest, and only the caller's own. Its map of one
    # group came at the price of setgroups(2), which both programs insist on.
    assert found["code"] == (0 if "--preserve-credentials" in arguments else 1)


@pytest.mark.parametrize("arguments, version", [
    ("-a", INSTALLED), ("-a -e", NEWEST), ("-u --env", NEWEST), ("-u -S 1000 -G 1000", NEWEST)])
def test_environment(ns_enter, pool, arguments, version):
    words = ["-t", str(pool["contained"].pid), *arguments.split(), "env"]
    environment = {"PATH": os.environ["PATH"], "OURS": "1", "SHELL": "/bin/false"}
    programs = (reference.nsenter(version), [ns_enter])
    theirs, ours = (sorted(reference.run([*p, *words], env=environment).stdout.splitlines())
                    for p in programs)
    assert ours == theirs
    own = "OURS=1" in ours
    assert own != ("TARGET_SAYS=a=b  c" in ours)


@pytest.mark.parametrize("version", BOTH)
def test_inherited_descriptors_and_cwd(ns_enter, pool, tmp_path, version):
    read_end, write_end = os.pipe()
    try:
        found = same(ns_enter, version, ["-t", str(pool["plain"].pid), "-n", "-p"],
                     pass_fds=[read_end, write_end], cwd=tmp_path)
    finally:
        os.close(read_end)
        os.close(write_end)
    assert found["links"][str(read_end)] == "pipe"
    assert found["links"]["cwd"] == str(tmp_path)


NSENTER_LONG_OPTIONS = {
    "all": "", "target": "={pid}", "mount": "", "uts": "", "ipc": "", "net": "", "net-socket": "=0",
    "pid": "", "cgroup": "", "user": "", "user-parent": "", "time": "", "setuid": "=0",
    "setgid": "=0", "preserve-credentials": "", "keep-caps": "", "root": "", "wd": "",
    "wdns": "=/", "env": "", "no-fork": "", "join-cgroup": "", "follow-context": "", "help": "",
    "version": ""}


# An abbreviation that is one for nsenter may not become ambiguous by an option of our own.
@pytest.mark.parametrize("name", NSENTER_LONG_OPTIONS)
def test_every_abbreviation_of_nsenter(ns_enter, pool, name):
    pid = pool["plain"].pid
    rest = NSENTER_LONG_OPTIONS[name].format(pid=pid)
    target = [] if name == "target" else ["-t", str(pid)]
    ends = {}
    for length in range(1, len(name) + 1):
        short = name[:length]
        if short == name or sum(other.startswith(short) for other in NSENTER_LONG_OPTIONS) == 1:
            result = reference.run([ns_enter, *target, f"--{short}{rest}", "-u", "true"])
            ends[short] = result.code, result.stdout, result.stderr
    assert ends == dict.fromkeys(ends, ends[name])


@pytest.mark.parametrize("arguments, version", [
    ("-h", NEWEST), ("--help", INSTALLED), ("-V", NEWEST), ("--version", INSTALLED),
    ("-t 1 --help --nonsense", NEWEST), ("-V -h", NEWEST),
])
def test_help_and_version(ns_enter, arguments, version):
    theirs = reference.run([*reference.nsenter(version), *arguments.split()])
    ours = reference.run([ns_enter, *arguments.split()])
    assert (ours.code, ours.stderr) == (theirs.code, theirs.stderr) == (0, "")
    assert ours.stdout


BAD_COMMAND_LINES = [
    "", "-t", "-t {pid}", "-t {pid} -r", "-t 0 -u", "-t -5 -u", "-t abc -u", "-t 99999999 -u",
    "-u", "-a", "-t {pid} --nonsense", "-t {pid} -u -x", "-t {pid} --u", "-t {pid} -U",
    "-t {pid} -u -w -W/", "-t {pid} -u --user-parent", "-t {pid} -N 0", "-t {pid} -u -S",
    "-t {pid} -u -S abc", "-t {pid} -u -G -1", "-t {pid}:1 -u", "-t {pid}: -u", "-t {pid}:x -u",
    "-t {pid} -N 99 -u", "-t {pid} -N x -u", "-u/dev/null", "-u/nonexistent",
    "-t {pid} -u -W/nonexistent", "-t {pid} -u -w/nonexistent", "-t {pid} -u -r/dev/null",
    "-n/proc/{pid}/ns/uts", "--user-parent", "-S follow -n/proc/{pid}/ns/net",
]


@pytest.mark.parametrize("arguments", BAD_COMMAND_LINES)
def test_bad_command_line_ends_alike(ns_enter, pool, arguments):
    words = [*fill(arguments, pool["plain"]), "--", "true"]
    theirs = reference.run([*reference.nsenter(NEWEST), *words])
    ours = reference.run([ns_enter, *words])
    assert ours.code == theirs.code == 1, (ours, theirs)


@pytest.mark.parametrize("command", [
    ["true"], ["false"], ["sh", "-c", "exit 7"], ["/nonexistent"], ["/etc/passwd"], ["/etc"],
    ["no-such-command"], [""],
])
@pytest.mark.parametrize("arguments", ["-u", "-p", "-a"])
def test_exit_code(ns_enter, pool, arguments, command):
    same(ns_enter, NEWEST, ["-t", str(pool["plain"].pid), arguments, "--"], command=command)


SHOW_SHELL = "printf '%s %s\\n' $0 $-\n"


@pytest.mark.parametrize("shell, version", [
    ("/bin/bash", INSTALLED), ("/bin/dash", NEWEST), (None, NEWEST), ("", NEWEST),
    ("/nonexistent", NEWEST),
])
def test_shell_without_command(ns_enter, pool, shell, version):
    environment = {"PATH": os.environ["PATH"]} | ({} if shell is None else {"SHELL": shell})
    words = ["-t", str(pool["plain"].pid), "-a"]
    theirs, ours = (
        subprocess.run([*program, *words], input=SHOW_SHELL, capture_output=True, text=True,
                       env=environment, timeout=30)
        for program in (reference.nsenter(version), [ns_enter]))
    assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout)
    assert shell == "/nonexistent" or ours.stdout.startswith("-")


def test_shell_is_bin_sh_where_the_target_has_no_passwd(ns_enter, pool):
    words = ["-t", str(pool["chrooted"].pid), "-a", "-r"]
    ours = subprocess.run([ns_enter, *words], input=SHOW_SHELL, capture_output=True, text=True,
                          env={"PATH": "/bin"}, timeout=30)
    assert (ours.returncode, ours.stdout.split()[0]) == (0, "-sh")


# In the target's mount namespace /proc is that of a PID namespace in which the command is not.
@pytest.mark.parametrize("arguments", ["-m -u", "-m -p -F"])
def test_without_a_proc_of_its_own(ns_enter, pool, arguments):
    words = ["-t", str(pool["contained"].pid), *arguments.split()]
    found = same(ns_enter, NEWEST, words)
    assert found["hostname"] and not found["links"]


# What is meant to differ.


@pytest.mark.parametrize("name, arguments, theirs, ours", [
    ("plain", "-S 1000", "1000 0 4 5", "1000 1000"),
    ("other_user", "-S follow", "1234 0 4 5", "1234 2345"),
    ("plain", "-S 1000 --preserve-credentials", "1000 0 4 5", "1000 0 4 5"),
    ("with_user", "-U -S 5", "5 0", "5 5"),
])
def test_setuid_alone_takes_the_group_along(ns_enter, pool, name, arguments, theirs, ours):
    words = ["-t", str(pool[name].pid), "-u", *arguments.split(), *reference.PROBE]
    for program, expected in ((reference.nsenter(NEWEST), theirs), ([ns_enter], ours)):
        found = reference.findings(reference.run([*program, *words], extra_groups=[4, 5]))
        uid, gid = found["Uid"].split()[0], found["Gid"].split()[0]
        assert f"{uid} {gid} {found['Groups']}".strip() == expected


# nsenter forgets --keep-caps when the user namespace is the only one.
def test_keep_caps_with_nothing_but_a_user_namespace(ns_enter, pool):
    words = ["-t", str(pool["with_user"].pid), "-U", "--keep-caps", "-S", "5", "-G", "6"]
    ours = reference.findings(reference.run([ns_enter, *words, *reference.PROBE]))
    both = reference.findings(reference.run([ns_enter, *words, "-n", *reference.PROBE]))
    assert ours["CapAmb"] == ours["CapEff"] == both["CapEff"] and int(ours["CapEff"], 16) > 0


# nsenter demands a target process even where a file names the namespace.
@pytest.mark.parametrize("name, files, owner", [
    ("with_user", "--net=/proc/{pid}/ns/net", "with_user"),
    ("with_user", "--pid=/proc/{pid}/ns/pid --uts=/proc/{pid}/ns/uts", "with_user"),
])
def test_user_parent_of_a_file(ns_enter, pool, name, files, owner):
    words = [*fill(files, pool[name]), "--user-parent", *reference.PROBE]
    found = reference.findings(reference.run([ns_enter, *words]))
    assert found["links"]["user"] == pool[owner].namespace("user")


# nsenter takes -r=DIR for a directory whose name begins with "=".
def test_root_after_an_equals_sign(ns_enter, pool):
    target = pool["chrooted"]
    words = ["-t", str(target.pid), "-a", f"-r={target.root}", "-W/home", "pwd"]
    assert reference.run([ns_enter, *words]).stdout == "/home\n"


@pytest.mark.parametrize("arguments, code", [("-a", 0), ("-a -W", 1), ("-u -W", 1)])
def test_nothing_left_of_all_and_wdns_without_a_directory(ns_enter, arguments, code):
    ours = reference.run([ns_enter, "-t", str(os.getpid()), *arguments.split(), "echo", "x"])
    assert (ours.code, ours.stdout) == (code, "" if code else "x\n")
    assert ("--wdns needs a directory" in ours.stderr) == bool(code)
