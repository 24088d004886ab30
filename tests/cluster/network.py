"""The cluster's network: a namespace whose loopback and bridge nobody else has."""

import concurrent.futures
import ctypes
import os
import pathlib
import socket
import subprocess

# Not loopback: the API server publishes its address as endpoints of the service `kubernetes`, and
# those may not be loopback addresses. On a bridge, pods and other nodes can reach it as well.
ADDRESS = "10.251.0.1"
# That of the service `kubernetes`, always the first of the services' range. There is no kube-proxy,
# so the API server itself has it.
SERVICE_ADDRESS = "10.96.0.1"
_BRIDGE = "nsdbg-cluster0"

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class Network:
    """A named network namespace; it is removed with everything else of its bed's name.

    With `of_process` it is the one that this process is in, which nobody else may use.
    """

    def __init__(self, name: str, of_process: int | None = None):
        self._name = name
        self._of_process = of_process
        self.path = pathlib.Path("/run/netns", name)

    def create(self) -> None:
        """Makes the namespace, with ADDRESS and SERVICE_ADDRESS on its bridge."""
        if self._of_process is None:
            _run("ip", "netns", "add", self._name)
        else:
            _run("ip", "netns", "attach", self._name, str(self._of_process))
        _run("ip", "-n", self._name, "link", "set", "lo", "up")
        _run("ip", "-n", self._name, "link", "add", _BRIDGE, "type", "bridge")
        _run("ip", "-n", self._name, "address", "add", f"{ADDRESS}/24", "dev", _BRIDGE)
        _run("ip", "-n", self._name, "address", "add", f"{SERVICE_ADDRESS}/32", "dev", _BRIDGE)
        _run("ip", "-n", self._name, "link", "set", _BRIDGE, "up")

    def add_tap(self, name: str, address: str, pods: str) -> None:
        """Makes a tap device on the bridge, for a machine with `address` that has the subnet `pods`
        behind it."""
        _run("ip", "-n", self._name, "tuntap", "add", name, "mode", "tap")
        _run("ip", "-n", self._name, "link", "set", name, "master", _BRIDGE, "up")
        _run("ip", "-n", self._name, "route", "add", pods, "via", address)

    def remove_tap(self, name: str, pods: str) -> None:
        """Removes them again."""
        _run("ip", "-n", self._name, "route", "delete", pods)
        _run("ip", "-n", self._name, "link", "delete", name)

    def command(self, *command: str) -> list[str]:
        """`command` run inside of the namespace."""
        # Not `ip netns exec`: it mounts a new sysfs over /sys, which hides the cgroups.
        return ["nsenter", f"--net={self.path}", *command]

    def connect(self, host: str, port: int, seconds: float) -> socket.socket:
        """A connection from inside of the namespace, for a caller who is outside of it."""
        # A socket stays in the namespace of the thread that made it. The thread enters and ends
        # there: one that came back could fail to, and would then be used for something else.
        with concurrent.futures.ThreadPoolExecutor(max_workers=1) as thread:
            return thread.submit(self._connect_inside, host, port, seconds).result()

    def _connect_inside(self, host: str, port: int, seconds: float) -> socket.socket:
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
                error = ctypes.get_errno()
                raise OSError(error, f"setns {self.path}: {os.strerror(error)}")
        finally:
            os.close(descriptor)
        return socket.create_connection((host, port), seconds)


def _run(*command: str) -> None:
    result = subprocess.run(
        command, capture_output=True, text=True, start_new_session=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {result.stderr.strip()}")
