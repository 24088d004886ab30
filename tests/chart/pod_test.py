"""Sessions out of a container that a real containerd has started with the chart's own security
context: nothing is missing in it, and what the agent itself needs is not there for nothing.

The container has ns-enter alone: the agent starts one for every session.
"""

import contextlib
import os
import pathlib

import helm
import pytest
from bed import Containerd, Unavailable

# With its default seccomp profile, each refuses other system calls.
VERSIONS = ["1.6", "2.1"]
PROFILES = ["general", "baseline", "restricted", "netadmin"]
NS_ENTER = "/usr/bin/ns-enter"
# As the agent starts it.
TOOLBOX = ("--view", "toolbox", "--toolbox", "/")
# Without one of these a session in a pod cannot be set up. The others are what a session gets.
NEEDED = ["SYS_ADMIN", "SYS_CHROOT", "SYS_PTRACE", "SETUID", "SETGID", "SETPCAP", "MKNOD"]


class Agents:
    """A bed with a target, and containers as the chart has its agent."""

    def __init__(self, bed: Containerd, ns_enter: str):
        self._bed = bed
        self._ns_enter = ns_enter
        self._context = helm.container(helm.render())["securityContext"]
        self._pod = bed.run_pod("ns-debug", "agent", host_pid=True)
        shop = bed.run_pod("shop", "web")
        self.target = bed.run_container(shop, "app", user=1000)
        self.side = bed.run_container(shop, "side", image="busybox")
        self.agent = self.start("agent")

    def start(self, name: str, without: str = ""):
        """The agent's container, or one that lacks a capability."""
        context = self._context
        added = context["capabilities"]["add"]
        assert not without or without in added
        return self._bed.run_container(
            self._pod, name, image="busybox", user=context["runAsUser"],
            group=context["runAsGroup"], readonly_rootfs=context["readOnlyRootFilesystem"],
            runtime_seccomp=context["seccompProfile"]["type"] == "RuntimeDefault",
            no_new_privs=not context["allowPrivilegeEscalation"],
            drop_capabilities=context["capabilities"]["drop"],
            add_capabilities=[capability for capability in added if capability != without],
            mounts={NS_ENTER: self._ns_enter, "/sys/fs/cgroup": "/sys/fs/cgroup"})

    def enter(self, *words: str, agent=None):
        """ns-enter in the agent's container."""
        parent = f"/{self._bed.name}/sessions"
        return self._bed.exec_sync(agent or self.agent,
                                   [NS_ENTER, "--cgroup-parent", parent, "--timeout", "20s", *words])


@pytest.fixture(scope="module", params=VERSIONS, name="agents")
def agents_fixture(request, ns_enter):
    with contextlib.ExitStack() as stack:
        try:
            bed = stack.enter_context(Containerd(version=request.param))
        except Unavailable as error:
            pytest.skip(str(error))
        yield Agents(bed, ns_enter)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_session_of_each_profile_sees_the_target(agents, profile):
    done = agents.enter("-t", str(agents.target.pid), *TOOLBOX, "--profile", profile,
                        "--", "sh", "-c", "ps -o pid,args; grep Seccomp: /proc/self/status")
    assert done.exit_code == 0, done
    # The process of the target is 1 there, and the agent's are not to be seen.
    lines = done.stdout.decode().splitlines()
    assert lines[1].split()[0] == "1" and "pause" not in done.stdout.decode(), lines
    assert "Seccomp:\t2" in lines


@pytest.mark.parametrize("profile, mask", [("general", 1 << 19), ("netadmin", 1 << 12)])
def test_a_session_gets_what_its_profile_promises(agents, profile, mask):
    done = agents.enter("-t", str(agents.target.pid), *TOOLBOX, "--profile", profile,
                        "--", "grep", "CapEff", "/proc/self/status")
    assert done.exit_code == 0, done
    # A container's default rights, and SYS_PTRACE or NET_ADMIN.
    assert int(done.stdout.split()[1], 16) == 0xA80425FB | mask


def test_a_session_in_the_view_of_the_container(agents):
    done = agents.enter("-t", str(agents.side.pid), "--view", "container", "--",
                        "readlink", "/proc/self/ns/mnt")
    assert done.exit_code == 0, done
    assert done.stdout.decode().strip() == os.readlink(f"/proc/{agents.side.pid}/ns/mnt")


def test_the_tools_cannot_be_changed(agents):
    done = agents.enter("-t", str(agents.target.pid), *TOOLBOX, "--",
                        "sh", "-c", "echo x > /bin/new && cat /bin/new")
    assert (done.exit_code, done.stdout) == (0, b"x\n"), done
    again = agents.enter("-t", str(agents.target.pid), *TOOLBOX, "--",
                         "cat", "/bin/new")
    assert again.exit_code != 0 and b"No such file" in again.stderr, again


def test_mounts_of_pods_that_have_ended_do_not_stay_in_the_agent():
    try:
        # With a node's files: their mounts are shared, as a node's are.
        with Containerd(version="2.1", node_files=True) as bed:
            target = bed.run_container(bed.run_pod("shop", "web"), "app")
            agent = bed.run_container(bed.run_pod("ns-debug", "agent"), "agent", image="busybox",
                                      mounts={"/run/runtime": str(bed.folder)})
            mounts = pathlib.Path(f"/proc/{agent.pid}/mountinfo")
            assert target.id in mounts.read_text()
            bed.remove_pod(target.pod)
            assert target.id not in mounts.read_text()
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("capability", NEEDED)
def test_without_a_capability_there_is_no_session(agents, capability):
    agent = agents.start(f"no-{capability.lower().replace('_', '-')}", capability)
    done = agents.enter("-t", str(agents.target.pid), *TOOLBOX, "--profile",
                        "restricted", "--", "true", agent=agent)
    assert done.exit_code == 1, done
    text = done.stderr.decode()
    assert "not permitted" in text or "permission denied" in text, text
