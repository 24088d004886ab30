"""What each profile grants, read from /proc/self/status of a command that runs with it."""

import pytest
import session

DEFAULT = 0x00000000a80425fb  # what the runtimes give a container that asks for nothing
SYS_PTRACE, NET_ADMIN, NET_RAW, CHOWN, KILL = 1 << 19, 1 << 12, 1 << 13, 1 << 0, 1 << 5


def everything() -> int:
    """All that we have ourselves: a machine may lack some."""
    with open("/proc/self/status", encoding="ascii") as status:
        return int(next(line for line in status if line.startswith("CapBnd")).split()[1], 16)


@pytest.fixture(scope="module")
def pid():
    with session.target() as found:
        yield found


def status_of(ns_enter, pid, *options: str) -> dict[str, str]:
    result = session.run(ns_enter, pid, "--view", "toolbox", "--toolbox", "/", *options, "--",
                         "cat", "/proc/self/status")
    assert result.returncode == 0, result.stderr
    return dict(line.split(":\t", 1) for line in result.stdout.splitlines() if ":\t" in line)


@pytest.mark.parametrize("options, allowed, uid, confined", [
    ([], DEFAULT | SYS_PTRACE, 0, True),
    (["--profile", "general"], DEFAULT | SYS_PTRACE, 0, True),
    (["--profile", "baseline"], DEFAULT, 0, True),
    (["--profile", "restricted"], 0, 65534, True),
    (["--profile", "netadmin"], DEFAULT | NET_ADMIN | NET_RAW, 0, True),
    (["--profile", "sysadmin"], None, 0, False),
    (["--profile", "baseline", "--cap-drop", "CHOWN"], DEFAULT & ~CHOWN, 0, True),
    (["--profile", "baseline", "--cap-drop", "ALL", "--cap-add", "CAP_KILL"], KILL, 0, True),
    (["--profile", "baseline", "--cap-add", "net_admin"], DEFAULT | NET_ADMIN, 0, True),
    (["--profile", "general", "-S", "1000"], DEFAULT | SYS_PTRACE, 1000, True),
])
def test_the_five_sets(ns_enter, pid, options, allowed, uid, confined):
    status = status_of(ns_enter, pid, *options)
    bounding = everything() if allowed is None else allowed & everything()
    held = bounding if uid == 0 else 0
    assert {name: int(status[name], 16) for name in ("CapBnd", "CapPrm", "CapEff", "CapInh",
                                                     "CapAmb")} == {
        "CapBnd": bounding, "CapPrm": held, "CapEff": held, "CapInh": 0, "CapAmb": 0}
    assert status["NoNewPrivs"] == str(int(confined))
    assert status["Seccomp"] == ("2" if confined else "0")
    assert status["Uid"].split() == [str(uid)] * 4
    assert status["Gid"].split() == [str(uid)] * 4
    assert status["Groups"].split() == []


@pytest.mark.parametrize("options, why", [
    (["--profile", "god"], "unknown profile 'god'"),
    (["--cap-add", "FLY"], "unknown capability 'FLY'"),
    (["--profile", "restricted", "-S", "0"], "profile restricted does not run as user 0"),
    (["--view", "container", "--profile", "netadmin"], "goes without --profile"),
    (["--view", "toolbox", "--memory", "1Ki"], "at least 8Mi"),
    (["--view", "toolbox", "--cgroup-parent", "x/../y"], "not an absolute path"),
    (["--view", "toolbox", "--root"], "--root goes with a plain join"),
    (["--view", "toolbox", "-S", "follow"], "as numbers"),
])
def test_contradictions_are_refused(ns_enter, pid, options, why):
    result = session.run(ns_enter, pid, *options, "--", "true")
    assert result.returncode == 1
    assert why in result.stderr
    assert result.stderr.count("\n") == 1
