"""Namespaces by their ids (Linux 6.19), side by side with util-linux nsenter."""

import fcntl
import os

import pytest
import reference
import targets

NS_GET_ID = 0x8008B70D  # linux/nsfs.h
OPTIONS = {"mnt": "-m", "uts": "-u", "ipc": "-i", "net": "-n", "pid": "-p", "cgroup": "-C",
           "time": "-T", "user": "-U"}
NODE_KINDS = [kind for kind in OPTIONS if kind != "user"]


def id_of(path: str) -> int:
    number = bytearray(8)
    with open(path, encoding="ascii") as namespace:
        fcntl.ioctl(namespace, NS_GET_ID, number)
    return int.from_bytes(number, "little")


@pytest.fixture(scope="module")
def pool():
    started = targets.Pool()
    yield started
    started.close()


@pytest.mark.parametrize("kind", NODE_KINDS)
def test_joins_one_kind(ns_enter, pool, kind):
    target = pool["plain"]
    number = id_of(f"/proc/{target.pid}/ns/{kind}")
    found = reference.same(ns_enter, reference.NEWEST, [f"{OPTIONS[kind]}=:{number}"])
    assert found["code"] == 0
    assert found["links"][kind] == target.namespace(kind)


def test_joins_all_kinds_of_a_target_with_a_user_namespace(ns_enter, pool):
    target = pool["with_user"]
    words = [f"{option}=:{id_of(f'/proc/{target.pid}/ns/{kind}')}"
             for kind, option in OPTIONS.items()]
    found = reference.same(ns_enter, reference.NEWEST, words)
    assert found["code"] == 0
    # Its /proc is the node's: what it shows of the process that was entered is true.
    assert {kind: found["links"][kind] for kind in OPTIONS} == {
        kind: target.namespace(kind) for kind in OPTIONS}


def test_an_id_goes_before_the_targets_own(ns_enter, pool):
    target = pool["plain"]
    words = ["-t", str(target.pid), "-a", f"-n=:{id_of('/proc/self/ns/net')}"]
    found = reference.same(ns_enter, reference.NEWEST, words)
    assert found["links"]["net"] == os.readlink("/proc/self/ns/net")
    assert found["links"]["uts"] == target.namespace("uts")


@pytest.mark.parametrize("word", [
    "-n=:1", "-n=:", "-n=:x", "-n=:-1", "-n=:18446744073709551615", "-n=:18446744073709551616",
    "-u=:{net}"])
def test_refuses_an_id_that_is_no_namespace_of_this_kind(ns_enter, pool, word):
    word = word.format(net=id_of(f"/proc/{pool['plain'].pid}/ns/net"))
    theirs = reference.run([*reference.nsenter(reference.NEWEST), word, "echo", "entered"])
    ours = reference.run([ns_enter, word, "echo", "entered"])
    assert (ours.code, ours.stdout) == (theirs.code, theirs.stdout) == (1, "")
    assert ours.stderr.startswith("ns-enter: ") and ours.stderr.count("\n") == 1


def test_another_users_namespace_is_refused_to_an_unprivileged_caller(ns_enter, pool):
    number = id_of(f"/proc/{pool['plain'].pid}/ns/net")
    found = reference.same(ns_enter, reference.NEWEST, [f"-n=:{number}"],
                           prefix=targets.as_user(targets.CALLER))
    assert found["code"] == 1
